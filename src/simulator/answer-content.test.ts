/**
 * What answers consist of, on the model as a whole: over many rows, since much of it is drawn.
 */

import { describe, expect, test } from 'vitest'

import type { Message } from './answer.ts'
import { SimulatorModel } from './model.ts'
import type { SimulatorOptions } from './options.ts'

// 2026-11-22T10:00:00Z.
const wallAtZero = (20_779 * 24 + 10) * 3_600_000

const options = {
  latencyMs: 0,
  schemaCompileMs: 0,
  requestsPerMinute: null,
  inputTokensPerMinute: null,
  outputTokensPerMinute: null,
}

const rowsTotal = 400

/** The body of an answer to each of many rows with these members. */
function texts(members: object, more: SimulatorOptions = {}): readonly string[] {
  const model = new SimulatorModel({ ...options, ...more })
  return Array.from({ length: rowsTotal }, (_, index) => {
    const body = {
      model: 'claude-sonnet-4-6',
      max_tokens: 4096,
      messages: [{ role: 'user', content: `Row ${index}: how deep?` }],
      ...members,
    }
    const { step } = model.receive(0, wallAtZero, {
      method: 'POST',
      path: '/v1/messages',
      headers: { 'x-api-key': 'sk-ant-test', 'anthropic-version': '2023-06-01' },
      body: new TextEncoder().encode(JSON.stringify(body)),
    })
    const bytes = step.actions.flatMap((action) => (action.type === 'data' ? [action.bytes] : []))
    return new TextDecoder().decode(Buffer.concat(bytes))
  })
}

function messages(members: object, more: SimulatorOptions = {}): readonly Message[] {
  return texts(members, more).map((text) => JSON.parse(text) as Message)
}

const kinds = (message: Message): string => message.content.map(({ type }) => type).join(' ')

const share = (list: readonly Message[], isSuch: (message: Message) => boolean): number =>
  list.filter(isSuch).length / list.length

describe('thinking (API reference)', () => {
  test.each([
    ['enabled', { thinking: { type: 'enabled', budget_tokens: 2000 } }, 1],
    ['adaptive, by default on 5.x, at effort high', { model: 'claude-opus-5' }, 0.9],
    ['at effort low', { model: 'claude-opus-5', output_config: { effort: 'low' } }, 0.3],
    ['at effort max', { model: 'claude-opus-5', output_config: { effort: 'max' } }, 1],
    ['disabled', { model: 'claude-opus-5', thinking: { type: 'disabled' } }, 0],
    ['not asked for, on 4.6', {}, 0],
  ])('%s', (_name, members, expected) => {
    const list = messages(members, { outputTokens: 300, outputSigma: 0.3 })
    // Five standard errors of a share are at most 0.125.
    const found = share(list, (message) => kinds(message) === 'thinking text')
    expect(Math.abs(found - expected)).toBeLessThanOrEqual(expected % 1 === 0 ? 0 : 0.125)
    expect(share(list, (message) => kinds(message) === 'text')).toBeCloseTo(1 - found, 9)
  })

  test('is signed, is part of the output, and leaves some of it', () => {
    for (const { content, usage } of messages({ model: 'claude-opus-5' })) {
      const [first] = content
      const { thinking_tokens: thinking } = usage.output_tokens_details
      if (first?.type !== 'thinking') {
        expect(thinking).toBe(0)
        continue
      }
      expect(first.signature).toMatch(/^\w{96}$/)
      expect(first.thinking).not.toBe('')
      expect(thinking).toBeGreaterThan(0)
      expect(thinking).toBeLessThan(usage.output_tokens)
    }
  })

  test('keeps to its budget, and is hidden where that is asked', () => {
    const thinking = { type: 'enabled', budget_tokens: 1024, display: 'omitted' }
    const list = messages({ thinking }, { outputTokens: 3000, outputSigma: 0.1 })
    expect(Math.max(...list.map(({ usage }) => usage.output_tokens_details.thinking_tokens))).toBe(
      1024,
    )
    for (const { content } of list) expect(content[0]).toMatchObject({ thinking: '' })
  })

  test('does not change what a row costs', () => {
    const costs = (list: readonly Message[]): readonly number[] =>
      list.map(({ usage }) => usage.output_tokens)
    const mean = (list: readonly number[]): number =>
      list.reduce((sum, value) => sum + value, 0) / list.length
    const [thinking, plain] = [
      costs(messages({ model: 'claude-opus-5' })),
      costs(messages({ model: 'claude-opus-5', thinking: { type: 'disabled' } })),
    ]
    // Five standard errors of a mean of 200 with a deviation of 130: 33.
    expect(Math.abs(mean(thinking) - 200)).toBeLessThan(33)
    expect(Math.abs(mean(plain) - 200)).toBeLessThan(33)
  })
})

describe('tools (API reference)', () => {
  const schema = {
    type: 'object',
    properties: { depth: { type: 'integer' }, unit: { enum: ['m', 'ft'] } },
    required: ['depth', 'unit'],
  }
  const tools = [
    { name: 'measure', input_schema: schema },
    { name: 'open_gate', input_schema: { type: 'object', properties: {} } },
  ]
  const asked = {
    type: 'tool_use',
    id: expect.stringMatching(/^toolu_01\w{22}$/),
    name: 'measure',
    input: { depth: expect.any(Number), unit: expect.stringMatching(/^(m|ft)$/) },
    caller: { type: 'direct' },
  }

  test('named by tool_choice are asked for, with an input of their schema', () => {
    for (const message of messages({ tools, tool_choice: { type: 'tool', name: 'measure' } })) {
      expect(message).toMatchObject({ content: [asked], stop_reason: 'tool_use' })
    }
  })

  test('of which one must be used are all used', () => {
    const list = messages({ tools, tool_choice: { type: 'any' } })
    const names = list.map(({ content: [block] }) => block?.type === 'tool_use' && block.name)
    expect(new Set(names)).toEqual(new Set(['measure', 'open_gate']))
  })

  test('that are there are used sometimes, after a word', () => {
    const list = messages({ tools })
    const found = share(list, (message) => kinds(message) === 'text tool_use')
    expect(Math.abs(found - 0.5)).toBeLessThan(0.125)
    expect(share(list, (message) => message.stop_reason === 'tool_use')).toBe(found)
  })

  test.each([
    ['tool_choice none', { tools, tool_choice: { type: 'none' } }],
    ['a tool of the API’s own', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
  ])('are not asked for with %s', (_name, members) => {
    expect(share(messages(members), (message) => kinds(message) === 'text')).toBe(1)
  })

  test('cut at max_tokens have no input', () => {
    const list = messages({ tools, tool_choice: { type: 'any' }, max_tokens: 1 })
    for (const message of list) {
      expect(message).toMatchObject({ content: [{ input: {} }], stop_reason: 'max_tokens' })
    }
  })

  test('stream their input as JSON in pieces', () => {
    const choice = { type: 'tool', name: 'measure' }
    for (const text of texts({ tools, tool_choice: choice, stream: true })) {
      const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''))
      const block = events.find(({ type }) => type === 'content_block_start').content_block
      expect(block).toMatchObject({ type: 'tool_use', name: 'measure', input: {} })
      const deltas = events.filter(({ type }) => type === 'content_block_delta')
      for (const { delta } of deltas) expect(delta.type).toBe('input_json_delta')
      const input = JSON.parse(deltas.map(({ delta }) => delta.partial_json).join(''))
      expect(input).toEqual(asked.input)
    }
  })
})

describe('output_config.format (structured outputs)', () => {
  const schema = {
    type: 'object',
    properties: { depth: { type: 'integer' }, gates: { type: 'array', items: { enum: ['a'] } } },
    required: ['depth', 'gates'],
    additionalProperties: false,
  }
  const output_config = { format: { type: 'json_schema', schema } }

  test('makes the text JSON that conforms', () => {
    for (const { content, stop_reason } of messages({ output_config })) {
      const [block] = content
      const value = JSON.parse(block?.type === 'text' ? block.text : '')
      expect(value).toEqual({ depth: expect.any(Number), gates: expect.any(Array) })
      expect(stop_reason).toBe('end_turn')
    }
  })

  test('does not hold at max_tokens', () => {
    for (const { content, stop_reason } of messages({ output_config, max_tokens: 1 })) {
      const [block] = content
      expect(() => JSON.parse(block?.type === 'text' ? block.text : '')).toThrow('JSON')
      expect(stop_reason).toBe('max_tokens')
    }
  })
})

describe('stop_sequences (API reference)', () => {
  test('end some answers, each with the one that did', () => {
    const list = messages({ stop_sequences: ['###', 'END'] }, { outputSigma: 0 })
    const stopped = list.filter(({ stop_reason }) => stop_reason === 'stop_sequence')
    expect(Math.abs(stopped.length / rowsTotal - 0.3)).toBeLessThan(0.12)
    expect(new Set(stopped.map(({ stop_sequence }) => stop_sequence))).toEqual(
      new Set(['###', 'END']),
    )
    for (const message of list) {
      if (message.stop_reason !== 'stop_sequence') expect(message.stop_sequence).toBeNull()
    }
  })

  test('are never in the text', () => {
    const list = messages({ stop_sequences: ['the', 'gate'] })
    const found = list.filter(({ content }) => /the|gate/.test(JSON.stringify(content)))
    expect(found).toEqual([])
    expect(share(list, ({ stop_reason }) => stop_reason === 'stop_sequence')).toBeGreaterThan(0.9)
  })
})

describe('refusals (refusals page)', () => {
  test('are the share that was asked for, with HTTP 200 and details', () => {
    const list = messages({}, { refusalRate: 0.4 })
    const refused = list.filter(({ stop_reason }) => stop_reason === 'refusal')
    expect(Math.abs(refused.length / rowsTotal - 0.4)).toBeLessThan(0.125)
    for (const { content, stop_details, usage } of refused) {
      expect(stop_details).toEqual({
        type: 'refusal',
        category: expect.any(String),
        explanation: expect.any(String),
      })
      // At once, and then of nothing; or in the middle.
      expect(content.length === 0).toBe(usage.output_tokens === 0)
    }
    expect(new Set(refused.map(({ content }) => content.length))).toEqual(new Set([0, 1]))
  })

  test('at once are billed only of some categories', () => {
    const model = new SimulatorModel({ ...options, refusalRate: 1 })
    expect(model.totals.billedRequests).toBe(0)
    const billedAtOnce = ['bio', 'frontier_llm', 'reasoning_extraction']
    let expected = 0
    for (let index = 0; index < 200; index++) {
      const body = {
        model: 'claude-sonnet-4-6',
        max_tokens: 100,
        messages: [{ role: 'user', content: `${index}` }],
      }
      const { step } = model.receive(0, wallAtZero, {
        method: 'POST',
        path: '/v1/messages',
        headers: { 'x-api-key': 'sk-ant-test', 'anthropic-version': '2023-06-01' },
        body: new TextEncoder().encode(JSON.stringify(body)),
      })
      const data = step.actions.find((action) => action.type === 'data')
      const message = JSON.parse(new TextDecoder().decode(data?.bytes)) as Message
      const category = message.stop_details?.category ?? ''
      if (message.content.length > 0 || billedAtOnce.includes(category)) expected++
    }
    expect(expected).toBeLessThan(200)
    expect(model.totals).toMatchObject({ answered: 200, billedRequests: expected })
  })

  test('leave the cost of rows that are answered as it was', () => {
    const [without, some] = [messages({}), messages({}, { refusalRate: 0.3 })]
    for (const [index, message] of some.entries()) {
      if (message.stop_reason === 'refusal') continue
      expect(message.usage).toEqual(without[index]?.usage)
    }
  })

  test('at once stream no block', () => {
    const text = texts({ stream: true }, { refusalRate: 1 }).find(
      (each) => !each.includes('content_block'),
    )
    const names = [...(text ?? '').matchAll(/^event: (.*)$/gm)].map(([, name]) => name)
    expect(names).toEqual(['message_start', 'ping', 'message_delta', 'message_stop'])
  })
})

test('a stream says what the Message does, block by block', () => {
  const members = { model: 'claude-opus-5', stop_sequences: ['END'] }
  for (const text of texts({ ...members, stream: true }).slice(0, 50)) {
    const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''))
    const indexes = events.filter(({ index }) => index !== undefined).map(({ index }) => index)
    expect(indexes).toEqual(indexes.toSorted((left, right) => left - right))
    const started = events.filter(({ type }) => type === 'content_block_start')
    const stopped = events.filter(({ type }) => type === 'content_block_stop')
    expect(started.map(({ index }) => index)).toEqual(stopped.map(({ index }) => index))
    for (const { index, content_block: block } of started) {
      const deltas = events.filter((each) => each.type.endsWith('_delta') && each.index === index)
      const names = new Set(deltas.map(({ delta }) => delta.type))
      const thinks = block.type === 'thinking'
      expect(names).toEqual(
        new Set(thinks ? ['thinking_delta', 'signature_delta'] : ['text_delta']),
      )
      if (thinks) expect(deltas.at(-1).delta.signature).toMatch(/^\w{96}$/)
    }
  }
})
