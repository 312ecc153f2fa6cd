import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  answered,
  type Answerer,
  drive,
  failed,
  type History,
  pointsOf,
  refused,
  rowOf,
  rowsOf,
} from '../test/world/drive.ts'
import { Ceilings } from './ceilings.ts'
import type { Outcome } from './outcome.ts'
import type { Attempt, Work } from './work.ts'

const options = { prefixes: 'marked' } as const
const blockTokens = 2000

/** How one try goes, by its number; as all others if undefined. */
type Turn = {
  readonly headAfterMs?: number | undefined
  readonly afterMs?: number
  readonly outcome?: Outcome
}

/** A server with a prompt cache: what is written can be read from its writer's first byte on. */
class CacheServer {
  readonly #turn: (attempt: Attempt) => Turn | undefined
  readonly #usedAt = new Map<number, number>()
  readonly #lifeMs: number
  written = 0
  read = 0

  constructor(turn: (attempt: Attempt) => Turn | undefined = () => undefined, lifeMs = 300_000) {
    this.#turn = turn
    this.#lifeMs = lifeMs
  }

  readonly answer: Answerer = ({ attempt, now, after, head, bytes, end }) => {
    const turn = this.#turn(attempt) ?? {}
    const { headAfterMs = 1500, afterMs = 9000 } = turn
    const isBegun = turn.outcome === undefined || 'headAfterMs' in turn
    const at = now()
    const keys = attempt.work.row.cachePoints.map(({ key }) => key)
    const isThere = (key: number): boolean =>
      at < (this.#usedAt.get(key) ?? -Infinity) + this.#lifeMs
    const count = keys.findLastIndex(isThere) + 1
    const used = keys[count - 1]
    if (used !== undefined) this.#usedAt.set(used, at)
    const begin = (): void => {
      for (const key of keys.slice(count)) this.#usedAt.set(key, at)
      if (!attempt.stream) return
      head(undefined)
      bytes()
    }
    if (isBegun) after(headAfterMs, begin)
    const cacheRead = count * blockTokens
    const cacheWrite = (keys.length - count) * blockTokens
    const outcome = turn.outcome ?? answered({ cacheRead, cacheWrite })
    after(afterMs, () => {
      if (outcome.kind === 'answered') {
        this.written += cacheWrite
        this.read += cacheRead
      }
      end(outcome)
    })
  }
}

const hangs = { headAfterMs: 1e9, afterMs: 1e9 }

/** Rows by their prefixes, in this order. */
function rowsWith(...keys: readonly (readonly number[])[]): Work[] {
  return keys.map((own, sequence) => rowOf(sequence, { cachePoints: pointsOf(own, '5m') }))
}

function times<T>(count: number, item: T): T[] {
  return Array.from({ length: count }, () => item)
}

function startsOf({ starts }: History): readonly (readonly [row: number, at: number])[] {
  return starts.map(({ at, attempt }) => [attempt.work.sequence, at])
}

function succeeded({ settled }: History): number {
  return [...settled.values()].filter(({ how }) => how === 'succeed').length
}

describe('rows that share a prefix', () => {
  test('the first goes ahead, streamed, and the rest at its first byte', () => {
    const server = new CacheServer()
    const rows = rowsWith(...times(20, [1]))
    const history = drive({ rows, options, answer: server.answer })
    const { starts, binds } = history
    expect(starts.map(({ at }) => at)).toEqual([0, ...times(19, 1500)])
    expect(starts[0]?.attempt.stream).toBe(true)
    expect(succeeded(history)).toBe(20)
    expect(binds).toContain('cache writer')
    expect([server.written, server.read]).toEqual([blockTokens, 19 * blockTokens])
  })

  test('without prefixes looked at, none waits', () => {
    const { starts } = drive({
      rows: rowsWith(...times(3, [1])),
      answer: new CacheServer().answer,
    })
    expect(starts.map(({ at }) => at)).toEqual([0, 0, 0])
  })

  test('plain rows, and other prefixes, go on meanwhile', () => {
    const rows = rowsWith([1], [1], [], [2], [2], [])
    const history = drive({ rows, options, answer: new CacheServer().answer })
    const atOnce = startsOf(history).filter(([, at]) => at === 0)
    expect(atOnce.map(([row]) => row)).toEqual([0, 2, 3, 5])
    expect(succeeded(history)).toBe(6)
  })

  // A row that broke waits before it is asked again; meanwhile the next one writes.
  test.each([
    ['refused', refused({ retryAfterMs: 1000 }), 0],
    ['broken', failed('broken'), 1],
  ])('after one that is %s, one other try writes, streamed', (_how, outcome, writer) => {
    const server = new CacheServer(({ number }) =>
      number === 1 ? { afterMs: 100, outcome } : undefined,
    )
    const history = drive({ rows: rowsWith(...times(5, [1])), options, answer: server.answer })
    const [, second, ...rest] = history.starts
    expect(second?.attempt.work.sequence).toBe(writer)
    expect(second?.attempt.stream).toBe(true)
    expect(Math.min(...rest.map(({ at }) => at))).toBe((second?.at ?? 0) + 1500)
    expect(succeeded(history)).toBe(5)
    expect(server.written).toBe(blockTokens)
  })

  test('one that hangs is superseded after ten seconds by one other', () => {
    const server = new CacheServer(({ number }) => (number === 1 ? hangs : undefined))
    const history = drive({ rows: rowsWith(...times(6, [1])), options, answer: server.answer })
    const [late, next, ...others] = history.starts
    const waitedMs = (next?.at ?? 0) - (late?.at ?? 0)
    expect(waitedMs).toBeGreaterThanOrEqual(10_000)
    expect(waitedMs).toBeLessThan(12_000)
    expect(Math.min(...others.map(({ at }) => at))).toBeGreaterThanOrEqual((next?.at ?? 0) + 1500)
    expect(succeeded(history)).toBe(6)
  })

  test('one that is usually slow is given three times as long as most take', () => {
    const slow = { headAfterMs: 8000 }
    const server = new CacheServer(({ work }) => (work.sequence === 30 ? hangs : slow))
    // Thirty streams of 8 s say how long a first byte takes.
    const plain = rowsOf(30, { maxTokens: 20_000 })
    const group = rowsOf(5, { cachePoints: pointsOf([1], '5m') })
    const rows = [...plain, ...group].map((work, sequence) => ({ ...work, sequence }))
    const bounds = { requestsPerMinute: 60 }
    const history = drive({ rows, options: { ...options, bounds }, answer: server.answer })
    const [late, next] = history.starts.filter(({ attempt }) => attempt.work.sequence >= 30)
    expect(late?.attempt.stream).toBe(true)
    const waitedMs = (next?.at ?? 0) - (late?.at ?? 0)
    expect(waitedMs).toBeGreaterThanOrEqual(24_000)
    expect(waitedMs).toBeLessThan(26_000)
  })

  test('after one that breaks after its first byte, nobody waits again', () => {
    const server = new CacheServer(({ number }) =>
      number === 1
        ? { headAfterMs: 500, afterMs: 2000, outcome: failed('broken') }
        : { headAfterMs: 500, afterMs: 2000 },
    )
    const rows = times(5, 0).map((_, sequence) =>
      rowOf(sequence, { cachePoints: pointsOf([1], '5m'), maxTokens: 20_000 }),
    )
    const { starts } = drive({ rows, options, answer: server.answer })
    expect(starts.slice(0, 5).map(({ at }) => at)).toEqual([0, 500, 500, 500, 500])
    expect(server.written).toBe(0)
  })

  test('when its life is over amid a group, one writes it again, and no stampede', () => {
    const server = new CacheServer()
    const events = [
      [2000, { type: 'hold', why: 'pause', on: true }],
      [400_000, { type: 'hold', why: 'pause', on: false }],
    ] as const
    const rows = rowsWith(...times(8, [1]))
    const four = { ...options, maxConcurrency: 4 }
    const history = drive({ rows, options: four, events, answer: server.answer })
    const ats = history.starts.map(({ at }) => at)
    expect(ats).toEqual([0, ...times(3, 1500), 400_000, ...times(3, 401_500)])
    expect([server.written, server.read]).toEqual([2 * blockTokens, 6 * blockTokens])
  })

  test('a server that keeps nothing is soon asked all at once', () => {
    const outcome = answered()
    const server = new CacheServer(() => ({ headAfterMs: 100, afterMs: 1000, outcome }))
    const rows = rowsWith(...times(3, [1]), ...times(3, [1]))
    const history = drive({ rows, options, answer: server.answer })
    expect(history.log.filter((line) => line.includes('notice'))).toEqual([
      expect.stringMatching(/nothing is cached: what line 1 marks is shorter/),
    ])
    expect(succeeded(history)).toBe(6)
    expect(history.finishedAt).toBeLessThan(3000)
  })

  // One model may have two names, with a pool for each until the limits are known.
  test('a row that moves to another pool while it waits goes on with the others', () => {
    const cachePoints = pointsOf([1], '5m')
    const rows = rowsOf(4, { model: 'claude-x', cachePoints })
    const group = { name: 'moved', type: 'model_group', models: ['claude-x'], limits: [] }
    const ceilings = new Ceilings([group])
    const history = drive({
      rows,
      options,
      events: [[500, { type: 'ceilings', ceilings }]],
      answer: new CacheServer().answer,
    })
    expect(succeeded(history)).toBe(4)
    expect(history.starts.map(({ at }) => at)).toEqual([0, ...times(3, 1500)])
  })

  test('rows of another pool go on too, at the same first byte', () => {
    const cachePoints = pointsOf([1], '5m')
    const rows = ['a', 'b', 'b', 'a'].map((pool, sequence) =>
      rowOf(sequence, { pool, cachePoints }),
    )
    const history = drive({ rows, options, answer: new CacheServer().answer })
    expect(succeeded(history)).toBe(4)
    expect(history.starts.map(({ at }) => at)).toEqual([0, ...times(3, 1500)])
  })
})

describe('whatever happens to rows over a tree of prefixes', () => {
  const faults = ['refused', 'broken', 'overloaded', 'hangs', 'slow', 'breaks late'] as const
  const tree = fc.record({
    // The path of each row in the tree: a root, a branch of it, a leaf of that.
    paths: fc.array(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 3 }), {
      minLength: 1,
      maxLength: 60,
    }),
    kind: fc.constantFrom('marked', 'auto'),
    turns: fc.array(fc.option(fc.constantFrom(...faults), { freq: 2 }), { maxLength: 80 }),
    firstBytesMs: fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 10 }),
    lifeMs: fc.constantFrom(0, 5000, 300_000, 300_000),
    maxConcurrency: fc.constantFrom(1, 3, 10_000),
    poolCount: fc.integer({ min: 1, max: 2 }),
    rpm: fc.constantFrom(undefined, 20, 600),
    ramp: fc.constantFrom('fast', 'off'),
    windowRowsMax: fc.constantFrom(2, 4096),
  })
  type Drawn = typeof tree extends fc.Arbitrary<infer T> ? T : never

  function rowsIn({ paths, poolCount, kind }: Drawn): Work[] {
    return paths.map((path, sequence) => {
      // A key says all that comes before it.
      const keys = path.map((_step, depth) => Number(`1${path.slice(0, depth + 1).join('')}`))
      return rowOf(sequence, {
        pool: `pool ${sequence % poolCount}`,
        bodyBytes: 100_000,
        cachePoints: pointsOf(keys, kind === 'marked' ? '5m' : undefined),
      })
    })
  }

  function turnOf({ turns, firstBytesMs }: Drawn, { number }: Attempt): Turn | undefined {
    const headAfterMs = firstBytesMs[number % firstBytesMs.length]
    const afterMs = (headAfterMs ?? 0) + 500
    const fault = turns[number - 1] ?? 'none'
    switch (fault) {
      case 'refused':
        return { afterMs: 100, outcome: refused({ retryAfterMs: 2000 }) }
      case 'broken':
        return { afterMs: 300, outcome: failed('broken') }
      case 'overloaded':
        return { afterMs: 0, outcome: failed('overloaded') }
      case 'hangs':
        return hangs
      case 'slow':
        return { headAfterMs: 25_000, afterMs: 26_000 }
      case 'breaks late':
        return { headAfterMs, afterMs, outcome: failed('broken', { unknown: true }) }
      case 'none':
        return { headAfterMs, afterMs }
      default:
        return fault satisfies never
    }
  }

  /** Counts the writers of each prefix as the server sees them. */
  function watched(server: CacheServer, witness: (most: number) => void): Answerer {
    const writers = new Map<number, Set<Attempt>>()
    return (exchange) => {
      const { attempt, now } = exchange
      const isOut = (other: Attempt): boolean =>
        // Late from ten seconds on, and looked for each second.
        other.headAt !== undefined || now() >= other.startedAt + 10_000
      for (const { key } of attempt.caching?.writes ?? []) {
        const set = writers.get(key) ?? new Set()
        for (const other of set) if (isOut(other)) set.delete(other)
        set.add(attempt)
        writers.set(key, set)
        witness(set.size)
      }
      const leave = (): void => {
        for (const set of writers.values()) set.delete(attempt)
      }
      server.answer({
        ...exchange,
        end: (outcome) => {
          leave()
          exchange.end(outcome)
        },
      })
    }
  }

  test('a prefix has one writer in time, every row ends once, and nothing stalls', () => {
    let nested = 0
    fc.assert(
      fc.property(tree, (drawn) => {
        const { kind, lifeMs, maxConcurrency, rpm, ramp, windowRowsMax } = drawn
        const server = new CacheServer((attempt) => turnOf(drawn, attempt), lifeMs)
        const rows = rowsIn(drawn)
        let most = 0
        const history = drive({
          rows,
          answer: watched(server, (count) => {
            most = Math.max(most, count)
          }),
          options: {
            prefixes: kind,
            ramp,
            maxConcurrency,
            windowRowsMax,
            maxAttempts: 1000,
            // A plain try that hangs is ended after ten minutes, and the next may hang too.
            patienceMs: 1e9,
            bounds: { requestsPerMinute: rpm },
          },
          untilMs: 48 * 3_600_000,
        })
        nested += server.read > 0 ? 1 : 0
        expect(most).toBeLessThanOrEqual(1)
        expect(history.settled.size).toBe(rows.length)
        expect(succeeded(history)).toBe(rows.length)
      }),
      { numRuns: 300 },
    )
    // The property says nothing of runs in which nobody ever reads.
    expect(nested).toBeGreaterThan(20)
  })
})
