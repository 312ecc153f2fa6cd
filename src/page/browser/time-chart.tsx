/**
 * One chart over time: lines, areas, bars and limits, drawn as SVG that is stretched to its place.
 *
 * What is drawn follows from the series alone and is kept until it changes; the reading (under the
 * pointer, or by arrow keys) only moves a line and says values in the chart's own head, so nothing
 * else moves.
 */

import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { formatDuration } from '../../figures.ts'
import { Places, Reach } from './reach.tsx'
import { areaPath, bandPath, heightUnits, linePath, stepPath } from './paths.ts'
import { amountTicks, timeTicks } from './ticks.ts'
import { axisUnits, intervalAt, type TimeAxis } from './time-axis.ts'
import { formatClock } from './words.ts'

/** Colours, by what they mean. */
export type Tone = 'main' | 'good' | 'bad' | 'warn' | 'odd' | 'soft' | 'limit' | 'others'

/** What one line of a chart shows. */
export interface Line {
  readonly name: string
  readonly tone: Tone
  /** An area has a line on top; bars stand on `base`. */
  readonly shape: 'area' | 'line' | 'bars' | 'limit'
  readonly values: readonly (number | null)[]
  /** What bars stand on. @default zero */
  readonly base?: readonly number[]
}

/** Time, and what is being read of it: the same in all charts. */
export interface TimeScale {
  readonly axis: TimeAxis
  readonly at: readonly number[]
  /** The interval that is read; null: none is. */
  readonly read: number | null
  readonly onRead: (index: number | null) => void
}

/** A chart, and how to say its values. */
export interface TimeChartProps {
  readonly title: string
  readonly level: 3 | 4
  readonly time: TimeScale
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** Along the axis, shorter. @default `format` */
  readonly formatTick?: (value: number) => string
  /** Said while nothing is read, and to those who do not see the chart. */
  readonly about: string
  /** Said instead of a chart without any value. */
  readonly empty: string
  readonly isTall?: boolean
}

/** The chart with its head. */
export function TimeChart(props: TimeChartProps): JSX.Element {
  const { title, level, time, lines, format, about, empty, isTall = false } = props
  const Heading = level === 3 ? 'h3' : 'h4'
  const isEmpty = lines.every(({ values }) => values.every((value) => (value ?? 0) === 0))
  const read = time.read === null || isEmpty ? null : Math.min(time.read, time.at.length - 1)
  const reading = read === null ? '' : readingText(lines, read, time, format)
  return (
    <div class={`chart ${isTall ? 'tall' : ''}`}>
      <div class="chart-head">
        <Heading>{title}</Heading>
        <p class="reading">{read === null ? about : reading}</p>
      </div>
      {lines.length > 1 && <Legend lines={lines} read={read} format={format} />}
      {isEmpty ? (
        <p class="plot nothing">{empty}</p>
      ) : (
        <Plot {...props} about={`${title}: ${about}`} reading={reading} read={read} />
      )}
    </div>
  )
}

interface LegendProps {
  readonly lines: readonly Line[]
  readonly read: number | null
  readonly format: (value: number) => string
}

function Legend({ lines, read, format }: LegendProps): JSX.Element {
  return (
    <ul class="legend">
      {lines.map(({ name, tone, shape, values }) => {
        const value = read === null ? null : (values[read] ?? null)
        return (
          <li key={name} class={`tone-${tone}`}>
            <i class={`key ${shape}`} />
            {name} <b>{value === null ? '' : format(value)}</b>
          </li>
        )
      })}
    </ul>
  )
}

function readingText(
  lines: readonly Line[],
  index: number,
  { axis, at }: TimeScale,
  format: (value: number) => string,
): string {
  const [only] = lines
  const value = lines.length === 1 ? (only?.values[index] ?? null) : null
  const when = `${formatClock(at[index] ?? 0)}, ${formatDuration(axis.elapsedMs[index] ?? 0)} in`
  return value === null ? when : `${format(value)} at ${when}`
}

interface PlotProps extends TimeChartProps {
  readonly read: number | null
  readonly reading: string
}

function Plot(props: PlotProps): JSX.Element {
  const { time, lines, about, title, reading, read, isTall = false, format } = props
  const { formatTick = format } = props
  const { axis } = time
  const scale = useMemo(() => scaleOf(lines, isTall ? 5 : 3), [lines, isTall])
  const drawing = useMemo(() => draw(lines, axis, scale.top), [lines, axis, scale])
  return (
    <>
      <div class="plot">
        <ol class="amounts" aria-hidden="true">
          {scale.ticks.map((tick) => (
            <li key={tick} style={{ top: `${100 - (100 * tick) / scale.top}%` }}>
              <span>{formatTick(tick)}</span>
            </li>
          ))}
        </ol>
        <Reach
          count={axis.to.length}
          read={read}
          onRead={time.onRead}
          indexAt={(share) => intervalAt(axis, share)}
          cursor={cursorOf(axis, read)}
          label={title}
          text={read === null ? about : `${reading}${others(props)}`}
        >
          <svg
            viewBox={`0 0 ${axisUnits} ${heightUnits}`}
            preserveAspectRatio="none"
            role="img"
            aria-label={about}
          >
            {drawing}
          </svg>
          {scale.beyond !== null && (
            <p class="beyond" aria-hidden="true">
              limit {format(scale.beyond)}, above this chart
            </p>
          )}
        </Reach>
      </div>
      <TimePlaces axis={axis} most={isTall ? 8 : 3} />
    </>
  )
}

/** The values of all lines, for those who move the reading without seeing it. */
function others({ lines, read, format }: PlotProps): string {
  if (read === null || lines.length === 1) return ''
  return lines
    .map(({ name, values }) => {
      const value = values[read] ?? null
      return value === null ? '' : `; ${name} ${format(value)}`
    })
    .join('')
}

/** A limit far above all that was used would press the rest to the ground: it is said in words. */
const limitTimesMax = 6

interface Scale {
  readonly top: number
  readonly ticks: readonly number[]
  /** The limit that is not drawn. */
  readonly beyond: number | null
}

function scaleOf(lines: readonly Line[], most: number): Scale {
  const highest = (some: readonly Line[]): number =>
    some.reduce((most, { values }) => values.reduce<number>((a, b) => Math.max(a, b ?? 0), most), 0)
  const used = highest(lines.filter(({ shape }) => shape !== 'limit'))
  const limit = highest(lines.filter(({ shape }) => shape === 'limit'))
  const isBeyond = used > 0 && limit > limitTimesMax * used
  // A limit needs some room above it, to be told from the frame.
  const ticks = amountTicks(isBeyond ? used : Math.max(used, limit * 1.04), most)
  return { top: ticks.at(-1) ?? 1, ticks, beyond: isBeyond ? limit : null }
}

function draw(lines: readonly Line[], axis: TimeAxis, top: number): JSX.Element[] {
  const drawn = lines.map((line) => (
    <g key={line.name} class={`tone-${line.tone}`}>
      {drawLine(line, axis, top)}
    </g>
  ))
  const starts = axis.breaks.map((x) => <path key={x} class="break" d={`M${x} 0V${heightUnits}`} />)
  return [...drawn, ...starts]
}

function drawLine({ shape, values, base }: Line, axis: TimeAxis, top: number): JSX.Element {
  if (shape === 'limit') return <path class="limit" d={limitPath(axis, values, top)} />
  const known = values.map((value) => value ?? 0)
  if (shape === 'bars') return <path class="solid" d={bars(axis, known, base, top)} />
  const line = linePath(axis, known, top)
  return (
    <>
      {shape === 'area' && <path class="fill" d={areaPath(line, axis)} />}
      <path class="line" d={line} />
    </>
  )
}

function bars(
  axis: TimeAxis,
  values: readonly number[],
  base: readonly number[] | undefined,
  top: number,
): string {
  const lower = values.map((_, index) => base?.[index] ?? 0)
  const upper = values.map((value, index) => value + (lower[index] ?? 0))
  return bandPath(axis, [lower, upper], top)
}

function limitPath(axis: TimeAxis, values: readonly (number | null)[], top: number): string {
  return stepPath(
    axis,
    values.map((value) => (value === null || value > top ? null : value)),
    top,
  )
}

/** Where a reading's line goes, as a share of the width. */
export function cursorOf({ from, to }: TimeAxis, read: number | null): number | null {
  return read === null ? null : ((from[read] ?? 0) + (to[read] ?? 0)) / 2 / axisUnits
}

/** Round times below a chart. */
export function TimePlaces({ axis, most }: { axis: TimeAxis; most: number }): JSX.Element {
  const places = timeTicks(axis.totalMs, most).map((ms) => ({
    share: ms / axis.totalMs,
    name: ms === 0 ? '0' : formatDuration(ms),
  }))
  return <Places places={places} />
}
