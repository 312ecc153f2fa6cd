import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { NodeFiles } from '../../src/files.ts'
import { Random } from '../../src/random.ts'
import { SimFiles } from '../sim-files.ts'
import { filesContract } from './files.ts'

function temporaryFolder(): string {
  return fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-files-')))
}

function diskWithFile(): SimFiles {
  const files = new SimFiles()
  files.put('/f/a', 'durable,')
  return files
}

filesContract('NodeFiles', () => {
  const root = temporaryFolder()
  const dispose = (): void => fs.rmSync(root, { recursive: true })
  return { files: new NodeFiles(), root, dispose }
})

filesContract('SimFiles', () => {
  const files = new SimFiles()
  files.makeFolder('/work')
  return { files, root: '/work', dispose: () => {} }
})

describe('NodeFiles', () => {
  test('realPath() of a link to a file not made yet is the path of that file', () => {
    const root = temporaryFolder()
    fs.mkdirSync(`${root}/real`)
    fs.symlinkSync('real/out.jsonl', `${root}/link`)
    fs.symlinkSync(`${root}/link`, `${root}/second`)
    const files = new NodeFiles()
    expect(files.realPath(`${root}/second`)).toBe(`${root}/real/out.jsonl`)
    fs.writeFileSync(`${root}/real/out.jsonl`, '')
    expect(files.realPath(`${root}/second`)).toBe(`${root}/real/out.jsonl`)
    fs.rmSync(root, { recursive: true })
  })

  test('copyMode() copies the permissions', () => {
    const root = temporaryFolder()
    fs.writeFileSync(`${root}/a`, '', { mode: 0o600 })
    fs.writeFileSync(`${root}/b`, '', { mode: 0o644 })
    new NodeFiles().copyMode(`${root}/a`, `${root}/b`)
    expect(fs.statSync(`${root}/b`).mode & 0o777).toBe(0o600)
    fs.rmSync(root, { recursive: true })
  })
})

describe('SimFiles', () => {
  test('failWrites() writes so many bytes more, then fails', () => {
    const files = diskWithFile()
    const file = files.open('/f/a', 'append')
    files.failWrites('ENOSPC', { after: 3 })
    expect(file.write(Buffer.from('abcdef'), 0)).toBe(3)
    expect(() => file.write(Buffer.from('def'), 0)).toThrow('ENOSPC')
    files.failWrites(undefined)
    expect(file.write(Buffer.from('def'), 0)).toBe(3)
    expect(files.readText('/f/a')).toBe('durable,abcdef')
  })

  test.each([
    ['all', 'durable,new'],
    ['none', 'durable,'],
  ] as const)('crash() keeps %s of what was not synced', (keepUnsynced, content) => {
    const files = diskWithFile()
    files.open('/f/a', 'append').write(Buffer.from('new'), 0)
    files.crash({ keepUnsynced }, new Random(1))
    expect(files.readText('/f/a')).toBe(content)
  })

  test('crash() at random keeps all that was synced, and a beginning of the rest', async () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 100; seed++) {
      const files = diskWithFile()
      const file = files.open('/f/a', 'append')
      file.write(Buffer.from('synced,'), 0)
      await file.sync()
      file.write(Buffer.from('ab'), 0)
      files.crash({ keepUnsynced: 'random' }, new Random(seed))
      seen.add(files.readText('/f/a'))
    }
    const rests = ['', 'a', 'ab', 'a\0', '\0\0']
    expect([...seen].toSorted()).toEqual(rests.map((rest) => `durable,synced,${rest}`).toSorted())
  })

  test('kill() leaves what was written, and no file open', async () => {
    const files = diskWithFile()
    const file = files.open('/f/a', 'append')
    file.write(Buffer.from('new'), 0)
    let isSettled = false
    void file.sync().finally(() => (isSettled = true))
    files.kill()
    expect(() => file.write(Buffer.from('x'), 0)).toThrow('EBADF')
    await new Promise((resolve) => setImmediate(resolve))
    expect(isSettled).toBe(false)
    expect(files.readText('/f/a')).toBe('durable,new')
  })

  test('stdout() gathers what is written and is not closed', () => {
    const files = diskWithFile()
    const stdout = files.stdout()
    stdout.close()
    stdout.write(Buffer.from('line\n'), 0)
    expect(files.stdoutText()).toBe('line\n')
  })
})
