/**
 * The order of starts where it matters. A file of blocks, of which some want input and others
 * output: both limits are used at once, and the rows that want much of one wait no longer for those
 * that pass them. And a file that ends with long answers: the run does not wait for them alone.
 */

import { describe, expect, test } from 'vitest'
import { checkHead, upTo } from './checkers-pace.ts'
import { lineOf, type Play, play, type Try } from './play.ts'

const limits = {
  requestsPerMinute: 1000,
  inputTokensPerMinute: 30_000,
  outputTokensPerMinute: 8000,
}
const server = { ...limits, outputTokens: 800 }
const blocks = 3
const [heavyRows, longRows] = [10, 60]
const blockRows = heavyRows + longRows

/** Each block: ten rows that want two thirds of a minute's input each, then sixty long answers. */
function blocksOf(): string {
  return Array.from({ length: blocks * blockRows }, (_, row) =>
    row % blockRows < heavyRows
      ? lineOf(row, 20_000, { max_tokens: 50 })
      : lineOf(row, 10, { max_tokens: 4000 }),
  ).join('')
}

/** What the rows cost, by block, in minutes of refill. */
function minutesOf(tries: readonly Try[]): readonly { input: number; output: number }[] {
  const minutes = Array.from({ length: blocks }, () => ({ input: 0, output: 0 }))
  for (const { row, input, output } of tries) {
    const block = minutes[Math.floor(row / blockRows)]
    if (block === undefined) continue
    block.input += input / limits.inputTokensPerMinute
    block.output += output / limits.outputTokensPerMinute
  }
  return minutes
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

describe.each([700, 15_000])('answers in %i ms', (latencyMs) => {
  test('a file in blocks takes as long as one limit needs, not both in turn', async () => {
    const { tries, summaries, endedAt } = await play({
      server: { ...server, latencyMs },
      runs: [{ input: blocksOf() }],
    })
    expect(summaries[0]?.rows.succeeded).toBe(blocks * blockRows)
    const minutes = minutesOf(tries[0] ?? [])
    // In the order of the file each block finds one minute's worth of its limit there, and waits
    // for the rest: the block after it has not begun.
    const inOrder = sumOf(
      minutes.map(({ input, output }) => Math.max(0, input - 1) + Math.max(0, output - 1)),
    )
    // The full bucket is there once, and all the rest must be refilled.
    const atOnce = Math.max(
      sumOf(minutes.map(({ input }) => input)) - 1,
      sumOf(minutes.map(({ output }) => output)) - 1,
    )
    expect(inOrder / atOnce).toBeGreaterThan(1.5)
    expect(endedAt / 60_000).toBeLessThan(0.75 * inOrder)
    expect(endedAt / 60_000).toBeLessThan(1.15 * atOnce)
  })

  test('a row that waits for input is sent when it would be with nobody behind it', async () => {
    const rows = [10, 10, 20_000, 20_000, ...Array.from({ length: 100 }, () => 10)]
    const input = rows.map((words, row) =>
      lineOf(row, words, { max_tokens: words > 10 ? 50 : 4000 }),
    )
    const given: Play = {
      server: { ...server, latencyMs },
      runs: [{ input: input.join('') }],
    }
    const full = (await play(given)).tries[0] ?? []
    const alone = (await play(upTo(given, 3))).tries[0] ?? []
    expect(checkHead({ row: 3, before: 2 }, full, alone)).toEqual([])
    const headAt = full.find(({ row }) => row === 3)?.at ?? 0
    // A hundredth of its wait of some 20 s is the input of a few rows, and of two at least.
    const passed = full.filter(({ row, at }) => row > 3 && at < headAt)
    expect(passed.length).toBeGreaterThanOrEqual(2)
  })
})

test('a run does not end by waiting for long answers that were started last', async () => {
  // One row in twenty has a long answer, and the last ten have.
  const rows = 600
  const isLong = (row: number): boolean => row % 20 === 10 || row >= rows - 10
  const input = Array.from({ length: rows }, (_, row) =>
    lineOf(row, 30, { max_tokens: isLong(row) ? 16_000 : 100 }),
  ).join('')
  const { tries, endedAt } = await play({
    server: {
      requestsPerMinute: 150,
      inputTokensPerMinute: 1e9,
      outputTokensPerMinute: 1e9,
      latencyMs: 15_000,
      latencySigma: 0,
      outputTokens: 6000,
    },
    runs: [{ input }],
  })
  // Half of the time passes before the first byte, so a short answer takes 7.5 s, a long one 15 s.
  const longMs = 15_000 * 0.75
  const lastAt = Math.max(...(tries[0] ?? []).map(({ at }) => at))
  expect(endedAt - lastAt).toBeLessThan(longMs)
  // All but those at the end keep their place, but for two probes and what is sent together.
  const starts = (tries[0] ?? []).map(({ row }) => row).slice(0, rows - 100)
  expect(starts).toEqual(starts.toSorted((a, b) => a - b))
})
