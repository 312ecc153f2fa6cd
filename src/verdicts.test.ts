import { describe, expect, test } from 'vitest'
import { answered, attemptOf, rowOf } from '../test/world/drive.ts'
import { RunError } from './errors.ts'
import { Verdicts } from './verdicts.ts'

const error = { type: 'invalid_request_error', message: 'no' }
const invalid = { kind: 'invalid', status: 400, requestId: null, error } as const

describe('Verdicts', () => {
  test('take() gives what was decided since the last, in order', () => {
    const verdicts = new Verdicts(undefined)
    verdicts.add({ type: 'notice', message: 'a' })
    verdicts.leave(rowOf(0))
    expect(verdicts.take().map(({ type }) => type)).toEqual(['notice', 'leave'])
    expect(verdicts.take()).toEqual([])
  })

  test('a run stops once, for the first reason', () => {
    const verdicts = new Verdicts(undefined)
    verdicts.stop(undefined)
    expect([verdicts.stopping, verdicts.isOut(rowOf(0))]).toEqual([undefined, false])
    const first = new RunError('INTERRUPTED', 'first')
    for (const reason of [first, new RunError('INTERRUPTED', 'second')]) verdicts.stop(reason)
    expect(verdicts.stopping).toBe(first)
    expect(verdicts.isOut(rowOf(0))).toBe(true)
    expect(verdicts.take()).toEqual([{ type: 'stop', error: first }])
  })

  test('rows of a model that does not exist are out, others are not', () => {
    const verdicts = new Verdicts(undefined)
    verdicts.modelGone('gone', error)
    expect(verdicts.isOut(rowOf(0, { model: 'gone' }))).toBe(true)
    expect(verdicts.isOut(rowOf(0))).toBe(false)
    expect([...verdicts.modelsGone.keys()]).toEqual(['gone'])
    expect(verdicts.stopping).toBeUndefined()
  })

  test.each([0, 1])(
    'with --max-failed %i the failure after stops the run, asked or not',
    (count) => {
      const attempt = attemptOf(rowOf(0))
      const verdicts = new Verdicts({ count })
      if (count === 1) verdicts.fault(error)
      expect(verdicts.stopping).toBeUndefined()
      verdicts.succeed(attempt, answered(), false)
      verdicts.fail(attempt, invalid)
      expect(verdicts.stopping?.code).toBe('TOO_MANY_FAILED')
      expect(verdicts.take().map(({ type }) => type)).toEqual(['succeed', 'fail', 'stop'])
    },
  )
})
