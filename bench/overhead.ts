/**
 * Overhead: rows per CPU second of `sluice run` as it ships, beside a bare undici loop.
 *
 *     node bench/overhead.ts [--rows 50000] [--pairs 5]
 *
 * Both are processes of their own against the same server, one after the other, in turns; their
 * CPU time is taken from start to exit, all threads and start-up included. What is reported is
 * the median of the pairs' ratios, so that a machine that slows down for a while slows both.
 */

import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Figure, median, runAlone, say } from './figures.ts'
import { runMeasured, runSluice, type Usage } from './measured.ts'
import { startServer } from './server-process.ts'
import { inFolder, removeOutput, writeInput } from './workspace.ts'

const barePath = fileURLToPath(new URL('bare.ts', import.meta.url))
const target = 0.6

interface Shape {
  readonly rows: number
  readonly pairs: number
  readonly inFlight: number
  readonly latencyMs: number
}

/** Measures at 64 in flight with no latency, and at 500 in flight with 50 ms. */
export async function overhead(): Promise<readonly Figure[]> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '50000' },
      pairs: { type: 'string', default: '5' },
    },
    strict: false,
  })
  const size = { rows: Number(values.rows), pairs: Number(values.pairs) }
  return [
    await compare({ ...size, inFlight: 64, latencyMs: 0 }),
    await compare({ ...size, inFlight: 500, latencyMs: 50 }),
  ]
}

async function compare({ rows, pairs, inFlight, latencyMs }: Shape): Promise<Figure> {
  const pairsMeasured = await inFolder(async (folder) => {
    const input = writeInput(folder, 'input.jsonl', { rows, rowBytes: 2048 })
    const output = path.join(folder, 'output.jsonl')
    const server = await startServer({ latencyMs })
    const bare = (): Promise<Usage> =>
      runMeasured([barePath, input, output, server.url, String(inFlight)], { folder })
    const args = [input, '-o', output, '--base-url', server.url, '-j', String(inFlight)]
    const sluice = (): Promise<Usage> => runSluice([...args, '--ramp', 'off'], rows, { folder })
    const measured: { readonly bare: Usage; readonly sluice: Usage }[] = []
    try {
      for (let pair = 1; pair <= pairs; pair++) {
        const ours = await sluice()
        removeOutput(output)
        const theirs = await bare()
        removeOutput(output)
        measured.push({ bare: theirs, sluice: ours })
        say(
          `overhead ${inFlight}@${latencyMs} ms, pair ${pair}: sluice ${perRow(ours, rows)}, ` +
            `${rate(ours, rows)}, bare ${perRow(theirs, rows)}, ${rate(theirs, rows)}`,
        )
      }
    } finally {
      await server.close()
    }
    return measured
  })
  const ratio = median(pairsMeasured.map(({ bare, sluice }) => bare.cpuMs / sluice.cpuMs))
  const ours = median(pairsMeasured.map(({ sluice }) => (sluice.cpuMs * 1000) / rows))
  const theirs = median(pairsMeasured.map(({ bare }) => (bare.cpuMs * 1000) / rows))
  const figures = `sluice ${ours.toFixed(0)} µs a row, bare ${theirs.toFixed(0)} µs`
  return {
    measure: 'overhead',
    how: `${rows} rows of 2 KB, ${inFlight} in flight, ${latencyMs} ms`,
    target: `≥ ${target}`,
    result: `${ratio.toFixed(2)} (${figures})`,
    reached: ratio >= target,
  }
}

function perRow({ cpuMs }: Usage, rows: number): string {
  return `${((cpuMs * 1000) / rows).toFixed(0)} µs`
}

function rate({ wallMs }: Usage, rows: number): string {
  return `${((rows * 1000) / wallMs).toFixed(0)} rows/s`
}

await runAlone(import.meta.url, overhead)
