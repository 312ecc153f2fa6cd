import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerLine, keyOf } from '../test/result-lines.ts'
import { SimFiles } from '../test/sim-files.ts'
import { rewriteInOrder } from './reorder.ts'

const path = '/w/out'

function diskWith(numbers: readonly number[]): SimFiles {
  const files = new SimFiles()
  files.put(path, numbers.map((number, tag) => answerLine(keyOf(number), tag)).join(''))
  return files
}

async function* oneByOne(numbers: readonly number[], failure?: string): AsyncGenerator<string> {
  for (const number of numbers) yield await Promise.resolve(keyOf(number))
  if (failure !== undefined) throw new Error(failure)
}

describe('rewriteInOrder()', () => {
  test('puts the lines in the order of the keys, others last, as a list would', async () => {
    const numbers = fc.array(fc.nat({ max: 5 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(numbers, numbers, async (lines, keys) => {
        const files = diskWith(lines)
        const before = files.readText(path)
        const left = lines.map((number, tag) => ({ number, tag }))
        const expected: typeof left = []
        for (const key of keys) {
          const at = left.findIndex(({ number }) => number === key)
          if (at !== -1) expected.push(...left.splice(at, 1))
        }
        expected.push(...left)
        const after = expected.map(({ number, tag }) => answerLine(keyOf(number), tag)).join('')
        const isRewritten = await rewriteInOrder(files, path, keys.map(keyOf))
        expect(files.readText(path)).toBe(after)
        expect(isRewritten).toBe(after !== before)
        expect(files.paths()).toEqual([path])
      }),
      { numRuns: 300 },
    )
  })

  test('takes keys that come one after another', async () => {
    const files = diskWith([1, 2])
    expect(await rewriteInOrder(files, path, oneByOne([2, 1]))).toBe(true)
    expect(files.readText(path)).toBe(answerLine(keyOf(2), 1) + answerLine(keyOf(1), 0))
  })

  test('leaves the old file alone when the keys fail or the disk is full', async () => {
    const files = diskWith([1, 2])
    const before = files.readText(path)
    const keys = oneByOne([2], 'the input was changed')
    await expect(rewriteInOrder(files, path, keys)).rejects.toThrow('the input was changed')
    files.failWrites('ENOSPC', { after: 10 })
    await expect(rewriteInOrder(files, path, [keyOf(2)])).rejects.toThrow('ENOSPC')
    expect(files.readText(path)).toBe(before)
    expect(files.paths()).toEqual([path])
  })

  test('leaves the old file or the new one, whichever operation is the last', async () => {
    const before = diskWith([1, 2]).readText(path)
    const after = answerLine(keyOf(2), 1) + answerLine(keyOf(1), 0)
    for (let last = 0; ; last++) {
      const files = diskWith([1, 2])
      let count = 0
      files.onOperation = () => {
        if (count++ >= last) throw new Error('killed')
      }
      const isDone = await rewriteInOrder(files, path, [keyOf(2)]).then(
        () => true,
        () => false,
      )
      files.onOperation = undefined
      expect([before, after]).toContain(files.readText(path))
      if (isDone) break
    }
  })

  test('of an empty file does nothing', async () => {
    expect(await rewriteInOrder(diskWith([]), path, [keyOf(1)])).toBe(false)
  })
})
