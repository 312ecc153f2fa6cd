/**
 * A file of blocks, of which some want input and others output: both limits are used at once, and
 * the rows that want much of one wait no longer for those that pass them.
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
    expect(full.filter(({ row, at }) => row > 3 && at < headAt).length).toBeGreaterThan(3)
  })
})
