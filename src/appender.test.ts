import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SimFiles } from '../test/sim-files.ts'
import { SimClock } from '../test/world/sim-clock.ts'
import { Appender } from './appender.ts'
import type { FsyncPolicy } from './appender.ts'
import { sleep } from './clock.ts'
import { Random } from './random.ts'

const path = '/w/out'

class Bench {
  readonly files = new SimFiles()
  readonly clock = new SimClock()
  readonly events: string[] = []
  readonly appender: Appender

  constructor(fsync: FsyncPolicy, content = '') {
    this.files.put(path, content)
    this.files.onOperation = (operation) => {
      if (operation === 'sync') this.events.push(`sync at ${this.clock.now() - 1000}`)
    }
    this.appender = new Appender({
      file: this.files.open(path, 'append'),
      clock: this.clock,
      fsync,
      onBlocked: (code) => this.events.push(`blocked ${code}`),
      onUnblocked: () => this.events.push('unblocked'),
      onFailed: (error) => this.events.push(`failed ${String(error).split(':')[1]?.trim()}`),
    })
  }

  append(line: string): void {
    this.appender.append(`${line}\n`, () => this.events.push(line))
  }

  pass(ms: number): Promise<void> {
    return this.clock.runUntil(sleep(this.clock, ms))
  }

  get text(): string {
    return this.files.readText(path)
  }
}

describe('append()', () => {
  test('writes at once, in the same turn', () => {
    const { appender, files } = new Bench('never', 'before\n')
    let isWritten = false
    appender.append('one\n', () => (isWritten = true))
    expect([isWritten, files.readText(path)]).toEqual([true, 'before\none\n'])
    appender.append(Buffer.from('two\n'), () => {})
    expect(files.readText(path)).toBe('before\none\ntwo\n')
    expect(appender.bytesWritten).toBe(8)
  })

  test.each(['plain', 'ünïcödé 漢字 🎉', '\ud800 alone', 'x'.repeat(90_000), '漢'.repeat(90_000)])(
    'writes text as UTF-8, short or long (%#)',
    (text) => {
      const bench = new Bench('never')
      bench.append(text)
      bench.append('y')
      expect(bench.text).toBe(Buffer.from(`${text}\ny\n`).toString())
    },
  )

  test('goes on after a short write, with nothing in between', () => {
    const bench = new Bench('never')
    bench.files.limitWrites(() => 2)
    bench.append('first')
    bench.append('second')
    expect(bench.text).toBe('first\nsecond\n')
    expect(bench.events).toEqual(['first', 'second'])
  })

  test('called while a line is reported written keeps the order', () => {
    const bench = new Bench('never')
    bench.appender.append('1\n', () => {
      bench.append('2')
      bench.append('3')
      expect(bench.text).toBe('1\n')
    })
    expect(bench.text).toBe('1\n2\n3\n')
  })
})

describe('a full disk', () => {
  test.each(['ENOSPC', 'EDQUOT'])(
    'keeps lines after %s, in order, and tries each second',
    async (code) => {
      const bench = new Bench('never')
      bench.append('one')
      bench.files.failWrites(code, { after: 5 })
      bench.append('two')
      bench.append('three')
      bench.append('four')
      expect(bench.appender.isBlocked).toBe(true)
      expect(bench.text).toBe('one\ntwo\nt')
      await bench.pass(2500)
      bench.files.failWrites(undefined)
      await bench.pass(400)
      expect(bench.text).toBe('one\ntwo\nt')
      await bench.pass(200)
      expect(bench.text).toBe('one\ntwo\nthree\nfour\n')
      expect(bench.appender.isBlocked).toBe(false)
      expect(bench.events).toEqual(['one', 'two', `blocked ${code}`, 'three', 'four', 'unblocked'])
    },
  )

  test('a full pipe is tried again after 5 ms', async () => {
    const bench = new Bench('never')
    bench.files.failWrites('EAGAIN')
    bench.append('one')
    bench.files.failWrites(undefined)
    await bench.pass(4)
    expect(bench.text).toBe('')
    await bench.pass(2)
    expect(bench.text).toBe('one\n')
    expect(bench.events).toEqual(['blocked EAGAIN', 'one', 'unblocked'])
  })

  test('says so when the reason changes, and says it once', async () => {
    const bench = new Bench('never')
    bench.files.failWrites('EAGAIN')
    bench.append('one')
    await bench.pass(20)
    bench.files.failWrites('ENOSPC')
    await bench.pass(3000)
    expect(bench.events).toEqual(['blocked EAGAIN', 'blocked ENOSPC'])
  })

  test('bytes given, and text from the scratch buffer, stay what they were', async () => {
    const bench = new Bench('never')
    bench.files.failWrites('ENOSPC', { after: 2 })
    bench.append('text')
    bench.appender.append(Buffer.from('bytes\n'), () => {})
    bench.files.failWrites(undefined)
    await bench.pass(1001)
    bench.append('more')
    expect(bench.text).toBe('text\nbytes\nmore\n')
  })

  test('any lines, short writes and full disks give the lines one after another', async () => {
    const lines = fc.array(fc.string({ unit: 'grapheme', maxLength: 30 }), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(lines, fc.nat(), async (lines, seed) => {
        const random = new Random(seed)
        const bench = new Bench(random.pick(['always', '1s', 'never']))
        bench.files.limitWrites(() => random.integer(1, 20))
        bench.files.delaySyncs(() => sleep(bench.clock, random.integer(0, 300)))
        const written: number[] = []
        for (const [index, line] of lines.entries()) {
          const text = `${line.replaceAll('\n', ' ')}\n`
          const given = random.chance(0.5) ? text : Buffer.from(text)
          bench.appender.append(given, () => written.push(index))
          if (random.chance(0.2)) {
            const code = random.pick(['ENOSPC', 'EDQUOT', 'EAGAIN', undefined])
            bench.files.failWrites(code, { after: random.integer(0, 40) })
          }
          if (random.chance(0.1)) await bench.pass(random.integer(1, 1500))
        }
        bench.files.failWrites(undefined)
        await bench.clock.runUntil(bench.appender.flush())
        expect(bench.text).toBe(lines.map((line) => `${line.replaceAll('\n', ' ')}\n`).join(''))
        expect(written).toEqual([...lines.keys()])
      }),
      { numRuns: 100 },
    )
  })
})

describe('other failures', () => {
  test('of a write are told once, and nothing more is written', async () => {
    const bench = new Bench('never')
    bench.append('one')
    bench.files.failWrites('EIO', { after: 1 })
    bench.append('two')
    bench.files.failWrites(undefined)
    bench.append('three')
    await bench.pass(2000)
    expect(bench.events).toEqual(['one', 'failed EIO'])
    expect(bench.text).toBe('one\nt')
    await expect(bench.appender.flush()).rejects.toThrow('EIO')
    bench.appender.close()
    expect(bench.text).toBe('one\n')
  })

  test.each(['always', '1s'] as const)(
    'of a sync are told once under %s; lines are still written',
    async (fsync) => {
      const bench = new Bench(fsync)
      bench.files.failSyncs('EIO')
      bench.append('one')
      await bench.pass(1)
      bench.files.failSyncs(undefined)
      bench.append('two')
      await bench.pass(5000)
      expect(bench.text).toBe('one\ntwo\n')
      const expected = { always: ['failed EIO'], '1s': ['one', 'failed EIO', 'two'] }
      expect(bench.events.filter((event) => !event.startsWith('sync'))).toEqual(expected[fsync])
      await expect(bench.appender.flush()).rejects.toThrow('EIO')
    },
  )
})

describe('fsync', () => {
  test('always: a line counts once synced; the lines of a turn share a sync', async () => {
    const bench = new Bench('always')
    bench.append('one')
    bench.append('two')
    expect([bench.text, bench.events]).toEqual(['one\ntwo\n', []])
    await bench.pass(0)
    expect(bench.events).toEqual(['sync at 0', 'one', 'two'])
    bench.append('three')
    await bench.pass(7)
    expect(bench.events).toEqual(['sync at 0', 'one', 'two', 'sync at 0', 'three'])
  })

  test.each(['always', '1s'] as const)(
    '%s: a line that comes during a sync gets its own',
    async (fsync) => {
      const bench = new Bench(fsync)
      bench.append('one')
      bench.files.onOperation = (operation) => {
        if (operation !== 'sync') return
        bench.files.onOperation = undefined
        bench.append('two')
      }
      await bench.pass(1500)
      bench.files.crash({ keepUnsynced: 'none' }, new Random(1))
      expect(bench.text).toBe('one\ntwo\n')
      expect(bench.events).toEqual(['one', 'two'])
    },
  )

  test('1s: a line counts at once, and a sync is started at most once a second', async () => {
    const bench = new Bench('1s')
    for (let at = 0; at < 2500; at += 100) {
      bench.append(String(at))
      expect(bench.events.at(-1)).toBe(String(at))
      await bench.pass(100)
    }
    await bench.pass(5000)
    const syncs = bench.events.filter((event) => event.startsWith('sync'))
    expect(syncs).toEqual(['sync at 0', 'sync at 1000', 'sync at 2000', 'sync at 3000'])
  })

  test('1s: what a power loss takes was written less than a second ago', async () => {
    const bench = new Bench('1s')
    for (let at = 0; at < 3000; at += 50) {
      bench.append(String(at))
      await bench.pass(50)
    }
    bench.files.crash({ keepUnsynced: 'none' }, new Random(1))
    const last = Number(bench.text.trimEnd().split('\n').at(-1))
    expect(last).toBeGreaterThanOrEqual(3000 - 1000 - 50)
  })

  test('1s: there is one sync under way at most', async () => {
    const bench = new Bench('1s')
    let underWay = 0
    bench.files.delaySyncs(async () => {
      expect(++underWay).toBe(1)
      await sleep(bench.clock, 2500)
      underWay--
    })
    for (let at = 0; at < 10_000; at += 100) {
      bench.append(String(at))
      await bench.pass(100)
    }
    await bench.clock.runUntil(bench.appender.flush())
    const syncs = bench.events.filter((event) => event.startsWith('sync'))
    expect(syncs).toEqual([0, 2500, 5000, 7500, 10_000].map((at) => `sync at ${at}`))
  })

  test('never: nothing is synced, by flush() neither', async () => {
    const bench = new Bench('never')
    bench.append('one')
    await bench.appender.flush()
    await bench.pass(5000)
    expect(bench.events).toEqual(['one'])
  })
})

describe('flush()', () => {
  test.each(['always', '1s'] as const)('resolves when all is durable, under %s', async (fsync) => {
    const bench = new Bench(fsync)
    bench.append('one')
    await bench.pass(10)
    bench.append('two')
    await bench.appender.flush()
    bench.files.crash({ keepUnsynced: 'none' }, new Random(1))
    expect(bench.text).toBe('one\ntwo\n')
  })

  test('waits for room', async () => {
    const bench = new Bench('1s')
    bench.files.failWrites('ENOSPC')
    bench.append('one')
    const flushed = bench.appender.flush().then(() => bench.events.push('flushed'))
    await bench.pass(3500)
    bench.files.failWrites(undefined)
    await bench.clock.runUntil(flushed)
    expect(bench.events.filter((event) => !event.startsWith('sync'))).toEqual([
      'blocked ENOSPC',
      'one',
      'unblocked',
      'flushed',
    ])
  })

  test('of nothing resolves', async () => {
    const bench = new Bench('always')
    await bench.appender.flush()
    expect(bench.events).toEqual([])
  })
})

describe('close()', () => {
  test('takes back the part of a line that was written', () => {
    const bench = new Bench('never', 'before\n')
    bench.append('one')
    bench.files.failWrites('ENOSPC', { after: 2 })
    bench.append('two')
    bench.appender.close()
    expect(bench.text).toBe('before\none\n')
  })

  test('while a sync is under way closes the file after it', async () => {
    const bench = new Bench('1s')
    const closes: string[] = []
    bench.append('one')
    bench.files.onOperation = (operation) => closes.push(operation)
    const flushed = bench.appender.flush()
    bench.appender.close()
    await expect(flushed).rejects.toMatchObject({ code: 'OUTPUT_CLOSED' })
    await bench.pass(10)
    expect(closes).toEqual(['sync', 'close'])
    bench.appender.close()
  })

  test('leaves no timer behind', async () => {
    const bench = new Bench('1s')
    bench.append('one')
    await bench.pass(1)
    bench.append('two')
    bench.files.failWrites('ENOSPC')
    bench.append('three')
    bench.appender.close()
    await bench.pass(5000)
    expect(bench.events).toEqual(['one', 'sync at 0', 'two', 'blocked ENOSPC'])
  })
})
