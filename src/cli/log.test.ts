import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { AttemptFailed, RunEvent } from '../events.ts'
import { FileSink, openLog } from './log.ts'
import { redactor } from './redact.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-log-'))
afterAll(() => rmSync(folder, { recursive: true }))

const failed: AttemptFailed = {
  type: 'attempt_failed',
  at: 5,
  attempt: 9,
  line: 17,
  id: 'seventeen',
  pool: 'haiku',
  kind: 'overloaded',
  status: 529,
  error: { type: 'overloaded_error', message: 'Overloaded, my-secret-key' },
  requestId: 'req_1',
  latencyMs: 812.4,
  unknown: { costNanoUsdMax: 5 },
  waitMs: 1500.6,
}

const events: readonly RunEvent[] = [
  failed,
  { ...failed, kind: 'refused', status: 429 },
  {
    type: 'row_failed',
    at: 6,
    line: 17,
    id: 'seventeen',
    error: failed.error,
    status: 529,
    requestId: null,
    attempts: 5,
  },
  { type: 'notice', at: 7, message: 'something' },
  { type: 'binding_changed', at: 8, binds: 'ramp' },
  { type: 'limits_read', at: 8, pool: 'haiku', limits: {} },
]

async function logged(level: string): Promise<Record<string, unknown>[]> {
  const lines: string[] = []
  const log = await openLog(
    level,
    { write: (line) => lines.push(line) },
    redactor(['my-secret-key']),
  )
  for (const event of events) log.observe(event)
  log.say('info', { event: 'end' }, 'done')
  return lines.map((line) => {
    const parsed: Record<string, unknown> = JSON.parse(line)
    return parsed
  })
}

describe('openLog()', () => {
  test('writes what there is to know of a failed try', async () => {
    const [first] = await logged('info')
    expect(first?.['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    expect({ ...first, time: '' }).toEqual({
      level: 'warn',
      time: '',
      event: 'attempt_failed',
      line: 17,
      id: 'seventeen',
      attempt: 9,
      kind: 'overloaded',
      status: 529,
      type: 'overloaded_error',
      error: 'Overloaded, [secret]',
      request_id: 'req_1',
      wait_ms: 1501,
      latency_ms: 812,
      maybe_billed: true,
    })
  })

  test.each([
    ['error', ['row_failed']],
    ['warn', ['attempt_failed', 'row_failed']],
    ['info', ['attempt_failed', 'attempt_failed', 'row_failed', 'notice', 'end']],
    [
      'debug',
      ['attempt_failed', 'attempt_failed', 'row_failed', 'notice', 'binding_changed', 'end'],
    ],
    [
      'trace',
      [
        'attempt_failed',
        'attempt_failed',
        'row_failed',
        'notice',
        'binding_changed',
        'limits_read',
        'end',
      ],
    ],
  ])('at %s has %j', async (level, names) => {
    expect((await logged(level)).map(({ event }) => event)).toEqual(names)
  })

  test('names all members in snake case, and leaves the monotonic instant out', async () => {
    for (const line of await logged('trace')) {
      for (const name of Object.keys(line)) expect(name).toMatch(/^[a-z][a-z_]*$/)
      expect(line).not.toHaveProperty('at')
    }
  })
})

describe('FileSink', () => {
  test('has a line in the file as soon as it was written, behind what was there', () => {
    const file = path.join(folder, 'a.log')
    for (const line of ['one\n', 'two\n']) {
      const sink = new FileSink(file, () => {})
      sink.write(line)
      expect(readFileSync(file, 'utf8').endsWith(line)).toBe(true)
      sink.close()
    }
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n')
  })

  test('throws when the file cannot be opened', () => {
    expect(() => new FileSink(path.join(folder, 'no', 'where.log'), () => {})).toThrow('ENOENT')
  })

  test.runIf(process.platform === 'linux')(
    'gives up, telling once, when a line cannot be written',
    () => {
      const told: unknown[] = []
      const sink = new FileSink('/dev/full', (error) => told.push(error))
      sink.write('one\n')
      sink.write('two\n')
      sink.close()
      expect(told).toHaveLength(1)
      expect(String(told[0])).toContain('ENOSPC')
    },
  )
})
