/**
 * The simulator's own ceiling: small requests a second through `sluice simulate` as it ships, with
 * no limits and no latency.
 *
 *     node bench/simulator.ts [--requests 50000] [--runs 5]
 *
 * The server is a process of its own; the client is this one, the shortest loop over undici:
 * it posts and throws the answer away unread. What is reported is the median of the runs, after
 * one that is not counted; the CPU time is the server's over all of them, start and exit included.
 * On two cores client and server have one each.
 */

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { Pool } from 'undici'
import { SystemClock } from '../src/clock.ts'
import { type Figure, median, runAlone, say } from './figures.ts'
import { readNote, sluicePath, startNoted } from './measured.ts'
import { inFolder } from './workspace.ts'

const clock = new SystemClock()
const headers = {
  'content-type': 'application/json',
  'anthropic-version': '2023-06-01',
  'x-api-key': 'sk-ant-benchmark',
}

/** Measures at 64 and at 500 in flight. */
export async function simulator(): Promise<readonly Figure[]> {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '50000' },
      runs: { type: 'string', default: '5' },
    },
    strict: false,
  })
  const size = { requests: Number(values.requests), runs: Number(values.runs) }
  return [await measure({ ...size, inFlight: 64 }), await measure({ ...size, inFlight: 500 })]
}

interface Shape {
  readonly requests: number
  readonly runs: number
  readonly inFlight: number
}

async function measure({ requests, runs, inFlight }: Shape): Promise<Figure> {
  const { rates, cpuMs } = await inFolder(async (folder) => {
    const none = ['--rpm', 'none', '--itpm', 'none', '--otpm', 'none']
    const args = ['simulate', '--port', '0', '--latency', '0', ...none]
    const server = startNoted([sluicePath, ...args], { folder })
    const ended = once(server, 'exit')
    const pool = new Pool(await urlOf(server), { connections: inFlight })
    const measured: number[] = []
    try {
      await send(pool, requests, inFlight)
      for (let run = 1; run <= runs; run++) {
        const startedAt = clock.now()
        await send(pool, requests, inFlight)
        measured.push((requests * 1000) / (clock.now() - startedAt))
        say(`simulator ${inFlight}, run ${run}: ${measured.at(-1)?.toFixed(0)} requests/s`)
      }
    } finally {
      await pool.close()
      server.kill('SIGINT')
      await ended
    }
    return { rates: measured, ...readNote({ folder }) }
  })
  const eachUs = ((cpuMs * 1000) / (requests * (runs + 1))).toFixed(0)
  const [least, most] = [Math.min(...rates), Math.max(...rates)]
  return {
    measure: 'simulator',
    how: `${requests} small requests, ${inFlight} in flight, no limits, no latency, ${runs} runs`,
    result:
      `${median(rates).toFixed(0)} requests/s (${least.toFixed(0)} to ${most.toFixed(0)}),` +
      ` ${eachUs} µs of the server's CPU each`,
  }
}

/** The line that the command prints once it listens. */
function urlOf(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('exit', () => reject(new Error('The simulator ended before it listened')))
    server.stdout?.once('data', (line: Buffer) => resolve(line.toString().trim()))
  })
}

/** Posts so many requests, at most `inFlight` of them at once. */
async function send(pool: Pool, requests: number, inFlight: number): Promise<void> {
  let sent = 0
  const loop = async (): Promise<void> => {
    while (sent < requests) {
      sent += 1
      const body = requestBody(sent)
      const response = await pool.request({ path: '/v1/messages', method: 'POST', headers, body })
      await response.body.dump()
      if (response.statusCode !== 200) throw new Error(`Answered with ${response.statusCode}`)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
}

function requestBody(number: number): string {
  const messages = [{ role: 'user', content: `How deep is the canal at gate ${number}?` }]
  return JSON.stringify({ model: 'claude-haiku-4-5', max_tokens: 256, messages })
}

await runAlone(import.meta.url, simulator)
