/**
 * Start and resume: from the start of the process to the first request on the wire.
 *
 *     node bench/start.ts
 *
 * Start: a file of a million rows of 2 KB, nothing held. Resume: the same file with an output
 * that holds all of it, and a hundred new rows: in front of the file, so that the first request
 * goes out when the output has been read; then behind it, so that all of the input was read and
 * hashed as well. The files are in the page cache, as they are for whoever has just made them.
 */

import { appendFileSync, copyFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { SystemClock } from '../src/clock.ts'
import { digest } from '../src/hash.ts'
import { succeededLine } from '../src/result-line.ts'
import { type Figure, median, runAlone, say } from './figures.ts'
import { sluicePath, startProcess } from './measured.ts'
import { startServer } from './server-process.ts'
import { inFolder, inputLines, removeOutput, writeLines } from './workspace.ts'

const clock = new SystemClock()
const startMsMax = 1000
const resumeMsMax = 5000
const newRows = 100
/** Makes an output line of about a kilobyte. */
const answer = JSON.stringify({
  id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
  type: 'message',
  content: [
    { type: 'text', text: 'The gate lets through what the channel can carry. '.repeat(13) },
  ],
  usage: { input_tokens: 512, output_tokens: 128 },
})

/** Measures all three. */
export async function start(): Promise<readonly Figure[]> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '1000000' },
      times: { type: 'string', default: '5' },
    },
    strict: false,
  })
  const rows = Number(values.rows)
  const times = Number(values.times)
  return await inFolder(async (folder) => {
    const input = path.join(folder, 'input.jsonl')
    const output = path.join(folder, 'output.jsonl')
    const held = path.join(folder, 'held.jsonl')
    const shape = { rows, rowBytes: 2048 }
    writeLines(input, inputLines(shape))
    const startMs = await repeat(times, folder, [input, '-o', output])
    const fresh = [...inputLines({ ...shape, rows: newRows, seed: 2 })]
    writeLines(held, heldLines(inputLines(shape)))
    appendFileSync(input, `${fresh.join('\n')}\n`)
    const behindMs = await repeat(times, folder, [input, '-o', output], held)
    const inFront = path.join(folder, 'in-front.jsonl')
    writeLines(inFront, concatenate(fresh, inputLines(shape)))
    rmSync(input)
    const inFrontMs = await repeat(times, folder, [inFront, '-o', output], held)
    const size = `${((rows * 2048) / 1e9).toFixed(0)} GB, ${rows} rows`
    const holding = `${rows} of ${rows + newRows} rows held`
    return [
      figure('start', `first request of ${size}`, startMs, startMsMax),
      figure('resume', `first request, ${holding}, the new ones in front`, inFrontMs, resumeMsMax),
      figure('resume', `first request, ${holding}, the new ones behind`, behindMs),
    ]
  })
}

/** Times from the start of the process to the server's first request, in milliseconds. */
async function repeat(
  times: number,
  folder: string,
  args: readonly string[],
  held?: string,
): Promise<readonly number[]> {
  const results: number[] = []
  for (let time = 1; time <= times; time++) {
    const output = args.at(-1) ?? ''
    removeOutput(output)
    if (held !== undefined) copyFileSync(held, output)
    results.push(await firstRequestMs(folder, args))
  }
  say(`${args.join(' ')}: ${results.map((ms) => ms.toFixed(0)).join(' ')} ms`)
  return results
}

async function firstRequestMs(folder: string, args: readonly string[]): Promise<number> {
  const server = await startServer()
  const startedAt = clock.wallTime()
  const child = startProcess([sluicePath, 'run', ...args, '--base-url', server.url], { folder })
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdout?.resume()
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  try {
    for (;;) {
      const { firstRequestAt } = await server.report()
      if (firstRequestAt > 0) return firstRequestAt - startedAt
      if (child.exitCode !== null) throw new Error(`sluice sent nothing:\n${stderr}`)
      await new Promise<void>((resolve) => clock.after(20, resolve))
    }
  } finally {
    child.kill('SIGKILL')
    await gone
    await server.close()
  }
}

function* heldLines(lines: Iterable<string>): Generator<string> {
  let line = 0
  for (const text of lines) {
    line += 1
    const key = digest(Buffer.from(text))
    const requestId = 'req_011CSHoEeqs5C35K2UUqR7Fy'
    const run = { line, key, attempts: 1, requestId, latencyMs: 812, costUsd: '0.001152' }
    yield succeededLine({ id: `line-${line}`, message: answer, run }).trimEnd()
  }
}

function* concatenate(first: Iterable<string>, second: Iterable<string>): Generator<string> {
  yield* first
  yield* second
}

function figure(measure: string, how: string, times: readonly number[], max?: number): Figure {
  const middle = median(times)
  const worst = Math.max(...times)
  const result = `${(middle / 1000).toFixed(2)} s (worst of ${times.length}: ${(worst / 1000).toFixed(2)} s)`
  if (max === undefined) return { measure, how, result }
  return { measure, how, target: `≤ ${max / 1000} s`, result, reached: middle <= max }
}

await runAlone(import.meta.url, start)
