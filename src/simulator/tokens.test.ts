/**
 * The tokenizer: its rules by arithmetic, and that bytes alone do not predict it.
 */

import { expect, test } from 'vitest'

import { requestTokens, textTokens } from './tokens.ts'

test.each([
  ['', 0],
  // One per seven letters begun; the space belongs to the word.
  ['water gate', 2],
  ['maintenance', 2],
  ['Hello, world.', 4],
  // Three digits a token.
  ['1234567', 3],
  ['inputTokens', 2],
  ['a\n\n\nb', 3],
  // Seven spaces beyond the first are one token begun.
  ['        x', 2],
  ['水門', 3],
  ['Ольга', 2],
  ['🚢', 3],
  ['{"a":[1]}', 6],
])('textTokens(%j) is %d', (text, tokens) => {
  expect(textTokens(text)).toBe(tokens)
})

const older = { tokenizer: 'older' } as const
const newer = { tokenizer: 'newer' } as const

function body(content: unknown, more: object = {}): Record<string, unknown> {
  return { messages: [{ role: 'user', content }], ...more }
}

// Seven for the request and four for the message.
const frame = 11

test.each<[name: string, body: Record<string, unknown>, tokens: number]>([
  ['a text', body('water gate'), frame + 2],
  ['a text in blocks', body([{ type: 'text', text: 'water gate' }]), frame + 2],
  ['a system prompt', body('water gate', { system: 'Be brief.' }), frame + 2 + 3],
  [
    'a text with a mark, which costs nothing',
    body([{ type: 'text', text: 'water', cache_control: { type: 'ephemeral' } }]),
    frame + 1,
  ],
])('requestTokens() counts %s', (_name, given, tokens) => {
  expect(requestTokens(given, older)).toBe(tokens)
})

test('requestTokens() makes 30 % more tokens for the newer tokenizer (token counting page)', () => {
  const long = body('gate '.repeat(1000))
  expect(requestTokens(long, older)).toBe(1000 + frame)
  expect(requestTokens(long, newer)).toBe(Math.ceil(1004 * 1.3) + 7)
})

test('requestTokens() adds the hidden prompt of tools, longer when one is forced (token counting page)', () => {
  const tools = [{ name: 'x', input_schema: {} }]
  const auto = requestTokens(body('water', { tools }), older)
  const forced = requestTokens(body('water', { tools, tool_choice: { type: 'any' } }), older)
  expect(auto).toBeGreaterThan(frame + 1 + 286)
  expect(forced - auto).toBe(406 - 286)
})

const bigEndian = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >> shift) & 255)

// A PNG up to its size: signature, the IHDR chunk's length and name, then width and height.
function png(width: number, height: number): string {
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
  const bytes = [...signature, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, ...bigEndian(width)]
  return btoa(String.fromCharCode(...bytes, ...bigEndian(height), 8, 2, 0, 0, 0))
}

test.each([
  // token counting page: ⌈w/28⌉·⌈h/28⌉, after shrinking to fit.
  { width: 1000, height: 1000, newerTokens: 1296, olderTokens: 1296 },
  { width: 1920, height: 1080, newerTokens: 2691, olderTokens: 1560 },
  { width: 3840, height: 2160, newerTokens: 4784, olderTokens: 1560 },
])('requestTokens() of a picture $width × $height', (row) => {
  const source = { type: 'base64', media_type: 'image/png', data: png(row.width, row.height) }
  const picture = body([{ type: 'image', source }])
  expect(requestTokens(picture, newer)).toBe(row.newerTokens + Math.ceil(4 * 1.3) + 7)
  expect(requestTokens(picture, older)).toBe(row.olderTokens + frame)
})

test('requestTokens() of a picture it cannot look into is the dearest', () => {
  const source = { type: 'url', url: 'https://example.com/a.png' }
  expect(requestTokens(body([{ type: 'image', source }]), older)).toBe(1568 + frame)
})

test('textTokens() is not a function of the number of bytes', () => {
  const texts = ['the lock keeper waits', '{"a":1,"b":[2,3,45]}x', '水門水門水門水']
  const bytes = texts.map((text) => new TextEncoder().encode(text).length)
  expect(new Set(bytes)).toEqual(new Set([21]))
  expect(new Set(texts.map(textTokens)).size).toBe(3)
})
