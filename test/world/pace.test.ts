/**
 * The pace of runs in which nothing fails: no limit is left unused while rows wait, a limit that
 * changes is followed, a bound is kept, and a large row waits no longer for those behind it.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../../src/random.ts'
import { checkBusy, checkHead, type RowCost, upTo } from './checkers-pace.ts'
import { checkWindow } from './checkers-wire.ts'
import { lineOf, model, type Play, play, type Played } from './play.ts'

const unbound = { inputTokensPerMinute: 1e9, outputTokensPerMinute: 1e9, requestsPerMinute: 1e6 }

/** The limit that binds, at 200 to 300 rows a minute. */
const bounds = {
  requests: { requestsPerMinute: 300 },
  input: { inputTokensPerMinute: 300_000 },
  output: { outputTokensPerMinute: 160_000 },
} as const
type Bound = keyof typeof bounds

/** The start: two probes, their first byte, then twice as much each second. */
const drainedMs = 30_000

/** Rows of one kind, sizes log-normal, answers of 800 tokens. */
function linesOf(count: number, words: number, seed: number): readonly string[] {
  const random = new Random(seed)
  return Array.from({ length: count }, (_, row) =>
    lineOf(row, Math.max(1, Math.round(random.logNormal(words, 0.5)))),
  )
}

/** What rows cost: as they were answered, or by their bytes and the mean. */
function costsOf(lines: readonly string[], { tries }: Played): readonly RowCost[] {
  const costs = lines.map((line) => {
    const held = Math.ceil(line.length / 4)
    return { held, input: line.split(' ').length, output: 800 }
  })
  for (const { row, kind, input, output } of tries[0] ?? []) {
    if (kind === 'answered') costs[row] = { held: costs[row]?.held ?? 0, input, output }
  }
  return costs
}

interface Steady {
  readonly bound: Bound
  readonly latencyMs: number
  readonly seed: number
  readonly events?: Play['events']
  /** @default ten minutes */
  readonly untilMs?: number
}

/** A time in which there are always rows to send. */
async function steady(given: Steady): Promise<Played & { readonly costs: readonly RowCost[] }> {
  const { bound, latencyMs, seed, events = [], untilMs = 600_000 } = given
  const lines = linesOf(bound === 'requests' ? 3600 : 3000, bound === 'input' ? 1000 : 30, seed)
  const played = await play({
    server: { ...unbound, latencyMs, outputTokens: 800, ...bounds[bound] },
    runs: [{ input: lines.join('') }],
    seed,
    events,
    pool: model,
    untilMs,
  })
  return { ...played, costs: costsOf(lines, played) }
}

const latencies = [200, 700, 15_000]
const worlds = (['requests', 'input', 'output'] as const).flatMap((bound) =>
  latencies.map((latencyMs) => ({ bound, latencyMs })),
)

describe('a limit is used up while rows wait', () => {
  test.each(worlds)('$bound, answers in $latencyMs ms', async ({ bound, latencyMs }) => {
    const { tries, samples, costs } = await steady({ bound, latencyMs, seed: 1 })
    // What is under way at the end has no length yet that could be known.
    const untilMs = 600_000 - 4 * latencyMs
    const judged = { tries: tries[0] ?? [], samples, costs, fromMs: drainedMs, untilMs }
    expect(checkBusy(judged, 0)).toEqual([])
  })
})

/** What was sent in a span and not refused, as a share of what a limit refills in it. */
function shareOf(
  { tries, costs }: Awaited<ReturnType<typeof steady>>,
  { bound, perMinute }: { readonly bound: Bound; readonly perMinute: number },
  [fromMs, untilMs]: readonly [number, number],
): number {
  const sent = (tries[0] ?? []).filter(
    ({ at, kind }) => at >= fromMs && at < untilMs && kind !== 'refused',
  )
  // How long an answer will be nobody knows when it is sent: on average, 800 tokens.
  const costOf = (row: number): number =>
    bound === 'requests' ? 1 : bound === 'input' ? (costs[row]?.input ?? 0) : 800
  const cost = sent.reduce((sum, { row }) => sum + costOf(row), 0)
  return cost / ((perMinute * (untilMs - fromMs)) / 60_000)
}

describe('a limit that changes in mid-run', () => {
  const changeAt = 120_000
  const keys = {
    requests: 'requestsPerMinute',
    input: 'inputTokensPerMinute',
    output: 'outputTokensPerMinute',
  } as const
  /** Rows are no fractions; and the answers of 160 rows are 800 tokens long but for some 8 %. */
  const spreads = { requests: 0.02, input: 0.1, output: 0.2 }

  const changes = worlds
    .filter(({ latencyMs }) => latencyMs !== 200)
    .flatMap((world) => [2, 0.5].map((factor) => ({ ...world, factor })))

  test.each(changes)(
    '$bound × $factor, answers in $latencyMs ms, is followed within seconds',
    async ({ bound, latencyMs, factor }) => {
      const key = keys[bound]
      const limits: Partial<Record<string, number>> = bounds[bound]
      const perMinute = (limits[key] ?? 0) * factor
      const played = await steady({
        bound,
        latencyMs,
        seed: 2,
        untilMs: 300_000,
        events: [[changeAt, (server, now) => server.setLimits(now, { [key]: perMinute })]],
      })
      const { tries, samples, costs } = played
      // Raised, it is used up again ten seconds later: one reply must tell, and there is a ramp.
      const [fromMs, untilMs] = [changeAt + 10_000, 300_000 - 4 * latencyMs]
      const judged = { tries: tries[0] ?? [], samples, costs, fromMs, untilMs }
      expect(checkBusy(judged, 0)).toEqual([])
      // Lowered, no more is sent than it refills.
      const share = shareOf(played, { bound, perMinute }, [changeAt + 10_000, changeAt + 130_000])
      expect(Math.abs(share - 1)).toBeLessThan(spreads[bound])
      const refused = (tries[0] ?? []).filter(({ at, kind }) => at > changeAt && kind === 'refused')
      expect(refused.length).toBeLessThanOrEqual(3)
    },
  )
})

describe("the user's bound", () => {
  test.each([7, 60, 601])('of %i requests in any 60 s is kept, and reached', async (bound) => {
    const lines = Array.from({ length: 4 * bound }, (_, row) => lineOf(row, 10))
    const { tries } = await play({
      server: { ...unbound, latencyMs: 700 },
      runs: [{ input: lines.join(''), options: { maxRequestsPerMinute: bound } }],
      untilMs: 180_000,
    })
    const sends = (tries[0] ?? []).map(({ at }) => at)
    expect(checkWindow(sends, bound)).toEqual([])
    // The first minute has a burst, which the last of it must make up for.
    expect(checkWindow(sends, bound - 1)).not.toEqual([])
    expect(sends.length).toBeGreaterThanOrEqual(0.98 * 3 * bound - 1)
  })
})

describe('a large row waits no longer for small ones behind it', () => {
  const large = 20_000
  /** Every twentieth row is large; the others are log-normal around 200 words. */
  const mixture = (largeWords: number, models: readonly string[]): string => {
    const random = new Random(5)
    return Array.from({ length: 160 }, (_, row) => {
      const words = row % 20 === 19 ? largeWords : Math.round(random.logNormal(200, 1))
      return lineOf(row, words, { model: models[row % models.length] })
    }).join('')
  }
  const one = [model]
  const two = [model, 'claude-opus-5']
  const server = { ...unbound, outputTokens: 800 }
  const shown = { ...server, inputTokensPerMinute: 60_000 }
  const user = { maxInputTokensPerMinute: 60_000 }
  const bytes = { maxInFlightBytes: 150_000, maxRequestsPerMinute: 600 }

  test.each([
    ['of the server’s input tokens', shown, one, {}, large],
    ['that is larger than the limit', shown, one, {}, 70_000],
    ['of the user’s input tokens', server, one, user, large],
    ['of the user’s input tokens, two pools', server, two, user, large],
    ['of the server’s, two pools', shown, two, {}, large],
    ['of both, two pools', shown, two, { maxInputTokensPerMinute: 80_000 }, large],
    ['of bytes in flight', server, one, bytes, large],
    ['of bytes in flight, two pools', server, two, bytes, large],
  ] as const)('%s', async (_name, limits, models, options, words) => {
    for (const latencyMs of [700, 5000]) {
      const given = {
        server: { ...limits, latencyMs },
        runs: [{ input: mixture(words, models), options }],
      }
      const full = await play(given)
      expect(full.summaries[0]?.rows.succeeded).toBe(160)
      for (const row of [59, 99]) {
        const alone = await play(upTo(given, row))
        const head = { row, before: row - models.length }
        expect(checkHead(head, full.tries[0] ?? [], alone.tries[0] ?? [])).toEqual([])
      }
    }
  })
})
