import { describe, expect, test } from 'vitest'
import { SimFiles } from '../test/sim-files.ts'
import { Random } from './random.ts'
import { BlockWriter, Replacement, writeAll } from './replacement.ts'

function disk(): SimFiles {
  const files = new SimFiles()
  files.put('/w/a', 'old')
  return files
}

describe('Replacement', () => {
  test('commit() puts the new content in place, durably', () => {
    const files = disk()
    const replacement = new Replacement(files, '/w/a')
    replacement.write(Buffer.from('new '))
    replacement.write(Buffer.from('content'))
    expect(files.readText('/w/a')).toBe('old')
    replacement.commit()
    files.crash({ keepUnsynced: 'none' }, new Random(1))
    expect(files.readText('/w/a')).toBe('new content')
    expect(files.paths()).toEqual(['/w/a'])
  })

  test('abandon() leaves the old content, also after a commit that failed', () => {
    const files = disk()
    const replacement = new Replacement(files, '/w/a')
    replacement.write(Buffer.from('new'))
    files.failSyncs('EIO')
    expect(() => replacement.commit()).toThrow('EIO')
    replacement.abandon()
    expect(files.readText('/w/a')).toBe('old')
    expect(files.paths()).toEqual(['/w/a'])
  })

  test('is not in the way of one that was killed', () => {
    const files = disk()
    new Replacement(files, '/w/a').write(Buffer.from('half'))
    files.kill()
    const replacement = new Replacement(files, '/w/a')
    replacement.write(Buffer.from('whole'))
    replacement.commit()
    expect(files.readText('/w/a')).toBe('whole')
  })
})

describe('BlockWriter', () => {
  test('write() of pieces small and large gives all of them in order', () => {
    const files = disk()
    const writer = new BlockWriter(files.open('/w/b', 'create'))
    const pieces = [10, 2 ** 20 - 5, 3, 2 ** 20, 2 ** 20 + 1, 7].map((length, index) =>
      Buffer.alloc(length, String(index)),
    )
    for (const piece of pieces) writer.write(piece)
    writer.flush()
    expect(Buffer.concat(pieces).equals(files.bytes('/w/b'))).toBe(true)
  })

  test('write() copies the piece', () => {
    const files = disk()
    const writer = new BlockWriter(files.open('/w/b', 'create'))
    const piece = Buffer.from('first')
    writer.write(piece)
    piece.fill('x')
    writer.flush()
    expect(files.readText('/w/b')).toBe('first')
  })
})

test('writeAll() goes on after short writes', () => {
  const files = disk()
  files.limitWrites(() => 2)
  writeAll(files.open('/w/b', 'create'), Buffer.from('abcdefg'))
  expect(files.readText('/w/b')).toBe('abcdefg')
})
