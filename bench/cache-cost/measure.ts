/**
 * What a play has paid for its input beside the least possible, and how long it took beside what
 * its limits allow.
 *
 * No time is shorter than what the file needs of each limit if it is asked at the least cost, less
 * what is there at the start, over the refill; nor than the tokens that the server holds until
 * answers begin, times how long, over the limit. Both bound the last start.
 *
 * Where a row is larger than a limit, or answers are slow, that cannot be reached. So the oracle of
 * limit use plays the same rows at the least cost, with the ramp and each answer's latency: in the
 * order in which they were sent, and prefix by prefix, which spreads the writes. The sooner of the
 * two counts. It does not wait for a writer's answer to begin.
 */

import type { Usage } from '../../src/outcome.ts'
import { findModel } from '../../src/models.ts'
import { firstByteOf, oracleOf } from '../limit-use/measure.ts'
import { type Contender, playPeer } from '../limit-use/peers.ts'
import { play } from '../limit-use/play.ts'
import { type Asked, type Billed, rowsOf } from '../limit-use/stage.ts'
import {
  costOf,
  type InputParts,
  type InputRates,
  leastCost,
  type Prompt,
  sumOf,
} from './least-cost.ts'
import { inputRates, promptOf } from './prompts.ts'
import { costModel, type CostScenario, prefixOf, questionOf } from './scenarios.ts'

/** What came of a scenario. */
export interface CacheCost {
  readonly name: string
  readonly mode: string
  readonly isUnshared: boolean
  readonly rows: number
  readonly failed: number
  readonly minutes: number
  /** What was billed for input, over the least for the rows that were answered. */
  readonly cost: number
  /** The time that limits and holds allow over ours, to the last start. */
  readonly bound: number
  /** The oracle's time over ours, to the last answer. */
  readonly oracle: number
  /** Which bound was the tightest. */
  readonly binds: string
  readonly written: number
  readonly read: number
  /** What would have been read at the least cost, and was not. */
  readonly missed: number
  /** Answers that wrote, of each prefix: the mean of those that are shared, and the most. */
  readonly writesMean: number
  readonly writesMost: number
  readonly refused: number
}

/** Measures one: ours, or a contender's. */
export async function measureCost(
  measured: CostScenario,
  contender?: Contender,
): Promise<CacheCost> {
  const { scenario } = measured
  const record = new Record()
  const observer = {
    sent: (at: number) => record.sent(at),
    answered: (asked: Asked, body: Uint8Array, usage: Usage) => record.answered(asked, body, usage),
  }
  const billed =
    contender === undefined
      ? await play(scenario, observer)
      : await playPeer(scenario, contender, observer)
  return costOfPlay(measured, billed, record)
}

/** A row as it was answered. */
interface Answer extends Asked {
  readonly question: number
  readonly prefix: number
}

/** What crossed the wire, by row and by prefix. */
class Record {
  #firstSentAt: number | undefined
  readonly #answers = new Map<number, Answer>()
  readonly writes = new Map<number, number>()

  sent(at: number): void {
    this.#firstSentAt ??= at
  }

  answered(asked: Asked, body: Uint8Array, usage: Usage): void {
    const prefix = prefixOf(body)
    if (usage.cacheWrite5mTokens + usage.cacheWrite1hTokens > 0) {
      this.writes.set(prefix, (this.writes.get(prefix) ?? 0) + 1)
    }
    // What only fills the cache answers no row.
    if (usage.outputTokens === 0) return
    const question = questionOf(body)
    const sentAt = asked.sentAt - (this.#firstSentAt ?? 0)
    this.#answers.set(question, { ...asked, sentAt, question, prefix })
  }

  /** In the order in which they were sent. */
  answers(): readonly Answer[] {
    return [...this.#answers.values()].toSorted((a, b) => a.sentAt - b.sentAt)
  }
}

function costOfPlay(measured: CostScenario, billed: Billed, record: Record): CacheCost {
  const { scenario, life } = measured
  const answers = record.answers()
  const rates = inputRates(costModel, life, wallAt)
  const prompts = promptsOf(measured, answers)
  const parts = leastParts(answers, prompts, rates)
  const least = sumOf(parts)
  const { cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens } = billed.totals
  const bounds = boundsOf(measured, answers, parts)
  const [binds, boundMs] = bounds.reduce((a, b) => (a[1] >= b[1] ? a : b))
  const writes = [...record.writes.values()]
  const byPrefix = [...Map.groupBy(answers, ({ prefix }) => prefix).values()].flat()
  const soonest = Math.min(
    ...[answers, byPrefix].map((rows) =>
      oracleMs(measured, rows, leastParts(rows, prompts, rates)),
    ),
  )
  return {
    name: scenario.name,
    mode: measured.mode,
    isUnshared: measured.isUnshared,
    rows: answers.length,
    failed: billed.lost,
    minutes: billed.endedAt / 60_000,
    cost: paidFor(billed) / costOf(least, rates),
    bound: boundMs / billed.lastSentAt,
    oracle: soonest / billed.endedAt,
    binds,
    written: cacheWrite5mTokens + cacheWrite1hTokens,
    read: cacheReadTokens,
    missed: Math.max(0, least.read - cacheReadTokens),
    writesMean: writes.reduce((sum, count) => sum + count, 0) / Math.max(1, writes.length),
    writesMost: Math.max(0, ...writes),
    refused: billed.refusedAt.length,
  }
}

/** Prices are those of the clock's day. */
const wallAt = Date.UTC(2026, 10, 22)

/** The prompts of the rows that were answered, by question. */
function promptsOf(
  { scenario }: CostScenario,
  answers: readonly Answer[],
): ReadonlyMap<number, Prompt> {
  const encoder = new TextEncoder()
  const answered = new Set(answers.map(({ question }) => question))
  const prompts = new Map<number, Prompt>()
  for (const { line } of rowsOf(scenario)) {
    const question = questionOf(encoder.encode(line))
    if (answered.has(question)) prompts.set(question, promptOf(line))
  }
  return prompts
}

/** The least that each answered row pays for, in the order given. */
function leastParts(
  answers: readonly Answer[],
  prompts: ReadonlyMap<number, Prompt>,
  rates: InputRates,
): readonly InputParts[] {
  const cacheTokensMin = findModel(costModel)?.cacheTokensMin ?? 0
  const rows = answers.flatMap(({ question }) => prompts.get(question) ?? [])
  return leastCost(rows, { rates, cacheTokensMin })
}

/** All that was billed for input, whoever heard the answer. */
function paidFor({ totals }: Billed): number {
  const [minutes, hour] = [inputRates(costModel, '5m', wallAt), inputRates(costModel, '1h', wallAt)]
  const written = totals.cacheWrite5mTokens
  const five = { uncached: totals.inputTokens, written, read: totals.cacheReadTokens }
  return costOf(five, minutes) + totals.cacheWrite1hTokens * hour.write
}

/** How soon the last row may start, by what; ms. */
function boundsOf(
  { scenario, requestsPerMinute, inputTokensPerMinute, holdsEstimate }: CostScenario,
  answers: readonly Answer[],
  parts: readonly InputParts[],
): readonly (readonly [binds: string, ms: number])[] {
  const { uncached, written } = sumOf(parts)
  const refillMs = (wanted: number, perMinute: number): number =>
    (60_000 * (wanted - perMinute)) / perMinute
  const held = answers.reduce(
    (sum, answer) => sum + Math.ceil(answer.bytes / 4) * firstByteOf(scenario, answer),
    0,
  )
  return [
    ['requests', refillMs(answers.length, requestsPerMinute)],
    ['input', refillMs(uncached + written, inputTokensPerMinute)],
    ['holds', holdsEstimate ? held / inputTokensPerMinute : 0],
  ]
}

/** The oracle's time for the rows in the order given. */
function oracleMs(
  { scenario, requestsPerMinute, inputTokensPerMinute, holdsEstimate }: CostScenario,
  answers: readonly Answer[],
  parts: readonly InputParts[],
): number {
  const asked = answers.map((answer, place) => {
    const { uncached = 0, written = 0 } = parts[place] ?? {}
    return { ...answer, sentAt: place, input: uncached + written }
  })
  const limits = {
    requests: [[0, requestsPerMinute]],
    input: [[0, inputTokensPerMinute]],
  } as const
  return oracleOf({ limits, holdsEstimate, scenario }, { asked, others: [] }).endedAt
}
