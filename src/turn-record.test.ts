import { expect, test } from 'vitest'
import { SimFiles } from '../test/sim-files.ts'
import { SimClock } from '../test/world/sim-clock.ts'
import type { AppenderEvents } from './appender.ts'
import { TurnRecord } from './turn-record.ts'
import type { KeptTurn } from './turns.ts'

const path = '/data/out.jsonl.sluice/turns'

const turn = (text: string): KeptTurn => ({
  why: 'paused',
  message: `{"content":[],"n":1.0,"id":"${text}"}`,
  costNanoUsd: 5,
  requestId: null,
})

const nothing = (): void => {}
const events: AppenderEvents = {
  onBlocked: nothing,
  onUnblocked: nothing,
  onFailed: (error) => {
    throw error
  },
}

class Disk {
  readonly files = new SimFiles()

  open(isWriting = true): TurnRecord {
    const record = this.read()
    if (isWriting) record.open(events)
    return record
  }

  read(): TurnRecord {
    const { files } = this
    const folder = '/data/out.jsonl.sluice'
    return new TurnRecord({ files, clock: new SimClock(0), fsync: 'never', folder })
  }
}

function ids(record: TurnRecord, key: string, lineNumber: number): readonly string[] {
  return record.of({ key, lineNumber }).map(({ message }) => JSON.parse(message).id as string)
}

function add(record: TurnRecord, key: string, lineNumber: number, id: string): void {
  let isWritten = false
  record.add({ key, lineNumber }, turn(id), () => {
    isWritten = true
  })
  expect(isWritten).toBe(true)
}

test('what was added is there for the next run, by the byte', () => {
  const disk = new Disk()
  const first = disk.open()
  add(first, 'k', 1, 'a')
  add(first, 'k', 1, 'b')
  add(first, 'l', 2, 'c')
  const next = disk.open()
  expect(next.of({ key: 'k', lineNumber: 1 })).toEqual([turn('a'), turn('b')])
  expect(ids(next, 'l', 2)).toEqual(['c'])
  expect(next.cost).toEqual({ nanoUsd: 15, unpriced: 0 })
})

test('identical rows have each their own', () => {
  const disk = new Disk()
  const first = disk.open()
  add(first, 'k', 3, 'three')
  add(first, 'k', 9, 'nine')
  const next = disk.open()
  expect(ids(next, 'k', 9)).toEqual(['nine'])
  expect(ids(next, 'k', 3)).toEqual(['three'])
  expect(ids(next, 'k', 5)).toEqual([])
})

test('a row that stands on another line now finds its own, and adds to it', () => {
  const disk = new Disk()
  add(disk.open(), 'k', 3, 'a')
  const next = disk.open()
  expect(ids(next, 'k', 4)).toEqual(['a'])
  add(next, 'k', 4, 'b')
  const third = disk.open()
  expect(ids(third, 'k', 4)).toEqual(['a', 'b'])
  third.seen({ type: 'succeeded', key: 'k', line: 4, turns: 2 })
  expect(ids(disk.open(), 'k', 3)).toEqual(['a', 'b'])
  expect(ids(third, 'k', 3)).toEqual([])
})

test('what has its line is gone, and the file with the last of it', () => {
  const disk = new Disk()
  const first = disk.open()
  add(first, 'k', 1, 'a')
  add(first, 'l', 2, 'b')
  first.settled({ key: 'k', lineNumber: 1 })
  first.close()
  expect(disk.files.stat(path)).toBeDefined()
  const next = disk.read()
  next.seen({ type: 'succeeded', key: 'k', line: 1 })
  next.open(events)
  expect(disk.files.readText(path)).not.toContain('"a"')
  next.settled({ key: 'l', lineNumber: 2 })
  next.close()
  expect(disk.files.stat(path)).toBeUndefined()
})

test('the line of an earlier failure says nothing of a row that is asked again', () => {
  const disk = new Disk()
  add(disk.open(), 'k', 1, 'a')
  const next = disk.read()
  next.seen({ type: 'errored', key: 'k', line: 1 })
  expect(ids(next, 'k', 1)).toEqual(['a'])
})

test('a torn end is cut, and what follows it is whole', () => {
  const disk = new Disk()
  add(disk.open(), 'k', 1, 'a')
  disk.files.put(path, `${disk.files.readText(path)}{"key":"l","line":2,"mess`)
  add(disk.open(), 'm', 3, 'c')
  const next = disk.open()
  expect(ids(next, 'k', 1)).toEqual(['a'])
  expect(ids(next, 'l', 2)).toEqual([])
  expect(ids(next, 'm', 3)).toEqual(['c'])
})

test.each(['{"key":"k"}', 'no JSON', '{"key":"k","line":1,"why":"other","message":{}}'])(
  'a file of somebody else is not gone on with: %s',
  (line) => {
    const disk = new Disk()
    disk.files.put(path, `${line}\n`)
    expect(() => disk.read()).toThrow(/line 1 is none of sluice's/)
    expect(disk.files.readText(path)).toBe(`${line}\n`)
  },
)

test('a file that has grown is written anew with what is of use', () => {
  const disk = new Disk()
  const record = disk.open()
  const long = 'x'.repeat(2 ** 20)
  for (let line = 1; line <= 40; line++) {
    add(record, 'k', line, `${line} ${long}`)
    if (line > 1) record.settled({ key: 'k', lineNumber: line })
  }
  expect(disk.files.stat(path)?.size).toBeLessThan(20 * 2 ** 20)
  expect(ids(disk.open(), 'k', 1)).toEqual([`1 ${long}`])
})
