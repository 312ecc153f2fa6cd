import { describe, expect, test } from 'vitest'
import { loadPrices } from './money.ts'
import { worstCase } from './worst-case.ts'

const prices = loadPrices()
const model = 'claude-haiku-4-5'
// Dollars a million tokens: 1 in, 1.25 and 2 written, 5 out; no more for the United States.
const [inRate, write5mRate, write1hRate, outRate] = [1000, 1250, 2000, 5000]
const contextTokens = 200_000
const text = { role: 'user', content: 'Hi' }

function most(
  body: Readonly<Record<string, unknown>>,
  of: { model?: string; maxTokens?: number } = {},
): ReturnType<typeof worstCase> & { bytes: number } {
  const bytes = Buffer.from(JSON.stringify({ messages: [text], ...body }))
  const found = worstCase({ model, maxTokens: 100, ...of, body: bytes }, prices, [0, 4e12])
  return { ...found, bytes: bytes.length }
}

function tokensOf(found: ReturnType<typeof most>): number {
  return 'tokens' in found ? found.tokens - 100 : NaN
}

describe('text', () => {
  test('is a token a byte at most, and the answer its max_tokens', () => {
    const found = most({})
    expect(found).toMatchObject({
      tokens: found.bytes + 100,
      nanoUsd: found.bytes * inRate + 100 * outRate,
    })
  })

  test('costs what its marks have it written for', () => {
    const marked = (cache_control: unknown): ReturnType<typeof most> =>
      most({ system: [{ type: 'text', text: 'S', cache_control }] })
    const short = marked({ type: 'ephemeral' })
    expect(short).toMatchObject({ nanoUsd: short.bytes * write5mRate + 100 * outRate })
    const long = marked({ type: 'ephemeral', ttl: '1h' })
    expect(long).toMatchObject({ nanoUsd: long.bytes * write1hRate + 100 * outRate })
  })

  test('that may be marked before it is sent may be written for an hour', () => {
    const asked = { model, maxTokens: 100, body: Buffer.from('{"messages":[]}'), mayBeMarked: true }
    expect(worstCase(asked, prices, [0])).toMatchObject({
      nanoUsd: asked.body.length * write1hRate + 100 * outRate,
    })
  })

  test('that speaks of marks is not marked', () => {
    const found = most({ system: '"cache_control" and "image" and "tools"' })
    expect(found).toMatchObject({ nanoUsd: found.bytes * inRate + 100 * outRate })
  })

  test('whose names are escaped is read for what it says', () => {
    const body = String.raw`{"system":[{"type":"text","text":"S","cache\u005fcontrol":{"ttl":"1\u0068"}}]}`
    const found = worstCase({ model, maxTokens: 0, body: Buffer.from(body) }, prices, [0])
    expect(found).toMatchObject({ nanoUsd: body.length * write1hRate })
  })

  test('of a long prompt is priced as one', () => {
    // Haiku 5.5: above 100,000 tokens 0.50 in and 2.50 out, and a tenth more in the United States.
    const content = 'x'.repeat(100_001)
    const found = most({ messages: [{ role: 'user', content }] }, { model: 'claude-haiku-5-5' })
    expect(found).toMatchObject({ nanoUsd: Math.round(1.1 * (found.bytes * 500 + 100 * 2500)) })
  })
})

describe('where and how it runs', () => {
  test('is the dearest that the request does not rule out', () => {
    const of = { model: 'claude-opus-5' }
    const open = most({}, of)
    expect(open).toMatchObject({ nanoUsd: Math.round(1.1 * (open.bytes * 5000 + 100 * 25_000)) })
    const global = most({ inference_geo: 'global' }, of)
    expect(global).toMatchObject({ nanoUsd: global.bytes * 5000 + 100 * 25_000 })
    const fast = most({ inference_geo: 'global', speed: 'fast' }, of)
    expect(fast).toMatchObject({ nanoUsd: fast.bytes * 10_000 + 100 * 50_000 })
  })

  test('has no bound where there is no price', () => {
    expect(most({}, { model: 'claude-haiku-9' })).toMatchObject({ lacks: 'price' })
    expect(most({ speed: 'fast' })).toMatchObject({ lacks: 'price' })
  })

  test('needs no price where only tokens are asked', () => {
    const asked = { model: 'claude-haiku-9', maxTokens: 5, body: Buffer.from('{}') }
    expect(worstCase(asked, undefined, [0])).toEqual({ nanoUsd: 0, tokens: 7 })
  })
})

describe('what is no text', () => {
  test('a picture is its most tokens, not its bytes', () => {
    const data = 'A'.repeat(50_000)
    const picture = { type: 'image', source: { type: 'base64', media_type: 'image/png', data } }
    const one = most({ messages: [{ role: 'user', content: [picture] }] })
    expect(tokensOf(one)).toBe(one.bytes - data.length + 4784)
    const url = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }
    const inTool = { type: 'tool_result', tool_use_id: 't', content: [url, url] }
    const two = most({ messages: [{ role: 'user', content: [inTool] }] })
    expect(tokensOf(two)).toBe(two.bytes + 2 * 4784)
  })

  test('pages are bounded by what the model can read', () => {
    const source = { type: 'url', url: 'https://example.com/a.pdf' }
    const content = [{ type: 'document', source }]
    expect(tokensOf(most({ messages: [{ role: 'user', content }] }))).toBe(contextTokens)
    const plain = { type: 'text', media_type: 'text/plain', data: 'words' }
    const asText = most({
      messages: [{ role: 'user', content: [{ type: 'document', source: plain }] }],
    })
    expect(tokensOf(asText)).toBe(asText.bytes)
  })

  test('no prompt is longer than what the model can read', () => {
    const content = 'x'.repeat(300_000)
    expect(tokensOf(most({ messages: [{ role: 'user', content }] }))).toBe(contextTokens)
  })

  test('tools add a hidden prompt, those of the API their own', () => {
    const own = most({ tools: [{ name: 'look', input_schema: { type: 'object' } }] })
    // 804 is the most that is published.
    expect(tokensOf(own)).toBeGreaterThanOrEqual(own.bytes + 804)
    const bash = most({ tools: [{ type: 'bash_20250124', name: 'bash' }] })
    expect(tokensOf(bash)).toBeGreaterThanOrEqual(bash.bytes + 804 + 325)
  })

  test.each([
    ['a search on the server', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ['servers of tools', { mcp_servers: [{ type: 'url', url: 'https://example.com' }] }],
    ['other models', { fallbacks: ['claude-opus-5'] }],
  ])('%s has no bound', (_, body) => {
    expect(most(body)).toMatchObject({ lacks: 'tokens' })
  })
})
