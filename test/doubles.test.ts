/**
 * The client against a double of the API that others wrote: aimock. What it gives differs from the
 * API in places (no rate limit headers, `X-Request-Id`, no usage unless it is set, errors in
 * another form), so a client that was fitted to our own simulator would show it here.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { LLMock } from '@copilotkit/aimock'
import { afterAll, afterEach, expect, test } from 'vitest'
import { run, type RunEvent, type RunOptions, type RunSummary } from '../src/index.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-doubles-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const running: LLMock[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((mock) => mock.stop()))
})

const rowCount = 50
const answerOf = (index: number): string => `Answer ${index}: naïve 水門 🚢, and a line\nbreak.`

/** A double that answers row by row, with the usage it is told to report. */
async function start(): Promise<LLMock> {
  const mock = new LLMock({ port: 0, logLevel: 'silent' })
  for (let index = 0; index < rowCount; index++) {
    mock.onMessage(new RegExp(`^Row ${index}$`), {
      content: answerOf(index),
      usage: { input_tokens: 100 + index, output_tokens: 10 },
    })
  }
  await mock.start()
  running.push(mock)
  return mock
}

function row(index: number, members: object): string {
  const messages = [{ role: 'user', content: `Row ${index}` }]
  return JSON.stringify({ model: 'claude-haiku-4-5', max_tokens: 100, messages, ...members })
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text)
}

interface Ran {
  readonly summary: RunSummary
  readonly events: readonly RunEvent[]
  /** The text of each answer, by its line. */
  readonly texts: ReadonlyMap<number, string>
}

let runs = 0
async function runRows(
  mock: LLMock,
  members: object = {},
  observe: (event: RunEvent) => void = () => undefined,
  options: Partial<RunOptions> = {},
): Promise<Ran> {
  const output = path.join(folder, `${(runs += 1)}.jsonl`)
  const lines = Array.from({ length: rowCount }, (_, index) => row(index, members))
  const events: RunEvent[] = []
  const summary = await run(
    {
      input: bytesOf(`${lines.join('\n')}\n`),
      output,
      baseUrl: mock.url,
      apiKey: 'sk-ant-of-this-test',
      maxAttempts: 20,
      seed: 1,
      ramp: 'off',
      ...options,
    },
    {
      observers: [(event) => events.push(event), observe],
    },
  )
  const written = readFileSync(output, 'utf8').trimEnd().split('\n')
  const texts = written.map((line) => {
    const { run: own, result } = JSON.parse(line) as {
      run: { line: number }
      result: { message: { content: { text: string }[] } }
    }
    return [own.line, result.message.content.map(({ text }) => text).join('')] as const
  })
  expect(written).toHaveLength(rowCount)
  return { summary, events, texts: new Map(texts) }
}

/** Every row has its own answer, once. */
function expectAllAnswered({ summary, texts }: Ran): void {
  expect(summary).toMatchObject({
    exitCode: 0,
    stopped: null,
    rows: { selected: rowCount, succeeded: rowCount, failed: 0, left: 0 },
  })
  const wanted = Array.from({ length: rowCount }, (_, index) => [index + 1, answerOf(index)])
  expect([...texts].toSorted(([a], [b]) => a - b)).toEqual(wanted)
}

/** Turns chaos on, and off again at the given number of failed tries. */
function chaosUntil(
  mock: LLMock,
  chaos: Parameters<LLMock['setChaos']>[0],
  failures: number,
): (event: RunEvent) => void {
  mock.setChaos(chaos)
  let failed = 0
  return ({ type }) => {
    if (type === 'attempt_failed' && (failed += 1) === failures) mock.clearChaos()
  }
}

test.each([
  ['plain', {}],
  // An answer that may be so long is asked for as a stream.
  ['streamed', { max_tokens: 60_000 }],
])('%s answers arrive whole, with their usage', async (kind, members) => {
  const ran = await runRows(await start(), members)
  expectAllAnswered(ran)
  const started = ran.events.filter((event) => event.type === 'attempt_started')
  const streamed = started.filter(({ stream }) => stream).length
  // The first rows of a pool are streams in any case, for their early headers.
  if (kind === 'streamed') expect(streamed).toBe(rowCount)
  else expect(streamed).toBeLessThan(rowCount / 2)
  const { tokens, attempts } = ran.summary.snapshot
  expect(attempts.started).toBe(rowCount)
  // 100 to 149 of input, 10 each of output.
  expect([tokens.input, tokens.output]).toEqual([50 * 124.5, 500])
})

test.each([
  ['429 with Retry-After', { rateLimitRate: 1 }, 'refused'],
  ['500', { dropRate: 1 }, 'broken'],
  ['200 with malformed JSON', { malformedRate: 1 }, 'broken'],
  ['a connection that is closed', { disconnectRate: 1 }, 'broken'],
] as const)('%s is tried again until it is answered', async (_name, chaos, kind) => {
  const mock = await start()
  const ran = await runRows(mock, {}, chaosUntil(mock, chaos, 4))
  expectAllAnswered(ran)
  const failed = ran.events.filter((event) => event.type === 'attempt_failed')
  expect(failed.length).toBeGreaterThanOrEqual(4)
  expect(new Set(failed.map((event) => event.kind))).toEqual(new Set([kind]))
})

test('all of it at once, at a tenth each, costs no row', async () => {
  const mock = await start()
  mock.setChaos({ rateLimitRate: 0.1, dropRate: 0.1, malformedRate: 0.1, disconnectRate: 0.1 })
  expectAllAnswered(await runRows(mock))
})

test('a stream that breaks off in its middle is no answer', async () => {
  const mock = await start()
  for (let index = 0; index < 5; index++) {
    mock.prependFixture({
      match: { userMessage: new RegExp(`^Row ${index}$`), sequenceIndex: 0 },
      response: { content: answerOf(index) },
      chunkSize: 5,
      truncateAfterChunks: 3,
    })
  }
  const ran = await runRows(mock, { max_tokens: 60_000 })
  expectAllAnswered(ran)
  const failed = ran.events.filter((event) => event.type === 'attempt_failed')
  expect(new Set(failed.map(({ line }) => line))).toEqual(new Set([1, 2, 3, 4, 5]))
  expect(new Set(failed.map(({ kind }) => kind))).toEqual(new Set(['broken']))
  // Each of them may have been billed.
  expect(failed.every(({ unknown }) => unknown !== null)).toBe(true)
})
