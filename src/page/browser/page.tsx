/**
 * The page: one view, drawn. The report and the live page are this same component.
 */

import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { formatShare } from '../../figures.ts'
import type { PageView, SeriesView } from '../view.ts'
import { doneRows, Head } from './head.tsx'
import { Latency } from './latency.tsx'
import { Limits } from './limits.tsx'
import { Cache, Cost, Estimates } from './money.tsx'
import { Now } from './now.tsx'
import { Errors, Failed, Slowest } from './rows.tsx'
import { Section } from './table.tsx'
import { Figures, Meanwhile, Throughput } from './throughput.tsx'
import { timeAxis } from './time-axis.ts'
import type { TimeScale } from './time-chart.tsx'
import { formatClock, formatInstant, isUnderWay, stateWords } from './words.ts'

/** How the view comes: once, or by a connection that is open, lost, or over. */
export type Connection = 'none' | 'open' | 'lost' | 'over' | 'refused'

interface PageProps {
  readonly view: PageView
  readonly connection: Connection
}

/** All of it. */
export function Page({ view, connection }: PageProps): JSX.Element {
  const { failed, slowest } = view
  // Hundreds of rows that seldom change: what is the same as before is not gone through again.
  const failedRows = useMemo(
    () => <Failed failed={failed} total={view.rows.failed} />,
    [failed, view.rows.failed],
  )
  const slowestRows = useMemo(() => <Slowest slowest={slowest} />, [slowest])
  return (
    <>
      <p class="unseen" role="status">
        {spoken(view, connection)}
      </p>
      <Head view={view} />
      <p class={`connection ${connection}`}>{connectionText(view, connection)}</p>
      <main>
        <OverTime view={view} />
        <div class="columns">
          <Latency latency={view.latency} />
          <Cache view={view} />
          <Estimates view={view} />
        </div>
        {view.live !== null && (
          <div class="columns now">
            <Now view={view} live={view.live} />
          </div>
        )}
        <Cost view={view} />
        <Errors view={view} />
        {failedRows}
        {slowestRows}
        {view.series !== null && view.series.at.length > 0 && <Folded series={view.series} />}
      </main>
      <Foot view={view} />
    </>
  )
}

/** The charts over time: what is read of one is read of all, and nothing else is drawn for it. */
function OverTime({ view }: { view: PageView }): JSX.Element {
  const [read, setRead] = useState<number | null>(null)
  const series = view.series !== null && view.series.at.length > 0 ? view.series : null
  const axis = useMemo(() => (series === null ? null : timeAxis(series)), [series])
  const time: TimeScale | null =
    series === null || axis === null ? null : { axis, at: series.at, read, onRead: setRead }
  return (
    <>
      <Throughput view={view} series={series} time={time} />
      <Limits view={view} series={series} time={time} />
      {series !== null && time !== null && <Meanwhile view={view} series={series} time={time} />}
    </>
  )
}

/** The figures behind the charts: made only when someone opens them. */
function Folded({ series }: { series: SeriesView }): JSX.Element {
  const [isOpen, setOpen] = useState(false)
  return (
    <Section title="Figures" class="folded">
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Figures behind the charts</summary>
        {isOpen && <Figures series={series} />}
      </details>
    </Section>
  )
}

/**
 * What is said aloud: it changes with the state, the connection and every tenth of the rows, so
 * that a screen reader is told what matters, and left alone otherwise.
 */
function spoken(view: PageView, connection: Connection): string {
  const { rows, state } = view
  const lost = connection === 'lost' ? ' Connection lost.' : ''
  if (rows.expected === null || !isUnderWay(state)) return `${stateWords[state]}.${lost}`
  const tenths = Math.floor((10 * doneRows(view)) / Math.max(1, rows.expected))
  return `${stateWords[state]}, ${formatShare(tenths, 10)} done.${lost}`
}

function connectionText(view: PageView, connection: Connection): string {
  if (connection === 'over') return 'The run is over. Nothing on this page changes any more.'
  const shown = `This is how it was at ${formatClock(view.at)}`
  if (connection === 'lost') return `Connection lost. ${shown}; trying again.`
  if (connection === 'refused') return `Connection refused. ${shown}; load the page again.`
  return ''
}

function Foot({ view: { run, at } }: { view: PageView }): JSX.Element {
  const files = [
    { name: 'Input', path: run.input },
    { name: 'Output', path: run.output },
    { name: 'Failed rows', path: run.failedOutput },
  ]
  return (
    <footer>
      <dl>
        {files.map(({ name, path }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <bdi>{path}</bdi>
            </dd>
          </div>
        ))}
      </dl>
      <p>
        sluice <bdi>{run.version}</bdi>, {formatInstant(at)}
      </p>
    </footer>
  )
}
