/**
 * `stream` over real sockets, against the simulator, and its types as a caller meets them.
 */

import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest'
import { type Message, type RequestInput, type Result, RunError, stream } from '../src/index.ts'
import { type RunningSimulator, startSimulator } from '../src/simulator/index.ts'
import { drain, request, requests } from './stream-world.ts'

let simulator: RunningSimulator
beforeAll(async () => {
  simulator = await startSimulator({
    requestsPerMinute: null,
    outputTokensPerMinute: null,
    latencyMs: 40,
    faults: { overloaded: 0.02, 'reset-before': 0.02, cut: 0.02 },
  })
})
afterAll(() => simulator.close())

describe('stream() over sockets', () => {
  const options = () => ({ apiKey: 'sk-ant-test', baseUrl: simulator.url, ramp: 'off' as const })

  test('gives one result for every request, through refusals and cuts', async () => {
    const results = stream(requests(100), options())
    const { results: got, thrown } = await drain(results)
    expect(thrown).toBeUndefined()
    expect(new Set(got.map(({ metadata }) => metadata?.number)).size).toBe(100)
    expect(got.every(({ result }) => result.type === 'succeeded')).toBe(true)
  })

  test('takes a web stream of requests', async () => {
    const body = ReadableStream.from(requests(3))
    expect((await drain(stream(body, options()))).results).toHaveLength(3)
  })

  test('leaves no socket behind when the consumer leaves early', async () => {
    const results = stream(requests(100), options())
    for await (const { run } of results) if (run.line > 0) break
    const { rows } = await results.summary
    expect(rows.selected).toBe(rows.succeeded + rows.left)
    const open = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap')
    // The simulator's own ends close when they hear of it.
    expect(open.length).toBeLessThanOrEqual(2 * 100)
  })

  test('stops when the server is not there at all', async () => {
    const nowhere = { apiKey: 'k', baseUrl: 'http://127.0.0.1:9', patienceMs: 300 }
    const { thrown } = await drain(stream([request(1)], nowhere))
    expect(thrown).toBeInstanceOf(RunError)
    expect(thrown).toMatchObject({ code: 'PATIENCE_EXHAUSTED' })
  })
})

describe('types of stream()', () => {
  test('metadata is what was given, and the result is told apart by its type', () => {
    const typed = (given: AsyncIterable<RequestInput<{ page: number }>>) => stream(given, {})
    type Given<S> = S extends AsyncIterable<infer R> ? R : never
    expectTypeOf<Given<ReturnType<typeof typed>>>().toEqualTypeOf<Result<{ page: number }>>()
    const read = ({ result }: Result): Message | string =>
      result.type === 'succeeded' ? result.message : result.error.error.message
    expectTypeOf(read).toBeFunction()
    const bare = () => stream([{ ...request(1), metadata: 'a' }], {})
    expectTypeOf<Given<ReturnType<typeof bare>>>().toEqualTypeOf<Result<string>>()
    const wrapped = () => stream([{ params: request(1), metadata: 7 }], {})
    expectTypeOf<Given<ReturnType<typeof wrapped>>>().toEqualTypeOf<Result<number>>()
    const { metadata: _, ...plain } = request(1)
    const mixed = () => stream([{ params: plain, metadata: 7 }, plain], {})
    expectTypeOf<Given<ReturnType<typeof mixed>>>().toEqualTypeOf<Result>()
  })

  test('a request may have parameters we do not know, but must have its own', () => {
    const rest = { max_tokens: 1, messages: [{ role: 'user', content: [{ type: 'text' }] }] }
    expectTypeOf({ ...rest, model: 'm', tomorrow: { new: true } }).toExtend<RequestInput>()
    expectTypeOf({ params: { ...rest, tomorrow: 1 }, custom_id: 'a' }).toExtend<RequestInput>()
    expectTypeOf({ model: 'm', messages: rest.messages }).not.toExtend<RequestInput>()
    expectTypeOf({ ...rest, max_tokens: '1' }).not.toExtend<RequestInput>()
    expectTypeOf('a text').not.toExtend<RequestInput>()
    const literal: RequestInput = { ...rest, model: 'm', output_config: { effort: 'low' } }
    expectTypeOf(literal).toExtend<RequestInput>()
  })
})
