/**
 * Planning a run that chooses between batches and live requests: before anything is sent, the file
 * is surveyed, limits are asked for, and a few rows chosen that will tell the rest.
 */

import { assert } from '../assert.ts'
import { deadlineOf, keepDeadline } from '../deadline.ts'
import { EvenSample } from '../even-sample.ts'
import type { Observer } from '../events.ts'
import { surveyRows } from '../forecast-survey.ts'
import { askCeilings } from '../learning.ts'
import { LiveRates } from '../live-rates.ts'
import { boundsOf } from '../options.ts'
import { hasOutstanding, recordsFolderOf } from '../outstanding-batches.ts'
import { poolRowsOf } from '../pool-loads.ts'
import { poolOf } from '../pools.ts'
import { fileSource } from '../source.ts'
import { costsOf, forecastSplit, isFarOff, longestLive } from '../split-forecast.ts'
import type { Work } from '../work.ts'
import { type RowAt, rowAt } from './row-places.ts'
import type { BatchRunParts } from './run.ts'
import { Split } from './split.ts'

/** Of the rows of a pool, so many are asked first; they cost twice what they would in a batch. */
const sampleShare = 1 / 200
const samplesMin = 2
const samplesMax = 50
/** With so many answers in the output, there is nothing to learn of their length. */
const answersEnough = 20
/** To read so much takes a second or more. */
const longBytes = 100_000_000

/** What is decided before a run begins. */
export interface Planned {
  readonly split: Split
  /** Rows that are asked first. */
  readonly samples: readonly RowAt[]
  /** Says what is planned, with what is known by now. */
  readonly tell: (observe: Observer) => void
}

/** @throws {RunError} where the input or the output cannot be read */
export async function planSplit(parts: BatchRunParts, observe: Observer): Promise<Planned> {
  const { context, settings, prices, signal } = parts
  const { files, clock } = context
  const candidates = new Map<string, EvenSample<Work>>()
  const visit = (work: Work): void => {
    const pool = poolOf(work.row.model)
    const sample = candidates.get(pool) ?? new EvenSample<Work>(samplesMax)
    candidates.set(pool, sample)
    if (!sample.takesNext()) return
    // What it asks is read again when it is sent.
    work.body = undefined
    sample.add(work)
  }
  const { input } = settings
  assert(typeof input === 'string', 'A run by batches reads its input again')
  const source = fileSource(files, input)
  if ((files.stat(input)?.size ?? 0) >= longBytes) {
    const message = 'reading the file once before anything is sent, to plan'
    observe({ type: 'notice', at: clock.now(), message })
  }
  const reading = { run: settings, sharing: settings.cache === 'auto', exact: 0, prices, files }
  const survey = await surveyRows(source, { ...reading, clock, signal, visit }).finally(() => {
    source.close()
  })
  const pools = poolRowsOf(survey, settings, prices)
  const { output, batchTimes: times } = settings
  const folder = recordsFolderOf(files, output)
  const kept = deadlineOf(files, output, settings, clock.wallTime())
  const { at: deadlineAt = Infinity, limits = {} } = kept ?? {}
  const rates = new LiveRates(boundsOf(settings), settings.limitFraction)
  for (const [pool, each] of Object.entries(limits)) rates.learn(pool, each)
  if (kept !== undefined) await askLimits(parts, rates, pools, observe)
  const { learned } = survey
  const wallTime = (): number => clock.wallTime()
  const split = new Split({ settings, rates, pools, learned, deadlineAt, wallTime })
  const costs = costsOf(survey, settings, prices)
  const isTold = learned.answers >= answersEnough && pools.every(({ pool }) => rates.knows(pool))
  const leftMs = deadlineAt - clock.wallTime()
  // Where batches have time whatever the limits are, there is nothing to find out.
  const slowest = new LiveRates(boundsOf(settings), settings.limitFraction)
  slowest.suppose(pools.map(({ pool }) => pool))
  const isEasy = isFarOff(leftMs, longestLive(pools, slowest).ms, times.drainMs)
  // Which rows batches of an earlier run hold is not known yet.
  const isResumed = !settings.overwrite && hasOutstanding(files, output)
  const samples = isEasy || isTold || isResumed ? [] : pick(candidates)
  for (const work of samples) split.goesLive(work)
  const tell = (observing: Observer): void => {
    if (!rates.isBounded) rates.suppose(pools.map(({ pool }) => pool))
    const deadlineMs = deadlineAt - clock.wallTime()
    const plan = forecastSplit({ pools: split.pools, rates, times, deadlineMs, ...costs })
    const at = { at: clock.now(), deadlineAt: kept === undefined ? null : deadlineAt }
    observing({ type: 'split_planned', ...at, plan })
    if (kept !== undefined) keepDeadline(files, folder, { ...kept, limits: rates.told })
  }
  return { split, samples: samples.map(rowAt), tell }
}

function pick(candidates: ReadonlyMap<string, EvenSample<Work>>): readonly Work[] {
  return [...candidates.values()].flatMap(({ seen, picked }) => {
    const wanted = Math.max(samplesMin, Math.ceil(seen * sampleShare))
    const stride = Math.max(1, picked.length / wanted)
    return picked.filter(
      (_, index) => Math.floor((index + 1) / stride) > Math.floor(index / stride),
    )
  })
}

/** Learns what the Rate Limits API tells, where there is a key for it. */
async function askLimits(
  { context, settings, signal }: BatchRunParts,
  rates: LiveRates,
  pools: readonly { readonly pool: string }[],
  observe: Observer,
): Promise<void> {
  const told = await askCeilings(context, settings, signal)
  if (typeof told === 'string') {
    observe({ type: 'notice', at: context.clock.now(), message: told })
    return
  }
  for (const { pool } of told === undefined ? [] : pools) {
    const limits = told?.limitsOf(pool) ?? {}
    if (Object.keys(limits).length > 0) rates.learn(pool, limits)
  }
}
