/**
 * Prompt caching as the prompt caching page has it (read 2026-08-22), on the model as a whole: who
 * reads, who pays the write, and for how long. First bytes come 300 ms after a start.
 */

import * as fc from 'fast-check'
import { assert, describe, expect, test } from 'vitest'

import { SimulatorModel } from './model.ts'
import type { FaultName, SimulatorOptions } from './options.ts'
import type { Step, WireRequest } from './wire.ts'

// 2026-11-22T10:00:00Z.
const wallAtZero = (20_779 * 24 + 10) * 3_600_000

const steady = {
  latencyMs: 1000,
  latencySigma: 0,
  firstByteShare: 0.3,
  requestsPerMinute: null,
  inputTokensPerMinute: null,
  outputTokensPerMinute: null,
}

const mark = { cache_control: { type: 'ephemeral' } }
const hourMark = { cache_control: { type: 'ephemeral', ttl: '1h' } }

/** A text of so many tokens of the older tokenizer. */
const words = (count: number, word: string = 'gate'): string => `${word} `.repeat(count)

function text(content: string, members: object = {}): object {
  return { type: 'text', text: content, ...members }
}

/** Sonnet 4.6: the older tokenizer, and prefixes from 1,024 tokens on. */
function wire(members: object, headers: Record<string, string> = {}): WireRequest {
  const body = {
    model: 'claude-sonnet-4-6',
    max_tokens: 1024,
    messages: [{ role: 'user', content: 'How deep?' }],
    ...members,
  }
  return {
    method: 'POST',
    path: '/v1/messages',
    headers: { 'x-api-key': 'sk-ant-test', 'anthropic-version': '2023-06-01', ...headers },
    body: new TextEncoder().encode(JSON.stringify(body)),
  }
}

/** The frame of a message, two words with a mark, and the frame of the request. */
const question = 4 + 3 + 7

const shared = { system: [text(words(2000), mark)] }

interface Usage {
  readonly read: number
  readonly write5m: number
  readonly write1h: number
  readonly input: number
}

interface Sent {
  readonly at: number
  readonly wire: WireRequest
}

/** Sends every request at its instant, does every step at its own, and gives the answers' texts. */
function play(model: SimulatorModel, sent: readonly Sent[]): readonly string[] {
  const texts = sent.map(() => '')
  const due: { at: number; run: () => Step; index: number }[] = sent.map((each, index) => ({
    at: each.at,
    index,
    run: () => {
      const { id, step } = model.receive(each.at, wallAtZero + each.at, each.wire)
      ids[index] = id
      return step
    },
  }))
  const ids: number[] = []
  for (;;) {
    // Of one instant, what was sent first goes first.
    due.sort((left, right) => left.at - right.at || left.index - right.index)
    const next = due.shift()
    if (next === undefined) return texts
    const step = next.run()
    for (const action of step.actions) {
      if (action.type === 'data') texts[next.index] += new TextDecoder().decode(action.bytes)
    }
    const { nextAt } = step
    if (nextAt === undefined) continue
    const id = ids[next.index] ?? 0
    due.push({ ...next, at: nextAt, run: () => model.advance(nextAt, wallAtZero + nextAt, id) })
  }
}

function usageOf(answer: string): Usage {
  const { usage } = JSON.parse(answer)
  const { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h } =
    usage.cache_creation
  expect(usage.cache_creation_input_tokens).toBe(write5m + write1h)
  return { read: usage.cache_read_input_tokens, write5m, write1h, input: usage.input_tokens }
}

/** The usage of every request of a run. */
function usages(sent: readonly Sent[], options: SimulatorOptions = {}): readonly Usage[] {
  return play(new SimulatorModel({ ...steady, ...options }), sent).map(usageOf)
}

const wrote = { read: 0, write5m: 2000, write1h: 0, input: question }
const read = { read: 2000, write5m: 0, write1h: 0, input: question }
const uncached = { read: 0, write5m: 0, write1h: 0, input: 2000 + question }

describe('an entry', () => {
  test.each([
    ['sent together', 0, wrote],
    ['sent just before the first byte', 299, wrote],
    ['sent once the answer has begun', 300, read],
    ['sent after the answer', 1001, read],
  ])('is read by a twin only after its writer’s first byte: %s', (_name, at, twin) => {
    expect(usages([0, at].map((start) => ({ at: start, wire: wire(shared) })))).toEqual([
      wrote,
      twin,
    ])
  })

  test('can be read while its writer streams, from the first byte on', () => {
    const sent = [
      { at: 0, wire: wire({ ...shared, stream: true }) },
      { at: 301, wire: wire(shared) },
    ]
    const [, follower] = play(new SimulatorModel(steady), sent)
    expect(usageOf(follower ?? '')).toEqual(read)
  })

  test.each([
    ['5 minutes from its writer’s start', [0, 299_999], 300, read],
    ['and no longer', [0, 300_000], 300, wrote],
    ['5 minutes from the start of its last reader', [0, 200_000, 499_999], 300, read],
    ['and no longer, though that one’s answer came later', [0, 200_000, 500_000], 300, wrote],
    ['as long as it is told', [0, 7999], 8, read],
    ['and no longer than it is told', [0, 8000], 8, wrote],
  ])('lives %s', (_name, starts, cacheLifeSeconds, last) => {
    const sent = starts.map((at) => ({ at, wire: wire(shared) }))
    expect(usages(sent, { cacheLifeSeconds }).at(-1)).toEqual(last)
  })

  test.each([
    [3_599_999, { read: 2000, write5m: 0, write1h: 0, input: question }],
    [3_600_000, { read: 0, write5m: 0, write1h: 2000, input: question }],
  ])('of 1h is read at %d ms or written anew', (at, second) => {
    const hour = wire({ system: [text(words(2000), hourMark)] })
    const [first, last] = usages([0, at].map((start) => ({ at: start, wire: hour })))
    expect(first).toEqual({ read: 0, write5m: 0, write1h: 2000, input: question })
    expect(last).toEqual(second)
  })

  test('whose life ends before its writer’s first byte is never read', () => {
    const sent = [0, 3001].map((at) => ({ at, wire: wire(shared) }))
    expect(usages(sent, { latencyMs: 10_000, cacheLifeSeconds: 3 })).toEqual([wrote, wrote])
  })

  test('is not refreshed by a request that the limits refuse', () => {
    const model = new SimulatorModel({ ...steady, requestsPerMinute: 1, cacheLifeSeconds: 70 })
    const [, refused, last] = play(
      model,
      [0, 30_000, 70_000].map((at) => ({ at, wire: wire(shared) })),
    )
    expect(refused).toContain('rate_limit_error')
    expect(usageOf(last ?? '')).toEqual(wrote)
  })

  test('is of its model, its workspace and its speed alone', () => {
    const fast = { speed: 'fast', model: 'claude-opus-5-5' }
    const isRead = (writer: WireRequest, reader: WireRequest): boolean =>
      (usages([
        { at: 0, wire: writer },
        { at: 1000, wire: reader },
      ])[1]?.read ?? 0) > 0
    const here = { 'anthropic-workspace-id': 'wrkspc_1' }
    const there = { 'anthropic-workspace-id': 'wrkspc_2' }
    const other = wire({ ...shared, model: 'claude-sonnet-4-5' })
    expect(isRead(wire(shared), wire(shared))).toBe(true)
    expect(isRead(wire(shared), other)).toBe(false)
    expect(isRead(wire(shared, here), wire(shared, here))).toBe(true)
    expect(isRead(wire(shared, here), wire(shared, there))).toBe(false)
    expect(isRead(wire(shared, here), wire(shared))).toBe(false)
    expect(isRead(wire({ ...shared, ...fast }), wire({ ...shared, ...fast }))).toBe(true)
    expect(
      isRead(wire({ ...shared, ...fast, speed: 'standard' }), wire({ ...shared, ...fast })),
    ).toBe(false)
  })

  test.each<[FaultName, boolean]>([
    // Their answers never began, and are not billed.
    ['server-error', false],
    ['gateway-timeout', false],
    ['overloaded', false],
    // Work that began goes on, whoever hears of it.
    ['reset-after', true],
    ['cut', true],
    ['hang-head', true],
    ['hang-body', true],
    ['stream-error', true],
  ])('of a writer that meets %s is read: %s', (fault, isRead) => {
    const model = new SimulatorModel({ ...steady, faults: { [fault]: 1 } })
    play(model, [{ at: 0, wire: wire({ ...shared, stream: true }) }])
    model.setFaults({})
    const [answer] = play(model, [{ at: 2000, wire: wire(shared) }])
    expect(usageOf(answer ?? '')).toEqual(isRead ? read : wrote)
  })

  test('of a writer that was refused is read if the refusal was billed', () => {
    const seen = new Set<boolean>()
    for (let seed = 0; seed < 30; seed++) {
      const model = new SimulatorModel({ ...steady, seed, refusalRate: 1 })
      play(model, [{ at: 0, wire: wire(shared) }])
      const isBilled = model.totals.billedRequests === 1
      const [answer] = play(model, [{ at: 2000, wire: wire(shared) }])
      expect(usageOf(answer ?? '').read).toBe(isBilled ? 2000 : 0)
      seen.add(isBilled)
    }
    expect(seen).toEqual(new Set([true, false]))
  })

  test('of a writer whose client went away before the first byte is read', () => {
    const model = new SimulatorModel(steady)
    const { id } = model.receive(0, wallAtZero, wire(shared))
    model.disconnect(100, id)
    model.advance(300, wallAtZero, id)
    const [answer] = play(model, [{ at: 301, wire: wire(shared) }])
    expect(usageOf(answer ?? '')).toEqual(read)
  })
})

describe('a breakpoint', () => {
  /** Blocks of 100 tokens each, all different, the last one marked. */
  const blocks = (count: number): object => ({
    messages: [
      {
        role: 'user',
        content: Array.from({ length: count }, (_, index) =>
          text(words(100, `part${index}`), index === count - 1 ? mark : {}),
        ),
      },
    ],
  })

  test.each([
    [18, true],
    [19, true],
    [20, false],
    [40, false],
  ])('finds an entry %d blocks before its own: %s', (distance, isFound) => {
    const [first, second] = usages([
      { at: 0, wire: wire(blocks(20)) },
      { at: 1000, wire: wire(blocks(20 + distance)) },
    ])
    // Its own block is the first of 20 positions, so the 20th is 19 blocks before it.
    expect(second?.read).toBe(isFound ? first?.write5m : 0)
    expect(first?.write5m).toBeGreaterThan(2000)
  })

  test('looks from each of several places', () => {
    const long = blocks(50)
    assert('messages' in long && Array.isArray(long.messages))
    // A second mark 15 blocks after the entry, the last 30 after it.
    const content: object[] = long.messages[0].content.map((block: object, index: number) =>
      index === 34 ? { ...block, ...mark } : block,
    )
    const [first, second] = usages([
      { at: 0, wire: wire(blocks(20)) },
      { at: 1000, wire: wire({ messages: [{ role: 'user', content }] }) },
    ])
    expect(second?.read).toBe(first?.write5m)
  })

  test('is the only place that is written', () => {
    const unmarked = { messages: [{ role: 'user', content: [text(words(2000)), text('Brief?')] }] }
    const early = {
      messages: [{ role: 'user', content: [text(words(2000), mark), text('Brief?')] }],
    }
    const late = {
      messages: [{ role: 'user', content: [text(words(2000)), text('Brief?', mark)] }],
    }
    const [, , third] = usages([
      { at: 0, wire: wire(unmarked) },
      { at: 1000, wire: wire(late) },
      { at: 2000, wire: wire(early) },
    ])
    // The longer prefix was written, the shorter one inside it never.
    expect(third).toMatchObject({ read: 0, write5m: 2004 })
  })

  test('of the whole request stands on its last block, also where that is a string', () => {
    const automatic = { messages: [{ role: 'user', content: words(2000) }], ...mark }
    const [first, second] = usages([0, 1000].map((at) => ({ at, wire: wire(automatic) })))
    // All but the frame of the request.
    expect(first).toEqual({ read: 0, write5m: 2004, write1h: 0, input: 7 })
    expect(second).toEqual({ read: 2004, write5m: 0, write1h: 0, input: 7 })
  })

  test.each([
    ['claude-fable-5-1', 512, 1.3],
    ['claude-opus-5-5', 512, 1.3],
    ['claude-opus-5', 512, 1.3],
    ['claude-sonnet-5-5', 512, 1.3],
    ['claude-haiku-5-5', 512, 1.3],
    ['claude-opus-4-8', 1024, 1.3],
    ['claude-sonnet-5', 1024, 1.3],
    ['claude-sonnet-4-6', 1024, 1],
    ['claude-sonnet-4-5', 1024, 1],
    ['claude-opus-4-7', 2048, 1.3],
    ['claude-opus-4-6', 4096, 1],
    ['claude-opus-4-5', 4096, 1],
    ['claude-haiku-4-5', 4096, 1],
    ['some-other-model', 1024, 1],
  ])('of %s caches from %d tokens on, silently not below', (model, least, ratio) => {
    // The most words that make fewer tokens than that.
    const below = Math.ceil((least - 1) / ratio - 1e-9) - (ratio === 1 ? 0 : 1)
    const written = (count: number): Usage | undefined =>
      usages([{ at: 0, wire: wire({ model, system: [text(words(count), mark)] }) }], {
        models: 'any',
      })[0]
    expect(Math.ceil(below * ratio)).toBeLessThan(least)
    expect(Math.ceil((below + 1) * ratio)).toBeGreaterThanOrEqual(least)
    expect(written(below)).toMatchObject({ read: 0, write5m: 0, write1h: 0 })
    expect(written(below + 1)).toMatchObject({ write5m: Math.ceil((below + 1) * ratio) })
  })
})

describe('what is paid', () => {
  const layered = (questionText: string): object => ({
    system: [text(words(2000), hourMark)],
    messages: [{ role: 'user', content: [text(words(500, questionText), mark), text('Well?')] }],
  })

  test('with both lives: 1h up to its last breakpoint, 5m from there to the last', () => {
    const [cold, warm, other] = usages([
      { at: 0, wire: wire(layered('lock')) },
      { at: 1000, wire: wire(layered('lock')) },
      { at: 2000, wire: wire(layered('weir')) },
    ])
    // After the last breakpoint: two words and the request's frame.
    expect(cold).toEqual({ read: 0, write1h: 2000, write5m: 504, input: 2 + 7 })
    expect(warm).toEqual({ read: 2504, write1h: 0, write5m: 0, input: 2 + 7 })
    expect(other).toEqual({ read: 2000, write1h: 0, write5m: 504, input: 2 + 7 })
  })

  test('is in message_start and message_delta of a stream', () => {
    const streamed = wire({ ...shared, stream: true })
    const [, answer] = play(
      new SimulatorModel(steady),
      [0, 1000].map((at) => ({ at, wire: streamed })),
    )
    const events = [...(answer ?? '').matchAll(/^data: (.*)$/gm)].map(([, data]) =>
      JSON.parse(data ?? ''),
    )
    const figures = {
      input_tokens: question,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 2000,
    }
    expect(events[0].message.usage).toMatchObject(figures)
    expect(events.at(-2).usage).toMatchObject(figures)
  })

  test('adds up in the totals', () => {
    const model = new SimulatorModel(steady)
    play(model, [
      { at: 0, wire: wire(layered('lock')) },
      { at: 1000, wire: wire(layered('lock')) },
    ])
    expect(model.totals).toMatchObject({
      inputTokens: 2 * 9,
      cacheReadTokens: 2504,
      cacheWrite5mTokens: 504,
      cacheWrite1hTokens: 2000,
    })
  })

  test('is nothing where the server never caches', () => {
    const sent = [0, 1000].map((at) => ({ at, wire: wire(shared) }))
    expect(usages(sent, { cache: false })).toEqual([uncached, uncached])
  })

  test('by a request that only fills the cache (max_tokens 0) is the write', () => {
    const [warming, follower] = play(new SimulatorModel(steady), [
      { at: 0, wire: wire({ ...shared, max_tokens: 0 }) },
      { at: 301, wire: wire(shared) },
    ])
    expect(JSON.parse(warming ?? '')).toMatchObject({
      content: [],
      stop_reason: 'max_tokens',
      usage: { output_tokens: 0 },
    })
    expect(usageOf(warming ?? '')).toEqual(wrote)
    expect(usageOf(follower ?? '')).toEqual(read)
  })

  test.each([
    [{}, question],
    [{ readsCount: true }, 2000 + question],
    [{ cache: false }, 2000 + question],
  ])('to the input limit is what was not read (%j)', (options, counted) => {
    const model = new SimulatorModel({ ...steady, inputTokensPerMinute: 60_000, ...options })
    play(model, [{ at: 0, wire: wire(shared) }])
    const level = (now: number): number => model.levels(now, 'claude-sonnet-4.x')?.input?.level ?? 0
    // By then the bucket is full again.
    const { id } = model.receive(10_000, wallAtZero, wire(shared))
    // Until the first byte a quarter of the bytes is held, cached or not.
    expect(level(10_000)).toBe(60_000 - Math.ceil(wire(shared).body.length / 4))
    model.advance(10_300, wallAtZero, id)
    expect(level(10_300)).toBe(Math.min(60_000, 60_000 - counted + 300))
  })

  test('without an estimate is held from admission on', () => {
    const limits = { inputTokensPerMinute: 60_000, admissionEstimate: false }
    const model = new SimulatorModel({ ...steady, ...limits })
    play(model, [{ at: 0, wire: wire(shared) }])
    model.receive(10_000, wallAtZero, wire(shared))
    expect(model.levels(10_000, 'claude-sonnet-4.x')?.input?.level).toBe(60_000 - question)
  })
})

test('whoever starts while an entry can be read reads it, and nobody else', () => {
  const lifeMs = 2000
  const arrivals = fc.array(
    fc.record({
      gapMs: fc.integer({ min: 0, max: 1500 }),
      prefix: fc.constantFrom('gate', 'lock', 'weir'),
    }),
    { minLength: 1, maxLength: 25 },
  )
  fc.assert(
    fc.property(arrivals, (gaps) => {
      let at = 0
      const sent = gaps.map(({ gapMs, prefix }) => {
        at += gapMs
        return { at, prefix, wire: wire({ system: [text(words(2000, prefix), mark)] }) }
      })
      // Every use makes a time in which the entry can be read: a write from its first byte, a read
      // from its start, both for one life from the start.
      const uses: { prefix: string; from: number; to: number }[] = []
      const expected = sent.map(({ at: start, prefix }) => {
        const isRead = uses.some(
          (use) => use.prefix === prefix && use.from <= start && start < use.to,
        )
        uses.push({ prefix, from: isRead ? start : start + 300, to: start + lifeMs })
        return isRead
      })
      const given = usages(sent, { cacheLifeSeconds: lifeMs / 1000 })
      expect(given.map((usage) => usage.read > 0)).toEqual(expected)
      for (const { read: tokens, write5m, input } of given) {
        expect({ cached: tokens + write5m, input }).toEqual({ cached: 2000, input: question })
      }
    }),
    { numRuns: 200 },
  )
})
