/**
 * The contract of `Files`, as tests. Every implementation passes them.
 */

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemErrorCode } from '../../src/files.ts'
import type { File, Files } from '../../src/files.ts'

/** A file system to test, with a folder to do it in. */
export interface FilesUnderTest {
  readonly files: Files
  /** An empty folder. */
  readonly root: string
  dispose(): void
}

/** Declares the tests of one implementation. */
export function filesContract(name: string, make: () => FilesUnderTest): void {
  describe(`${name} keeps the contract of Files`, () => {
    let under: FilesUnderTest
    let files: Files
    let at: (name: string) => string
    beforeEach(() => {
      under = make()
      files = under.files
      at = (name) => `${under.root}/${name}`
    })
    afterEach(() => under.dispose())

    const write = (name: string, text: string): void => {
      const file = files.open(at(name), 'append')
      file.write(Buffer.from(text), 0)
      file.close()
    }

    test.each([
      ['open() to read', () => files.open(at('a'), 'read'), 'ENOENT'],
      ['open() in a missing folder', () => files.open(at('b/a'), 'append'), 'ENOENT'],
      ['open() to create what exists', () => files.open(at('there'), 'create'), 'EEXIST'],
      ['open() of a folder to append', () => files.open(under.root, 'append'), 'EISDIR'],
      ['readText()', () => files.readText(at('a')), 'ENOENT'],
      ['link() from nothing', () => files.link(at('a'), at('b')), 'ENOENT'],
      ['link() to a taken name', () => files.link(at('there'), at('there')), 'EEXIST'],
      ['rename() of nothing', () => files.rename(at('a'), at('b')), 'ENOENT'],
      ['realPath() in a missing folder', () => files.realPath(at('b/c/a')), 'ENOENT'],
      ['copyMode() of nothing', () => files.copyMode(at('a'), at('there')), 'ENOENT'],
    ])('%s throws the code of the system', (_, operation, code) => {
      write('there', 'x')
      expect(codeOf(operation)).toBe(code)
    })

    test('write() appends, whoever else appended meanwhile', () => {
      const one = files.open(at('a'), 'append')
      const other = files.open(at('a'), 'append')
      expect(one.write(Buffer.from('xone'), 1)).toBe(3)
      expect(other.write(Buffer.from('two'), 0)).toBe(3)
      expect(one.write(Buffer.from('3'), 0)).toBe(1)
      expect(files.readText(at('a'))).toBe('onetwo3')
      expect(one.size()).toBe(7)
      one.close()
      other.close()
    })

    test('write() goes on where it stopped when the file was created', () => {
      const file = files.open(at('a'), 'create')
      file.write(Buffer.from('abc'), 0)
      file.write(Buffer.from('def'), 0)
      file.writeAt(Buffer.from('XY'), 1)
      file.write(Buffer.from('g'), 0)
      expect(files.readText(at('a'))).toBe('aXYdefg')
      file.close()
    })

    test('read() gives what there is, from any place', async () => {
      write('a', 'abcdef')
      const file = files.open(at('a'), 'read')
      expect(readSync(file, 3, 1)).toBe('bcd')
      expect(readSync(file, 10, 4)).toBe('ef')
      expect(readSync(file, 10, 6)).toBe('')
      expect(readSync(file, 10, 60)).toBe('')
      const buffer = Buffer.alloc(10)
      expect(await file.read(buffer, 2, 2)).toBe(2)
      expect(buffer.toString('utf8', 0, 2)).toBe('cd')
      file.close()
    })

    test('read() works on a file that is open to append', () => {
      const file = files.open(at('a'), 'append')
      file.write(Buffer.from('abc'), 0)
      expect(readSync(file, 10, 1)).toBe('bc')
      file.close()
    })

    test('write() to a file open to read throws', () => {
      write('a', 'abc')
      const file = files.open(at('a'), 'read')
      expect(codeOf(() => file.write(Buffer.from('d'), 0))).toBe('EBADF')
      file.close()
    })

    test('a closed file is dead', () => {
      const file = files.open(at('a'), 'append')
      file.close()
      expect(codeOf(() => file.write(Buffer.from('d'), 0))).toBe('EBADF')
    })

    test('truncate() cuts, and appending goes on from there', () => {
      write('a', 'abcdef')
      const file = files.open(at('a'), 'append')
      file.truncate(2)
      file.write(Buffer.from('z'), 0)
      expect(files.readText(at('a'))).toBe('abz')
      file.truncate(5)
      expect(files.readText(at('a'))).toBe('abz\0\0')
      file.close()
    })

    test('sync() and syncNow() change nothing', async () => {
      const file = files.open(at('a'), 'append')
      file.write(Buffer.from('abc'), 0)
      file.syncNow()
      await file.sync()
      files.syncFolderOf(at('a'))
      expect(files.readText(at('a'))).toBe('abc')
      file.close()
    })

    test('stat() tells files, folders and nothing apart', () => {
      write('a', 'abc')
      expect(files.stat(at('a'))).toMatchObject({ size: 3, isFile: true })
      expect(files.stat(under.root)).toMatchObject({ isFile: false })
      expect(files.stat(at('b'))).toBeUndefined()
    })

    test('writeText() replaces, and a file that was open keeps the old content', () => {
      write('a', 'old')
      const file = files.open(at('a'), 'read')
      files.writeText(at('a'), 'newer')
      expect(files.readText(at('a'))).toBe('newer')
      expect(readSync(file, 10, 0)).toBe('old')
      expect(files.list(under.root)).toEqual(['a'])
      file.close()
    })

    test('link() gives a second name to the same file', () => {
      const file = files.open(at('a'), 'create')
      files.link(at('a'), at('b'))
      files.remove(at('a'))
      file.write(Buffer.from('abc'), 0)
      expect(files.readText(at('b'))).toBe('abc')
      expect(files.stat(at('a'))).toBeUndefined()
      file.close()
    })

    test('rename() replaces, and a file that was open goes with its name', () => {
      const file = files.open(at('a'), 'append')
      write('b', 'gone')
      files.rename(at('a'), at('b'))
      file.write(Buffer.from('abc'), 0)
      expect(files.readText(at('b'))).toBe('abc')
      expect(files.stat(at('a'))).toBeUndefined()
      file.close()
    })

    test('rename() takes a folder with all in it', () => {
      files.makeFolder(at('f/g'))
      write('f/g/a', 'abc')
      files.rename(at('f'), at('h'))
      expect(files.readText(at('h/g/a'))).toBe('abc')
      expect(files.stat(at('f'))).toBeUndefined()
    })

    test('remove() and removeFolder() of nothing do nothing', () => {
      files.remove(at('a'))
      files.removeFolder(at('f'))
      files.removeEmptyFolder(at('f'))
      expect(files.list(under.root)).toEqual([])
    })

    test('makeFolder() makes folders above, and may be called again', () => {
      files.makeFolder(at('f/g'))
      files.makeFolder(at('f/g'))
      write('f/g/a', 'abc')
      expect(files.list(at('f'))).toEqual(['g'])
      expect(files.list(at('f/g'))).toEqual(['a'])
      expect(files.list(at('none'))).toEqual([])
    })

    test('removeEmptyFolder() leaves a folder that holds something', () => {
      files.makeFolder(at('f'))
      write('f/a', 'abc')
      files.removeEmptyFolder(at('f'))
      expect(files.list(under.root)).toEqual(['f'])
      files.remove(at('f/a'))
      files.removeEmptyFolder(at('f'))
      expect(files.list(under.root)).toEqual([])
    })

    test('removeFolder() removes all in it', () => {
      files.makeFolder(at('f/g'))
      write('f/g/a', 'abc')
      files.removeFolder(at('f'))
      expect(files.list(under.root)).toEqual([])
    })

    test('realPath() takes a file that is not made yet', () => {
      expect(files.realPath(at('a'))).toBe(at('a'))
      write('a', 'abc')
      expect(files.realPath(at('a'))).toBe(at('a'))
    })

    test('copyMode() leaves both contents', () => {
      write('a', 'one')
      write('b', 'two')
      files.copyMode(at('a'), at('b'))
      expect(files.readText(at('a')) + files.readText(at('b'))).toBe('onetwo')
    })
  })
}

function readSync(file: File, length: number, position: number): string {
  const buffer = Buffer.alloc(length)
  return buffer.toString('utf8', 0, file.readSync(buffer, length, position))
}

function codeOf(operation: () => unknown): string | undefined {
  try {
    operation()
  } catch (error) {
    return systemErrorCode(error)
  }
  return 'no error'
}
