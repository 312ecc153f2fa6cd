/**
 * Where the page starts: the view lies in the page itself; a live page then gets newer ones.
 */

import { render } from 'preact'
import { formatShare } from '../../figures.ts'
import type { PageView } from '../view.ts'
// In this order: what narrows comes behind what it narrows.
import './style/colours.css'
import './style/base.css'
import './style/parts.css'
import './style/charts.css'
import './style/tables.css'
import './style/media.css'
import { openFeed } from './feed.ts'
import { doneRows } from './head.tsx'
import { type Connection, Page } from './page.tsx'
import { stateWords } from './words.ts'

const data = document.querySelector('#view')
const root = document.querySelector('#page')
if (data === null || root === null) throw new Error('The page is not whole')
const isLive = data.hasAttribute('data-live')

let view: PageView = JSON.parse(data.textContent)
function draw(connection: Connection): void {
  if (root === null) return
  document.title = titleOf(view)
  render(<Page view={view} connection={connection} />, root)
}

/** The newer view, with those long parts of the older one that are the same. */
function keepSame(newer: PageView, older: PageView): PageView {
  return {
    ...newer,
    failed: same(older.failed, newer.failed),
    slowest: same(older.slowest, newer.slowest),
  }
}

function same<Part>(before: Part, after: Part): Part {
  return JSON.stringify(before) === JSON.stringify(after) ? before : after
}

/** What a tab shows: how far it is, then what it is. */
function titleOf(shown: PageView): string {
  const { expected } = shown.rows
  const share = expected === null ? '' : `${formatShare(doneRows(shown), expected)}, `
  return `${shown.run.name}: ${share}${stateWords[shown.state].toLowerCase()} – sluice`
}

draw(isLive ? 'open' : 'none')
if (isLive) {
  openFeed((newer, connection) => {
    if (newer !== null) view = keepSame(newer, view)
    draw(connection)
  })
}
