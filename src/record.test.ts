import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerLine, failureLine, keyOf } from '../test/result-lines.ts'
import { SimFiles } from '../test/sim-files.ts'
import { Held, recoverPlain } from './record.ts'
import type { Recovered } from './record.ts'
import { spoolPath } from './spool.ts'

const paths = { output: '/w/out', failed: '/w/failed', folder: '/w/out.sluice' }
const [a, b, c] = [keyOf(1), keyOf(2), keyOf(3)]

function recovered(contents: {
  readonly output?: string
  readonly failed?: string
  readonly spool?: string
}): Recovered {
  const files = new SimFiles()
  files.makeFolder('/w')
  if (contents.output !== undefined) files.put(paths.output, contents.output)
  if (contents.failed !== undefined) files.put(paths.failed, contents.failed)
  if (contents.spool !== undefined) files.put(spoolPath(paths.folder, 1), contents.spool)
  return recoverPlain(files, paths)
}

describe('recoverPlain()', () => {
  test('finds nothing where nothing is', () => {
    expect(recovered({})).toMatchObject({
      succeededCount: 0,
      failedCount: 0,
      outputBytes: 0,
      failedBytes: 0,
      spooled: undefined,
    })
  })

  test('counts lines per key, and says how large the mended files are', () => {
    const output = answerLine(a) + answerLine(b) + answerLine(a, 'again')
    const failed = failureLine(c)
    const found = recovered({ output: output + answerLine(c).slice(0, 50), failed })
    expect([a, b, c].map((key) => found.succeeded.get(key))).toEqual([2, 1, 0])
    expect([a, b, c].map((key) => found.failed.get(key))).toEqual([0, 0, 1])
    expect(found).toMatchObject({ succeededCount: 3, failedCount: 1 })
    expect(found).toMatchObject({ outputBytes: output.length, failedBytes: failed.length })
  })

  test('takes a line for what its type says, in whichever file it is', () => {
    const found = recovered({ output: failureLine(a), failed: answerLine(b) })
    expect([found.failed.get(a), found.succeeded.get(b)]).toEqual([1, 1])
  })

  test('refuses a failed file that is not ours', () => {
    expect(() => recovered({ failed: 'notes\n' })).toThrow('/w/failed: line 1')
  })

  test('counts a line that is in the spool and in the output once, in the output', () => {
    const spool = answerLine(a, 1) + answerLine(b, 2) + answerLine(a, 3)
    const found = recovered({ output: answerLine(c) + answerLine(a, 3), spool })
    expect([found.succeeded.get(a), found.succeeded.get(b)]).toEqual([1, 0])
    expect(found.spooled?.counts.get(a)).toBe(1)
    expect(found.spooled?.counts.get(b)).toBe(1)
    expect(found.spooled?.count).toBe(2)
    // Of the two answers of one key, the one that is not in the output is left.
    expect(found.spooled?.index.take(a)).toBe(0)
    expect(found.spooled?.index.take(a)).toBeUndefined()
  })

  test('two equal lines in the output are one each for two in the spool', () => {
    const line = answerLine(a)
    expect(recovered({ output: line, spool: line + line }).spooled?.count).toBe(1)
    expect(recovered({ output: line + line, spool: line }).spooled?.count).toBe(0)
  })
})

describe('Held', () => {
  test('take() gives an answer before a failure, each once', () => {
    const held = new Held(
      recovered({ output: answerLine(a) + answerLine(b), failed: failureLine(a) + failureLine(c) }),
    )
    expect([a, a, a, b, c, c].map((key) => held.take(key))).toEqual([
      'succeeded',
      'failed',
      undefined,
      'succeeded',
      'failed',
      undefined,
    ])
  })

  test('take() gives what waits in the spool after what is in the output', () => {
    const held = new Held(recovered({ output: answerLine(a, 1), spool: answerLine(a, 2) }))
    expect([a, a, a].map((key) => held.take(key))).toEqual(['succeeded', 'spooled', undefined])
  })

  test('leftover() counts what no row took', () => {
    const output = answerLine(a) + answerLine(b)
    const held = new Held(recovered({ output, failed: failureLine(a) + failureLine(c) }))
    expect(held.leftover()).toEqual({ succeeded: 2, failed: 2 })
    for (const key of [a, c, c]) held.take(key)
    expect(held.leftover()).toEqual({ succeeded: 1, failed: 1 })
  })

  test.each([
    ['the same rows', [a, b, c], true],
    ['a row put in front', [keyOf(9), a, b, c], true],
    ['rows in between and behind', [a, keyOf(8), b, c, keyOf(9)], true],
    ['two rows swapped', [a, c, b], false],
    ['a row deleted', [a, c], false],
  ])('isInOrder with %s', (_, rows, isInOrder) => {
    const held = new Held(recovered({ output: [a, b, c].map((key) => answerLine(key)).join('') }))
    for (const key of rows) held.take(key)
    expect(held.isInOrder).toBe(isInOrder)
  })

  test('isInOrder whatever failures stand between the answers', () => {
    const held = new Held(recovered({ output: answerLine(a) + failureLine(c) + answerLine(b) }))
    for (const key of [a, b]) held.take(key)
    expect(held.isInOrder).toBe(true)
  })

  test('agrees with a bag of lines, for any lines and any rows', () => {
    const numbers = fc.array(fc.nat({ max: 4 }), { maxLength: 12 })
    fc.assert(
      fc.property(numbers, numbers, numbers, (answers, failures, rows) => {
        const held = new Held(
          recovered({
            output: answers.map((number, tag) => answerLine(keyOf(number), tag)).join(''),
            failed: failures.map((number, tag) => failureLine(keyOf(number), tag)).join(''),
          }),
        )
        const [answersLeft, failuresLeft] = [[...answers], [...failures]]
        for (const row of rows) {
          const expected = removeOne(answersLeft, row)
            ? 'succeeded'
            : removeOne(failuresLeft, row)
              ? 'failed'
              : undefined
          expect(held.take(keyOf(row))).toBe(expected)
        }
        const [succeeded, failed] = [answersLeft.length, failuresLeft.length]
        expect(held.leftover()).toEqual({ succeeded, failed })
      }),
      { numRuns: 200 },
    )
  })
})

function removeOne(numbers: number[], number: number): boolean {
  const at = numbers.indexOf(number)
  if (at !== -1) numbers.splice(at, 1)
  return at !== -1
}
