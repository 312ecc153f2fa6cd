import { describe, expect, test } from 'vitest'
import { answerLine, keyOf } from '../test/result-lines.ts'
import { SimFiles } from '../test/sim-files.ts'
import { Random } from './random.ts'
import { recoverPlain } from './record.ts'
import { findSpool, pourSpool, spoolPath } from './spool.ts'

const paths = { output: '/w/out', failed: '/w/failed', folder: '/w/out.sluice' }

function line(number: number, tag: number | string = number): string {
  return answerLine(keyOf(number), tag)
}

function diskWith(output: string, ...parts: readonly string[]): SimFiles {
  const files = new SimFiles()
  files.put(paths.output, output)
  parts.forEach((part, index) => files.put(spoolPath(paths.folder, [2, 9, 10][index] ?? 0), part))
  return files
}

describe('findSpool()', () => {
  test('finds nothing where no spool is', () => {
    const files = new SimFiles()
    expect(findSpool(files, paths.folder)).toBeUndefined()
    files.put(`${paths.folder}/lock`, '{}')
    expect(findSpool(files, paths.folder)).toBeUndefined()
  })

  test('takes the files in the order of their numbers, and mends their ends', () => {
    const files = diskWith('', line(1) + line(2).slice(0, 60), line(3), line(1, 'again'))
    const spooled = findSpool(files, paths.folder)?.remaining()
    const [first, second] = [line(1).length, line(3).length]
    expect(spooled?.files.map(({ number, base, bytes }) => [number, base, bytes])).toEqual([
      [2, 0, first],
      [9, first, second],
      [10, first + second, line(1, 'again').length],
    ])
    const index = spooled?.index
    const offsets = [1, 1, 3, 2].map((number) => index?.take(keyOf(number)))
    expect(offsets).toEqual([0, first + second, first, undefined])
  })

  test('refuses a spool that is damaged in the middle', () => {
    const files = diskWith('', `${line(1)}damage\n${line(2)}`)
    expect(() => findSpool(files, paths.folder)).toThrow('ordered.2.spool: line 2')
  })
})

describe('pourSpool()', () => {
  test('appends what is not in the output, and removes the spool', () => {
    const files = diskWith(line(0) + line(2), line(1) + line(2), '', line(3))
    const { spooled } = recoverPlain(files, paths)
    if (spooled !== undefined) pourSpool(files, paths.output, spooled)
    expect(files.readText(paths.output)).toBe(line(0) + line(2) + line(1) + line(3))
    expect(files.paths()).toEqual([paths.output])
  })

  test('removes nothing before the output is durable', () => {
    const files = diskWith(line(0), line(1))
    pour(files)
    files.crash({ keepUnsynced: 'none' }, new Random(1))
    expect(files.readText(paths.output)).toBe(line(0) + line(1))
  })

  test('leaves the output as it was when the disk is full', () => {
    const files = diskWith(line(0), line(1) + line(2))
    const { spooled } = recoverPlain(files, paths)
    files.failWrites('ENOSPC', { after: line(1).length + 10 })
    expect(() => spooled && pourSpool(files, paths.output, spooled)).toThrow('ENOSPC')
    expect(files.readText(paths.output)).toBe(line(0))
    expect(files.list(paths.folder)).toEqual(['ordered.2.spool'])
  })

  test('loses and doubles nothing, whichever operation is the last', () => {
    for (let last = 0; ; last++) {
      const files = diskWith(line(0), line(1) + line(2), line(3))
      let count = 0
      files.onOperation = () => {
        if (count++ >= last) throw new Error('killed')
      }
      let isDone = true
      try {
        pour(files)
      } catch {
        isDone = false
      }
      files.onOperation = undefined
      files.kill()
      pour(files)
      const lines = files.readText(paths.output).split(/(?<=\n)/)
      expect(lines.toSorted()).toEqual([0, 1, 2, 3].map((number) => line(number)).toSorted())
      if (isDone) break
    }
  })
})

function pour(files: SimFiles): void {
  const { spooled } = recoverPlain(files, paths)
  if (spooled !== undefined) pourSpool(files, paths.output, spooled)
}
