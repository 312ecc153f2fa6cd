/**
 * The official SDK, unchanged, against the simulator: every call it has here, and every error
 * class that the API gives.
 */

import { Anthropic } from '@anthropic-ai/sdk'
import * as sdk from '@anthropic-ai/sdk'
import { afterEach, assert, describe, expect, expectTypeOf, test } from 'vitest'
import { SystemClock } from '../src/clock.ts'
import type { Message } from '../src/simulator/answer.ts'
import {
  type FaultName,
  type RunningSimulator,
  startSimulator,
  type StartOptions,
} from '../src/simulator/index.ts'
import type { ModelInfo, ModelPage } from '../src/simulator/model-catalog.ts'

const running: RunningSimulator[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()))
})

const key = 'sk-ant-of-this-test'
const older = { 'anthropic-version': '2023-06-01' }

interface Pair {
  readonly simulator: RunningSimulator
  readonly client: Anthropic
  /** The headers of each request the SDK sent. */
  readonly sent: Headers[]
}

type ClientOptions = NonNullable<ConstructorParameters<typeof Anthropic>[0]>

/** A simulator and a client of it; the client's own retries are off unless it is told otherwise. */
async function start(options: StartOptions = {}, clientOptions: ClientOptions = {}): Promise<Pair> {
  const simulator = await startSimulator({ latencyMs: 0, keys: [key], ...options })
  running.push(simulator)
  const sent: Headers[] = []
  const client = new Anthropic({
    apiKey: key,
    authToken: null,
    baseURL: simulator.url,
    maxRetries: 0,
    logLevel: 'off',
    fetch: (input, init) => {
      sent.push(new Headers(init?.headers))
      return fetch(input, init)
    },
    ...clientOptions,
  })
  return { simulator, client, sent }
}

const question = {
  model: 'claude-opus-5',
  messages: [{ role: 'user' as const, content: 'How deep is the canal at the lower gate?' }],
}
const asked = { ...question, max_tokens: 300 }

async function failureOf(work: PromiseLike<unknown>): Promise<unknown> {
  return work.then(
    () => assert.fail('the call must fail'),
    (error: unknown) => error,
  )
}

describe('calls', () => {
  test('messages.create', async () => {
    const { client, simulator } = await start()
    const { data, response, request_id } = await client.messages.create(asked).withResponse()
    expect(data).toMatchObject({ type: 'message', role: 'assistant', model: 'claude-opus-5' })
    expect(data.content.at(-1)).toMatchObject({ type: 'text' })
    const { totals } = simulator.model
    expect(data.usage.input_tokens).toBe(totals.inputTokens)
    expect(data.usage.output_tokens).toBe(totals.outputTokens)
    expect(request_id).toMatch(/^req_/)
    expect(response.headers.get('anthropic-ratelimit-requests-remaining')).toBe('999')
  })

  test('messages.stream: its events, and the message they make', async () => {
    const answer = 'Four feet at low water, naïve reader: 水門 🚢. '.repeat(20)
    const { client, simulator } = await start({ respond: () => answer })
    const stream = client.messages.stream({ ...asked, max_tokens: 3000 })
    const types: string[] = []
    for await (const { type } of stream) types.push(type)
    // The SDK swallows pings.
    expect([...new Set(types)]).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ])
    expect(types.filter((type) => type === 'content_block_delta').length).toBeGreaterThan(2)
    const message = await stream.finalMessage()
    expect(await stream.finalText()).toBe(answer)
    expect(message.stop_reason).toBe('end_turn')
    expect(message.usage.output_tokens).toBe(simulator.model.totals.outputTokens)
    expect(stream.request_id).toMatch(/^req_/)
  })

  test('messages.stream of thinking and a tool', async () => {
    const input = { place: 'the lower gate', depths: [3.5, 4] }
    const { client } = await start({
      respond: () => ({
        content: [
          { type: 'thinking', thinking: 'A gauge would tell.' },
          { type: 'text', text: 'Let me look.' },
          { type: 'tool_use', name: 'gauge', input },
        ],
      }),
    })
    const tools = [{ name: 'gauge', input_schema: { type: 'object' as const } }]
    const streamed = await client.messages.stream({ ...asked, tools }).finalMessage()
    expect(streamed).toMatchObject({
      content: [
        { type: 'thinking', thinking: 'A gauge would tell.' },
        { type: 'text', text: 'Let me look.' },
        { type: 'tool_use', name: 'gauge', input },
      ],
      stop_reason: 'tool_use',
    })
    const plain = await client.messages.create({ ...asked, tools })
    expect(plain).toMatchObject({ content: [{}, {}, { type: 'tool_use', input }] })
    expect(plain.usage.output_tokens).toBe(streamed.usage.output_tokens)
  })

  test('messages.countTokens is what asking costs', async () => {
    const { client } = await start()
    const { input_tokens } = await client.messages.countTokens(question)
    const message = await client.messages.create(asked)
    expect(input_tokens).toBe(message.usage.input_tokens)
  })

  test('models.list, page by page', async () => {
    const { client, sent } = await start()
    const whole = await client.models.list({ limit: 1000 })
    const ids: string[] = []
    for await (const model of client.models.list({ limit: 5 })) ids.push(model.id)
    expect(ids).toEqual(whole.data.map(({ id }) => id))
    expect(sent).toHaveLength(1 + Math.ceil(ids.length / 5))
    const last = whole.last_id ?? ''
    const before: string[] = []
    for await (const model of client.models.list({ limit: 5, before_id: last })) {
      before.push(model.id)
    }
    expect(new Set(before)).toEqual(new Set(ids.slice(0, -1)))
    const retired = await client.models.list({ lifecycle: ['retired'], limit: 1000 })
    expect(new Set(retired.data.map(({ lifecycle }) => lifecycle))).toEqual(new Set(['retired']))
  })

  test('models.retrieve resolves an alias', async () => {
    const { client } = await start()
    const model = await client.models.retrieve('claude-haiku-4-5')
    expect(model).toMatchObject({
      id: 'claude-haiku-4-5-20251001',
      max_tokens: 64_000,
      capabilities: { batch: { supported: true }, thinking: { types: { enabled: {} } } },
    })
  })

  test.each(['group', 'flat'] as const)('organization.rateLimits.list, %s', async (adminShape) => {
    const admin = { apiKey: 'sk-ant-admin01-of-this-test' }
    const { client } = await start({ adminShape }, admin)
    const entries = []
    for await (const entry of client.organization.rateLimits.list({ limit: 3 })) entries.push(entry)
    const opus = entries.find(({ models }) => models?.includes('claude-opus-5'))
    expect(opus?.limits[0]).toEqual({ type: 'requests_per_minute', value: 1000 })
    const names = entries.flatMap(({ models }) => models ?? [])
    expect(new Set(names).size).toBe(names.length)
    if (adminShape === 'group') expect(opus?.group).toMatchObject({ type: 'model_group' })
  })

  test('organization.workspaces.rateLimits.list', async () => {
    const admin = { apiKey: 'sk-ant-admin01-of-this-test' }
    const { client } = await start({ combinedTokens: 5000 }, admin)
    const { data } = await client.organization.workspaces.rateLimits.list('wrkspc_1')
    expect(data[0]?.limits).toEqual([
      { type: 'tokens_per_minute', value: 5000, org_limit: null, source: { type: 'workspace' } },
    ])
  })

  test('organization.rateLimits.list with an API key is a PermissionDeniedError', async () => {
    const { client } = await start()
    const failure = await failureOf(client.organization.rateLimits.list())
    expect(failure).toBeInstanceOf(Anthropic.PermissionDeniedError)
  })
})

describe('versions', () => {
  test('the SDK asks for 2026-10-21, which knows no temperature', async () => {
    const { client, sent } = await start()
    const body = { ...asked, model: 'claude-haiku-4-5', temperature: 0.5 }
    const failure = await failureOf(client.messages.create(body))
    expect(sent[0]?.get('anthropic-version')).toBe('2026-10-21')
    expect(failure).toBeInstanceOf(Anthropic.BadRequestError)
    expect(failure).toHaveProperty('apiMessage', 'temperature: Extra inputs are not permitted')
  })

  test('2023-06-01 takes it, of models that do', async () => {
    const { client, sent } = await start({}, { defaultHeaders: older })
    const body = { ...asked, model: 'claude-haiku-4-5', temperature: 0.5 }
    expect(await client.messages.create(body)).toHaveProperty('type', 'message')
    expect(sent[0]?.get('anthropic-version')).toBe('2023-06-01')
    const failure = await failureOf(client.messages.create({ ...body, model: 'claude-opus-5' }))
    expect(failure).toBeInstanceOf(Anthropic.BadRequestError)
  })

  test.each([
    ['no version', null, 'anthropic-version: header is required'],
    ['another', '2024-01-01', 'anthropic-version: "2024-01-01" is not a valid version'],
  ])('%s is refused', async (_name, version, message) => {
    const { client } = await start({}, { defaultHeaders: { 'anthropic-version': version } })
    const failure = await failureOf(client.messages.create(asked))
    expect(failure).toBeInstanceOf(Anthropic.BadRequestError)
    expect(failure).toHaveProperty('apiMessage', message)
  })
})

describe('keys', () => {
  test.each<[string, ClientOptions, sentAs: string]>([
    ['apiKey', { apiKey: key }, 'authorization'],
    ['authToken', { apiKey: null, authToken: key }, 'authorization'],
    ['x-api-key alone', { defaultHeaders: { 'x-api-key': key, authorization: null } }, 'x-api-key'],
    ['x-api-key beside a token', { apiKey: 'x', defaultHeaders: { 'x-api-key': key } }, 'both'],
  ])('%s is taken', async (_name, options, sentAs) => {
    const { client, sent } = await start({}, options)
    expect(await client.messages.create(asked)).toHaveProperty('type', 'message')
    const names = ['authorization', 'x-api-key'].filter((name) => sent[0]?.has(name))
    expect(names.length === 2 ? 'both' : names[0]).toBe(sentAs)
  })

  test('of both, x-api-key counts', async () => {
    const { client } = await start({}, { apiKey: key, defaultHeaders: { 'x-api-key': 'other' } })
    expect(await failureOf(client.messages.create(asked))).toBeInstanceOf(
      Anthropic.AuthenticationError,
    )
  })
})

type Call = (client: Anthropic) => PromiseLike<unknown>
const create: Call = (client) => client.messages.create(asked)
const stream: Call = (client) => client.messages.stream(asked).finalMessage()
const tooLarge: Call = (client) =>
  client.messages.create({ ...asked, system: ' '.repeat(32 * 2 ** 20) })

type ErrorClass = new (...args: never[]) => Error
interface Row {
  readonly name: string
  readonly options?: StartOptions
  readonly fault?: FaultName
  /** Made before the one that fails. */
  readonly before?: Call
  readonly call?: Call
  readonly error: ErrorClass
  readonly status: number | undefined
  readonly type: string | null
  readonly code?: string
  /** @default true */
  readonly hasRequestId?: boolean
}

/** What the API answers with an error, and the class the SDK makes of it. */
const answeredErrors: readonly Row[] = [
  {
    name: 'a body in the wrong form',
    call: (client) => client.messages.create({ ...asked, max_tokens: 0.5 }),
    error: Anthropic.BadRequestError,
    status: 400,
    type: 'invalid_request_error',
  },
  {
    name: 'a count of what cannot be counted',
    call: (client) => client.messages.countTokens({ ...question, messages: [] }),
    error: Anthropic.BadRequestError,
    status: 400,
    type: 'invalid_request_error',
  },
  {
    name: 'a page of a list that there is not',
    call: (client) => client.models.list({ limit: 0 }),
    error: Anthropic.BadRequestError,
    status: 400,
    type: 'invalid_request_error',
  },
  {
    name: 'an encoding of the body',
    call: (client) =>
      client.messages.create(asked, { headers: { 'content-encoding': 'compress' } }),
    error: Anthropic.RequestBodyEncodingUnsupportedError,
    status: 400,
    type: 'invalid_request_error',
    code: 'request_body_encoding_unsupported',
  },
  {
    name: 'credit',
    fault: 'credit',
    error: Anthropic.BadRequestError,
    status: 400,
    type: 'invalid_request_error',
  },
  {
    name: 'customer-spend-limit',
    fault: 'customer-spend-limit',
    error: Anthropic.BadRequestError,
    status: 400,
    type: 'invalid_request_error',
  },
  {
    name: 'a wrong key',
    options: { keys: ['another'] },
    error: Anthropic.AuthenticationError,
    status: 401,
    type: 'authentication_error',
  },
  {
    name: 'billing',
    fault: 'billing',
    error: Anthropic.PaymentRequiredError,
    status: 402,
    type: 'billing_error',
  },
  {
    name: 'permission',
    fault: 'permission',
    error: Anthropic.PermissionDeniedError,
    status: 403,
    type: 'permission_error',
  },
  {
    name: 'a model there is not',
    call: (client) => client.messages.create({ ...asked, model: 'claude-2.1' }),
    error: Anthropic.NotFoundError,
    status: 404,
    type: 'not_found_error',
  },
  {
    name: 'the same, looked up',
    call: (client) => client.models.retrieve('claude-nobody'),
    error: Anthropic.NotFoundError,
    status: 404,
    type: 'not_found_error',
  },
  {
    name: 'a method that the path has not',
    call: (client) => client.get('/v1/messages'),
    error: Anthropic.APIError,
    status: 405,
    type: 'invalid_request_error',
  },
  {
    name: 'conflict',
    fault: 'conflict',
    error: Anthropic.ConflictError,
    status: 409,
    type: 'conflict_error',
  },
  {
    name: 'a body beyond 32 MB',
    call: tooLarge,
    error: Anthropic.ContentTooLargeError,
    status: 413,
    type: 'request_too_large',
  },
  {
    name: 'the same, from the edge',
    options: { edgeRefusesSize: true },
    call: tooLarge,
    error: Anthropic.ContentTooLargeError,
    status: 413,
    type: null,
    hasRequestId: false,
  },
  {
    name: 'the limit of requests',
    options: { requestsPerMinute: 1 },
    before: create,
    error: Anthropic.RateLimitError,
    status: 429,
    type: 'rate_limit_error',
  },
  {
    name: 'the limit of counts',
    options: { countRequestsPerMinute: 1 },
    before: (client) => client.messages.countTokens(question),
    call: (client) => client.messages.countTokens(question),
    error: Anthropic.RateLimitError,
    status: 429,
    type: 'rate_limit_error',
  },
  {
    name: 'acceleration',
    // One request a second, and the second does not end.
    options: {
      rampPerSecond: 1,
      clock: Object.assign(new SystemClock(), { now: () => 0 }),
    },
    before: create,
    error: Anthropic.RampLimitExceededError,
    status: 429,
    type: 'rate_limit_error',
    code: 'ramp_limit_exceeded',
  },
  {
    name: 'spend-limit',
    fault: 'spend-limit',
    error: Anthropic.EnforcedSpendLimitReachedError,
    status: 429,
    type: 'rate_limit_error',
    code: 'enforced_spend_limit_reached',
  },
  {
    name: 'server-error',
    fault: 'server-error',
    error: Anthropic.InternalServerError,
    status: 500,
    type: 'api_error',
  },
  {
    name: 'server-error, streamed',
    fault: 'server-error',
    call: stream,
    error: Anthropic.InternalServerError,
    status: 500,
    type: 'api_error',
  },
  {
    name: 'unavailable',
    fault: 'unavailable',
    error: Anthropic.ServiceUnavailableError,
    status: 503,
    type: 'api_error',
  },
  {
    name: 'gateway-timeout',
    fault: 'gateway-timeout',
    error: Anthropic.GatewayTimeoutError,
    status: 504,
    type: 'timeout_error',
  },
  {
    name: 'overloaded',
    fault: 'overloaded',
    error: Anthropic.OverloadedError,
    status: 529,
    type: 'overloaded_error',
  },
  {
    name: 'stream-error: an event after 200',
    fault: 'stream-error',
    call: stream,
    error: Anthropic.APIError,
    status: undefined,
    type: 'overloaded_error',
  },
]

/** Classes of the SDK for statuses that these endpoints are not known to answer with. */
const neverGiven: readonly ErrorClass[] = [
  Anthropic.RequestTimeoutError,
  Anthropic.PreconditionFailedError,
  Anthropic.UnprocessableEntityError,
  Anthropic.RequestHeaderFieldsTooLargeError,
  Anthropic.ClientClosedRequestError,
  Anthropic.NotImplementedError,
]

/** Classes of what went wrong without an answer; see the tests below. */
const ofConnections: readonly ErrorClass[] = [
  Anthropic.APIConnectionError,
  Anthropic.APIConnectionTimeoutError,
  Anthropic.APIUserAbortError,
]

describe('errors', () => {
  test.each(answeredErrors)('$name is $error.name', async (row) => {
    const { options, fault, before, call = create, error, hasRequestId = true } = row
    const faults = fault === undefined ? {} : { faults: { [fault]: 1 } }
    const { client, simulator } = await start({ ...options, ...faults })
    await before?.(client)
    const failure = await failureOf(call(client))
    assert(failure instanceof Anthropic.APIError, String(failure))
    expect(failure.constructor).toBe(error)
    const { status, type, errorCode } = failure
    expect({ status, type, errorCode }).toEqual({
      status: row.status,
      type: row.type,
      errorCode: row.code ?? null,
    })
    if (hasRequestId) expect(failure.requestID).toMatch(/^req_011C\w{20}$/)
    else expect(failure.requestID).toBeNull()
    // The body says the same name as the header.
    const body: unknown = failure.error
    if (hasRequestId) expect(body).toHaveProperty('request_id', failure.requestID)
    expect(simulator.model.inFlight).toBe(0)
  })

  test('every status the SDK has a class for has its row, or is never given', () => {
    // Those of single error codes are below them.
    const parents: readonly unknown[] = [Anthropic.APIError, Anthropic.InternalServerError]
    const classes = Object.values<unknown>(sdk)
      .filter(isErrorClass)
      .filter((each) => parents.includes(Object.getPrototypeOf(each)))
    const given = answeredErrors.map(({ error }) => error)
    const known = [...given, ...neverGiven, ...ofConnections]
    expect(classes.length).toBeGreaterThan(15)
    expect(
      classes
        .filter((each) => !known.some((one) => one === each || one.prototype instanceof each))
        .map(({ name }) => name),
    ).toEqual([])
  })

  test.each<[FaultName, Call]>([
    ['reset-before', create],
    ['reset-before', stream],
    ['reset-after', create],
    ['reset-after', stream],
  ])('%s is APIConnectionError', async (fault, call) => {
    const { client } = await start({ faults: { [fault]: 1 } })
    const failure = await failureOf(call(client))
    expect((failure as object).constructor).toBe(Anthropic.APIConnectionError)
    expect(failure).toMatchObject({ status: undefined, type: null, requestID: undefined })
  })

  test('nobody who listens is APIConnectionError', async () => {
    const { client, simulator } = await start()
    await simulator.close()
    expect(await failureOf(create(client))).toBeInstanceOf(Anthropic.APIConnectionError)
  })

  test('hang-head is APIConnectionTimeoutError, and APIUserAbortError for who leaves', async () => {
    const { client } = await start({ faults: { 'hang-head': 1 } }, { timeout: 100 })
    const failure = await failureOf(create(client))
    expect((failure as object).constructor).toBe(Anthropic.APIConnectionTimeoutError)
    const leaving = new AbortController()
    const call = client.messages.create(asked, { signal: leaving.signal, timeout: 60_000 })
    leaving.abort()
    expect(await failureOf(call)).toBeInstanceOf(Anthropic.APIUserAbortError)
  })

  test.each<[FaultName, string, Call]>([
    ['cut', 'an answer', create],
    ['cut', 'a stream', stream],
    ['invalid-json', 'an answer', create],
    ['invalid-json', 'a stream', stream],
  ])('%s of %s fails', async (fault, _what, call) => {
    const { client, simulator } = await start({ faults: { [fault]: 1 } })
    expect(await failureOf(call(client))).toBeInstanceOf(Error)
    expect(simulator.model.totals.billedRequests).toBe(1)
  })

  test('a 502 with a page of a proxy is InternalServerError of no type', async () => {
    const { client } = await start({ faults: { html: 1 } })
    const failures = await Promise.all(Array.from({ length: 20 }, () => failureOf(create(client))))
    const found = failures.map((failure) => {
      assert(failure instanceof Anthropic.APIError, String(failure))
      const { status, type, requestID } = failure
      return `${failure.constructor.name} ${status} ${type} ${requestID}`
    })
    expect([...new Set(found)].toSorted()).toEqual([
      'ContentTooLargeError 413 null null',
      'InternalServerError 502 null null',
    ])
  })

  test('the SDK tries again what the API says may be tried again, and nothing else', async () => {
    const { client, sent, simulator } = await start(
      { faults: { overloaded: 1 } },
      { maxRetries: 1 },
    )
    expect(await failureOf(create(client))).toBeInstanceOf(Anthropic.OverloadedError)
    expect(sent.map((headers) => headers.get('x-stainless-retry-count'))).toEqual(['0', '1'])
    simulator.model.setFaults({ permission: 1 })
    expect(await failureOf(create(client))).toBeInstanceOf(Anthropic.PermissionDeniedError)
    expect(sent).toHaveLength(3)
  })
})

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === 'function' && value.prototype instanceof Anthropic.AnthropicError
}

test('types of the wire are the SDK’s, where both have them', () => {
  expectTypeOf<ModelInfo>().toExtend<Anthropic.ModelInfo>()
  expectTypeOf<ModelPage['data'][number]>().toExtend<Anthropic.ModelInfo>()
  expectTypeOf<Message['usage']>().toExtend<Anthropic.Usage>()
  expectTypeOf<Omit<Message, 'content'>>().toExtend<Omit<Anthropic.Message, 'content'>>()
})
