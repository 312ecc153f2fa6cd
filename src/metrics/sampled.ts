/**
 * Metrics that are read from a snapshot of the run when somebody asks for them.
 *
 * A snapshot (stats.ts) has counted it all already, so nothing is counted twice, and nothing is
 * spent on what nobody scrapes. Counters of a process that runs twice (a pilot, then the rest) go
 * on: they are added up over its runs. What is not known now has no sample.
 */

import type { BudgetLine } from '../budget.ts'
import type { Snapshot } from '../snapshot.ts'

/** One value, and what tells it from the others of its metric. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

/** One metric. */
export interface Sampled {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly labels: readonly string[]
  /** `pool`: how a pool is called in a label. */
  readonly samples: (run: Snapshot, pool: (name: string) => string) => readonly Sample[]
}

type Samples = Sampled['samples']

function counter(name: string, help: string, samples: Samples, ...labels: string[]): Sampled {
  return { name, type: 'counter', help, labels, samples }
}

function gauge(name: string, help: string, samples: Samples, ...labels: string[]): Sampled {
  return { name, type: 'gauge', help, labels, samples }
}

/** A metric of one value; none while it is not known. */
function one(value: number | null): readonly Sample[] {
  return value === null ? [] : [[{}, value]]
}

/** One value for each of these words. */
function each(label: string, values: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(values).map(([word, value]) => [{ [label]: word }, value])
}

function usd(nanoUsd: number | null): number | null {
  return nanoUsd === null ? null : nanoUsd / 1e9
}

const rows: readonly Sampled[] = [
  counter(
    'sluice_rows_total',
    'Rows settled, copies included.',
    ({ rows: { succeeded, failed } }) => each('outcome', { succeeded, failed }),
    'outcome',
  ),
  gauge(
    'sluice_rows_held',
    'Rows settled by earlier runs of this output.',
    ({ rows: { heldSucceeded, heldFailed } }) =>
      each('outcome', { succeeded: heldSucceeded, failed: heldFailed }),
    'outcome',
  ),
  gauge('sluice_rows_read', 'Rows read from the input.', ({ rows: { read } }) => one(read)),
  gauge(
    'sluice_rows_expected',
    'All selected rows; until the input is read, from its bytes.',
    ({ rows: { expected } }) => one(expected),
  ),
  gauge('sluice_rows_left', 'Rows that this run will not ask.', ({ rows: { left } }) => one(left)),
  gauge('sluice_paused', '1 while the run is paused, else 0.', ({ paused }) => one(paused ? 1 : 0)),
  gauge('sluice_time_left_seconds', 'Until the last row, at this rate.', ({ leftMs }) =>
    one(leftMs === null ? null : leftMs / 1000),
  ),
  counter(
    'sluice_incomplete_answers_total',
    'Answers kept that are not what was asked for.',
    ({ incomplete }) => each('reason', { ...incomplete }),
    'reason',
  ),
  counter(
    'sluice_asked_again_total',
    'Answers behind which their row was asked again.',
    ({ askedAgain: { truncated, paused, invalid } }) =>
      each('reason', { truncated, paused, invalid }),
    'reason',
  ),
]

const tries: readonly Sampled[] = [
  counter('sluice_tries_total', 'Requests begun.', ({ attempts: { started } }) => one(started)),
  gauge('sluice_tries_in_flight', 'Requests under way.', ({ attempts: { inFlight } }) =>
    one(inFlight),
  ),
  counter(
    'sluice_possibly_billed_tries_total',
    'Tries without a complete reply, which may have been billed.',
    ({ possiblyBilledTwice: { attempts } }) => one(attempts),
  ),
  counter(
    'sluice_possibly_billed_usd_total',
    'The most that these can have cost.',
    ({ possiblyBilledTwice: { costNanoUsdMax } }) => one(usd(costNanoUsdMax)),
  ),
]

const money: readonly Sampled[] = [
  counter('sluice_unpriced_answers_total', 'Answers whose price is unknown.', ({ unpriced }) =>
    one(unpriced),
  ),
  gauge('sluice_cache_saved_usd', 'What the prompt cache saved.', ({ cacheSavedNanoUsd }) =>
    one(usd(cacheSavedNanoUsd)),
  ),
  gauge(
    'sluice_budget_usd',
    'The budget in money, and what of it is spent.',
    ({ budget }) => parts(budget?.usd, 1e9),
    'part',
  ),
  gauge(
    'sluice_budget_tokens',
    'The budget in tokens, and what of it is spent.',
    ({ budget }) => parts(budget?.tokens, 1),
    'part',
  ),
]

/** Of a budget in one unit; `per`: as much of it makes one. */
function parts(line: BudgetLine | null | undefined, per: number): readonly Sample[] {
  if (line === null || line === undefined) return []
  const { limit, spent, unknown, reserved } = line
  const all = { limit, spent, possibly_spent: unknown, reserved }
  return each('part', all).map(([labels, value]) => [labels, value / per])
}

const meters = ['requests', 'input', 'output', 'tokens'] as const

const limits: readonly Sampled[] = [
  gauge(
    'sluice_limit_per_minute',
    "The API's limit, as its replies show it.",
    (run, pool) => readings(run, pool, 'limit'),
    'pool',
    'meter',
  ),
  gauge(
    'sluice_limit_remaining',
    'What was left of it at the newest reply.',
    (run, pool) => readings(run, pool, 'remaining'),
    'pool',
    'meter',
  ),
  gauge(
    'sluice_used_last_minute',
    'What went against it in the last 60 seconds.',
    ({ pools }, pool) =>
      pools.flatMap((each): readonly Sample[] => [
        [{ pool: pool(each.name), meter: 'requests' }, each.requestsPerMinute],
        [{ pool: pool(each.name), meter: 'input' }, each.inputTokensPerMinute],
        [{ pool: pool(each.name), meter: 'output' }, each.outputTokensPerMinute],
      ]),
    'pool',
    'meter',
  ),
  counter(
    'sluice_bound_seconds_total',
    'Time in which this kept the next row from starting.',
    ({ bound }, pool) =>
      bound.map(([binds, ms]): Sample => {
        // Of several pools, the one it is of stands before it.
        const [, name, by] = /^(.+): (.+)$/s.exec(binds) ?? []
        const isOfPool = name !== undefined && by !== undefined
        const labels = isOfPool ? { by, pool: pool(name) } : { by: binds, pool: '' }
        return [labels, ms / 1000]
      }),
    'by',
    'pool',
  ),
]

function readings(
  { pools }: Snapshot,
  shown: (name: string) => string,
  what: 'limit' | 'remaining',
): readonly Sample[] {
  return pools.flatMap(({ name, limits: known = {} }) =>
    meters.flatMap((meter): readonly Sample[] => {
      const reading = known[meter]
      return reading === undefined ? [] : [[{ pool: shown(name), meter }, reading[what]]]
    }),
  )
}

const batches: readonly Sampled[] = [
  gauge(
    'sluice_batches_outstanding',
    'Message Batches under way.',
    ({ batches: { outstanding } }) => one(outstanding),
  ),
  gauge('sluice_batches_outstanding_rows', 'Rows in these.', ({ batches: { rows: inThem } }) =>
    one(inThem),
  ),
  counter('sluice_batches_total', 'Batches whose results are read.', ({ batches: { collected } }) =>
    one(collected),
  ),
  counter('sluice_batches_cut_total', 'Batches canceled for a deadline.', ({ batches: { cut } }) =>
    one(cut),
  ),
  counter('sluice_batch_answers_total', 'Answers that batches gave.', ({ batches: { answers } }) =>
    one(answers),
  ),
  gauge('sluice_deadline_timestamp_seconds', 'When all rows are to be answered.', ({ deadline }) =>
    one(deadline === null ? null : deadline.at / 1000),
  ),
]

const state: readonly Sampled[] = [
  gauge('sluice_output_blocked', '1 while the output cannot be written.', ({ outputBlocked }) =>
    one(outputBlocked === null ? 0 : 1),
  ),
  gauge('sluice_stopping', '1 once nothing more is started.', ({ stopping }) =>
    one(stopping === null ? 0 : 1),
  ),
]

/** All of them, in the order in which they are shown. */
export const sampledMetrics: readonly Sampled[] = [
  ...rows,
  ...tries,
  ...money,
  ...limits,
  ...batches,
  ...state,
]
