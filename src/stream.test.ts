import { assert, asyncProperty, constantFrom, integer, oneof, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { drain, request, requests, StreamWorld } from '../test/stream-world.ts'
import { bounds } from './bounds.ts'
import { RunError } from './errors.ts'
import type { RequestInput, RunSummary } from './index.ts'
import { run } from './run.ts'
import { stream } from './stream.ts'

const apiKey = 'sk-ant-stream'
/** Where an unbounded reader is stopped, so that its test fails instead of hanging. */
const tooMany = 20_000

describe('stream()', () => {
  test('gives one result for every request, with the very metadata', async () => {
    const world = new StreamWorld()
    const given = requests(20)
    const results = stream(given, { apiKey }, {}, world.context)
    const { results: got, thrown } = await world.until(drain(results))
    expect(thrown).toBeUndefined()
    expect(got.map(({ run }) => run.line).toSorted((a, b) => a - b)).toEqual(
      given.map((_, index) => index + 1),
    )
    for (const { custom_id, metadata, result, run } of got) {
      expect(custom_id).toBe(`line-${run.line}`)
      expect(metadata).toBe(given[run.line - 1]?.metadata)
      expect(result).toMatchObject({ type: 'succeeded', message: { role: 'assistant' } })
    }
    expect(await results.summary).toMatchObject({
      exitCode: 0,
      stopped: null,
      rows: { selected: 20, succeeded: 20, failed: 0, left: 0 },
    })
  })

  test('says of a request what run() writes into the files', async () => {
    const given = [
      { custom_id: 'a', ...request(1) },
      { custom_id: 'b', params: request(2), metadata: ['mine'] },
      { custom_id: 'a', ...request(3) },
      { ...request(4), max_tokens: 0.5 },
    ]
    const streamed = new StreamWorld()
    const results = stream(given, { apiKey }, {}, streamed.context)
    const { results: got } = await streamed.until(drain(results))

    const ran = new StreamWorld()
    const text = given.map((each) => `${JSON.stringify(each)}\n`).join('')
    ran.files.put('/in.jsonl', Buffer.from(text))
    await ran.until(run({ input: '/in.jsonl', output: '/out.jsonl', apiKey }, {}, ran.context))
    const lines = ['/out.jsonl', '/out.failed.jsonl'].flatMap((path) =>
      Buffer.from(ran.files.bytes(path))
        .toString()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
    )
    const comparable = (each: { run: object; result: { type: string } }) => {
      const { params: _params, raw: _raw, result, ...rest } = { params: 0, raw: 0, ...each }
      return {
        ...rest,
        result: result.type === 'errored' ? result : { ...result, message: 0 },
        run: { ...rest.run, latency_ms: 0, request_id: '', cost_usd: 0 },
      }
    }
    const byLine = (a: { run: object }, b: { run: object }): number =>
      Number(Reflect.get(a.run, 'line')) - Number(Reflect.get(b.run, 'line'))
    expect(got.map(comparable).toSorted(byLine)).toEqual(lines.map(comparable).toSorted(byLine))
  })

  test('writes no file', async () => {
    const world = new StreamWorld()
    await world.until(drain(stream(requests(3), { apiKey }, {}, world.context)))
    expect(world.files.paths()).toEqual([])
  })

  test('gives an errored result for what is no request, and goes on', async () => {
    const world = new StreamWorld()
    const circle: Record<string, unknown> = { custom_id: 'circle' }
    circle['self'] = circle
    const bad = [
      undefined,
      null,
      5,
      circle,
      { ...request(0), metadata: 1n },
      { ...request(1), max_tokens: -1 },
    ]
    const given = [...bad, { custom_id: 'ok', ...request(2) }, { custom_id: 'ok', ...request(3) }]
    const results = stream(given as RequestInput[], { apiKey }, {}, world.context)
    const { results: got, thrown } = await world.until(drain(results))
    expect(thrown).toBeUndefined()
    const said = new Map(
      got.map(({ run, custom_id, result }) => [
        run.line,
        result.type === 'errored' ? `${custom_id}: ${result.error.error.message}` : custom_id,
      ]),
    )
    expect([...said].toSorted(([a], [b]) => a - b).map(([, text]) => text)).toEqual([
      'line-1: the request cannot be written as JSON: it is undefined',
      'line-2: the line must be a JSON object, got null',
      'line-3: the line must be a JSON object, got 5',
      'circle: the request cannot be written as JSON: Converting circular structure to JSON',
      'line-5: the request cannot be written as JSON: Do not know how to serialize a BigInt',
      'line-6: "max_tokens" must be 0 or more, got -1',
      'ok',
      'ok: "custom_id" "ok" is that of line 7 already; ids must differ',
    ])
    expect(got.find(({ run }) => run.line === 5)?.metadata).toBe(1n)
    expect((await results.summary).rows).toEqual({ selected: 8, succeeded: 1, failed: 7, left: 0 })
  })

  test('gives an errored result for what the API refuses and for used up tries', async () => {
    const refused = { ...request(0), temperature: 7 }
    const world = new StreamWorld({ faults: { 'server-error': 1 } })
    const options = { apiKey, maxAttempts: 2 }
    const results = stream([refused, request(1)], options, {}, world.context)
    const { results: got } = await world.until(drain(results))
    expect(got.map(({ result, run }) => [run.line, result.type, run.attempts])).toEqual(
      expect.arrayContaining([[2, 'errored', 2]]),
    )
    expect(got).toHaveLength(2)
    for (const { run } of got) expect(run.line === 1 || run.attempts === 2).toBe(true)
  })

  test('tells observers what run() tells them', async () => {
    const world = new StreamWorld()
    const hooks = { observers: [world.observe] }
    await world.until(drain(stream(requests(3), { apiKey }, hooks, world.context)))
    expect(world.events[0]).toMatchObject({ type: 'run_started', input: '-', inputBytes: null })
    expect(world.count('row_succeeded')).toBe(3)
    expect(world.count('input_ended')).toBe(1)
  })

  test('ends at once when there is nothing to ask', async () => {
    const world = new StreamWorld()
    const results = stream([], { apiKey }, {}, world.context)
    expect(await world.until(drain(results))).toEqual({ results: [] })
    expect((await results.summary).rows.selected).toBe(0)
    expect(await results.next()).toEqual({ done: true, value: undefined })
  })

  test('serves several takers at once', async () => {
    const world = new StreamWorld()
    const results = stream(requests(2), { apiKey }, {}, world.context)
    const taken = [results.next(), results.next(), results.next(), results.next()]
    const got = await world.until(Promise.all(taken))
    expect(got.map(({ done }) => done)).toEqual([false, false, true, true])
    expect(new Set(got.map(({ value }) => value?.run.line))).toEqual(new Set([1, 2, undefined]))
  })
})

describe('stream() pushes back', () => {
  test('starts nothing while too much is unread, for however long, and then goes on', async () => {
    const world = new StreamWorld()
    const hooks = { observers: [world.observe] }
    const options = { apiKey, maxConcurrency: 50, patienceMs: 60_000 }
    const results = stream(requests(3000), options, hooks, world.context)
    await world.pass(3600_000)
    const unread = world.count('row_succeeded')
    expect(unread).toBeGreaterThanOrEqual(bounds.unreadResultsMax)
    expect(unread).toBeLessThanOrEqual(bounds.unreadResultsMax + options.maxConcurrency)
    expect(world.inFlight).toBe(0)
    const bindings = world.events.filter(({ type }) => type === 'binding_changed')
    expect(bindings.at(-1)).toMatchObject({ binds: 'results' })

    for (let taken = 0; taken < unread - bounds.unreadResultsMax / 2 - 1; taken++) {
      await results.next()
    }
    await world.pass(60_000)
    expect(world.count('row_succeeded'), 'half of it waits still').toBe(unread)
    await results.next()
    await world.pass(60_000)
    expect(world.count('row_succeeded')).toBeGreaterThan(unread)
    const { results: rest, thrown } = await world.until(drain(results))
    expect(thrown).toBeUndefined()
    expect(rest).toHaveLength(3000 - (unread - bounds.unreadResultsMax / 2))
  })

  test('reads no more of what fails unasked than may wait', async () => {
    const world = new StreamWorld()
    let pulled = 0
    function* nonsense(): Generator<RequestInput> {
      while (pulled < tooMany) {
        pulled += 1
        yield { max_tokens: 1, messages: [] }
      }
    }
    const results = stream(nonsense(), { apiKey }, {}, world.context)
    await world.pass(1000)
    expect(pulled).toBeLessThanOrEqual(bounds.unreadResultsMax + 1)
    await world.until(results.return())
  })

  test('pulls no more than the window has room for', async () => {
    const world = new StreamWorld({ latencyMs: 30_000 })
    let pulled = 0
    function* endless(): Generator<RequestInput> {
      while (pulled < tooMany) yield request(pulled++)
    }
    const options = { apiKey, maxConcurrency: 10 }
    const results = stream(endless(), options, {}, world.context)
    await world.pass(20_000)
    expect(world.sentAt.length).toBeGreaterThan(0)
    expect(pulled).toBeGreaterThan(bounds.windowRowsMax)
    expect(pulled).toBeLessThanOrEqual(bounds.windowRowsMax + world.sentAt.length + 1)
    await world.until(results.return())
  })

  test('waits for nothing else when the next request hangs on a result', async () => {
    const world = new StreamWorld()
    let taken = 0
    let wake = (): void => {}
    async function* oneByOne(): AsyncGenerator<RequestInput> {
      for (let number = 0; number < 5; number++) {
        yield request(number)
        const isTaken = (): boolean => taken > number
        while (!isTaken()) await new Promise<void>((resolve) => (wake = resolve))
      }
    }
    const results = stream(oneByOne(), { apiKey }, {}, world.context)
    const consume = async (): Promise<number> => {
      for await (const { result } of results) {
        expect(result.type).toBe('succeeded')
        taken += 1
        wake()
      }
      return taken
    }
    expect(await world.until(consume())).toBe(5)
  })

  test('lets a producer look at the stream it feeds', async () => {
    const world = new StreamWorld()
    function* produce(): Generator<RequestInput> {
      expect(results.summary).toBeInstanceOf(Promise)
      yield request(1)
    }
    const results = stream(produce(), { apiKey }, {}, world.context)
    expect((await world.until(drain(results))).results).toHaveLength(1)
  })

  test('knows its summary before anybody takes a result, and keeps them', async () => {
    const world = new StreamWorld()
    const results = stream(requests(10), { apiKey }, {}, world.context)
    expect((await world.until(results.summary)).rows.succeeded).toBe(10)
    expect((await drain(results)).results).toHaveLength(10)
  })

  test('is quiet once all is done, though results are taken later', async () => {
    const world = new StreamWorld()
    const hooks = { observers: [world.observe] }
    const count = bounds.unreadResultsMax + 20
    const options = { apiKey, maxConcurrency: 500 }
    const results = stream(requests(count), options, hooks, world.context)
    await world.until(results.summary)
    const { length } = world.events
    expect((await drain(results)).results).toHaveLength(count)
    expect(world.events).toHaveLength(length)
  })

  test('every request has one result, whoever is slow', async () => {
    const speeds = record({
      count: oneof(integer({ min: 0, max: 60 }), integer({ min: 1000, max: 2500 })),
      producerMs: constantFrom(0, 0, 3, 400),
      consumerMs: constantFrom(0, 0, 2, 90),
      consumerStartsMs: constantFrom(0, 0, 5000, 2_000_000),
      maxConcurrency: constantFrom(1, 20, 400),
      latencyMs: constantFrom(0, 50, 2000),
      invalidEvery: constantFrom(3, 10_000),
      faults: constantFrom({}, { overloaded: 0.03, 'reset-after': 0.02, cut: 0.02 }),
    })
    await assert(
      asyncProperty(speeds, async (drawn) => {
        // One at a time, slowly, a thousand rows would only take their time.
        const count = drawn.maxConcurrency === 1 ? Math.min(drawn.count, 60) : drawn.count
        const world = new StreamWorld({ latencyMs: drawn.latencyMs, faults: drawn.faults })
        let [pulled, settled, taken, unreadMost, aheadMost] = [0, 0, 0, 0, 0]
        async function* produce(): AsyncGenerator<RequestInput> {
          for (; pulled < count;) {
            if (drawn.producerMs > 0 && pulled % 20 === 0) await world.wait(drawn.producerMs)
            const number = pulled++
            aheadMost = Math.max(aheadMost, pulled - world.sentAt.length - settled)
            yield number % drawn.invalidEvery === 2
              ? { ...request(number), max_tokens: -1 }
              : request(number)
          }
        }
        const observe = ({ type }: { type: string }): void => {
          if (type === 'row_succeeded' || type === 'row_failed') settled += 1
          unreadMost = Math.max(unreadMost, settled - taken)
        }
        const options = { apiKey, maxConcurrency: drawn.maxConcurrency, maxAttempts: 50 }
        const results = stream(produce(), options, { observers: [observe] }, world.context)
        const lines: number[] = []
        const consume = async (): Promise<void> => {
          if (drawn.consumerStartsMs > 0) await world.wait(drawn.consumerStartsMs)
          for await (const { run } of results) {
            taken += 1
            lines.push(run.line)
            if (drawn.consumerMs > 0 && taken % 10 === 0) await world.wait(drawn.consumerMs)
          }
        }
        await world.until(consume())
        const all = Array.from({ length: count }, (_, index) => index + 1)
        expect(lines.toSorted((a, b) => a - b)).toEqual(all)
        expect((await results.summary).rows).toMatchObject({ selected: count, left: 0 })
        expect(unreadMost).toBeLessThanOrEqual(bounds.unreadResultsMax + drawn.maxConcurrency + 1)
        expect(aheadMost).toBeLessThanOrEqual(bounds.windowRowsMax + 1)
      }),
      { numRuns: 20 },
    )
  })
})

describe('stream() stops', () => {
  test('when the producer throws: what was under way comes first', async () => {
    const world = new StreamWorld()
    const error = new Error('boom', { cause: 'a cause' })
    async function* failing(): AsyncGenerator<RequestInput> {
      yield* requests(5)
      await world.wait(300)
      throw error
    }
    const hooks = { observers: [world.observe] }
    const results = stream(failing(), { apiKey }, hooks, world.context)
    const { results: got, thrown } = await world.until(drain(results))
    expect(thrown).toBe(error)
    expect(world.count('input_ended'), 'it did not end').toBe(0)
    expect(got.length).toBeGreaterThan(0)
    const { rows, stopped } = await results.summary
    expect(stopped).toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringMatching('boom'),
    })
    expect(rows).toMatchObject({ selected: 5, succeeded: got.length, left: 5 - got.length })
    expect(await results.next()).toEqual({ done: true, value: undefined })
  })

  test('when the producer throws at once', async () => {
    const world = new StreamWorld()
    const failing: Iterable<RequestInput> = {
      [Symbol.iterator]: () => ({
        next: () => {
          throw new RangeError('none')
        },
      }),
    }
    const results = stream(failing, { apiKey }, {}, world.context)
    expect(await world.until(drain(results))).toEqual({
      results: [],
      thrown: new RangeError('none'),
    })
    expect((await results.summary).rows.selected).toBe(0)
  })

  test('when the producer throws, and waits no longer than the grace', async () => {
    const world = new StreamWorld({ latencyMs: 200_000 })
    async function* failing(): AsyncGenerator<RequestInput> {
      yield request(1)
      await world.wait(100)
      throw new Error('boom')
    }
    const startedAt = world.clock.now()
    const results = stream(failing(), { apiKey, graceMs: 7000 }, {}, world.context)
    const { results: got, thrown } = await world.until(drain(results))
    expect(got).toEqual([])
    expect(thrown).toEqual(new Error('boom'))
    expect(world.clock.now() - startedAt).toBeCloseTo(7100, -2)
    expect((await results.summary).rows).toMatchObject({ selected: 1, left: 1 })
  })

  test('when aborted: starts nothing more, gives what arrives, throws the reason', async () => {
    const world = new StreamWorld({ latencyMs: 2000 })
    const stop = new AbortController()
    const reason = new Error('enough')
    const options = { apiKey, maxConcurrency: 7 }
    const results = stream(requests(50), options, { signal: stop.signal }, world.context)
    const draining = drain(results)
    await world.pass(9000)
    const sent = world.sentAt.length
    const { inFlight } = world
    expect(inFlight).toBeGreaterThan(0)
    stop.abort(reason)
    const { results: got, thrown } = await world.until(draining)
    expect(thrown).toBe(reason)
    expect(world.sentAt).toHaveLength(sent)
    expect(got, 'what was under way is not lost').toHaveLength(sent)
    const { rows, stopped } = await results.summary
    expect(stopped?.code).toBe('INTERRUPTED')
    expect(rows).toEqual({ selected: 50, succeeded: sent, failed: 0, left: 50 - sent })
  })

  test('when aborted, after the grace, whatever hangs', async () => {
    const world = new StreamWorld({ faults: { 'hang-head': 1 } })
    const stop = new AbortController()
    const options = { apiKey, graceMs: 5000 }
    const results = stream(requests(5), options, { signal: stop.signal }, world.context)
    const draining = drain(results)
    await world.pass(1000)
    const abortedAt = world.clock.now()
    stop.abort()
    const { results: got, thrown } = await world.until(draining)
    expect(got).toEqual([])
    expect(thrown).toMatchObject({ name: 'AbortError' })
    expect(world.clock.now() - abortedAt).toBe(5000)
    expect((await results.summary).snapshot.possiblyBilledTwice.rows).toBe(world.sentAt.length)
  })

  test('before it starts, with a signal that is aborted already', async () => {
    const world = new StreamWorld()
    const startedAt = world.clock.now()
    const signal = AbortSignal.abort('no')
    const results = stream(requests(5), { apiKey }, { signal }, world.context)
    expect(await world.until(drain(results))).toEqual({ results: [], thrown: 'no' })
    expect(world.sentAt).toEqual([])
    expect(world.clock.now()).toBe(startedAt)
  })

  test('when aborted while held: what waits is given first', async () => {
    const world = new StreamWorld()
    const stop = new AbortController()
    const options = { apiKey, maxConcurrency: 100 }
    const results = stream(requests(2000), options, { signal: stop.signal }, world.context)
    await world.pass(600_000)
    stop.abort('now')
    const { results: got, thrown } = await world.until(drain(results))
    expect(thrown).toBe('now')
    expect(got.length).toBeGreaterThanOrEqual(bounds.unreadResultsMax)
    expect((await results.summary).rows).toMatchObject({ left: 2000 - got.length })
  })

  test('in the turn in which it began: nothing was asked', async () => {
    const world = new StreamWorld()
    let pulled = 0
    function* produce(): Generator<RequestInput> {
      yield request(pulled++)
    }
    const results = stream(produce(), { apiKey }, {}, world.context)
    await world.until(results.return())
    expect(pulled).toBe(0)
    expect((await results.summary).rows.selected).toBe(0)
  })

  test('not at all, when all was done before the abort', async () => {
    const world = new StreamWorld()
    const stop = new AbortController()
    const results = stream(requests(5), { apiKey }, { signal: stop.signal }, world.context)
    await world.until(results.summary)
    stop.abort()
    expect(await drain(results)).toMatchObject({ results: { length: 5 } })
  })

  test('at a break: ends what is under way at once, and lets the producer clean up', async () => {
    const world = new StreamWorld()
    let returned = 0
    function* produce(): Generator<RequestInput> {
      try {
        for (let number = 0; ; number++) yield request(number)
      } finally {
        returned += 1
      }
    }
    const hooks = { observers: [world.observe] }
    const results = stream(produce(), { apiKey, maxConcurrency: 5 }, hooks, world.context)
    let brokeAt = 0
    const consume = async (): Promise<void> => {
      for await (const { result } of results) {
        expect(result.type).toBe('succeeded')
        if (++brokeAt < 8) continue
        brokeAt = world.clock.now()
        break
      }
    }
    await world.until(consume())
    expect(world.clock.now(), 'nothing was waited for').toBe(brokeAt)
    expect(returned).toBe(1)
    expect(world.inFlight).toBe(0)
    const { rows, stopped } = await results.summary
    expect(stopped?.code).toBe('INTERRUPTED')
    expect(rows.selected).toBe(rows.succeeded + rows.left)
    expect(await results.next()).toEqual({ done: true, value: undefined })
    const { length } = world.events
    await results.return()
    expect(world.events, 'a second time does nothing').toHaveLength(length)
  })

  test('at a break, though the producer waits for ever', async () => {
    const world = new StreamWorld()
    async function* produce(): AsyncGenerator<RequestInput> {
      yield request(1)
      await new Promise(() => {})
    }
    const results = stream(produce(), { apiKey }, {}, world.context)
    const consume = async (): Promise<void> => {
      for await (const { run } of results) if (run.line === 1) break
    }
    await world.until(consume())
    expect((await results.summary).rows).toMatchObject({ selected: 1, succeeded: 1 })
  })

  test('when it is disposed of, never having been read', async () => {
    const world = new StreamWorld()
    const act = async (): Promise<readonly [Promise<RunSummary>]> => {
      await using results = stream(requests(2000), { apiKey }, {}, world.context)
      await world.wait(500_000)
      return [results.summary]
    }
    const [summary] = await world.until(act())
    const { rows } = await summary
    expect(rows.succeeded).toBeGreaterThanOrEqual(bounds.unreadResultsMax)
    expect(rows).toEqual({ ...rows, selected: 2000, failed: 0, left: 2000 - rows.succeeded })
  })

  test('as the key is refused: rows never asked are left', async () => {
    const world = new StreamWorld({ keys: ['another'] })
    const results = stream(requests(10), { apiKey }, {}, world.context)
    const { results: got, thrown } = await world.until(drain(results))
    expect(got).toEqual([])
    expect(thrown).toBeInstanceOf(RunError)
    expect(thrown).toMatchObject({ code: 'KEY_REFUSED' })
    expect(await results.summary).toMatchObject({
      exitCode: 3,
      stopped: { code: 'KEY_REFUSED' },
      rows: { selected: 10, succeeded: 0, failed: 0, left: 10 },
    })
  })

  test('as nothing is answered for so long', async () => {
    const world = new StreamWorld({ faults: { overloaded: 1 } })
    const results = stream(requests(5), { apiKey, patienceMs: 90_000 }, {}, world.context)
    const { results: got, thrown } = await world.until(drain(results))
    expect(thrown).toMatchObject({ code: 'PATIENCE_EXHAUSTED' })
    expect((await results.summary).rows.left + got.length).toBe(5)
  })

  test('at the end, as a model is gone: the others have their results', async () => {
    const world = new StreamWorld()
    const given = [{ ...request(0), model: 'claude-none' }, ...requests(4)]
    const results = stream(given, { apiKey }, {}, world.context)
    const { results: got, thrown } = await world.until(drain(results))
    expect(got.map(({ run }) => run.line).toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5])
    expect(thrown).toMatchObject({ code: 'MODEL_NOT_FOUND' })
  })

  test('for a bug of ours, with nothing left unhandled', async () => {
    const world = new StreamWorld()
    const bug = new Error('a bug')
    const transport = {
      send: () => {
        throw bug
      },
      close: () => Promise.resolve(),
    }
    const context = { ...world.context, transport: () => transport }
    const results = stream(requests(1), { apiKey }, {}, context)
    expect(await world.until(drain(results))).toEqual({ results: [], thrown: bug })
    await expect(results.summary).rejects.toBe(bug)
  })
})
