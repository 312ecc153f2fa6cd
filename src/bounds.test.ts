import { expect, test } from 'vitest'
import { bounds } from './bounds.ts'

test.each(Object.entries(bounds))('bounds.%s is a whole, positive number', (_name, value) => {
  expect(Number.isSafeInteger(value) && value > 0).toBe(true)
})

test('bounds of sizes are the documented powers of two', () => {
  expect(bounds.bodyBytesMax).toBe(32 * 2 ** 20)
  expect(bounds.lineBytesMax).toBe(64 * 2 ** 20)
  expect(bounds.readChunkBytes).toBe(256 * 2 ** 10)
  expect(bounds.windowBytesMax).toBe(64 * 2 ** 20)
  expect(bounds.inFlightBytesDefault).toBe(64 * 2 ** 20)
  expect(bounds.replyBytesMax).toBe(64 * 2 ** 20)
})
