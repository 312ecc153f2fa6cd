/**
 * What a history says to a report.
 */

import type { Files } from '../files.ts'
import type { CountedError } from './errors.ts'
import type { HistoryLine } from './history.ts'
import type { Interval, PoolInterval } from './interval.ts'
import { readHistory } from './read-history.ts'
import { Series } from './series.ts'
import {
  type EstimatesView,
  meterNames,
  type PageView,
  type PoolView,
  type RunState,
} from './view.ts'

/** See above; of what was not recorded, null, none or ''. */
export interface HistoryView {
  readonly state: RunState
  readonly input: string
  readonly starts: number
  readonly startedAt: number | null
  readonly elapsedMs: number | null
  readonly stopped: PageView['run']['stopped']
  /** All rows there are. */
  readonly rows: number | null
  readonly perhapsNanoUsd: number | null
  readonly bound: PageView['bound']
  readonly pools: readonly PoolView[]
  readonly series: PageView['series']
  readonly errors: readonly CountedError[]
  readonly estimates: EstimatesView | null
}

type End = Extract<HistoryLine, { type: 'end' }>

const minuteMs = 60_000

/** Reads the history beside an output. */
export function historyView(files: Files, output: string): HistoryView {
  const lines = readHistory(files, output)
  const starts = lines.filter((line) => line.type === 'start')
  const ends = lines.filter((line) => line.type === 'end')
  const intervals: readonly Interval[] = lines.filter((line) => line.type === 'interval')
  const last = ends.at(-1)
  const isEnded = lines.at(-1)?.type === 'end'
  const series = new Series()
  for (const interval of intervals) series.add(interval)
  return {
    state: stateOf(starts.length, isEnded ? last : undefined),
    input: starts.at(-1)?.input ?? '',
    starts: Math.max(1, starts.length),
    startedAt: starts[0]?.at ?? null,
    elapsedMs: starts.length === 0 ? null : total(intervals.map(({ ms }) => ms)),
    stopped: starts.length === 0 ? null : isEnded ? (last?.stopped ?? null) : withoutEnd,
    rows: isEnded ? (last?.rows ?? null) : null,
    perhapsNanoUsd: perhapsOf(ends),
    bound: boundOf(intervals),
    pools: poolsOf(intervals),
    series: series.view(),
    errors: lines.flatMap((line) => (line.type === 'interval' ? (line.errors ?? []) : [])),
    estimates: last?.estimates ?? null,
  }
}

const withoutEnd = {
  code: 'NO_END',
  message: 'no end was recorded: it goes on, or its process was killed',
}

function stateOf(starts: number, end: End | undefined): RunState {
  if (starts === 0) return 'unknown'
  return end !== undefined && end.stopped === null ? 'ended' : 'stopped'
}

/** What each run may have been billed without an answer; null where one of them does not know. */
function perhapsOf(ends: readonly End[]): number | null {
  const known = ends.flatMap(({ perhapsNanoUsd }) => perhapsNanoUsd ?? [])
  return known.length === ends.length ? total(known) : null
}

function boundOf(intervals: readonly Interval[]): PageView['bound'] {
  const sums = new Map<string, number>()
  for (const { bound } of intervals) {
    for (const [name, ms] of Object.entries(bound)) sums.set(name, (sums.get(name) ?? 0) + ms)
  }
  const all = [...sums].map(([name, ms]) => ({ name, ms }))
  return all.toSorted((one, other) => other.ms - one.ms)
}

/** Of each limit what was taken in the fullest minute, and the last that was shown. */
function poolsOf(intervals: readonly Interval[]): readonly PoolView[] {
  const names = [...new Set(intervals.flatMap(({ pools }) => Object.keys(pools)))]
  return names.map((name) => {
    const own = intervals.map(({ at, ms, pools }) => ({ at, ms, meters: pools[name] }))
    const shown = meterNames.filter((meter) => own.some(({ meters }) => meters?.[meter]))
    return {
      name,
      meters: shown.map((meter) => ({
        name: meter,
        limit:
          own.findLast(({ meters }) => meters?.[meter]?.limit != null)?.meters?.[meter]?.limit ??
          null,
        used: fullestMinute(
          own.map(({ at, ms, meters }) => ({ at, ms, used: usedOf(meters, meter) })),
        ),
        others: null,
      })),
    }
  })
}

function usedOf(meters: PoolInterval | undefined, meter: (typeof meterNames)[number]): number {
  return meters?.[meter]?.used ?? 0
}

/** The most of any minute that begins with an interval; of longer intervals their share. */
function fullestMinute(
  all: readonly { readonly at: number; readonly ms: number; readonly used: number }[],
): number {
  let most = 0
  let sum = 0
  let next = 0
  for (const [index, { at, ms, used }] of all.entries()) {
    next = Math.max(next, index)
    for (let later = all[next]; later && later.at + later.ms <= at + minuteMs; later = all[next]) {
      sum += later.used
      next += 1
    }
    const share = ms > minuteMs ? (used * minuteMs) / ms : 0
    most = Math.max(most, sum, share)
    if (next > index) sum -= used
  }
  return Math.round(most)
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
