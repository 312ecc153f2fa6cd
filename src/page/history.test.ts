import { describe, expect, test } from 'vitest'
import { answer, started, try_ } from '../../test/page-events.ts'
import { SimFiles } from '../../test/sim-files.ts'
import type { RunEvent } from '../events.ts'
import type { RunSummary } from '../summary.ts'
import { Stats } from '../stats.ts'
import { historyPath, HistoryWriter } from './history.ts'
import { historyView } from './history-view.ts'
import { readHistory } from './read-history.ts'

const output = '/out.jsonl'
const wallAt = 1_700_000_000_000

/** A summary of which a history needs only some. */
function summaryOf(more: Partial<RunSummary> = {}): RunSummary {
  return {
    exitCode: 0,
    stopped: null,
    modelsGone: [],
    input: '/in.jsonl',
    output,
    failedOutput: '/out.failed.jsonl',
    rows: { selected: 3, succeeded: 3, failed: 0, left: 0 },
    snapshot: new Stats().snapshot(0),
    notInInput: null,
    estimateErrorPercent: 2,
    estimateErrors: { input: { medianPercent: 1, p95Percent: 4 }, output: null },
    boundExcess: {},
    ...more,
  }
}

function write(files: SimFiles, events: readonly RunEvent[], end?: number): HistoryWriter {
  files.makeFolder(`${output}.sluice`)
  const writer = new HistoryWriter(files)
  for (const event of events) writer.observe(event)
  if (end !== undefined) writer.end(end, summaryOf())
  return writer
}

/** A row asked and answered each second. */
function seconds(count: number): readonly RunEvent[] {
  const rows = Array.from({ length: count }, (_, index) => index)
  const both = (index: number): RunEvent[] => [
    try_(index * 1000, index),
    answer(index * 1000 + 500, index),
  ]
  return [started(0, wallAt), ...rows.flatMap(both)]
}

describe('a history', () => {
  test('says when a run was, what happened, and how it ended', () => {
    const files = new SimFiles()
    write(files, seconds(3), 3000)
    const view = historyView(files, output)
    expect(view).toMatchObject({
      state: 'ended',
      input: '/in.jsonl',
      starts: 1,
      startedAt: wallAt,
      elapsedMs: 3000,
      rows: 3,
      stopped: null,
      perhapsNanoUsd: 0,
      estimates: { rows: 0, bias: 0.02, median: 0.01, p95: 0.04 },
    })
    expect(view.series).toMatchObject({
      at: [wallAt, wallAt + 1000, wallAt + 2000],
      succeeded: [1, 1, 1],
    })
  })

  test('of a run of any length is a few thousand lines', () => {
    const files = new SimFiles()
    const hours = 24 * 7
    const minutes = Array.from({ length: hours * 60 - 40 }, (_, index) => index + 41)
    const everyMinute = minutes.flatMap((minute) => [
      try_(minute * 60_000, minute),
      answer(minute * 60_000 + 1, minute),
    ])
    write(files, [...seconds(2000), ...everyMinute], hours * 3_600_000)
    const lines = readHistory(files, output)
    // 500 of a second, and 500 for each e-fold of the time after these.
    expect(lines.length).toBeLessThan(500 + 500 * Math.log((hours * 3600) / 500) + 10)
    const sum = lines.reduce(
      (all, line) => all + (line.type === 'interval' ? line.succeeded : 0),
      0,
    )
    expect(sum).toBe(2000 + minutes.length)
  })

  test('goes on where the output does, and begins anew where it does', () => {
    const files = new SimFiles()
    write(files, seconds(2), 2000)
    const later = { ...started(0, wallAt + 60_000), held: { succeeded: 2, failed: 0 } }
    write(files, [later, try_(0, 5), answer(900, 5)], 1000)
    expect(historyView(files, output)).toMatchObject({
      starts: 2,
      startedAt: wallAt,
      elapsedMs: 3000,
    })
    write(files, seconds(1), 1000)
    expect(historyView(files, output)).toMatchObject({ starts: 1, elapsedMs: 1000 })
  })

  test('of a killed run says that no end is known, and a torn line is none', () => {
    const files = new SimFiles()
    write(files, seconds(5))
    const text = files.readText(historyPath(output))
    files.put(historyPath(output), text.slice(0, -20))
    const view = historyView(files, output)
    expect(view).toMatchObject({ state: 'stopped', stopped: { code: 'NO_END' }, rows: null })
    expect(view.series?.at.length).toBe(3)
  })

  test('that is not there leaves what it would say unknown', () => {
    expect(historyView(new SimFiles(), output)).toMatchObject({
      state: 'unknown',
      startedAt: null,
      elapsedMs: null,
      rows: null,
      series: null,
    })
  })

  test('counts the tries that failed, by kind', () => {
    const files = new SimFiles()
    const failed: RunEvent = {
      type: 'attempt_failed',
      at: 100,
      attempt: 1,
      line: 1,
      id: 'a',
      pool: 'haiku',
      kind: 'overloaded',
      status: 529,
      error: { type: 'overloaded_error', message: 'Overloaded' },
      requestId: null,
      latencyMs: 1,
      unknown: null,
      waitMs: null,
    }
    const again = [try_(1400, 1), { ...failed, at: 1500 }]
    write(files, [started(0, wallAt), try_(0, 1), failed, ...again], 2000)
    const { errors } = historyView(files, output)
    expect(errors).toEqual([
      { type: 'overloaded_error', status: 529, tries: 1, message: 'Overloaded' },
      { type: 'overloaded_error', status: 529, tries: 1, message: 'Overloaded' },
    ])
  })

  test('is not kept beside standard output', () => {
    const files = new SimFiles()
    write(files, [started(0, wallAt, '-'), answer(5000, 1)], 6000)
    expect(files.paths()).toEqual([])
  })

  test('throws where it cannot be written: its observer is dropped, and no other', () => {
    const files = new SimFiles()
    const writer = write(files, seconds(1))
    files.failWrites('ENOSPC')
    expect(() => writer.observe(try_(9000, 9))).toThrow(/ENOSPC/)
  })

  test('tells of each limit what was taken in the fullest minute', () => {
    const files = new SimFiles()
    const limits = { requests: { limit: 50, remaining: 1, resetAt: 0 } }
    const read: RunEvent = { type: 'limits_read', at: 0, pool: 'haiku', limits }
    // Two a second for the first half minute, one every two seconds afterwards.
    const fast = Array.from({ length: 60 }, (_, index) => try_(index * 500, index))
    const slow = Array.from({ length: 60 }, (_, index) => try_(30_000 + index * 2000, index))
    write(files, [started(0, wallAt), read, ...fast, ...slow], 150_000)
    const [pool] = historyView(files, output).pools
    const requests = pool?.meters.find(({ name }) => name === 'requests')
    // The first minute has all the fast ones, and fifteen of the slow.
    expect(requests).toEqual({ name: 'requests', limit: 50, used: 75, others: null })
  })
})
