/**
 * The shipped JSON Schemas against what runs really write, print and tell, and against what none
 * may write.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { errorCodes } from '../src/errors.ts'
import type { RunEvent } from '../src/events.ts'
import type { SplitForecast } from '../src/split-forecast.ts'
import { parseLine } from '../src/request.ts'
import type { RunOptions } from '../src/settings.ts'
import { run } from '../src/run.ts'
import type { FaultName, SimulatorOptions } from '../src/simulator/index.ts'
import { errorJson, summaryJson } from '../src/summary.ts'
import { request, StreamWorld } from './stream-world.ts'
import { draw } from './world/draw.ts'

const folder = new URL('../schemas/', import.meta.url)
const ajv = new Ajv2020({
  strict: true,
  allowUnionTypes: true,
  strictRequired: false,
  strictTuples: false,
})
const schemas = new Map<string, ValidateFunction>()
for (const file of readdirSync(folder)) {
  const schema = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as object
  schemas.set(file.replace('.json', ''), ajv.compile(schema))
}

type Json = Readonly<Record<string, unknown>>

function schemaOf(name: string): ValidateFunction {
  const validate = schemas.get(name)
  if (validate === undefined) throw new Error(`There is no schema "${name}"`)
  return validate
}

/** What is wrong with a value by a schema; empty if nothing is. */
function faults(name: string, value: unknown): string {
  const validate = schemaOf(name)
  return validate(value) ? '' : `${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`
}

const faultRates: Partial<Record<FaultName, number>> = {
  overloaded: 0.1,
  'rate-limit': 0.05,
  'server-error': 0.15,
  'reset-after': 0.05,
  cut: 0.05,
}

/** Everything a run writes, prints and tells. */
async function written(
  seed: number,
  server: SimulatorOptions = {},
  more: Partial<RunOptions> = {},
) {
  const limits = { requestsPerMinute: 200, faults: faultRates }
  const world = new StreamWorld({ seed, ...limits, ...server })
  const rows: unknown[] = Array.from({ length: 60 }, (_, number) => request(number))
  rows.push({ custom_id: 'a', params: request(1), metadata: [1] }, { custom_id: 'a', params: {} })
  rows.push({ ...request(3), max_tokens: -1 }, { ...request(4), model: 'claude-none' }, 5)
  rows.push({ method: 'POST', url: '/v1/messages', body: request(5), custom_id: 'posted' })
  const text = `${rows.map((row) => JSON.stringify(row)).join('\n')}\nno JSON\n`
  world.files.put('/in.jsonl', Buffer.concat([Buffer.from(text), Buffer.of(0xff, 0x0a)]))
  const options = {
    input: '/in.jsonl',
    output: '/out.jsonl',
    apiKey: 'k',
    maxAttempts: 2,
    seed,
    ...more,
  }
  const includeRequest = seed % 2 === 0
  const hooks = { observers: [world.observe] }
  const summary = await world.until(run({ ...options, includeRequest }, hooks, world.context))
  const textOf = (path: string): string =>
    world.files.stat(path) ? Buffer.from(world.files.bytes(path)).toString() : ''
  const linesOf = (path: string): Json[] =>
    textOf(path)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Json)
  return {
    answers: linesOf('/out.jsonl'),
    failures: linesOf('/out.failed.jsonl'),
    summary: JSON.parse(summaryJson(summary)) as Json,
    events: world.events.map((event) => JSON.parse(JSON.stringify(event)) as Json),
  }
}

interface Mutation {
  /** Of the member: `run.line`. */
  readonly path: string
  readonly what: 'gone' | 'of a wrong type' | 'one more'
  readonly value: Json
}

/** The value with one member gone, of a wrong type, or too many, at every depth. */
function* mutations(value: Json, prefix = ''): Generator<Mutation> {
  yield { path: prefix, what: 'one more', value: { ...value, unheardOf: 1 } }
  for (const [name, member] of Object.entries(value)) {
    const path = `${prefix}${name}`
    const { [name]: _, ...rest } = value
    yield { path, what: 'gone', value: rest }
    const wrong = typeof member === 'boolean' ? 'true' : false
    yield { path, what: 'of a wrong type', value: { ...value, [name]: wrong } }
    if (typeof member !== 'object' || member === null || Array.isArray(member)) continue
    for (const inner of mutations(member as Json, `${path}.`)) {
      yield { ...inner, value: { ...value, [name]: inner.value } }
    }
  }
}

/** Whether a schema lets it pass: it is optional, or the user's or the API's to shape. */
function isAllowed({ path, what }: Mutation): boolean {
  if (what === 'gone') {
    if (
      /unknown_attempts$|^batchId$|^untilAt$|^metadata$|^request$|^raw_encoding$|^error\.code$/.test(
        path,
      )
    )
      return true
    if (/^(bound|bound_excess|limits)\.|^result\.message\.(?!type$|usage$)/.test(path)) {
      return !/usage\.(in|out)put_tokens$|^limits\.\w+\.\w/.test(path)
    }
  }
  if (what === 'of a wrong type' && /^metadata$|^params$/.test(path)) return true
  if (what === 'one more' && /^(bound|bound_excess)\.$/.test(path)) return true
  if (what === 'one more' && path.startsWith('result.message.')) return true
  if (/^(metadata|params|request)\./.test(path)) return true
  const ofMessage = /^result\.message\.(.*)$/.exec(path)?.[1]
  const known = /^(id|type|role|model|content|stop_reason|stop_sequence|usage)$/
  return (
    ofMessage !== undefined &&
    !known.test(ofMessage) &&
    !/^usage\.(in|out)put_tokens$/.test(ofMessage)
  )
}

const none = { input: '1', write5m: '1', write1h: '1', read: '1', output: '1' }
const budget = {
  maxBudgetUsd: 100,
  maxTotalTokens: 1e9,
  prices: { models: { 'claude-none': none } },
}

describe.each([
  [1, {}],
  [2, {}],
  [3, budget],
  [4, { via: 'batches' as const, maxAttempts: 9 }],
])('what a run with failures gives, seed %i', (seed, more) => {
  test('its answers, failures, summary and events are what the schemas say', async () => {
    const { answers, failures, summary, events } = await written(seed, {}, more)
    expect(answers.length).toBeGreaterThan(20)
    expect(failures.length).toBeGreaterThan(4)
    for (const line of answers) expect(faults('result-line', line)).toBe('')
    for (const line of failures) {
      expect(faults('failed-line', line)).toBe('')
      // An answer is no failure, and a failure no answer.
      expect(faults('result-line', line)).not.toBe('')
    }
    for (const line of answers) expect(faults('failed-line', line)).not.toBe('')
    expect(faults('summary', summary)).toBe('')
    for (const event of events) expect(faults('event', event)).toBe('')
    expect(failures.some((line) => 'raw_encoding' in line)).toBe(true)
    const asked = 'via' in more ? 1 : 2
    expect(failures.some((line) => Reflect.get(Object(line['run']), 'attempts') === asked)).toBe(
      true,
    )
  })

  test('what lacks a member, has one more, or one of a wrong type is refused', async () => {
    const { answers, failures, summary, events } = await written(seed, {}, more)
    const byType = new Map(events.map((event) => [event['type'], event]))
    const samples: [string, Json][] = [
      ...answers.slice(0, 2).map((line): [string, Json] => ['result-line', line]),
      ...failures.map((line): [string, Json] => ['failed-line', line]),
      ['summary', summary],
      ...[...byType.values()].map((event): [string, Json] => ['event', event]),
    ]
    let refused = 0
    for (const [name, sample] of samples) {
      expect(faults(name, sample)).toBe('')
      for (const mutation of mutations(sample)) {
        const { path, what, value } = mutation
        const isRefused = faults(name, value) !== ''
        if (!isAllowed(mutation)) expect(isRefused, `${name}: ${path} ${what}`).toBe(true)
        if (isRefused) refused += 1
      }
    }
    expect(refused).toBeGreaterThan(300)
  })
})

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
  'whatever the server does, world seed %i',
  async (seed) => {
    const { answers, failures, summary, events } = await written(seed, draw(seed).server)
    for (const line of answers) expect(faults('result-line', line)).toBe('')
    for (const line of failures) expect(faults('failed-line', line)).toBe('')
    for (const event of events) expect(faults('event', event)).toBe('')
    expect(faults('summary', summary)).toBe('')
    expect(answers.length + failures.length).toBeGreaterThan(0)
  },
)

test.each([1, 2])('what a run in tuple form gives, seed %i', async (seed) => {
  const { answers: lines } = await written(seed, {}, { outputFormat: 'tuple' })
  expect(lines.length).toBeGreaterThan(20)
  for (const line of lines) {
    expect(faults('tuple-line', line)).toBe('')
    const [request, response, ...rest] = line as unknown as readonly unknown[]
    for (const wrong of [[request], [5, response, ...rest], [request, 'text', ...rest]])
      expect(faults('tuple-line', wrong)).not.toBe('')
  }
  expect(lines.some((line) => typeof Reflect.get(line, 0) === 'string')).toBe(true)
})

test('a summary of a run that did not come about', () => {
  const stopped = { code: 'BUG', message: 'sluice failed', hint: null }
  expect(faults('summary', JSON.parse(errorJson(70, stopped)))).toBe('')
  expect(faults('summary', JSON.parse(errorJson(2, { ...stopped, code: 'KEY_MISSING' })))).toBe('')
  expect(faults('summary', JSON.parse(errorJson(2, { ...stopped, code: 'NO_CODE' })))).not.toBe('')
})

test('the event schema knows every event, and no other', () => {
  const source = readFileSync(new URL('../src/events.ts', import.meta.url), 'utf8')
  const types = [...source.matchAll(/^ {2}readonly type: '(\w+)'$/gm)].map(
    (match) => match[1] ?? '',
  )
  const { oneOf } = schemaOf('event').schema as { oneOf: { $ref: string }[] }
  expect(oneOf.map(({ $ref }) => $ref.replace('#/$defs/', ''))).toEqual(types)
  const union = /export type RunEvent =([^\n]*\n(?: {2}\|.*\n)+)/.exec(source)?.[1] ?? ''
  expect(union.match(/\| \w+/g), 'each has a type of its own').toHaveLength(types.length)
})

const plan: SplitForecast = {
  rows: 10,
  deadlineMs: 7_200_000,
  isGuaranteed: true,
  liveMs: 60_000,
  binds: 'requests',
  pool: 'p',
  batches: 40,
  firstCutMs: 6_000_000,
  chance: 1,
  liveShare: { low: 0, expected: 0.1, high: 0.2 },
  cost: { low: 1, expected: 2, high: 3 },
  supposed: ['p'],
  times: { medianMs: 1, p95Ms: 2, drainMs: 3 },
}

const bare: SplitForecast = {
  ...plan,
  deadlineMs: null,
  firstCutMs: null,
  binds: null,
  pool: null,
  cost: null,
}

/** Events that the runs above do not bring about. */
const rare: readonly RunEvent[] = [
  { type: 'output_blocked', at: 1, code: 'ENOSPC' },
  { type: 'output_blocked', at: 1, code: null },
  { type: 'run_stopping', at: 1, code: 'KEY_REFUSED', message: 'no', hint: null },
  { type: 'notice', at: 1.5, message: 'slept' },
  { type: 'row_left', at: 1, line: 1, id: 'a', model: 'm' },
  { type: 'limits_read', at: 1, pool: 'p', limits: {} },
  { type: 'rows_again', at: 1, count: 1 },
  { type: 'batch_lost', at: 1, id: null, rows: 2, costNanoUsdMax: null },
  { type: 'batch_lost', at: 1, id: 'msgbatch_1', rows: 2, costNanoUsdMax: 5 },
  { type: 'batch_cut', at: 1, id: 'msgbatch_1', rows: 2 },
  { type: 'split_planned', at: 1, deadlineAt: 1.7e12, plan },
  { type: 'split_planned', at: 1, deadlineAt: null, plan: bare },
  { type: 'deadline_judged', at: 1, leftMs: -3 },
]

test.each(rare)('an event of type $type', (event) => {
  expect(faults('event', event)).toBe('')
  for (const { path, what, value } of mutations({ ...event })) {
    expect(faults('event', value), `${path} ${what}`).not.toBe('')
  }
})

test('a run by batches says which of them ended a row', async () => {
  const rates = { 'batch-request-error': 0.2 }
  const more = { via: 'batches', maxAttempts: 9, retryFailed: true } as const
  const { answers, failures, events } = await written(1, { faults: rates }, more)
  const types = new Set(events.map(({ type }) => type))
  for (const type of ['batch_submitted', 'batch_collected', 'rows_again'])
    expect(types.has(type)).toBe(true)
  const runs = [...answers, ...failures].map(({ run }) => run as Json)
  expect(runs.filter((run) => 'batch_id' in run).length).toBeGreaterThan(50)
  for (const run of runs) expect('batch_id' in run).toBe('batch_request' in run)
  const [line] = answers
  const half = { ...(line?.['run'] as Json) }
  Reflect.deleteProperty(half, 'batch_request')
  expect(faultsWith(line, half)).not.toBe('')
})

/** What is wrong with a line that has this run. */
function faultsWith(line: Json | undefined, half: Json): string {
  return faults('result-line', { ...line, run: half })
}

test('an answer whose prefix was written to the cache again', async () => {
  const { events } = await written(1)
  const answered = events.find(({ type }) => type === 'row_succeeded')
  expect(faults('event', { ...answered, cacheMissedTokens: 5 })).toBe('')
  for (const count of [-1, 0.5, null])
    expect(faults('event', { ...answered, cacheMissedTokens: count })).not.toBe('')
  // It may have cost more than without a cache, and that may not be known.
  for (const saved of [-5, null])
    expect(faults('event', { ...answered, cacheSavedNanoUsd: saved })).toBe('')
})

test('the schemas list every code of an error', () => {
  const codes = Object.keys(errorCodes)
  const { $defs } = schemaOf('summary').schema as { $defs: { stopped: Listing } }
  expect($defs.stopped.properties.code.enum).toEqual([...codes, 'BUG'])
  const events = schemaOf('event').schema as { $defs: { run_stopping: Listing } }
  expect(events.$defs.run_stopping.properties.code.enum).toEqual(codes)
})

interface Listing {
  readonly properties: { readonly code: { readonly enum: readonly string[] } }
}

const body = { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }] }
const posted = { method: 'POST', url: '/v1/messages', body }

test.each<[string, unknown]>([
  ['a body', body],
  ['a body with its own members', { ...body, custom_id: 'a', metadata: 5, temperature: 1 }],
  ['no object', [body]],
  ['a body without messages', { ...body, messages: undefined }],
  ['a body with an empty list', { ...body, messages: [] }],
  ['a body with a broken count', { ...body, max_tokens: 1.5 }],
  ['a body with a negative count', { ...body, max_tokens: -1 }],
  ['a body that asks for a stream', { ...body, stream: true }],
  ['a body with a text for a flag', { ...body, stream: 'yes' }],
  ['an empty id', { ...body, custom_id: '' }],
  ['an id of another type', { ...body, custom_id: 5 }],
  ['a long id', { ...body, custom_id: 'x'.repeat(257) }],
  ['an id of wide characters', { ...body, custom_id: '🙂'.repeat(256) }],
  ['an id with a control character', { ...body, custom_id: 'a\u0007' }],
  ['an empty model', { ...body, model: '' }],
  ['params', { custom_id: 'a', params: body, metadata: { any: 1 } }],
  ['params of another type', { params: 'a' }],
  ['params with a stranger beside', { params: body, other: 1 }],
  ['params of a failed line', { params: body, result: {}, run: { line: 1 } }],
  ['params and a result alone', { params: body, result: {} }],
  ['a posted body', posted],
  ['a posted body with a stranger beside', { ...posted, other: 1 }],
  ['a body that is put', { ...posted, method: 'PUT' }],
  ['a body for another place', { ...posted, url: '/v1/complete' }],
  ['a body without a place', { method: 'POST', body }],
  ['a place without a body', { method: 'POST', url: '/v1/messages' }],
])('%s is a request line as far as the parser takes it', (_, value) => {
  const bytes = Buffer.from(JSON.stringify(value))
  const { kind } = parseLine({ number: 1, offset: 0, bytes }, { sendUserId: true })
  expect(faults('request-line', JSON.parse(bytes.toString())) === '').toBe(kind === 'row')
})

const message = { type: 'message', usage: { input_tokens: 1, output_tokens: 2 }, content: [] }

test.each<[unknown, boolean]>([
  [[body, message, { mine: 1 }], true],
  [[body, message], true],
  [[body, ['Status 500', 'Status 529'], null], true],
  [[body, [{ type: 'error', error: { type: 'api_error', message: 'no' } }]], true],
  [[body, message, 1, 2], false],
  [[body], false],
  [['no JSON', ['invalid']], true],
  [[5, message], false],
  [[body, []], false],
  [[body, [5]], false],
  [[body, 'an error'], false],
  [[body, { ...message, usage: { input_tokens: '1', output_tokens: 2 } }], false],
  [{ 0: body, 1: message }, false],
])('a tuple line: %j', (line, isValid) => {
  expect(faults('tuple-line', line) === '').toBe(isValid)
})
