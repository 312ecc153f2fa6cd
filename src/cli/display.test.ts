import { describe, expect, test } from 'vitest'
import { SimClock } from '../../test/world/sim-clock.ts'
import { sleep } from '../clock.ts'
import type { RowFailed, RunEvent, RunStarted } from '../events.ts'
import { Display, type DisplayOptions } from './display.ts'
import { unicode } from './glyphs.ts'
import { painter } from './paint.ts'
import { redactor } from './redact.ts'
import type { Surface } from './terminal.ts'

/** Keeps what it is given. */
class Paper implements Surface {
  readonly columns = 80
  readonly rows = 24
  readonly printed: string[] = []
  readonly blocks: (readonly string[])[] = []
  isAtRest = false

  print(lines: readonly string[]): void {
    this.printed.push(...lines)
  }

  show(lines: readonly string[]): void {
    this.blocks.push(lines)
  }

  hide(): void {}

  rest(): void {
    this.isAtRest = true
  }
}

interface Scene {
  readonly clock: SimClock
  readonly paper: Paper
  readonly display: Display
  readonly pass: (ms: number) => Promise<void>
}

function scene(kind: DisplayOptions['kind'], more: Partial<DisplayOptions> = {}): Scene {
  const clock = new SimClock(0)
  const paper = new Paper()
  const paint = painter(false)
  const redact = redactor(['token-0123456789'])
  const shown = { glyphs: unicode, bounds: {}, folder: '/data', kind, redact }
  const display = new Display({ clock, terminal: paper, paint, ...shown, ...more })
  return { clock, paper, display, pass: (ms) => clock.runUntil(sleep(clock, ms)) }
}

const started: RunStarted = {
  type: 'run_started',
  at: 0,
  wallAt: 0,
  input: 'in.jsonl',
  output: '/data/out.jsonl',
  failedOutput: '/data/out.failed.jsonl',
  inputBytes: 1000,
  held: { succeeded: 0, failed: 0 },
  killedInFlight: 0,
}

function failure(line: number, changes: Partial<RowFailed> = {}): RunEvent {
  return {
    type: 'row_failed',
    at: 0,
    line,
    id: `line-${line}`,
    error: { type: 'invalid_request_error', message: 'max_tokens: too large' },
    status: 400,
    requestId: null,
    attempts: 1,
    ...changes,
  }
}

const sent: RunEvent = {
  type: 'attempt_started',
  at: 0,
  attempt: 1,
  line: 1,
  id: 'line-1',
  model: 'm',
  pool: 'm',
  stream: false,
}

describe('Display', () => {
  test('shows a live block four times a second and prints none of it', async () => {
    const { paper, display, pass } = scene('live')
    display.observe(started)
    await pass(1001)
    expect(paper.blocks).toHaveLength(4)
    expect(paper.printed).toEqual([])
  })

  test('prints a line every five seconds, the first after five', async () => {
    const { paper, display, pass } = scene('lines')
    display.observe(started)
    await pass(4999)
    expect(paper.printed).toEqual([])
    await pass(10_002)
    expect(paper.printed).toHaveLength(3)
    expect(paper.blocks).toEqual([])
  })

  test('a secret that is cut off is not shown in part', () => {
    const { paper, display } = scene('messages')
    const message = `${'x'.repeat(230)} token-0123456789`
    const error = { type: 'api_error', message }
    // With what stands before it, the line is cut in the midst of the token.
    for (const more of [0, 5, 10, 15, 20, 25, 30]) {
      display.observe(failure(1, { error: { ...error, message: 'y'.repeat(more) + message } }))
    }
    expect(paper.printed.some((line) => line.includes('token-'))).toBe(false)
    expect(paper.printed.some((line) => line.includes('[secret]'))).toBe(true)
  })

  test('gives help on keys, and shows that they are listened to', async () => {
    const { paper, display, pass } = scene('live')
    await pass(250)
    expect(paper.blocks.at(-1)?.at(-1)).not.toContain('keys')
    display.listens(true)
    await pass(250)
    expect(paper.blocks.at(-1)?.at(-1)).toContain('? keys')
    expect(display.commandFor('help')).toBeUndefined()
    expect(paper.printed[0]).toBe('keys:')
    for (const line of paper.printed) expect(line.length).toBeLessThan(80)
  })

  test('makes a command of a key by what was commanded before, or set by a flag', () => {
    const { display } = scene('live', { maxConcurrency: 10 })
    expect(display.commandFor('pause')).toEqual({ type: 'pause' })
    expect(display.commandFor('fewer')).toEqual({ type: 'concurrency', max: 8 })
    const commanded = { type: 'commanded', at: 0, command: 'pause', maxConcurrency: 100 } as const
    display.observe(commanded)
    expect(display.commandFor('pause')).toEqual({ type: 'resume' })
    expect(display.commandFor('fewer')).toEqual({ type: 'concurrency', max: 80 })
  })

  test('says of a drain how much is under way', () => {
    const { paper, display } = scene('live')
    const drain = { type: 'commanded', at: 0, command: 'drain', maxConcurrency: null } as const
    display.observe(drain)
    display.observe(sent)
    display.observe(drain)
    expect(paper.printed).toEqual([
      'note: draining',
      'note: draining: 1 request under way; ^C waits no longer',
    ])
  })

  test('shows nothing more after its end', async () => {
    const { paper, display, pass } = scene('live')
    await pass(300)
    display.end()
    await pass(5000)
    expect(paper.isAtRest).toBe(true)
    expect(paper.blocks).toHaveLength(1)
  })

  test('without progress tells only what happens', async () => {
    const { paper, display, pass } = scene('messages')
    display.observe(started)
    display.observe({ type: 'notice', at: 0, message: 'a \u001bnotice' })
    await pass(20_000)
    expect(paper.printed).toEqual(['note: a \ufffdnotice'])
    expect(paper.blocks).toEqual([])
  })

  test('when quiet tells nothing at all', async () => {
    const { paper, display, pass } = scene('silent')
    const notice: RunEvent = { type: 'notice', at: 0, message: 'a notice' }
    for (const event of [started, notice, failure(1), sent]) display.observe(event)
    display.note('another')
    display.interrupted(25_000)
    await pass(20_000)
    expect(paper.printed).toEqual([])
  })

  test('says what an earlier run has done', () => {
    const { paper, display } = scene('lines')
    display.observe({ ...started, held: { succeeded: 1200, failed: 3 } })
    expect(paper.printed).toEqual(['note: going on: out.jsonl has 1,200 answers and 3 failed'])
  })

  test('tells the first failed rows, then where the others are', () => {
    const { paper, display } = scene('lines')
    display.observe(started)
    for (let line = 1; line <= 20; line++) display.observe(failure(line))
    expect(paper.printed).toHaveLength(6)
    expect(paper.printed[0]).toBe('failed line 1: 400 invalid_request_error: max_tokens: too large')
    expect(paper.printed[5]).toBe('note: further failed rows are only written to out.failed.jsonl')
  })

  test('names a row by the id its user gave, and lets it write no line of ours', () => {
    const { paper, display } = scene('lines')
    const error = { type: 'invalid_json', message: 'no\njson' }
    display.observe(failure(3, { id: 'x\nfailed line 4', status: 0, error }))
    expect(paper.printed).toEqual(['failed line 3 (x failed line 4): invalid_json: no json'])
  })

  test('cuts a long message', () => {
    const { paper, display } = scene('lines')
    const error = { type: 'e', message: 'x'.repeat(10_000) }
    display.observe(failure(1, { error }))
    expect(paper.printed[0]?.length).toBeLessThan(320)
  })

  test('says what ^C does, and of a stop that it waits', () => {
    const { paper, display } = scene('lines')
    display.observe(started)
    display.interrupted(25_000)
    display.observe(sent)
    display.interrupted(25_000)
    const stop = { type: 'run_stopping', at: 0, message: 'm', hint: null } as const
    display.observe({ ...stop, code: 'INTERRUPTED' })
    display.observe({ ...stop, code: 'BILLING' })
    expect(paper.printed).toEqual([
      'note: stopping; ^C again to exit at once',
      'note: finishing 1 request under way (up to 25 s); ^C again to exit at once',
      'note: stopping (BILLING): finishing 1 request under way',
    ])
  })

  test('tells of batches, and says again what has not changed only now and then', async () => {
    const { paper, display, pass } = scene('lines')
    const batch = { at: 0, id: 'msgbatch_1', rows: 1200 }
    display.observe(started)
    display.observe({ type: 'batch_submitted', ...batch, isEarlier: false })
    display.observe({ type: 'batch_submitted', ...batch, id: 'msgbatch_0', isEarlier: true })
    await pass(60_000)
    display.observe({ type: 'batch_collected', ...batch })
    await pass(60_000)
    expect(paper.printed).toEqual([
      'submitted msgbatch_1: 1,200 rows',
      'going on with msgbatch_0: 1,200 rows',
      '0 rows  2 batches under way  2,400 rows in them  failed 0  $0.00',
      'collected msgbatch_1: 1,200 rows',
      '0 rows  1 batch under way  1,200 rows in it  failed 0  $0.00',
    ])
    await pass(300_000)
    expect(paper.printed).toHaveLength(6)
    display.interrupted(25_000)
    expect(paper.printed.at(-1)).toBe(
      'note: stopping; 1 batch runs on at the API; ^C again to exit at once',
    )
  })

  test('says when the output cannot be written, and when it can again', () => {
    const { paper, display } = scene('lines')
    display.observe({ type: 'output_blocked', at: 0, code: 'ENOSPC' })
    display.observe({ type: 'output_blocked', at: 0, code: null })
    expect(paper.printed).toEqual([
      'note: the output cannot be written (ENOSPC): waiting, nothing is lost',
      'note: the output can be written again; going on',
    ])
  })
})
