/**
 * What it cost, by model and kind of token; what the prompt cache did; how far estimates were off.
 */

import type { ComponentChildren, JSX } from 'preact'
import { formatCost, formatCount, formatShort, plural } from '../../figures.ts'
import { type EstimatesView, type KindView, type PageView, tokenKinds } from '../view.ts'
import { type Column, Section, Table } from './table.tsx'
import { costOrUnknown, formatPercent, isUnderWay, kindWords } from './words.ts'

type Model = PageView['cost']['byModel'][number]

/** Cost by model and kind. */
export function Cost({ view }: { view: PageView }): JSX.Element {
  const { cost } = view
  const kinds = tokenKinds.filter((kind) =>
    cost.byModel.some((model) => model.kinds[kind].tokens > 0),
  )
  const columns: Column<Model>[] = [
    { head: 'Model', kind: 'name', cell: ({ model }) => <bdi>{model}</bdi> },
    { head: 'Rows', kind: 'number', cell: ({ rows }) => formatCount(rows) },
    ...kinds.map((kind): Column<Model> => ({
      head: kindWords[kind],
      kind: 'number',
      cell: (model) => <Kind kind={model.kinds[kind]} />,
    })),
    { head: 'Cost', kind: 'number', cell: ({ nanoUsd }) => <b>{costOrUnknown(nanoUsd)}</b> },
  ]
  return (
    <Section title="Cost" note={costNote(view)}>
      {cost.byModel.length === 0 ? (
        <p class="nothing">Nothing was billed.</p>
      ) : (
        <div class="card">
          <Table
            caption="Cost by model and kind of token"
            columns={columns}
            rows={cost.byModel}
            keyOf={({ model }) => model}
          />
        </div>
      )}
    </Section>
  )
}

function Kind({ kind: { tokens, nanoUsd } }: { kind: KindView }): ComponentChildren {
  if (tokens === 0) return '–'
  return (
    <>
      {costOrUnknown(nanoUsd)}
      <small>{formatShort(tokens)} tokens</small>
    </>
  )
}

function costNote({ cost, rows }: PageView): string {
  const notes = [`${formatCost(cost.nanoUsd)} in all`]
  if (cost.unpriced > 0) notes.push(`${plural(cost.unpriced, 'answer')} without a known price`)
  if (rows.copied > 0) notes.push(`${plural(rows.copied, 'row')} copied, at no cost`)
  if (cost.perhapsNanoUsd === null) notes.push('what requests without an answer cost is not known')
  else if (cost.perhapsNanoUsd > 0) {
    notes.push(`perhaps ${formatCost(cost.perhapsNanoUsd)} more, billed without an answer`)
  }
  return notes.join('; ')
}

/** Where input tokens came from. */
export function Cache({ view }: { view: PageView }): JSX.Element {
  const { tokens, cost } = view
  const all = tokens.input + tokens.cacheWrite + tokens.cacheRead
  const parts = [
    { name: 'read from the cache', tone: 'good', count: tokens.cacheRead },
    { name: 'written to it', tone: 'warn', count: tokens.cacheWrite },
    { name: 'neither', tone: 'soft', count: tokens.input },
  ]
  return (
    <Section title="Cache">
      {tokens.cacheRead + tokens.cacheWrite === 0 ? (
        <p class="nothing">The prompt cache was not used.</p>
      ) : (
        <div class="card">
          <p class="lead">{savedText(cost.cacheSavedNanoUsd)}</p>
          <div class="bar thick" aria-hidden="true">
            {parts.map(({ name, tone, count }) => (
              <i key={name} class={`tone-${tone}`} style={{ width: `${(100 * count) / all}%` }} />
            ))}
          </div>
          <ul class="legend wide">
            {parts.map(({ name, tone, count }) => (
              <li key={name} class={`tone-${tone}`}>
                <i class="key bars" />
                {name} <b>{formatPercent(count / all)}</b> <span>{formatShort(count)} tokens</span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </Section>
  )
}

function savedText(savedNanoUsd: number | null): string {
  if (savedNanoUsd === null) return 'What it saved is not known.'
  if (savedNanoUsd < 0) return `It cost ${formatCost(-savedNanoUsd)} more than it saved.`
  return `It saved ${formatCost(savedNanoUsd)}.`
}

/** How far off it was what was expected of input. */
export function Estimates({ view }: { view: PageView }): JSX.Element {
  const { estimates } = view
  return (
    <Section title="Estimates">
      {estimates === null ? (
        <p class="nothing">
          {isUnderWay(view.state)
            ? 'No answer has told yet how far the estimates of input tokens are off.'
            : 'No input tokens were estimated, or it was not recorded.'}
        </p>
      ) : (
        <div class="card">
          <p class="lead">{biasText(estimates)}</p>
          <Spread estimates={estimates} />
        </div>
      )}
    </Section>
  )
}

function biasText({ bias, rows }: EstimatesView): string {
  const over = `Over ${plural(rows, 'row')},`
  if (Math.abs(bias) < 0.0005) return `${over} as many input tokens came as were expected.`
  const way = bias > 0 ? 'many' : 'few'
  return `${over} ${formatPercent(Math.abs(bias))} too ${way} input tokens were expected.`
}

function Spread({ estimates: { median, p95 } }: { estimates: EstimatesView }): JSX.Element {
  const bars = [
    { name: 'half of the rows', share: median },
    { name: '95 in 100', share: p95 },
  ]
  const whole = Math.max(p95, median, 1e-9)
  return (
    <dl class="spread">
      {bars.map(({ name, share }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <b>within {formatPercent(share)}</b>
            <span class="bar" aria-hidden="true">
              <i class="tone-main" style={{ width: `${(100 * share) / whole}%` }} />
            </span>
          </dd>
        </div>
      ))}
    </dl>
  )
}
