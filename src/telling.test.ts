import { expect, test } from 'vitest'
import { attemptOf, rowOf } from '../test/world/drive.ts'
import type { Cost } from './meter.ts'
import { dayStartMs } from './models.ts'
import { loadPrices } from './money.ts'
import { costNanoUsdMax } from './telling.ts'

test('costNanoUsdMax() takes a prompt whole, though its cache may have expired', () => {
  const row = rowOf(0, { model: 'claude-haiku-4-5', bodyBytes: 10_000, maxTokens: 0 })
  const most = (cost: Cost): number => {
    return costNanoUsdMax(loadPrices(), attemptOf(row, cost), dayStartMs('2026-11-22')) ?? 0
  }
  const read = most({ input: 20, prompt: 3000, output: 0 })
  // What is expected to be read from the cache may have to be written again.
  expect(read).toBe(most({ input: 3000, output: 0 }))
  expect(read).toBeGreaterThan(most({ input: 20, output: 0 }))
  // No prompt has more tokens than bytes.
  expect(most({ input: 9000, output: 0 })).toBe(most({ input: 20_000, output: 0 }))
})
