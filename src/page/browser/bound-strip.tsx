/**
 * What kept rows from starting, as a band along the time axis: which limit, when. Colours follow
 * the order of how long each bound; what comes behind them is grey, and all have their words.
 */

import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { formatDuration } from '../../figures.ts'
import type { PageView, SeriesView } from '../view.ts'
import { Reach } from './reach.tsx'
import { cursorOf, TimePlaces, type TimeScale } from './time-chart.tsx'
import { axisUnits, intervalAt, type TimeAxis } from './time-axis.ts'
import { formatPercent } from './words.ts'

/** How many have a colour of their own. */
const huesMax = 7

/** How many are named below the band. */
const namedMax = 10

interface StripProps {
  readonly view: PageView
  readonly series: SeriesView
  readonly time: TimeScale
}

/** The band, its head and what each colour is. */
export function BoundStrip({ view, series, time }: StripProps): JSX.Element {
  const { bound } = view
  const hues = useMemo(() => huesOf(view, series), [bound, series])
  const bands = useMemo(() => drawBands(series, time.axis, hues), [series, time.axis, hues])
  const total = bound.reduce((sum, { ms }) => sum + ms, 0)
  const read = time.read === null ? null : Math.min(time.read, series.binds.length - 1)
  const nameAt = (index: number): string => series.bindNames[series.binds[index] ?? -1] ?? 'nothing'
  const [longest] = bound
  const about =
    longest === undefined
      ? 'nothing kept rows from starting'
      : `mostly ${longest.name}, ${formatPercent(longest.ms / Math.max(1, total))}`
  return (
    <div class="chart strip">
      <div class="chart-head">
        <h3>What bound</h3>
        <p class="reading">{read === null ? about : nameAt(read)}</p>
      </div>
      <div class="plot">
        <Reach
          count={series.binds.length}
          read={read}
          onRead={time.onRead}
          indexAt={(share) => intervalAt(time.axis, share)}
          cursor={cursorOf(time.axis, read)}
          label="What bound"
          text={read === null ? about : nameAt(read)}
        >
          <svg
            viewBox={`0 0 ${axisUnits} 10`}
            preserveAspectRatio="none"
            role="img"
            aria-label={`What bound over time: ${about}`}
          >
            {bands}
          </svg>
        </Reach>
      </div>
      <TimePlaces axis={time.axis} most={8} />
      <BoundNames bound={bound} hues={hues} />
    </div>
  )
}

interface BoundNamesProps {
  readonly bound: PageView['bound']
  readonly hues: ReadonlyMap<string, string>
}

/** What bound, how long, longest first. */
export function BoundNames({ bound, hues }: BoundNamesProps): JSX.Element {
  const more = bound.length - namedMax
  return (
    <ul class="legend wide">
      {bound.slice(0, namedMax).map(({ name, ms }) => (
        <li key={name} class={hues.get(name) ?? 'hue-rest'}>
          <i class="key bars" />
          <bdi>{name}</bdi> <b>{formatDuration(ms)}</b>
        </li>
      ))}
      {more > 0 && <li class="hue-rest">and {more} more</li>}
    </ul>
  )
}

/** Which colour is whose: in the order of `bound`, then of the series. */
export function huesOf(
  { bound }: Pick<PageView, 'bound'>,
  { bindNames }: Pick<SeriesView, 'bindNames'>,
): Map<string, string> {
  const names = new Set([...bound.map(({ name }) => name), ...bindNames])
  return new Map(
    [...names].map((name, index) => [name, index < huesMax ? `hue-${index}` : 'hue-rest']),
  )
}

/** One rectangle for each stretch in which the same bound. */
function drawBands(
  { binds, bindNames }: SeriesView,
  axis: TimeAxis,
  hues: ReadonlyMap<string, string>,
): JSX.Element[] {
  const bands: JSX.Element[] = []
  let begin = 0
  for (const [index, bind] of binds.entries()) {
    if (binds[index + 1] === bind) continue
    const from = axis.from[begin] ?? 0
    const width = (axis.to[index] ?? 0) - from
    const hue = hues.get(bindNames[bind] ?? '')
    if (hue !== undefined) {
      bands.push(<rect key={begin} class={hue} x={from} width={width} y={0} height={10} />)
    }
    begin = index + 1
  }
  return bands
}
