import { describe, expect, test } from 'vitest'
import { bugComplaint, complaintLines } from './messages.ts'
import { painter } from './paint.ts'

describe('complaintLines()', () => {
  test.each([
    [
      'a message alone',
      { code: 'BILLING', message: 'Stopped as X' },
      ['error[BILLING]: Stopped as X'],
    ],
    [
      'a hint',
      { code: 'BILLING', message: 'Stopped', hint: 'pay' },
      ['error[BILLING]: Stopped', '  hint: pay'],
    ],
    [
      'several faults and hints',
      { code: 'LINE_INVALID', message: 'Cannot run:\n  line 1\nline 2', hint: 'fix\nor not' },
      ['error[LINE_INVALID]: Cannot run:', '  line 1', '  line 2', '  hint: fix', '        or not'],
    ],
    [
      'what would move the cursor',
      { code: 'BILLING', message: 'the \u001b[2Jserver said', hint: null },
      ['error[BILLING]: the \ufffd[2Jserver said'],
    ],
  ])('writes %s', (_what, complaint, lines) => {
    expect(complaintLines(complaint, painter(false))).toEqual(lines)
  })
})

describe('bugComplaint()', () => {
  test('is one line, and says where the details are', () => {
    const error = new TypeError('x is\nnot a function')
    const told = bugComplaint(error, 'run.log')
    expect(told.code).toBe('BUG')
    expect(told.message).toBe('sluice failed: TypeError: x is')
    expect(told.hint).toContain('run.log')
    expect(bugComplaint('thrown', undefined).message).toBe('sluice failed: thrown')
    expect(bugComplaint('thrown', undefined).hint).toContain('--log-file')
  })
})
