/**
 * The prompt cache, judged by the server's books: who wrote what, and who read it. Each prefix is
 * written once, however its first row fares, and nobody waits for what does not come.
 */

import { describe, expect, test } from 'vitest'
import type { RunOptions } from '../../src/settings.ts'
import type { FaultName, SimulatorOptions } from '../../src/simulator/index.ts'
import type { RunSummary } from '../../src/summary.ts'
import { CacheModel, type Documents, documentRows } from './cache-books.ts'
import type { Life } from './life.ts'
import { counts, SmallWorld } from './small-world.ts'

const sixByTwelve = { documents: 6, rows: 12 }
const all = sixByTwelve.documents * sixByTwelve.rows

/** A limit on input tokens at which the rows take minutes if each pays for its document. */
const limited = { requestsPerMinute: 300, inputTokensPerMinute: 60_000 }
const unbound = { requestsPerMinute: 10_000, inputTokensPerMinute: 100_000_000 }

interface Asked {
  readonly world: SmallWorld
  readonly model: CacheModel
  readonly life: Life
  readonly summary: RunSummary
  readonly tookMs: number
}

async function ask(
  documents: Documents,
  options: Partial<RunOptions>,
  server: SimulatorOptions = {},
  firstFault?: FaultName,
): Promise<Asked> {
  const model = new CacheModel({ ...limited, ...server }, firstFault)
  const world = new SmallWorld(documentRows(documents), model)
  const { life, summary } = await world.live(options)
  return { world, model, life, summary, tookMs: world.clock.now() }
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

const modes = [
  { cache: 'marked', isMarked: true },
  { cache: 'auto', isMarked: false },
  { cache: 'auto', isMarked: true },
] as const

describe.each(modes)('--cache $cache, rows with marks: $isMarked', ({ cache, isMarked }) => {
  test('each prefix is written once', async () => {
    const { model, summary } = await ask({ ...sixByTwelve, isMarked }, { cache })
    expect(counts(summary)).toEqual([all, 0, 0])
    expect(Object.values(model.writes)).toEqual([1, 1, 1, 1, 1, 1])
    const plain = model.bills.filter(({ written, read }) => written + read === 0)
    // Found while rows come: the first of a prefix may be asked before it is known to be shared.
    expect(plain.length).toBeLessThanOrEqual(isMarked ? 0 : sixByTwelve.documents)
    expect(summary.snapshot.tokens.cacheRead).toBe(total(model.bills.map(({ read }) => read)))
  })

  test.each<FaultName>([
    'rate-limit',
    'overloaded',
    'reset-before',
    'server-error',
    'gateway-timeout',
    'reset-after',
    'cut',
    'stream-error',
    'invalid-json',
    'hang-head',
    'hang-body',
    'slow-first-byte',
  ])('the first row of each prefix meets %s', async (fault) => {
    const { model, summary } = await ask({ ...sixByTwelve, isMarked }, { cache }, {}, fault)
    expect(counts(summary)).toEqual([all, 0, 0])
    expect(Object.keys(model.writes)).toHaveLength(sixByTwelve.documents)
    expect(Math.max(...Object.values(model.writes))).toBeLessThanOrEqual(2)
  })

  test.each([
    [20, 1000],
    [5, 1000],
    [20, 6000],
    [60, 6000],
  ])('entries of 8 s, %i requests a minute, answers in %i ms', async (perMinute, latencyMs) => {
    const server = { cacheLifeSeconds: 8, requestsPerMinute: perMinute, latencyMs }
    const { model, summary } = await ask({ ...sixByTwelve, isMarked }, { cache }, server)
    expect(counts(summary)).toEqual([all, 0, 0])
    const lastUse = new Map<string, number>()
    const early: unknown[] = []
    for (const { document, at, written, read } of model.bills) {
      const sinceMs = at - (lastUse.get(document) ?? -Infinity)
      if (written > 0 && sinceMs < 8000) early.push([document, at, sinceMs])
      if (written + read > 0) lastUse.set(document, at)
    }
    // Nobody wrote what was there, or was just being written.
    expect(early).toEqual([])
  })

  test('a machine that sleeps past their life: one of each writes anew', async () => {
    const model = new CacheModel({ ...limited, requestsPerMinute: 20 })
    const world = new SmallWorld(documentRows({ ...sixByTwelve, isMarked }), model)
    world.clock.after(60_000, () => world.clock.sleep(600_000))
    const { summary } = await world.live({ cache })
    expect(counts(summary)).toEqual([all, 0, 0])
    // As it wakes a minute's requests may start at once, and what was warm is gone.
    expect(Math.max(...Object.values(model.writes))).toBe(2)
    expect(total(model.bills.map(({ read }) => read && 1))).toBeGreaterThan(all - 15)
  })

  test('a server that keeps nothing takes hardly longer', async () => {
    const documents = { ...sixByTwelve, isMarked }
    const own = await ask(documents, { cache }, { cache: false })
    const off = await ask(documents, { cache: 'off' }, { cache: false })
    expect(counts(own.summary)).toEqual([all, 0, 0])
    expect(total(own.model.bills.map(({ written, read }) => written + read))).toBe(0)
    expect(own.tookMs / off.tookMs).toBeLessThan(1.1)
  })

  test('documents behind what all begin with', async () => {
    const { model, summary } = await ask({ ...sixByTwelve, isMarked, rootWords: 1200 }, { cache })
    expect(counts(summary)).toEqual([all, 0, 0])
    expect(Object.values(model.writes)).toEqual([1, 1, 1, 1, 1, 1])
    // Who writes a document reads what all begin with, but for the first, who writes that too.
    const writers = model.bills.filter(({ written }) => written > 0)
    expect(writers.map(({ read }) => read > 1000)).toEqual([false, ...Array(5).fill(true)])
    expect(writers.map(({ written }) => written > 2000)).toEqual([true, ...Array(5).fill(false)])
  })

  test.each([10_000, 400])('rows that come one by one, %i ms apart', async (apartMs) => {
    const rows = documentRows({ documents: 2, rows: 10, isMarked })
    const model = new CacheModel(limited)
    const world = new SmallWorld([], model)
    async function* input(): AsyncGenerator<Uint8Array> {
      for (const row of rows) {
        await new Promise<void>((resolve) => void world.clock.after(apartMs, resolve))
        yield Buffer.from(`${JSON.stringify(row)}\n`)
      }
    }
    const { life, summary } = await world.live({ cache, input: input() })
    expect(counts(summary)).toEqual([20, 0, 0])
    // At most for a first byte of one who was there before, never for what may come.
    const late = rows.map((row, place) => {
      const { messages } = row as { readonly messages: readonly [{ readonly content: string }] }
      const sent = life.witness.sends.find(({ body }) => body.includes(`"${messages[0].content}"`))
      return (sent?.at ?? Infinity) - (place + 1) * apartMs
    })
    expect(Math.max(...late)).toBeLessThan(apartMs > 5000 ? 20 : 2000)
  })

  test('one at a time', async () => {
    const { model, summary } = await ask({ ...sixByTwelve, isMarked }, { cache, maxConcurrency: 1 })
    expect(counts(summary)).toEqual([all, 0, 0])
    expect(Object.values(model.writes)).toEqual([1, 1, 1, 1, 1, 1])
  })

  test('a run that was killed goes on, and reads what it wrote before', async () => {
    const model = new CacheModel(limited)
    const world = new SmallWorld(documentRows({ ...sixByTwelve, isMarked }), model)
    await world.try({ cache }, { kind: 'kill', afterMs: 6000, midWrite: false })
    const before = { ...model.writes }
    const { life, summary } = await world.live({ cache })
    expect(summary.rows.succeeded).toBe(all)
    expect(Math.max(...Object.values(model.writes))).toBeLessThanOrEqual(1)
    expect(Object.keys(before).length).toBeGreaterThan(0)
    const { succeeded, heldSucceeded } = summary.snapshot.rows
    expect([heldSucceeded > 0, succeeded + heldSucceeded]).toEqual([true, all])
    expect(life.witness.sends).toHaveLength(succeeded)
  })
})

describe('bodies', () => {
  test('`strip` takes all marks out', async () => {
    const { model, life } = await ask(sixByTwelve, { cache: 'strip' })
    expect(life.witness.sends.filter(({ body }) => body.includes('cache_control'))).toEqual([])
    expect(total(model.bills.map(({ written, read }) => written + read))).toBe(0)
  })

  test('`off` sends what is given', async () => {
    const { life } = await ask(sixByTwelve, { cache: 'off' })
    const given = documentRows(sixByTwelve).map((row) => JSON.stringify(row))
    const sent = life.witness.sends.map(({ body }) => body.replace(',"stream":true', ''))
    expect(sent.toSorted()).toEqual(given.toSorted())
    // What is sent together misses together: nobody waits.
    const { model } = await ask(sixByTwelve, { cache: 'off' }, unbound)
    expect(total(Object.values(model.writes))).toBeGreaterThan(2 * sixByTwelve.documents)
  })
})
