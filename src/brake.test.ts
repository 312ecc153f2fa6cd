import { describe, expect, test } from 'vitest'
import { Brake, type MaxFailed } from './brake.ts'
import type { RunError } from './errors.ts'

const refusal = {
  type: 'invalid_request_error',
  message: 'max_tokens: 9 > 4 allowed for messages.3',
}

/**
 * Feeds `s`ucceeded, `r`efused, `x` refused otherwise, each of a row read just before; `f`ault
 * unasked; `w`aiting, a row that is only read. Returns where it stopped, from 1, and why.
 */
function check(brake: Brake, settled: string): [number, string] | undefined {
  for (const [index, kind] of settled.split('').entries()) {
    let error: RunError | undefined
    if (kind !== 'f') brake.read()
    if (kind === 'w') continue
    if (kind === 's') brake.succeeded()
    else if (kind === 'r')
      error = brake.failed({ ...refusal, message: refusal.message.replace('9', `${index}`) }, true)
    else if (kind === 'x')
      error = brake.failed({ type: 'invalid_request_error', message: 'another' }, true)
    else error = brake.failed({ type: 'invalid_request_error', message: 'no JSON' }, false)
    if (error) return [index + 1, error.code]
  }
  return undefined
}

const r = (count: number): string => 'r'.repeat(count)

describe('Brake, with all answers alike', () => {
  test.each<[string, string, [number, string] | undefined]>([
    ['50 refusals alike but for their figures', r(60), [50, 'SAME_ERROR']],
    ['49', r(49), undefined],
    ['49 and an answer', `${r(49)}s${r(60)}`, undefined],
    ['an answer first', `s${r(100)}`, undefined],
    ['a different one among them', `${r(20)}x${r(100)}`, undefined],
    ['a different one at the end', `${r(49)}x${r(100)}`, undefined],
    [
      'faults between them, which nobody was asked about',
      `${'f'.repeat(10)}${r(40)}${'f'.repeat(5)}${r(10)}`,
      [65, 'SAME_ERROR'],
    ],
    ['49 and a fault', `${r(49)}f`, undefined],
    ['faults alone', 'f'.repeat(1000), undefined],
  ])('%s', (_, settled, stopped) => {
    expect(check(new Brake(undefined), settled)).toEqual(stopped)
  })

  test('says which error', () => {
    const brake = new Brake(undefined)
    let error: RunError | undefined
    for (let row = 0; row < 50; row++) error = brake.failed(refusal, true)
    expect(error?.message).toBe(
      `Stopped after 50 answers, all the same: invalid_request_error: ${refusal.message}`,
    )
    expect(error?.hint).toContain('--retry-failed')
    expect(error?.exitCode).toBe(3)
  })
})

describe('Brake, with --max-failed', () => {
  test.each<[string, MaxFailed, string, number | undefined]>([
    ['none: the first one', { count: 0 }, 'ssr', 3],
    ['2: the third', { count: 2 }, 'srsfsx', 6],
    ['2: two are well', { count: 2 }, 'srsfsss', undefined],
    ['10 %: not before a hundred', { percent: 10 }, `${'f'.repeat(90)}sssssssss`, undefined],
    ['10 %: at the hundredth', { percent: 10 }, `${'f'.repeat(11)}${'s'.repeat(88)}f`, 100],
    [
      '10 %: exactly a tenth is well',
      { percent: 10 },
      `${'s'.repeat(90)}${'f'.repeat(10)}`,
      undefined,
    ],
    ['10 %: one more', { percent: 10 }, `${'s'.repeat(90)}${'f'.repeat(11)}`, 101],
    ['0 %: any, after a hundred', { percent: 0 }, `${'s'.repeat(150)}f`, 151],
    [
      '5 %: three of a hundred that are no requests, read before any answer',
      { percent: 5 },
      `${'w'.repeat(32)}f`.repeat(30),
      undefined,
    ],
    ['5 %: ten of a hundred that are none', { percent: 5 }, `${'w'.repeat(9)}f`.repeat(30), 100],
    [
      '5 %: half of the answers, while thousands of rows wait',
      { percent: 5 },
      `${'w'.repeat(4000)}${'s'.repeat(94)}${'r'.repeat(20)}`,
      4100,
    ],
    ['100 %: never', { percent: 100 }, 'f'.repeat(300), undefined],
  ])('%s', (_, maxFailed, settled, stoppedAt) => {
    const stopped = check(new Brake(maxFailed), settled)
    expect(stopped).toEqual(stoppedAt === undefined ? undefined : [stoppedAt, 'TOO_MANY_FAILED'])
  })

  test('says how many', () => {
    const brake = new Brake({ count: 1 })
    brake.succeeded()
    brake.failed(refusal, true)
    expect(brake.failed(refusal, true)?.message).toBe('Stopped as 2 rows failed: --max-failed is 1')
  })
})
