/**
 * Runs with a compressed output, killed at every operation on their disk, by power losses too, and
 * on full disks. The judge reads the files on its own.
 */

import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Random } from '../../src/random.ts'
import type { RunEvent } from '../../src/events.ts'
import type { RunOptions } from '../../src/settings.ts'
import { answerLine, keyOf } from '../result-lines.ts'
import { systemError } from '../sim-file.ts'
import { counts, rowsOf, SmallWorld } from './small-world.ts'

type Format = 'gz' | 'zst'

const rowsFirst = 2
const rowsAll = 5

function outputOf(format: Format): string {
  return `/data/out.jsonl.${format}`
}

const frameMagic = Buffer.of(0x28, 0xb5, 0x2f, 0xfd)

/** What the bytes hold, as other tools read them. */
function plainOf(format: Format, bytes: Buffer): string {
  if (bytes.length === 0) return ''
  if (format === 'gz') return gunzipSync(bytes).toString()
  const starts: number[] = []
  for (let at = bytes.indexOf(frameMagic); at !== -1; at = bytes.indexOf(frameMagic, at + 1)) {
    starts.push(at)
  }
  return starts
    .map((start, index) => zstdDecompressSync(bytes.subarray(start, starts[index + 1])).toString())
    .join('')
}

/** A world with rows to ask, and what its files hold. */
class CompressedWorld extends SmallWorld {
  readonly format: Format
  readonly options: Partial<RunOptions>

  constructor(format: Format, options: Partial<RunOptions> = {}) {
    super(rowsOf(rowsAll))
    this.format = format
    this.options = { output: outputOf(format), ...options }
  }

  get output(): string {
    return outputOf(this.format)
  }

  get bytes(): Buffer {
    const isThere = this.disk.stat(this.output) !== undefined
    return isThere ? Buffer.from(this.disk.bytes(this.output)) : Buffer.alloc(0)
  }

  /** Whole lines that a run which goes on may rely on. */
  held(): string[] {
    const parts = this.disk.paths().filter((path) => path.includes('.sluice/part-'))
    if (parts.length > 1) throw new Error(`There are ${parts.length} parts`)
    const [part] = parts
    const whole = part === undefined ? this.bytes.length : Number(/part-(\d+)/.exec(part)?.[1])
    const text = plainOf(this.format, this.bytes.subarray(0, whole))
    const behind = part === undefined ? '' : this.disk.readText(part)
    return (text + behind).split(/(?<=\n)/).filter((line) => /^\{.*\}\n$/.test(line))
  }

  /** Every row has one line, and nothing is left beside the files. */
  problems(): string[] {
    const lines = plainOf(this.format, this.bytes).split('\n').slice(0, -1)
    const rows = lines.map((line) => (JSON.parse(line) as { run: { line: number } }).run.line)
    const problems: string[] = []
    const wanted = Array.from({ length: rowsAll }, (_, index) => index + 1).join()
    if (rows.toSorted((a, b) => a - b).join() !== wanted) problems.push(`rows ${rows.join()}`)
    // What a taker of the lock left that died just then is cleared away by a later run.
    const isKnown = (path: string): boolean => path === this.output || /\/lock\./.test(path)
    const names = this.disk.paths().filter((path) => !isKnown(path))
    if (names.join() !== '/data/in.jsonl') problems.push(`left: ${names.join()}`)
    return problems
  }
}

/** Lives until it dies at an operation on the output or what is beside it; false if it did not. */
async function dieAt(
  world: CompressedWorld,
  operation: number,
): Promise<{ readonly died: boolean; readonly told: number }> {
  let left = operation
  let told = 0
  const { ending } = await world.try(
    world.options,
    undefined,
    (event) => {
      if (event.type === 'row_succeeded') told += 1
    },
    (life) => {
      world.disk.onOperation = (name, path) => {
        if (!path.startsWith(world.output) || left-- > 0) return
        world.disk.onOperation = undefined
        life.kill()
        throw systemError('EBADF', name, path)
      }
    },
  )
  world.disk.onOperation = undefined
  return { died: ending.type !== 'summary', told }
}

/** Lives until just after the first event of this type. */
async function killedOn(
  world: CompressedWorld,
  type: RunEvent['type'],
  more: Partial<RunOptions> = {},
): Promise<void> {
  let kill = (): void => {}
  const { ending } = await world.try(
    { ...world.options, maxConcurrency: 1, ...more },
    undefined,
    (event) => event.type === type && world.clock.after(1, kill),
    (life) => {
      kill = () => life.kill()
    },
  )
  if (ending.type !== 'kill') throw new Error(`It ended by ${ending.type}`)
}

describe.each(['gz', 'zst'] as const)('an output of .%s', (format) => {
  test.each([
    ['kill', '1s'],
    ['power', '1s'],
    ['power', 'always'],
    ['power', 'never'],
  ] as const)(
    'loses and doubles nothing, whichever operation is the last (%s, fsync %s)',
    async (death, fsync) => {
      const random = new Random(1)
      let operation = 0
      for (let died = true; died; operation++) {
        const world = new CompressedWorld(format, { fsync })
        await world.live({ ...world.options, first: rowsFirst })
        const before = world.held()
        expect(before).toHaveLength(rowsFirst)
        const life = await dieAt(world, operation)
        died = life.died
        if (death === 'power') world.disk.crash({ keepUnsynced: 'random' }, random)
        const held = world.held()
        expect(held, `operation ${operation}`).toEqual(expect.arrayContaining(before))
        if (death === 'kill' || fsync === 'always') {
          expect(held.length, `operation ${operation}`).toBeGreaterThanOrEqual(
            rowsFirst + life.told,
          )
        }
        // A second death, anywhere in the run that goes on.
        await dieAt(world, random.integer(0, operation + 5))
        const { summary } = await world.live(world.options)
        expect(counts(summary)).toEqual([rowsAll, 0, 0])
        expect(world.problems(), `operation ${operation}`).toEqual([])
        expect(world.held()).toEqual(expect.arrayContaining(held))
      }
      // Among them are those of putting the part into the output.
      expect(operation).toBeGreaterThan(40)
    },
    120_000,
  )

  test('keeps all there is on a disk that is full, and is made whole by the next run', async () => {
    for (let after = 0; ; after += 41) {
      const world = new CompressedWorld(format)
      await world.live({ ...world.options, first: rowsFirst })
      const { bytes } = world
      world.disk.failWrites('ENOSPC', { after, path: world.output })
      const { summary } = await world.live(world.options)
      const asked = world.model.totals.answered
      const isFull = summary.stopped !== null
      if (isFull) {
        expect(summary.stopped).toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
        expect(summary.exitCode).toBe(3)
        expect(world.bytes).toEqual(bytes)
        expect(world.held()).toHaveLength(rowsAll)
      }
      world.disk.failWrites(undefined)
      expect(counts((await world.live(world.options)).summary)).toEqual([rowsAll, 0, 0])
      expect(world.problems()).toEqual([])
      expect(world.model.totals.answered).toBe(asked)
      if (!isFull) break
      expect(after).toBeLessThan(5000)
    }
  })

  test('is made whole by a run that is stopped', async () => {
    const world = new CompressedWorld(format, { maxConcurrency: 1 })
    const { summary } = await world.live(world.options, {
      kind: 'interrupt',
      afterMs: 2500,
      midWrite: false,
    })
    expect(summary.stopped?.code).toBe('INTERRUPTED')
    expect(world.disk.paths()).toEqual(['/data/in.jsonl', world.output])
    const lines = plainOf(format, world.bytes).split('\n').length - 1
    expect(lines).toBe(summary.rows.succeeded)
    expect(lines).toBeGreaterThan(0)
    await world.live(world.options)
    expect(world.problems()).toEqual([])
  })

  test('keeps through a power loss what a run has found', async () => {
    const world = new CompressedWorld(format)
    await killedOn(world, 'row_succeeded', { fsync: 'never' })
    const held = world.held()
    expect(held.length).toBeGreaterThan(0)
    await killedOn(world, 'run_started')
    world.disk.crash({ keepUnsynced: 'none' }, new Random(1))
    expect(world.held()).toEqual(held)
  })

  test('without answers is one that holds nothing', async () => {
    const world = new CompressedWorld(format)
    world.disk.put('/data/in.jsonl', '')
    await world.live(world.options)
    expect(world.bytes.length).toBeGreaterThan(0)
    expect(plainOf(format, world.bytes)).toBe('')
    world.disk.put('/data/in.jsonl', `${JSON.stringify(rowsOf(1)[0])}\n`)
    expect(counts((await world.live(world.options)).summary)).toEqual([1, 0, 0])
    expect(plainOf(format, world.bytes).split('\n')).toHaveLength(2)
  })

  test('is left to another run that has taken the lock', async () => {
    const world = new CompressedWorld(format)
    await world.live({ ...world.options, first: rowsFirst })
    const { bytes } = world
    const other = { host: 'elsewhere', boot_id: 'b', pid: 7, started_at: 's', nonce: 'other' }
    const lock = { ...other, taken_at: 0, heartbeat_at: world.clock.wallTime(), in_flight: 0 }
    const { summary } = await world.live(world.options, undefined, (event) => {
      if (event.type === 'row_succeeded')
        world.disk.put(`${world.output}.sluice/lock`, JSON.stringify(lock))
    })
    expect(summary.stopped?.code).toBe('LOCK_LOST')
    expect(world.bytes).toEqual(bytes)
    expect(world.held()).toHaveLength(rowsAll)
  })

  test('is moved aside with its part', async () => {
    const world = new CompressedWorld(format)
    await world.live({ ...world.options, first: rowsFirst })
    const { bytes } = world
    await killedOn(world, 'row_succeeded')
    const held = world.held()
    const part = world.disk.paths().find((path) => path.includes('/part-')) ?? ''
    const text = world.disk.readText(part)
    expect(held.length).toBeGreaterThan(rowsFirst)
    const { summary } = await world.live({ ...world.options, overwrite: true })
    expect(counts(summary)).toEqual([rowsAll, 0, 0])
    const aside = world.disk
      .paths()
      .filter((path) => path.startsWith(world.output) && path.includes('.bak-'))
    const [file = '', moved = ''] = aside.toSorted((a, b) => a.length - b.length)
    expect(aside).toHaveLength(2)
    expect(Buffer.from(world.disk.bytes(file))).toEqual(bytes)
    expect(moved.endsWith(part.slice(part.lastIndexOf('/')))).toBe(true)
    expect(world.disk.readText(moved)).toBe(text)
  })

  test('goes by batches, through deaths', async () => {
    for (let operation = 0, died = true; died; operation += 5) {
      const world = new CompressedWorld(format, { via: 'batches' })
      await world.live({ output: world.output, first: rowsFirst })
      died = (await dieAt(world, operation)).died
      const { summary } = await world.live(world.options)
      expect(counts(summary)).toEqual([rowsAll, 0, 0])
      expect(world.problems()).toEqual([])
    }
  }, 120_000)
})

/** What is refused before anything is sent, and leaves the file as it is. */
describe('a compressed output is refused', () => {
  const line = answerLine(keyOf(1))
  const whole = gzipSync(line)
  test.each([
    ['that is cut', whole.subarray(0, -3), {}, /behind byte \d+ its gzip data is cut/],
    ['that is damaged', Buffer.concat([whole.subarray(0, -8), Buffer.alloc(8, 1)]), {}, /damaged/],
    ['with plain lines behind', Buffer.concat([whole, Buffer.from(line)]), {}, /damaged/],
    [
      'with zeros and more',
      Buffer.concat([whole, Buffer.alloc(3), whole]),
      {},
      /something follows/,
    ],
    ['that is plain', Buffer.from(line), {}, /is not compressed, though its name says so/],
    ['that holds other lines', gzipSync('notes\n'), {}, /line 1 is no result line/],
    ['in one line', gzipSync('x'.repeat(3_000_000)), {}, /its last line is not whole/],
    ['with --ordered', Buffer.alloc(0), { ordered: true }, /"ordered" needs an output/],
    ['as tuples', Buffer.alloc(0), { outputFormat: 'tuple' }, /"outputFormat" cannot be/],
  ] as const)('%s', async (_, bytes, options, words) => {
    const world = new CompressedWorld('gz')
    world.disk.put(world.output, bytes)
    const { ending } = await world.try({ ...world.options, ...options })
    const error = ending.type === 'refused' ? ending.error : undefined
    expect(error?.message).toMatch(words)
    expect(error?.exitCode).toBe(2)
    expect(world.bytes).toEqual(Buffer.from(bytes))
    expect(world.model.totals.answered).toBe(0)
  })

  test.each([
    ['that is shorter than its part says', 'part-999.jsonl', whole],
    ['that is gone', 'part-10.jsonl', undefined],
    ['whose part follows the midst of its data', 'part-20.jsonl', whole],
  ])('%s', async (_, part, bytes) => {
    const world = new CompressedWorld('gz')
    if (bytes !== undefined) world.disk.put(world.output, bytes)
    world.disk.put(`${world.output}.sluice/${part}`, line)
    const { ending } = await world.try(world.options)
    expect(ending.type === 'refused' && ending.error.code).toBe('OUTPUT_DAMAGED')
    expect(world.bytes).toEqual(bytes ?? Buffer.alloc(0))
    expect(world.disk.readText(`${world.output}.sluice/${part}`)).toBe(line)
  })

  test.each([
    [{ ordered: true }, 'is compressed: "ordered" needs an output'],
    [{ outputFormat: 'tuple' }, 'is of another form of output'],
  ] as const)('by its content alone, with %j', async (options, words) => {
    const world = new SmallWorld(rowsOf(3))
    world.disk.put('/data/out.jsonl', whole)
    const { ending } = await world.try(options)
    expect(ending.type === 'refused' && ending.error.message).toContain(words)
    expect(Buffer.from(world.disk.bytes('/data/out.jsonl'))).toEqual(whole)
  })

  test('with two parts', async () => {
    const world = new CompressedWorld('gz')
    for (const name of ['part-0', 'part-9']) {
      world.disk.put(`${world.output}.sluice/${name}.jsonl`, line)
    }
    const { ending } = await world.try(world.options)
    expect(ending.type === 'refused' && ending.error.message).toContain('bytes 0 and 9')
  })
})

test('what a file holds decides, not its name', async () => {
  for (const name of ['/data/plain.jsonl', '/data/other.gz']) {
    const world = new SmallWorld(rowsOf(3))
    await world.live({ output: name.replace(/gz$/, 'jsonl') })
    const text = world.disk.readText(name.replace(/gz$/, 'jsonl'))
    const two = text.split(/(?<=\n)/).slice(0, 2)
    world.disk.put(name, zstdCompressSync(two.join('')))
    const { summary } = await world.live({ output: name })
    expect(counts(summary)).toEqual([3, 0, 0])
    const plain = plainOf('zst', Buffer.from(world.disk.bytes(name)))
    expect(plain.split(/(?<=\n)/)).toEqual([...two, expect.stringContaining('"succeeded"')])
    expect(world.model.totals.answered).toBe(4)
  }
})
