import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerLine, failureLine, keyOf } from '../test/result-lines.ts'
import { SimFiles } from '../test/sim-files.ts'
import { compactFailed } from './failed-file.ts'
import { Fingerprints } from './fingerprints.ts'

const path = '/w/failed'

function wantedOf(numbers: readonly number[]): Fingerprints {
  const wanted = new Fingerprints()
  for (const number of numbers) wanted.add(keyOf(number), 1)
  return wanted
}

function compacted(content: string, wanted: readonly number[]) {
  const files = new SimFiles()
  files.put(path, content)
  const result = compactFailed(files, path, wantedOf(wanted))
  return { ...result, after: files.stat(path) && files.readText(path), paths: files.paths() }
}

const line = (number: number, tag: number): string => failureLine(keyOf(number), tag)

describe('compactFailed()', () => {
  test('keeps the latest lines of each key, as many as are wanted', () => {
    const content = line(1, 0) + line(2, 1) + line(1, 2) + line(1, 3) + line(3, 4)
    expect(compacted(content, [1, 1, 3])).toEqual({
      kept: 3,
      removed: 2,
      after: line(1, 2) + line(1, 3) + line(3, 4),
      paths: [path],
    })
  })

  test('removes the file when nothing is left', () => {
    expect(compacted(line(1, 0), [])).toMatchObject({ kept: 0, removed: 1, paths: [] })
  })

  test('does not write when nothing would change', () => {
    const files = new SimFiles()
    files.put(path, line(1, 0) + line(2, 1))
    files.onOperation = (operation) => expect(operation).not.toMatch(/write|rename|create/)
    expect(compactFailed(files, path, wantedOf([1, 2, 2, 3]))).toEqual({ kept: 2, removed: 0 })
  })

  test('of no file does nothing', () => {
    const files = new SimFiles()
    files.makeFolder('/w')
    expect(compactFailed(files, path, wantedOf([1]))).toEqual({ kept: 0, removed: 0 })
    expect(files.paths()).toEqual([])
  })

  test('keeps an answer that somebody put there', () => {
    const answer = answerLine(keyOf(1))
    expect(compacted(line(1, 0) + answer, []).after).toBe(answer)
  })

  test('leaves the old file, and nothing else, when the disk is full', () => {
    const files = new SimFiles()
    const content = line(1, 0) + line(2, 1)
    files.put(path, content)
    files.failWrites('ENOSPC', { after: 20 })
    expect(() => compactFailed(files, path, wantedOf([2]))).toThrow('ENOSPC')
    expect(files.readText(path)).toBe(content)
    expect(files.paths()).toEqual([path])
  })

  test('leaves the old file or the new one, whichever operation is the last', () => {
    const content = line(1, 0) + line(2, 1)
    for (let last = 0; ; last++) {
      const files = new SimFiles()
      files.put(path, content)
      let count = 0
      files.onOperation = () => {
        if (count++ >= last) throw new Error('killed')
      }
      let isDone = true
      try {
        compactFailed(files, path, wantedOf([2]))
      } catch {
        isDone = false
      }
      files.onOperation = undefined
      expect([content, line(2, 1)]).toContain(files.readText(path))
      if (isDone) break
    }
  })

  test('agrees with a list, for any lines and any wanted', () => {
    const numbers = fc.array(fc.nat({ max: 3 }), { maxLength: 10 })
    fc.assert(
      fc.property(numbers, numbers, (failures, wanted) => {
        const left = [...wanted]
        const kept: string[] = []
        for (const [tag, number] of [...failures.entries()].toReversed()) {
          const at = left.indexOf(number)
          if (at === -1) continue
          left.splice(at, 1)
          kept.unshift(line(number, tag))
        }
        const content = failures.map((number, tag) => line(number, tag)).join('')
        const { after } = compacted(content, wanted)
        expect(after ?? '').toBe(kept.join(''))
      }),
      { numRuns: 200 },
    )
  })
})
