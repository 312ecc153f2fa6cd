/**
 * Ceiling: the rate `sluice run` holds with thousands of requests in flight.
 *
 *     node bench/ceiling.ts
 *
 * A server that takes its time for each answer, one or two seconds on average, so that in flight
 * ÷ latency is a rate that one core can carry. What is reported is the rate between the fifth and
 * the last fifth of the answers, counted by the server, over the smaller of in flight ÷ latency
 * and what a bare undici loop reaches there. Also the most connections that were being opened at
 * once, as the server sees it: accepted, and without a byte or a finished handshake yet.
 */

import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Figure, megabytes, runAlone, say } from './figures.ts'
import { runMeasured, runSluice, type Usage } from './measured.ts'
import { startServer } from './server-process.ts'
import { inFolder, makeCertificate, removeOutput, writeInput } from './workspace.ts'

type Protocol = 'HTTP/1.1' | 'HTTP/1.1, TLS' | 'HTTP/2, TLS'

interface Load {
  readonly inFlight: number
  readonly latencyMs: number
}

interface Rate {
  readonly perSecond: number
  readonly connectingMax: number
  readonly usage: Usage
}

const target = 0.9
const connectingMax = 256
const loads: readonly Load[] = [
  { inFlight: 2000, latencyMs: 1000 },
  { inFlight: 5000, latencyMs: 2000 },
]
const protocols: readonly Protocol[] = ['HTTP/1.1', 'HTTP/1.1, TLS', 'HTTP/2, TLS']
/** Answers for each request in flight: enough for the middle to be steady. */
const rounds = 8

/** Measures each protocol at each load. */
export async function ceiling(): Promise<readonly Figure[]> {
  return await inFolder(async (folder) => {
    const figures: Figure[] = []
    for (const load of loads) {
      const rows = load.inFlight * rounds
      const input = writeInput(folder, 'input.jsonl', { rows, rowBytes: 2048 })
      for (const protocol of protocols) {
        figures.push(await compare(folder, input, protocol, load))
      }
    }
    return figures
  })
}

async function compare(
  folder: string,
  input: string,
  protocol: Protocol,
  load: Load,
): Promise<Figure> {
  const { inFlight, latencyMs } = load
  const output = path.join(folder, 'output.jsonl')
  const bare = await serve(folder, protocol, load, (url, options) => {
    const barePath = fileURLToPath(new URL('bare.ts', import.meta.url))
    const kind = protocol === 'HTTP/2, TLS' ? ['http2'] : []
    return runMeasured([barePath, input, output, url, String(inFlight), ...kind], options)
  })
  removeOutput(output)
  const sluice = await serve(folder, protocol, load, (url, options) => {
    const flags = ['-j', String(inFlight), '--ramp', 'off', '--base-url', url]
    if (protocol === 'HTTP/2, TLS') flags.push('--http2')
    return runSluice([input, '-o', output, ...flags], inFlight * rounds, options)
  })
  removeOutput(output)
  const most = inFlight / (latencyMs / 1000)
  const ratio = sluice.perSecond / Math.min(most, bare.perSecond)
  const rates = `sluice ${sluice.perSecond.toFixed(0)} rows/s, bare ${bare.perSecond.toFixed(0)}`
  const costs = `${sluice.connectingMax} connecting, ${megabytes(sluice.usage.peakBytes)}`
  const result = `${ratio.toFixed(2)} (${rates}, ${costs})`
  say(`ceiling ${protocol} ${inFlight}@${latencyMs} ms: ${result}`)
  return {
    measure: 'ceiling',
    how: `${protocol}, ${inFlight} in flight, ${latencyMs / 1000} s: ${most.toFixed(0)} rows/s`,
    target: `≥ ${target}, ≤ ${connectingMax} connecting`,
    result,
    reached: ratio >= target && sluice.connectingMax <= connectingMax,
  }
}

/** Runs a client against a new server, and says how fast it was in the middle of its run. */
async function serve(
  folder: string,
  protocol: Protocol,
  { inFlight, latencyMs }: Load,
  client: (url: string, options: Parameters<typeof runMeasured>[1]) => Promise<Usage>,
): Promise<Rate> {
  const rows = inFlight * rounds
  const marks = [0.2 * rows, 0.8 * rows]
  const isTls = protocol !== 'HTTP/1.1'
  const { caPath, ...certificate } = makeCertificate(folder)
  const server = await startServer({
    latencyMs,
    marks,
    http2: protocol === 'HTTP/2, TLS',
    ...(isTls && { certificate }),
  })
  try {
    const variables = { NODE_EXTRA_CA_CERTS: caPath }
    const usage = await client(server.url, isTls ? { folder, variables } : { folder })
    const { marksAt, connectingMax } = await server.report()
    const [from = 0, to = 0] = marksAt
    return { perSecond: (0.6 * rows * 1000) / (to - from), connectingMax, usage }
  } finally {
    await server.close()
  }
}

await runAlone(import.meta.url, ceiling)
