import { expect, test } from 'vitest'
import { digest } from './hash.ts'

// The examples of FIPS 180-2 for SHA-256, cut to 128 bits.
const vectors: [text: string, expected: string][] = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb924'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223'],
  ['abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq', '248d6a61d20638b8e5c026930c3e6039'],
]

test.each(vectors)('digest() of %j is the first half of its SHA-256', (text, expected) => {
  expect(digest(Buffer.from(text))).toBe(expected)
})

test('digest() of a slice does not depend on what is around it', () => {
  const bytes = Buffer.from('xxabcxx')
  expect(digest(bytes.subarray(2, 5))).toBe(digest(Buffer.from('abc')))
})
