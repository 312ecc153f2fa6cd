/**
 * How long answers took: a histogram over a logarithmic axis, with the figures people quote.
 */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { plural } from '../../figures.ts'
import type { LatencyView } from '../view.ts'
import { Places, Reach } from './reach.tsx'
import { logTicks } from './ticks.ts'
import { formatLatency, formatPercent } from './words.ts'
import { Section } from './table.tsx'

const [widthUnits, heightUnits] = [1000, 300]

/** The histogram; words where nothing was answered live. */
export function Latency({ latency }: { latency: LatencyView | null }): JSX.Element {
  if (latency === null || latency.buckets.length === 0) {
    return (
      <Section title="Latency">
        <p class="nothing">No row was answered live, so there is no latency to show.</p>
      </Section>
    )
  }
  return (
    <Section title="Latency" note={`${plural(latency.rows, 'row')} answered live`}>
      <div class="card latency">
        <dl class="figures">
          <Figure name="Median" ms={latency.medianMs} />
          <Figure name="90 in 100" ms={latency.p90Ms} />
          <Figure name="99 in 100" ms={latency.p99Ms} />
          <Figure name="Slowest" ms={latency.maxMs} />
        </dl>
        <Histogram latency={latency} />
      </div>
    </Section>
  )
}

function Figure({ name, ms }: { name: string; ms: number }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{formatLatency(ms)}</dd>
    </div>
  )
}

/** Where a latency lies on the axis, from 0 to 1. */
type Place = (ms: number) => number

function placeOf({ buckets }: LatencyView): { place: Place; from: number; to: number } {
  // A logarithm has no zero: the first bucket begins at half its end, or where it says.
  const first = buckets[0]
  const to = Math.max(2, buckets.at(-1)?.toMs ?? 2)
  const from = Math.min(to / 2, Math.max(0.5, first?.fromMs ?? 1, (first?.toMs ?? 2) / 10))
  const width = Math.log(to / from)
  return {
    place: (ms) => Math.min(1, Math.max(0, Math.log(Math.max(ms, from) / from) / width)),
    from,
    to,
  }
}

function Histogram({ latency }: { latency: LatencyView }): JSX.Element {
  const [read, setRead] = useState<number | null>(null)
  const { place, from, to } = placeOf(latency)
  const { buckets } = latency
  const [median, p99] = [formatLatency(latency.medianMs), formatLatency(latency.p99Ms)]
  const about = `half of the rows within ${median}, 99 in 100 within ${p99}`
  const text = read === null ? about : bucketText(latency, read)
  return (
    <div class="chart histogram">
      <p class="reading">{text}</p>
      <div class="plot">
        <Reach
          count={buckets.length}
          read={read}
          onRead={setRead}
          indexAt={(share) => buckets.filter(({ toMs }) => place(toMs) <= share).length}
          cursor={null}
          label="Latency"
          text={text}
        >
          <svg
            viewBox={`0 0 ${widthUnits} ${heightUnits}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={`Histogram of latency: ${about}`}
          >
            <Bars latency={latency} place={place} read={read} />
          </svg>
          <Mark at={place(latency.medianMs)} name="median" />
          <Mark at={place(latency.p99Ms)} name="99 in 100" />
        </Reach>
      </div>
      <Places
        places={logTicks(from, to, 9).map((ms) => ({ share: place(ms), name: formatLatency(ms) }))}
      />
    </div>
  )
}

function bucketText({ buckets, rows }: LatencyView, read: number): string {
  const bucket = buckets[Math.min(read, buckets.length - 1)]
  if (bucket === undefined) return ''
  const share = formatPercent(bucket.rows / Math.max(1, rows))
  const range = `${formatLatency(bucket.fromMs)} to ${formatLatency(bucket.toMs)}`
  return `${range}: ${plural(bucket.rows, 'row')}, ${share}`
}

interface BarsProps {
  readonly latency: LatencyView
  readonly place: Place
  readonly read: number | null
}

function Bars({ latency: { buckets }, place, read }: BarsProps): JSX.Element {
  const most = Math.max(1, ...buckets.map(({ rows }) => rows))
  return (
    <>
      {buckets.map(({ fromMs, toMs, rows }, index) => {
        const x = place(fromMs) * widthUnits
        const height = (rows / most) * heightUnits
        return (
          <rect
            key={index}
            class={index === read ? 'bucket read' : 'bucket'}
            x={x}
            y={heightUnits - height}
            width={Math.max(0, place(toMs) * widthUnits - x)}
            height={height}
          />
        )
      })}
    </>
  )
}

function Mark({ at, name }: { at: number; name: string }): JSX.Element {
  return (
    <span
      class={`mark-line ${at > 0.85 ? 'left' : ''}`}
      aria-hidden="true"
      style={{ left: `${100 * at}%` }}
    >
      {name}
    </span>
  )
}
