/**
 * The newest view of a run under way, by server-sent events.
 *
 * Views may come faster than they can be drawn: only the newest is parsed, at most once a frame,
 * and none while the page is not seen, as browsers give no frames then. EventSource connects again
 * by itself; what was shown last stays.
 */

import type { PageView } from '../view.ts'
import type { Connection } from './page.tsx'

/** Called with what is to be drawn. */
export type Draw = (view: PageView | null, connection: Connection) => void

/** Opens the connection, for as long as the page lives or the run goes on. */
export function openFeed(draw: Draw): void {
  const source = new EventSource(`events${location.search}`)
  let newest: string | null = null
  let connection: Connection = 'open'
  let isDue = false

  const soon = (): void => {
    if (isDue) return
    isDue = true
    requestAnimationFrame(() => {
      isDue = false
      const view: PageView | null = newest === null ? null : JSON.parse(newest)
      newest = null
      draw(view, connection)
    })
  }
  source.addEventListener('open', () => {
    connection = 'open'
    soon()
  })
  source.addEventListener('view', (event: MessageEvent<string>) => {
    newest = event.data
    soon()
  })
  source.addEventListener('end', () => {
    connection = 'over'
    source.close()
    soon()
  })
  source.addEventListener('error', () => {
    connection = source.readyState === EventSource.CLOSED ? 'refused' : 'lost'
    soon()
  })
}
