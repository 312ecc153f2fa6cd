/**
 * The limits of each pool, and what was used of them: a bar for now, and a chart over time with the
 * limit as a line.
 */

import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { formatShort } from '../../figures.ts'
import type { MeterView, PageView, PoolSeries, PoolView, SeriesView } from '../view.ts'
import { Section } from './table.tsx'
import { perMinute } from './time-axis.ts'
import { type Line, TimeChart, type TimeScale } from './time-chart.tsx'
import { formatPercent, isUnderWay, meterWords } from './words.ts'

/** Pools with charts; those behind have their bars. */
const chartedMax = 6

interface LimitsProps {
  readonly view: PageView
  readonly series: SeriesView | null
  readonly time: TimeScale | null
}

/** All pools. */
export function Limits({ view, series, time }: LimitsProps): JSX.Element {
  const note = isUnderWay(view.state)
    ? 'used in the last minute, of the limit a minute'
    : 'used in the fullest minute, of the limit a minute'
  return (
    <Section title="Limits" note={view.pools.length > 0 ? note : undefined}>
      {view.pools.length === 0 && <p class="nothing">{emptyText(view)}</p>}
      {view.pools.map((pool, index) => (
        <section key={pool.name} class="pool" aria-label={`Limits of ${pool.name}`}>
          <h3>
            <bdi>{pool.name}</bdi>
          </h3>
          <div class="grid three">
            {pool.meters.map((meter) => (
              <div key={meter.name} class="card">
                <Meter meter={meter} />
                {series !== null && time !== null && index < chartedMax && (
                  <MeterChart pool={pool} meter={meter} series={series} time={time} />
                )}
              </div>
            ))}
          </div>
        </section>
      ))}
    </Section>
  )
}

function emptyText({ state }: PageView): string {
  return isUnderWay(state)
    ? 'No request has been sent to the Messages endpoint yet, so no limit is known.'
    : 'What was used of the limits was not recorded, or no request was sent live.'
}

function Meter({ meter }: { meter: MeterView }): JSX.Element {
  const { name, limit, used, others } = meter
  const whole = Math.max(1, limit ?? used)
  const width = (part: number): { width: string } => ({
    width: `${Math.min(100, (100 * part) / whole)}%`,
  })
  const share = limit === null ? '' : formatPercent(used / Math.max(1, limit))
  return (
    <div class="meter">
      <h4>{meterWords[name]}</h4>
      <p class="share">{share}</p>
      <p class="amount">
        <b>{formatShort(used)}</b> {limit === null ? 'limit not told' : `of ${formatShort(limit)}`}
        {others !== null && others > 0 && <span class="others"> others {formatShort(others)}</span>}
      </p>
      <div class="bar" aria-hidden="true">
        {limit !== null && <i class="tone-main" style={width(used)} />}
        {limit !== null && others !== null && (
          <i class="tone-others" style={width(Math.min(others, Math.max(0, limit - used)))} />
        )}
      </div>
    </div>
  )
}

interface MeterChartProps {
  readonly pool: PoolView
  readonly meter: MeterView
  readonly series: SeriesView
  readonly time: TimeScale
}

function MeterChart({ pool, meter, series, time }: MeterChartProps): JSX.Element {
  const columns = series.pools
    .find(({ name }) => name === pool.name)
    ?.meters.find(({ name }) => name === meter.name)
  const lines = useMemo(() => meterLines(columns, series), [columns, series])
  if (columns === undefined) return <p class="nothing">Not recorded over time.</p>
  const used = lines[0]?.values ?? []
  const most = used.reduce<number>((a, b) => Math.max(a, b ?? 0), 0)
  const limit = meter.limit === null ? '' : ` of ${formatShort(meter.limit)}`
  return (
    <TimeChart
      title={`${meterWords[meter.name]} a minute`}
      level={4}
      time={time}
      lines={lines}
      format={formatShort}
      about={`at most ${formatShort(most)}${limit}`}
      empty="Nothing was used."
    />
  )
}

function meterLines(columns: PoolSeries['meters'][number] | undefined, series: SeriesView): Line[] {
  if (columns === undefined) return []
  const used = perMinute(columns.used, series)
  const lines: Line[] = [{ name: 'used', tone: 'main', shape: 'area', values: used }]
  if (columns.others?.some((amount) => (amount ?? 0) > 0) === true) {
    lines.push({
      name: 'others',
      tone: 'others',
      shape: 'bars',
      values: columns.others,
      base: used,
    })
  }
  lines.push({ name: 'limit', tone: 'limit', shape: 'limit', values: columns.limit })
  return lines
}
