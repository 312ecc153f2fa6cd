import { describe, expect, test } from 'vitest'
import { SimFiles } from '../test/sim-files.ts'
import { SimClock } from '../test/world/sim-clock.ts'
import type { RunError } from './errors.ts'
import { Random } from './random.ts'
import { SpendRecord, type SpendRecordOptions } from './spend-record.ts'
import type { Amount } from './worst-case.ts'

const folder = '/out.jsonl.sluice'
const path = `${folder}/spend`
const none: Amount = { nanoUsd: 0, tokens: 0 }

function usd(nanoUsd: number): Amount {
  return { nanoUsd, tokens: 0 }
}

class Place {
  readonly clock = new SimClock()
  readonly files = new SimFiles()
  readonly blocked: (string | null)[] = []
  readonly lost: RunError[] = []

  constructor() {
    this.files.makeFolder(folder)
  }

  open(given: Partial<SpendRecordOptions> = {}): SpendRecord {
    return new SpendRecord({
      files: this.files,
      clock: this.clock,
      fsync: '1s',
      folder,
      onBlocked: (code) => this.blocked.push(code),
      onLost: (error) => this.lost.push(error),
      ...given,
    })
  }

  text(): string {
    return Buffer.from(this.files.bytes(path)).toString()
  }
}

describe('what a later run finds', () => {
  test('is carried: at its most what was not over or may be billed, and what stands nowhere else', () => {
    const place = new Place()
    const record = place.open()
    const sizes = [100, 20, 3, 4000]
    record.send(sizes.map((size, index) => ({ number: index + 1, most: usd(size) })))
    record.settle(1, 'spent', none)
    record.settle(2, 'unknown', usd(20))
    record.settle(3, 'spent', usd(2))
    record.flush()
    place.files.kill()
    expect(place.open().carried).toEqual({ spent: usd(2), unknown: usd(4020) })
    // And carried on, however often.
    place.files.kill()
    expect(place.open().carried).toEqual({ spent: usd(2), unknown: usd(4020) })
  })

  test('is what was noted elsewhere until then, too', () => {
    const place = new Place()
    const record = place.open()
    record.send([{ number: 1, most: usd(100) }])
    record.add('spent', { nanoUsd: 0, tokens: 7 })
    record.add('unknown', usd(30))
    record.add('unknown', usd(12))
    record.settle(1, 'spent', none)
    record.close(true)
    expect(place.open().carried).toEqual({ spent: { nanoUsd: 0, tokens: 7 }, unknown: usd(42) })
    place.files.kill()
    expect(place.open().carried.unknown).toEqual(usd(42))
  })

  test('is on disk before a send returns', () => {
    const place = new Place()
    expect(place.open().send([{ number: 1, most: usd(7) }])).toBe(true)
    place.files.kill()
    expect(place.open().carried.unknown).toEqual(usd(7))
  })

  test('under always it outlives the power, too', () => {
    for (const fsync of ['always', 'never'] as const) {
      const place = new Place()
      place.open({ fsync }).send([{ number: 1, most: usd(7) }])
      place.files.crash({ keepUnsynced: 'none' }, new Random(1))
      expect(place.open().carried.unknown).toEqual(usd(fsync === 'always' ? 7 : 0))
    }
  })

  test.each([
    ['a torn end', '+1 5 0\n+2 10', 5],
    ['NUL bytes', '+1 5 0\n\0\0\0\0', 5],
    ['a line without its line feed: it was not sent', '+1 5 0\n+2 10 0', 5],
    ['an end that is torn: it counts at its most', '+1 5 0\n-1 0', 5],
  ])('of %s is what is whole', (_, text, nanoUsd) => {
    const place = new Place()
    place.files.put(path, text)
    expect(place.open().carried.unknown).toEqual(usd(nanoUsd))
  })

  test('of a file that is not ours is an error, and the file stays', () => {
    const place = new Place()
    place.files.put(path, '+1 5 0\nmine\n')
    expect(() => place.open()).toThrow(/line 2 is none of sluice's/)
    expect(place.text()).toBe('+1 5 0\nmine\n')
  })
})

describe('the file', () => {
  test('goes when all is over and nothing is to be carried', () => {
    const place = new Place()
    const record = place.open()
    record.send([{ number: 1, most: usd(7) }])
    record.settle(1, 'spent', none)
    record.close(true)
    expect(place.files.paths()).toEqual([])
  })

  test('stays while rows are left, or something may have been billed', () => {
    for (const [isOver, unknown] of [
      [false, none],
      [true, usd(7)],
    ] as const) {
      const place = new Place()
      const record = place.open()
      record.send([{ number: 1, most: usd(7) }])
      record.settle(1, 'unknown', unknown)
      record.close(isOver)
      expect(place.text()).toBe(`spent 0 0\nperhaps ${unknown.nanoUsd} 0\n`)
    }
  })

  test('of a million tries is bounded by what is under way', () => {
    const place = new Place()
    const record = place.open()
    for (let number = 1; number <= 200_000; number++) {
      record.send([{ number, most: usd(1000 + number) }])
      if (number > 100) record.settle(number - 100, 'unknown', usd(1))
      record.flush()
    }
    expect(place.files.bytes(path).length).toBeLessThan(2 ** 20 + 100_000)
    place.files.kill()
    // The last hundred are not over, and each of the others may have cost one.
    const open = Array.from({ length: 100 }, (_, index) => 1000 + 199_901 + index)
    const most = open.reduce((sum, size) => sum + size, 0)
    expect(place.open().carried.unknown).toEqual(usd(199_900 + most))
  })
})

describe('a disk that takes nothing', () => {
  test('that is full: nothing may be sent, and what was not sent is not counted', async () => {
    const place = new Place()
    const record = place.open()
    place.files.failWrites('ENOSPC', { after: 3 })
    expect(record.send([{ number: 1, most: usd(7) }])).toBe(false)
    expect(place.blocked).toEqual(['ENOSPC'])
    place.files.failWrites(undefined)
    await place.clock.runUntil(new Promise<void>((resolve) => place.clock.after(1500, resolve)))
    expect(place.blocked).toEqual(['ENOSPC', null])
    expect(record.send([{ number: 2, most: usd(9) }])).toBe(true)
    place.files.kill()
    expect(place.open().carried).toEqual({ spent: none, unknown: usd(9) })
  })

  test('that fails: the run is told, once', () => {
    const place = new Place()
    const record = place.open()
    place.files.failWrites('EIO')
    record.send([{ number: 1, most: usd(7) }])
    record.send([{ number: 2, most: usd(7) }])
    expect(place.lost.map(({ code }) => code)).toEqual(['OUTPUT_UNWRITABLE'])
  })
})
