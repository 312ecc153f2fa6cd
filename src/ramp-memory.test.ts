import { expect, test } from 'vitest'
import { SimFiles } from '../test/sim-files.ts'
import { RampMemory } from './ramp-memory.ts'

const folder = '/out.jsonl.sluice'
const path = `${folder}/ramps.json`

function diskWith(text?: string): SimFiles {
  const files = new SimFiles()
  files.makeFolder(folder)
  if (text !== undefined) files.writeText(path, text)
  return files
}

test('what one run learns, the next one knows', () => {
  const files = diskWith()
  const memory = new RampMemory(files, folder)
  expect([memory.notice, [...memory.pools]]).toEqual([undefined, []])
  memory.add('claude-opus-4.x')
  memory.add('claude-haiku-4.5')
  memory.add('claude-opus-4.x')
  const next = new RampMemory(files, folder)
  expect([...next.pools]).toEqual(['claude-opus-4.x', 'claude-haiku-4.5'])
  expect(next.notice).toBeUndefined()
})

test('nothing is written where nothing is learned', () => {
  const files = diskWith()
  expect(new RampMemory(files, folder).pools.size).toBe(0)
  expect(files.list(folder)).toEqual([])
})

test.each([
  ['is cut off', '{"gentle":["a"'],
  ['is something else', '[]'],
  ['is nothing', ''],
  ['has no list', '{"gentle":"a"}'],
  ['has a list of something else', '{"gentle":["a",7]}'],
])('a file that %s is ignored, told of and written anew', (_, text) => {
  const files = diskWith(text)
  const memory = new RampMemory(files, folder)
  expect(memory.pools.size).toBe(0)
  expect(memory.notice).toContain(path)
  memory.add('a')
  expect(files.readText(path)).toBe('{"gentle":["a"]}\n')
  expect(new RampMemory(files, folder).notice).toBeUndefined()
})

test('a disk that cannot be written is no reason to stop', () => {
  const files = diskWith()
  files.failWrites('ENOSPC')
  const memory = new RampMemory(files, folder)
  memory.add('a')
  expect([...memory.pools]).toEqual(['a'])
  files.failWrites(undefined)
  expect(new RampMemory(files, folder).pools.size).toBe(0)
})
