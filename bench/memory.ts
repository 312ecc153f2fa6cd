/**
 * Memory: the highest resident memory of `sluice run`, and how it grows with the file.
 *
 *     node bench/memory.ts [--all]
 *
 * By default 10 thousand and a million rows of 2 KB, every row with an id of its own, which is
 * the dearer kind: ids must be told apart, and 1,000 rows of 5 MB. `--all` adds rows without
 * ids, three million rows, and `--ordered` with its first row almost a minute late; that takes
 * a quarter of an hour and 10 GB of disk.
 */

import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Figure, megabytes, runAlone, say } from './figures.ts'
import { runSluice } from './measured.ts'
import { type ServerOptions, startServer } from './server-process.ts'
import { inFolder, type InputOptions, writeInput } from './workspace.ts'

/** A run to be measured. */
interface Case extends InputOptions {
  readonly flags?: readonly string[]
  readonly server?: Partial<ServerOptions>
}

const peakMax = 200e6
const peakMaxLarge = 350e6
const growthMax = 32
/** Enough to keep one core busy. */
const inFlight = 64
/** A minute, less what the scheduler gives a plain answer before it takes it for a hung one. */
const lateMs = 55_000

/** Measures all cases; see above. */
export async function memory(): Promise<readonly Figure[]> {
  const { values } = parseArgs({ options: { all: { type: 'boolean' } }, strict: false })
  const figures = [...(await growth(true, values.all === true)), await largeRows()]
  if (values.all === true) figures.push(...(await growth(false, true)), await ordered())
  return figures
}

async function growth(ids: boolean, all: boolean): Promise<readonly Figure[]> {
  const kind = ids ? 'ids given' : 'no ids'
  const few = { rows: 10_000, rowBytes: 2048, ids }
  const many = { ...few, rows: 1_000_000 }
  const fewBytes = await peak(few)
  const manyBytes = await peak(many)
  const perRow = (manyBytes - fewBytes) / (many.rows - few.rows)
  const figures = [
    peakFigure(`10 k rows of 2 KB, ${kind}`, fewBytes, peakMax),
    peakFigure(`1 M rows of 2 KB, ${kind}`, manyBytes, peakMax),
  ]
  if (all) {
    const most = { ...few, rows: 3_000_000 }
    const mostBytes = await peak(most)
    const later = ((mostBytes - manyBytes) / (most.rows - many.rows)).toFixed(1)
    figures.push({
      measure: 'memory',
      how: `3 M rows of 2 KB, ${kind}`,
      result: `${megabytes(mostBytes)}, ${later} B a row since 1 M`,
    })
  }
  figures.push({
    measure: 'memory a row',
    how: `from 10 k to 1 M rows, ${kind}`,
    target: `≤ ${growthMax} B`,
    result: `${perRow.toFixed(1)} B`,
    reached: perRow <= growthMax,
  })
  return figures
}

async function largeRows(): Promise<Figure> {
  const bytes = await peak({ rows: 1000, rowBytes: 5_000_000 })
  return peakFigure('1,000 rows of 5 MB', bytes, peakMaxLarge)
}

async function ordered(): Promise<Figure> {
  const bytes = await peak({
    rows: 400_000,
    rowBytes: 2048,
    flags: ['--ordered'],
    server: { firstLatencyMs: lateMs },
  })
  const how = `400 k rows of 2 KB, --ordered, the first ${lateMs / 1000} s late`
  return peakFigure(how, bytes, peakMax)
}

async function peak({ flags = [], server: serving = {}, ...input }: Case): Promise<number> {
  return await inFolder(async (folder) => {
    const inputPath = writeInput(folder, 'input.jsonl', input)
    const output = path.join(folder, 'output.jsonl')
    const server = await startServer(serving)
    try {
      const base = [inputPath, '-o', output, '--base-url', server.url, '-j', String(inFlight)]
      const usage = await runSluice([...base, '--ramp', 'off', ...flags], input.rows, { folder })
      const { peakBytes, wallMs } = usage
      const seconds = (wallMs / 1000).toFixed(0)
      say(
        `memory: ${input.rows} rows of ${input.rowBytes} B: ${megabytes(peakBytes)}, ${seconds} s`,
      )
      return peakBytes
    } finally {
      await server.close()
    }
  })
}

function peakFigure(how: string, bytes: number, max: number): Figure {
  return {
    measure: 'memory',
    how,
    target: `≤ ${megabytes(max)}`,
    result: megabytes(bytes),
    reached: bytes <= max,
  }
}

await runAlone(import.meta.url, memory)
