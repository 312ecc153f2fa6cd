/**
 * The head of the page: which run, where it is, how much is done, and the figures people look for
 * first. Always as high as it is wide enough for, so that nothing below it moves while it counts.
 */

import type { ComponentChildren, JSX } from 'preact'
import {
  formatCost,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  formatShort,
  plural,
} from '../../figures.ts'
import type { PageView } from '../view.ts'
import { formatInstant, formatPercent, isUnderWay, stateWords } from './words.ts'

/** The head. */
export function Head({ view }: { view: PageView }): JSX.Element {
  const { run, state } = view
  return (
    <header class="head">
      <div class="head-line">
        <p class="mark">sluice</p>
        <p class={`state ${state}`}>
          <i />
          {stateWords[state]}
        </p>
        <p class="when">{startText(view)}</p>
      </div>
      <h1>
        <bdi>{run.name}</bdi>
      </h1>
      <Progress view={view} />
      <dl class="tiles">
        <RowsTile view={view} />
        <RateTile view={view} />
        <CostTile view={view} />
        <TimeTile view={view} />
        <TokensTile view={view} />
        <BindsTile view={view} />
      </dl>
      {run.stopped !== null && (
        <p class="stop">
          <b>
            <bdi>{run.stopped.code}</bdi>
          </b>{' '}
          <bdi>{run.stopped.message}</bdi>
        </p>
      )}
    </header>
  )
}

function startText({ run }: PageView): string {
  if (run.startedAt === null) return ''
  const starts = run.starts > 1 ? `, ${formatCount(run.starts)} starts` : ''
  return `since ${formatInstant(run.startedAt)}${starts}`
}

/** Rows that need no more work. */
export function doneRows({ rows }: PageView): number {
  return rows.succeeded + rows.failed
}

function Progress({ view }: { view: PageView }): JSX.Element | null {
  const { rows } = view
  if (rows.expected === null) return null
  const whole = Math.max(1, rows.expected, doneRows(view))
  const part = (count: number): { width: string } => ({ width: `${(100 * count) / whole}%` })
  return (
    <div
      class="progress"
      role="progressbar"
      aria-label="Rows done"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor((100 * doneRows(view)) / whole)}
    >
      <i class="tone-main" style={part(rows.succeeded)} />
      <i class="tone-bad" style={part(rows.failed)} />
      <i class="tone-soft" style={part(Math.min(rows.inFlight, whole - doneRows(view)))} />
    </div>
  )
}

interface TileProps {
  readonly name: string
  readonly value: ComponentChildren
  readonly note: ComponentChildren
}

function Tile({ name, value, note }: TileProps): JSX.Element {
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>
        <b>{value}</b>
        <span>{typeof note === 'string' ? keepTogether(note) : note}</span>
      </dd>
    </div>
  )
}

/** A figure and its unit stay on one line. */
function keepTogether(note: string): string {
  return note.replaceAll(/(\d) (%|d|h|min|s|ms)(?=\W|$)/g, '$1\u00a0$2')
}

function RowsTile({ view }: { view: PageView }): JSX.Element {
  const { rows } = view
  const all = rows.expected
  const of =
    all === null ? 'rows so far' : `of ${rows.isCounted ? '' : '~'}${formatCount(all)} rows`
  const share = all === null ? '' : `, ${formatShare(doneRows(view), all)}`
  const failed = rows.failed === 0 ? ', none failed' : `, ${formatCount(rows.failed)} failed`
  return <Tile name="Done" value={formatCount(doneRows(view))} note={`${of}${share}${failed}`} />
}

function RateTile({ view }: { view: PageView }): JSX.Element {
  const { rows, state } = view
  const [value = '', unit = ''] = formatRate(rows.perSecond).split(' ')
  const note = isUnderWay(state)
    ? `${unit}, ${formatCount(rows.inFlight)} in flight`
    : `${unit}, on average`
  return <Tile name="Rate" value={value} note={note} />
}

function CostTile({ view: { cost, tokens, rows } }: { view: PageView }): JSX.Element {
  const notes: string[] = []
  if (cost.atEndNanoUsd !== null) notes.push(`about ${formatCost(cost.atEndNanoUsd)} at the end`)
  else if (rows.succeeded > 0) {
    notes.push(`${formatCost(cost.nanoUsd / rows.succeeded)} a row`)
  }
  if (cost.unpriced > 0) notes.push(`${plural(cost.unpriced, 'answer')} without a price`)
  if (notes.length === 0) notes.push(`${formatShort(tokens.output)} output tokens`)
  return <Tile name="Cost" value={formatCost(cost.nanoUsd)} note={notes.join(', ')} />
}

function TimeTile({ view }: { view: PageView }): JSX.Element {
  const { leftMs, run, state } = view
  const { elapsedMs } = run
  const elapsed = elapsedMs === null ? '' : formatDuration(elapsedMs)
  if (!isUnderWay(state)) {
    return (
      <Tile
        name="Took"
        value={elapsed === '' ? '–' : elapsed}
        note={`as of ${formatInstant(view.at)}`}
      />
    )
  }
  const soFar = elapsed === '' ? '' : `${elapsed} so far`
  if (leftMs === null) return <Tile name="Time left" value="–" note={soFar} />
  const [least, most] = leftMs.map((ms) => formatDuration(ms))
  const upTo = least === most ? '' : `up to ${most}; `
  return <Tile name="Time left" value={least} note={`${upTo}${soFar}`} />
}

function TokensTile({ view: { tokens } }: { view: PageView }): JSX.Element {
  const input = tokens.input + tokens.cacheWrite + tokens.cacheRead
  const cached = tokens.cacheRead > 0 ? `, ${formatPercent(tokens.cacheRead / input)} cached` : ''
  return (
    <Tile
      name="Tokens"
      value={formatShort(input + tokens.output)}
      note={`${formatShort(input)} in${cached}, ${formatShort(tokens.output)} out`}
    />
  )
}

function BindsTile({ view: { binds, bound, state } }: { view: PageView }): JSX.Element {
  const total = bound.reduce((sum, { ms }) => sum + ms, 0)
  const [longest] = bound
  const most =
    longest === undefined ? '' : `, ${formatPercent(longest.ms / Math.max(1, total))} of it`
  if (isUnderWay(state)) {
    const note = longest === undefined ? 'rows start freely' : `mostly ${longest.name}`
    return (
      <Tile
        name="Bound by"
        value={<bdi class="word">{binds === '' ? 'nothing' : binds}</bdi>}
        note={<bdi>{note}</bdi>}
      />
    )
  }
  return (
    <Tile
      name="Bound by"
      value={<bdi class="word">{longest?.name ?? 'nothing'}</bdi>}
      note={longest === undefined ? 'not recorded' : `${formatDuration(longest.ms)}${most}`}
    />
  )
}
