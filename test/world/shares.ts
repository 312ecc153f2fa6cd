/**
 * How two runs that know nothing of each other share an organisation's limits.
 */

import { Random } from '../../src/random.ts'
import { lineOf, play, type Played } from './play.ts'

const unbound = { inputTokensPerMinute: 1e9, outputTokensPerMinute: 1e9, requestsPerMinute: 1e6 }

const bounds = {
  requests: { server: { requestsPerMinute: 300 }, perMinute: 300, words: 30, rows: 300 },
  input: { server: { inputTokensPerMinute: 150_000 }, perMinute: 150_000, words: 985, rows: 150 },
  output: { server: { outputTokensPerMinute: 160_000 }, perMinute: 160_000, words: 30, rows: 200 },
} as const
type Bound = keyof typeof bounds

/** Who shares what. */
export interface Shared {
  readonly bound: Bound
  readonly latencyMs: number
  /** The second run begins so long after the first. */
  readonly gapMs: number
  readonly seed: number
  /** Of both. @default 1 */
  readonly limitFraction?: number
}

/** Minutes 3 to 10 of both. */
const settledMs = 180_000
const endMs = 600_000

/**
 * The share of the binding limit that each run used by what it sent from its minute 3 to 10.
 */
export async function sharesOf(shared: Shared): Promise<readonly number[]> {
  const { bound, latencyMs, gapMs, seed, limitFraction } = shared
  const { server, perMinute, words, rows } = bounds[bound]
  // More than either could send alone.
  const minutes = 1 + (gapMs + endMs) / 60_000 + 1
  const run = (number: number): string => {
    const random = new Random(seed).fork(`input ${number}`)
    const sizes = Array.from({ length: rows * minutes }, () => random.logNormal(words, 0.5))
    return sizes.map((size, row) => lineOf(row, Math.max(1, Math.round(size)))).join('')
  }
  const options = limitFraction === undefined ? {} : { limitFraction }
  const played = await play({
    server: { ...unbound, latencyMs, outputTokens: 800, ...server },
    runs: [
      { input: run(0), options },
      { input: run(1), options, afterMs: gapMs },
    ],
    seed,
    untilMs: gapMs + endMs + 8 * latencyMs,
  })
  const minutesJudged = (endMs - settledMs) / 60_000
  const used = usedBy(played, bound, [gapMs + settledMs, gapMs + endMs])
  return used.map((amount) => amount / (perMinute * minutesJudged))
}

/** What each run used of a limit by what it sent in a span. */
function usedBy(
  { tries }: Played,
  bound: Bound,
  [fromMs, untilMs]: readonly [number, number],
): readonly number[] {
  return tries.map((own) => {
    const sent = own.filter(({ at, kind }) => at >= fromMs && at < untilMs && kind === 'answered')
    return sent.reduce((sum, tried) => sum + (bound === 'requests' ? 1 : tried[bound]), 0)
  })
}

/** Each limit, each latency, both at once or one two minutes after the other. */
export const sharedWorlds: readonly Omit<Shared, 'seed'>[] = (
  ['requests', 'input', 'output'] as const
).flatMap((bound) =>
  [700, 15_000].flatMap((latencyMs) => [0, 120_000].map((gapMs) => ({ bound, latencyMs, gapMs }))),
)
