/**
 * How the run went: rows over time with what bound below, and beside the limits what was in flight,
 * failed, cost and was read from the cache.
 */

import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { formatCost, formatCount, formatDuration, formatRate, formatShort } from '../../figures.ts'
import type { PageView, SeriesView } from '../view.ts'
import { BoundNames, BoundStrip, huesOf } from './bound-strip.tsx'
import { Section } from './table.tsx'
import { perMinute, perSecond, runningSum, timeAxis } from './time-axis.ts'
import { type Line, TimeChart, type TimeChartProps, type TimeScale } from './time-chart.tsx'
import { isUnderWay } from './words.ts'

interface SeriesProps {
  readonly view: PageView
  readonly series: SeriesView
  readonly time: TimeScale
}

/** Rows a second, and what bound. */
export function Throughput(props: {
  readonly view: PageView
  readonly series: SeriesView | null
  readonly time: TimeScale | null
}): JSX.Element {
  const { view, series, time } = props
  if (series === null || time === null) {
    return (
      <Section title="Throughput">
        <p class="nothing">
          {isUnderWay(view.state)
            ? 'There is nothing to draw over time yet.'
            : 'How it went over time was not recorded.'}
        </p>
        {view.bound.length > 0 && (
          <BoundNames bound={view.bound} hues={huesOf(view, { bindNames: [] })} />
        )}
      </Section>
    )
  }
  return (
    <Section title="Throughput">
      <div class="card">
        <RowsChart view={view} series={series} time={time} />
        <BoundStrip view={view} series={series} time={time} />
      </div>
    </Section>
  )
}

function RowsChart({ view, series, time }: SeriesProps): JSX.Element {
  const lines = useMemo((): Line[] => {
    const answered = perSecond(series.succeeded, series.ms)
    const failed = perSecond(series.failed, series.ms)
    return [
      { name: 'answered', tone: 'main', shape: 'area', values: answered },
      { name: 'failed', tone: 'bad', shape: 'bars', values: failed },
    ]
  }, [series])
  const most = Math.max(0, ...(lines[0]?.values ?? []).map((value) => value ?? 0))
  const average = isUnderWay(view.state) ? 'now' : 'on average'
  return (
    <TimeChart
      title="Rows a second"
      level={3}
      time={time}
      lines={lines}
      format={(value) => (value === 0 ? '0' : formatRate(value))}
      formatTick={formatAmount}
      about={`${formatRate(view.rows.perSecond)} ${average}, at most ${formatRate(most)}`}
      empty="No row has ended yet."
      isTall
    />
  )
}

/** An amount that may be less than one. */
function formatAmount(value: number): string {
  return value < 10 ? String(Number(value.toPrecision(2))) : formatShort(value)
}

/** What happened meanwhile, in small. */
export function Meanwhile({ view, series, time }: SeriesProps): JSX.Element {
  return (
    <Section title="Meanwhile">
      <div class="grid four">
        <InFlightChart view={view} series={series} time={time} />
        <TriesChart view={view} series={series} time={time} />
        <CostChart view={view} series={series} time={time} />
        <CacheChart view={view} series={series} time={time} />
      </div>
    </Section>
  )
}

/** One of several beside each other. */
function SmallChart(chart: Omit<TimeChartProps, 'level'>): JSX.Element {
  return (
    <div class="card">
      <TimeChart level={3} {...chart} />
    </div>
  )
}

function InFlightChart({ series, time }: SeriesProps): JSX.Element {
  const lines = useMemo(
    (): Line[] => [{ name: 'in flight', tone: 'main', shape: 'area', values: series.inFlight }],
    [series],
  )
  return (
    <SmallChart
      title="In flight"
      time={time}
      lines={lines}
      format={formatCount}
      formatTick={formatAmount}
      about={`at most ${formatCount(Math.max(0, ...series.inFlight))}`}
      empty="No request was in flight."
    />
  )
}

function TriesChart({ series, time }: SeriesProps): JSX.Element {
  const lines = useMemo((): Line[] => {
    const { rateLimited, overloaded, broken } = series
    const both = rateLimited.map((count, index) => count + (overloaded[index] ?? 0))
    return [
      { name: '429', tone: 'warn', shape: 'bars', values: rateLimited },
      { name: '529', tone: 'odd', shape: 'bars', values: overloaded, base: rateLimited },
      { name: 'other', tone: 'bad', shape: 'bars', values: broken, base: both },
    ]
  }, [series])
  const total = lines.map(({ values }) => values.reduce<number>((sum, n) => sum + (n ?? 0), 0))
  return (
    <SmallChart
      title="Tries that failed"
      time={time}
      lines={lines}
      format={formatCount}
      formatTick={formatAmount}
      about={`${formatCount(total.reduce((sum, count) => sum + count, 0))} in all`}
      empty="No try failed."
    />
  )
}

function CostChart({ view, series, time }: SeriesProps): JSX.Element {
  const lines = useMemo(
    (): Line[] => [
      { name: 'cost', tone: 'good', shape: 'area', values: runningSum(series.costNanoUsd) },
    ],
    [series],
  )
  return (
    <SmallChart
      title="Cost so far"
      time={time}
      lines={lines}
      format={formatCost}
      formatTick={formatDollars}
      about={`${formatCost(view.cost.nanoUsd)} ${isUnderWay(view.state) ? 'now' : 'in all'}`}
      empty="Nothing was billed."
    />
  )
}

/** Dollars on an axis: as short as they can be. */
function formatDollars(nanoUsd: number): string {
  if (nanoUsd === 0) return '$0'
  return nanoUsd < 1e12
    ? `$${Number((nanoUsd / 1e9).toPrecision(3))}`
    : `$${formatShort(nanoUsd / 1e9)}`
}

function CacheChart({ series, time }: SeriesProps): JSX.Element {
  const lines = useMemo(
    (): Line[] => [
      {
        name: 'read',
        tone: 'odd',
        shape: 'area',
        values: perMinute(series.cacheReadTokens, series),
      },
    ],
    [series],
  )
  const read = series.cacheReadTokens.reduce((sum, tokens) => sum + tokens, 0)
  return (
    <SmallChart
      title="Cache reads a minute"
      time={time}
      lines={lines}
      format={(value) => `${formatShort(value)} tokens`}
      formatTick={formatShort}
      about={`${formatShort(read)} tokens in all`}
      empty="Nothing was read from the prompt cache."
    />
  )
}

/** The most rows of the table of figures: a reader's ear, or eye, has its bounds too. */
const figuresMax = 48

/** The figures behind the charts, thinned. */
export function Figures({ series }: { series: SeriesView }): JSX.Element {
  const { elapsedMs } = timeAxis(series)
  const stride = Math.max(1, Math.ceil(series.at.length / figuresMax))
  const sum = (values: readonly number[], from: number): number =>
    values.slice(from, from + stride).reduce((total, value) => total + value, 0)
  const starts = series.at.map((_, index) => index).filter((index) => index % stride === 0)
  return (
    <div class="frame" role="region" aria-label="Figures over time" tabIndex={0}>
      <table>
        <caption class="unseen">Figures over time</caption>
        <thead>
          <tr>
            {[
              'From',
              'Answered',
              'Failed',
              'In flight',
              '429',
              '529',
              'Other',
              'Cost',
              'Bound',
            ].map((head) => (
              <th key={head} scope="col" class={head === 'Bound' ? 'text' : 'number'}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {starts.map((from) => (
            <tr key={from}>
              <th scope="row" class="number">
                {formatDuration(elapsedMs[from] ?? 0)}
              </th>
              <td class="number">{formatCount(sum(series.succeeded, from))}</td>
              <td class="number">{formatCount(sum(series.failed, from))}</td>
              <td class="number">
                {formatCount(Math.max(...series.inFlight.slice(from, from + stride)))}
              </td>
              <td class="number">{formatCount(sum(series.rateLimited, from))}</td>
              <td class="number">{formatCount(sum(series.overloaded, from))}</td>
              <td class="number">{formatCount(sum(series.broken, from))}</td>
              <td class="number">{formatCost(sum(series.costNanoUsd, from))}</td>
              <td class="text">
                <bdi>{series.bindNames[series.binds[from] ?? -1] ?? 'nothing'}</bdi>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
