import { zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { SimFiles } from '../../test/sim-files.ts'
import { loadPrices } from '../money.ts'
import { failedLine, type RunFields, succeededLine } from '../result-line.ts'
import { reportView } from './report-view.ts'
import type { PageView } from './view.ts'

const results = '/out.jsonl'
const failedResults = '/out.failed.jsonl'
const now = Date.UTC(2026, 10, 1)
const key = '00112233445566778899aabbccddeeff'

interface GivenRow extends Partial<RunFields> {
  readonly usage?: object
  readonly stopReason?: string
  readonly request?: string
}

function answeredLine(line: number, given: GivenRow = {}): string {
  const { usage = {}, stopReason = 'end_turn', request, ...run } = given
  const message = {
    model: 'claude-haiku-4-5-20251001',
    content: [{ type: 'text', text: `Answer ${line}` }],
    stop_reason: stopReason,
    usage: { input_tokens: 1000, output_tokens: 10, ...usage },
  }
  const fields = { line, key, attempts: 1, requestId: `req_${line}`, latencyMs: 500 }
  return succeededLine({
    id: `line-${line}`,
    message: JSON.stringify(message),
    request,
    run: { ...fields, costUsd: '0.00105', ...run },
  })
}

function brokenLine(line: number, type: string, message = 'no'): string {
  const fields = { line, key, attempts: 2, requestId: null, latencyMs: 5, costUsd: '0' }
  const row = { id: `line-${line}`, type: 'errored', requestId: null } as const
  const params = '{"messages":"asked"}'
  return failedLine({ ...row, error: { type, message }, params, run: fields })
}

function viewOf(
  lines: readonly string[] | Uint8Array,
  failed: readonly string[] = [],
  showsContent = false,
): Promise<PageView> {
  const files = new SimFiles()
  files.put(results, lines instanceof Uint8Array ? lines : lines.join(''))
  if (failed.length > 0) files.put(failedResults, failed.join(''))
  return reportView({ files, prices: loadPrices(), results, failedResults, showsContent, now })
}

describe('reportView()', () => {
  test('counts what became of every row, and what it cost', async () => {
    const view = await viewOf(
      [answeredLine(1), answeredLine(2, { stopReason: 'max_tokens' }), answeredLine(3)],
      [brokenLine(4, 'invalid_request_error')],
    )
    expect(view.rows).toMatchObject({ succeeded: 3, failed: 1, truncated: 1, copied: 0 })
    expect(view.cost).toMatchObject({
      nanoUsd: 3 * 1_050_000,
      byModel: [{ rows: 3, kinds: { input: { tokens: 3000, nanoUsd: 3_000_000 } } }],
    })
    expect(view.tokens).toEqual({ input: 3000, cacheWrite: 0, cacheRead: 0, output: 30 })
    expect(view.errors).toMatchObject([{ type: 'invalid_request_error', rows: 1, tries: 0 }])
    expect(view.failed).toMatchObject([{ line: 4, id: 'line-4', attempts: 2, message: 'no' }])
  })

  test('shows no prompt and no answer, unless it is asked to', async () => {
    const lines = [answeredLine(1, { request: '{"messages":"asked"}' })]
    const failed = [brokenLine(2, 'api_error')]
    const plain = JSON.stringify(await viewOf(lines, failed))
    expect(plain).not.toContain('asked')
    expect(plain).not.toContain('Answer 1')
    const { slowest, failed: shown } = await viewOf(lines, failed, true)
    expect(slowest[0]?.request).toContain('asked')
    expect(slowest[0]?.answer).toContain('Answer 1')
    expect(shown[0]?.request).toContain('asked')
  })

  test('takes copies for answers that took nothing, and batches for no latencies', async () => {
    const { rows, cost, latency } = await viewOf([
      answeredLine(1),
      answeredLine(2, { copiedFrom: 'line-1', costUsd: '0' }),
      answeredLine(3, { batch: { id: 'msgbatch_1', request: 'r3' } }),
    ])
    expect(rows).toMatchObject({ succeeded: 3, copied: 1 })
    expect(cost.byModel).toMatchObject([{ rows: 2 }])
    expect(latency?.rows).toBe(1)
  })

  test('says what the cache saved', async () => {
    const usage = { cache_read_input_tokens: 10_000 }
    const { cost } = await viewOf([answeredLine(1, { usage })])
    // Nine tenths of $1 a million.
    expect(cost.cacheSavedNanoUsd).toBe(9_000_000)
  })

  test('reads the tuples of the ancestor, and prices what has no cost', async () => {
    const usage = { input_tokens: 1000, output_tokens: 10 }
    const message = { model: 'claude-haiku-4-5-20251001', usage, content: [], stop_reason: null }
    const lines = [
      `${JSON.stringify([{ model: 'x' }, message, { row: 1 }])}\n`,
      `${JSON.stringify([{ model: 'x' }, ['Error: no']])}\n`,
    ]
    const { rows, cost, latency } = await viewOf(lines)
    expect(rows).toMatchObject({ succeeded: 1, failed: 1 })
    expect(cost.nanoUsd).toBe(1_050_000)
    expect(latency).toBeNull()
  })

  test('reads a compressed output, and lines of others are none', async () => {
    const text = `${answeredLine(1)}{"not":"ours"}\nnor JSON\n${answeredLine(2)}`
    const { rows } = await viewOf(zstdCompressSync(text))
    expect(rows).toMatchObject({ succeeded: 2, failed: 0 })
  })

  test('of a million kinds of failures and rows is no larger than of a few hundred', async () => {
    const many = (rows: number): string[] =>
      Array.from({ length: rows }, (_, line) => brokenLine(line, `error_${line}`, 'x'.repeat(9000)))
    const size = async (rows: number): Promise<number> =>
      JSON.stringify(await viewOf([answeredLine(1)], many(rows))).length
    expect(await size(3000)).toBeLessThan((await size(500)) * 1.1)
  })

  test('without results says so', async () => {
    const files = new SimFiles()
    const parts = { files, prices: loadPrices(), failedResults, showsContent: false, now }
    await expect(reportView({ ...parts, results: '/none.jsonl' })).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
    })
  })
})
