import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerLine, keyOf } from '../test/result-lines.ts'
import { SimFiles } from '../test/sim-files.ts'
import { SimClock } from '../test/world/sim-clock.ts'
import { Appender } from './appender.ts'
import type { FsyncPolicy } from './appender.ts'
import { sleep } from './clock.ts'
import { OrderedOutput } from './ordered-output.ts'
import { Random } from './random.ts'
import { Held, recoverPlain } from './record.ts'
import { rewriteInOrder } from './reorder.ts'
import { openToAppend } from './result-file.ts'
import { parseResultLine } from './result-line.ts'
import type { ResultLine } from './result-line.ts'
import { pourSpool } from './spool.ts'

const paths = { output: '/w/out', failed: '/w/failed', folder: '/w/out.sluice' }

interface BenchOptions {
  readonly fsync?: FsyncPolicy
  readonly partBytesMax?: number
}

/** One run of an ordered output over a disk. */
class Bench {
  readonly files: SimFiles
  readonly clock = new SimClock()
  readonly events: string[] = []
  readonly output: Appender
  readonly ordered: OrderedOutput
  readonly held: Held

  constructor(files = disk(), { fsync = '1s', partBytesMax = 400 }: BenchOptions = {}) {
    this.files = files
    const events = {
      onBlocked: (code: string) => this.events.push(`blocked ${code}`),
      onUnblocked: () => this.events.push('unblocked'),
      onFailed: (error: unknown) => this.events.push(`failed ${String(error)}`),
    }
    const { clock } = this
    const recovered = recoverPlain(files, paths)
    this.held = new Held(recovered)
    const file = openToAppend(files, paths.output)
    this.output = new Appender({ file, clock, fsync, ...events })
    const { output } = this
    const { folder } = paths
    const { spooled } = recovered
    const where = { files, clock, folder, output, spooled }
    this.ordered = new OrderedOutput({ ...where, ...events, fsync, partBytesMax })
  }

  place(sequence: number, line: string): void {
    this.ordered.place(sequence, line, () => this.events.push(`written ${sequence}`))
  }

  async finish(): Promise<void> {
    await this.clock.runUntil(this.ordered.finish())
    this.output.close()
  }

  get text(): string {
    return this.files.readText(paths.output)
  }

  get spoolFiles(): readonly string[] {
    return this.files.list(paths.folder)
  }
}

function disk(output?: string): SimFiles {
  const files = new SimFiles()
  files.makeFolder(paths.folder)
  if (output !== undefined) files.put(paths.output, output)
  return files
}

function line(number: number, tag: number | string = number): string {
  return answerLine(keyOf(number), tag)
}

describe('place()', () => {
  test('of the row whose turn it is writes to the output at once', () => {
    const bench = new Bench()
    bench.place(0, line(0))
    bench.place(1, line(1))
    expect(bench.text).toBe(line(0) + line(1))
    expect(bench.events).toEqual(['written 0', 'written 1'])
  })

  test('of a later row writes to the spool at once, and to the output at its turn', () => {
    const bench = new Bench()
    bench.place(2, line(2))
    bench.place(1, line(1))
    expect(bench.text).toBe('')
    expect(bench.files.readText(`${paths.folder}/ordered.1.spool`)).toBe(line(2) + line(1))
    expect(bench.events).toEqual(['written 2', 'written 1'])
    bench.place(0, line(0))
    expect(bench.text).toBe(line(0) + line(1) + line(2))
  })

  test('goes on behind rows that are skipped, before or after', () => {
    const bench = new Bench()
    bench.ordered.skip(1)
    bench.place(3, line(3))
    bench.place(0, line(0))
    expect(bench.text).toBe(line(0))
    bench.ordered.skip(2)
    expect(bench.text).toBe(line(0) + line(3))
  })

  test('of a row twice is our own bug', () => {
    const bench = new Bench()
    bench.place(0, line(0))
    expect(() => bench.place(0, line(0))).toThrow('placed twice')
    bench.place(2, line(2))
    expect(() => bench.ordered.skip(2)).toThrow('placed twice')
  })

  test('of many late rows copies them in more turns than one', async () => {
    const bench = new Bench(disk(), { partBytesMax: 2 ** 30 })
    const large = Array.from({ length: 100 }, (_, number) =>
      answerLine(keyOf(number), number, 'x'.repeat(100_000)),
    )
    large.forEach((text, sequence) => sequence > 0 && bench.place(sequence, text))
    bench.place(0, large[0] ?? '')
    const copied = bench.text.length
    expect(copied).toBeGreaterThan(500_000)
    expect(copied).toBeLessThan(1_500_000)
    bench.place(100, line(100))
    await bench.clock.runUntil(sleep(bench.clock, 10))
    expect(bench.text).toBe(large.join('') + line(100))
  })

  test('with any order of answers and any trouble gives the order of the input', async () => {
    const rows = fc.array(fc.constantFrom('answer', 'answer', 'fail'), { maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(rows, fc.nat(), async (rows, seed) => {
        const random = new Random(seed)
        const fsync = random.pick<FsyncPolicy>(['always', '1s', 'never'])
        const bench = new Bench(disk(), { fsync, partBytesMax: random.pick([1, 400, 5000]) })
        bench.files.limitWrites(() => random.integer(1, 300))
        bench.files.delaySyncs(() => sleep(bench.clock, random.integer(0, 30)))
        const order = shuffled(random, [...rows.keys()])
        for (const sequence of order) {
          if (rows[sequence] === 'fail') bench.ordered.skip(sequence)
          else bench.place(sequence, line(sequence))
          if (random.chance(0.1)) {
            bench.files.failWrites(random.pick(['ENOSPC', 'EAGAIN', undefined]), {
              after: random.integer(0, 500),
            })
          }
          if (random.chance(0.1))
            await bench.clock.runUntil(sleep(bench.clock, random.integer(1, 1100)))
        }
        bench.files.failWrites(undefined)
        await bench.finish()
        const answered = [...rows.keys()].filter((sequence) => rows[sequence] === 'answer')
        expect(bench.text).toBe(answered.map((sequence) => line(sequence)).join(''))
        expect(bench.events.filter((event) => event.startsWith('written'))).toHaveLength(
          answered.length,
        )
        expect(bench.spoolFiles).toEqual([])
        expect(bench.ordered.isDisordered).toBe(false)
      }),
      { numRuns: 100 },
    )
  })
})

describe('the spool', () => {
  test('gives back room while rows still wait', async () => {
    const bench = new Bench(disk(), { partBytesMax: 600 })
    // Of four rows the last three come first, and two of the next four before the first: at no
    // time does nothing wait.
    for (let first = 0; first < 400; first += 4) {
      for (const ahead of first === 0 ? [1, 2, 3, 5, 6] : [3, 5, 6])
        bench.place(first + ahead, line(first + ahead))
      bench.place(first, line(first))
      await bench.clock.runUntil(sleep(bench.clock, 1))
      expect(bench.spoolFiles.length).toBeLessThanOrEqual(4)
    }
    expect(bench.text.split('\n')).toHaveLength(401)
  })

  test('gives back a file that was empty when it became too large', async () => {
    const bench = new Bench(disk(), { partBytesMax: 1 })
    for (const sequence of [1, 0, 3]) bench.place(sequence, line(sequence))
    await bench.clock.runUntil(sleep(bench.clock, 10))
    expect(bench.spoolFiles).toEqual(['ordered.2.spool'])
  })

  test('is not removed before the output is synced', async () => {
    const bench = new Bench(disk(), { partBytesMax: 1 })
    const random = new Random(1)
    bench.place(1, line(1))
    bench.place(2, line(2))
    await bench.clock.runUntil(bench.ordered.flush())
    bench.place(0, line(0))
    expect(bench.text).toBe(line(0) + line(1) + line(2))
    bench.files.crash({ keepUnsynced: 'none' }, random)
    const after = new Bench(bench.files)
    expect([0, 1, 2].map((number) => after.held.take(keyOf(number)))).toEqual([
      undefined,
      'spooled',
      'spooled',
    ])
  })

  test('takes lines into a file that is too large when no other can be made', () => {
    const bench = new Bench(disk(), { partBytesMax: 1 })
    bench.place(1, line(1))
    bench.files.onOperation = (operation) => {
      if (operation === 'open') throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
    }
    bench.place(2, line(2))
    bench.files.onOperation = undefined
    bench.place(0, line(0))
    expect(bench.text).toBe(line(0) + line(1) + line(2))
  })

  test('isBlocked while the spool has no room, and copies what is written of it', async () => {
    const bench = new Bench(disk(), { partBytesMax: 2 ** 30 })
    bench.place(1, line(1))
    bench.files.failWrites('ENOSPC', { after: 30, path: `${paths.folder}/ordered.1.spool` })
    bench.place(2, line(2))
    expect(bench.ordered.isBlocked).toBe(true)
    bench.place(0, line(0))
    expect(bench.text).toBe(line(0) + line(1))
    bench.files.failWrites(undefined)
    await bench.clock.runUntil(sleep(bench.clock, 1001))
    expect(bench.ordered.isBlocked).toBe(false)
    expect(bench.text).toBe(line(0) + line(1) + line(2))
  })
})

describe('a full disk under the output', () => {
  test('leaves in the spool what waits there', async () => {
    const bench = new Bench()
    for (let sequence = 1; sequence < 50; sequence++) bench.place(sequence, line(sequence))
    bench.files.failWrites('ENOSPC', { path: paths.output })
    const reads: string[] = []
    bench.files.onOperation = (operation, path) => operation === 'read' && reads.push(path)
    bench.place(0, line(0))
    await bench.clock.runUntil(sleep(bench.clock, 3000))
    bench.ordered.skip(50)
    expect(reads).toEqual([])
    bench.files.failWrites(undefined)
    await bench.clock.runUntil(sleep(bench.clock, 1001))
    expect(bench.text.split('\n')).toHaveLength(51)
  })
})

describe('a later run', () => {
  test('takes answers from the spool, and leaves no row asked again', async () => {
    const first = new Bench()
    for (const sequence of [0, 3, 1, 5]) first.place(sequence, line(sequence))
    first.files.kill()
    const second = new Bench(first.files)
    const asked = planAll(second, [0, 1, 2, 3, 4, 5])
    expect(asked).toEqual([2, 4])
    for (const sequence of asked) second.place(sequence, line(sequence))
    await second.finish()
    expect(second.text).toBe([0, 1, 2, 3, 4, 5].map((number) => line(number)).join(''))
    expect(second.spoolFiles).toEqual([])
  })

  test('keeps answers in the spool whose rows are gone, at the end', async () => {
    const first = new Bench()
    for (const sequence of [2, 1]) first.place(sequence, line(sequence))
    first.files.kill()
    const second = new Bench(first.files)
    for (const sequence of planAll(second, [0, 2])) second.place(sequence, line(0))
    await second.finish()
    expect(second.text).toBe(line(0) + line(2) + line(1))
    second.files.crash({ keepUnsynced: 'none' }, new Random(1))
    expect(second.text, 'the spool is gone, so the output is durable').toContain(line(1))
  })

  test.each([
    ['a row behind those in the output', [0, 1, 2, 7], false],
    ['a row between those in the output', [0, 7, 1, 2], true],
    ['a row in front', [7, 0, 1, 2], true],
  ])('isDisordered with %s: %#', async (_, rows, isDisordered) => {
    const bench = new Bench(disk(line(0) + line(1) + line(2)))
    for (const sequence of planAll(bench, rows)) bench.place(sequence, line(7))
    expect(bench.ordered.isDisordered).toBe(isDisordered)
    await bench.finish()
  })

  test('isDisordered is not set by a row in front that failed', () => {
    const bench = new Bench(disk(line(0) + line(1)))
    for (const sequence of planAll(bench, [7, 0, 1])) bench.ordered.skip(sequence)
    expect(bench.ordered.isDisordered).toBe(false)
  })

  test('without --ordered finds the answers in the output', () => {
    const first = new Bench()
    for (const sequence of [2, 0, 3]) first.place(sequence, line(sequence))
    first.files.kill()
    const { files } = first
    const { spooled } = recoverPlain(files, paths)
    if (spooled) pourSpool(files, paths.output, spooled)
    expect(files.readText(paths.output)).toBe(line(0) + line(2) + line(3))
    expect(files.list(paths.folder)).toEqual([])
  })
})

describe('a kill or a power loss at any operation', () => {
  test.each(['kill', 'power'] as const)('loses and doubles no answer (%s)', async (death) => {
    const keys = fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(keys, fc.nat(), async (rows, seed) => {
        const random = new Random(seed)
        const files = disk()
        const written = new Set<string>()
        for (let life = 0; life < 3; life++) {
          await liveUntilKilled(
            files,
            rows,
            random,
            written,
            `${life}`,
            random.integer(0, 60),
            death,
          )
          if (death === 'power') files.crash({ keepUnsynced: 'random' }, random)
          else files.kill()
        }
        await liveUntilKilled(files, rows, random, written, 'last', Infinity, death)

        const lines = files.readText(paths.output).split('\n').slice(0, -1)
        expect(lines.map((text) => resultIn(text)?.key)).toEqual(rows.map(keyOf))
        const ids = lines.map((text) => resultIn(text)?.id)
        for (const id of written) expect(ids).toContain(id)
        expect(new Set(ids).size).toBe(ids.length)
        expect(files.list(paths.folder)).toEqual([])
      }),
      { numRuns: 150 },
    )
  })
})

/**
 * Runs over the rows, with all syncs awaited, until operation `operations`; notes what counts as
 * written.
 */
async function liveUntilKilled(
  files: SimFiles,
  rows: readonly number[],
  random: Random,
  written: Set<string>,
  life: string,
  operations: number,
  death: 'kill' | 'power',
): Promise<void> {
  let count = 0
  files.onOperation = () => {
    if (count++ >= operations) throw new Error('killed')
  }
  try {
    // What a power loss may take is not "written" but under `always`.
    const fsync = death === 'power' ? 'always' : random.pick<FsyncPolicy>(['always', '1s', 'never'])
    const bench = new Bench(files, { fsync, partBytesMax: random.pick([1, 500]) })
    for (const sequence of shuffled(random, planAll(bench, rows))) {
      const tag = `${life}-${sequence}`
      const text = answerLine(keyOf(rows[sequence] ?? 0), tag)
      bench.ordered.place(sequence, text, () => written.add(`row-${tag}`))
      if (random.chance(0.3)) await bench.clock.runUntil(sleep(bench.clock, 2))
      if (count > operations) throw new Error('killed')
    }
    await bench.finish()
    if (bench.ordered.isDisordered || !bench.held.isInOrder) {
      await rewriteInOrder(files, paths.output, rows.map(keyOf))
    }
  } catch (error) {
    if (count <= operations) throw error
  } finally {
    files.onOperation = undefined
  }
}

/** Plans the rows; returns the sequence numbers of those to ask. */
function planAll({ held, ordered }: Bench, rows: readonly number[]): number[] {
  const asked: number[] = []
  for (const [sequence, number] of rows.entries()) {
    const holding = held.take(keyOf(number))
    if (holding === 'succeeded') ordered.held(sequence)
    else if (holding === 'spooled') ordered.placeSpooled(sequence, keyOf(number))
    else asked.push(sequence)
  }
  return asked
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: random.float() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

function resultIn(text: string): ResultLine | undefined {
  return parseResultLine(Buffer.from(text))
}
