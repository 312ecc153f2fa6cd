/**
 * `npm run demo`: 3,201 real rows through the command, against the simulated API. No key needed.
 * `npm run demo -- script`: the two command lines of the Python script, with its files.
 *
 * Builds, starts the simulator on a free loopback port, runs `sluice`, and says where the answers
 * are. The answers are made-up prose; the limits, headers and refusals are real. Flags that follow
 * are handed on: `npm run demo -- --first 100`.
 */

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type * as simulatorModule from '../src/simulator/index.ts'

/** A demonstration: which API it meets, and the command lines of `sluice`, less the URL. */
interface Demo {
  readonly simulator: simulatorModule.StartOptions
  readonly lines: readonly { readonly args: readonly string[]; readonly results: string }[]
  readonly urlFlag: (url: string) => readonly string[]
}

const requests = 'examples/movies/requests.jsonl'
const results = 'examples/data/movies.results.jsonl'

const movies: Demo = {
  // The limits of the Scale tier, and now and then an overloaded server or a cut connection.
  simulator: {
    requestsPerMinute: 10_000,
    inputTokensPerMinute: 10_000_000,
    outputTokensPerMinute: 2_000_000,
    outputTokens: 40,
    latencyMs: 900,
    latencySigma: 0.5,
    faults: { overloaded: 0.005, cut: 0.003, 'server-error': 0.002 },
  },
  lines: [{ args: ['run', requests, '-o', results], results }],
  urlFlag: (url) => ['--base-url', url],
}

const script: Demo = {
  // Its files name a model that the API has retired.
  simulator: { models: 'any' },
  lines: [
    scriptLine('test_requests_to_parallel_process'),
    scriptLine('test_caching_requests_to_parallel_process', '--use_caching', 'True'),
  ],
  urlFlag: (url) => ['--request_url', `${url}/v1/messages`],
}

function scriptLine(name: string, ...flags: readonly string[]): Demo['lines'][number] {
  const saved = `examples/data/${name}_results.jsonl`
  const files = ['--requests_filepath', `examples/${name}.jsonl`, '--save_filepath', saved]
  return { args: [...files, ...flags], results: saved }
}

const root = fileURLToPath(new URL('..', import.meta.url))
process.chdir(root)
const words = process.argv.slice(2)
const isScript = words[0] === 'script'
const demo = isScript ? script : movies
const further = isScript ? words.slice(1) : words

step(['scripts/build.ts'])
if (!isScript && !existsSync(requests)) step(['examples/movies/make.ts'])
mkdirSync('examples/data', { recursive: true })

// Built just now, so it cannot be imported before.
const simulatorUrl = new URL('../dist/simulator/index.js', import.meta.url).href
const { startSimulator } = (await import(simulatorUrl)) as typeof simulatorModule
const simulator = await startSimulator(demo.simulator)
// ^C reaches the child too, which knows what to do with it; we wait for it.
process.on('SIGINT', () => {})
for (const line of demo.lines) {
  for (const leftover of ['.jsonl', '.failed.jsonl', '.jsonl.sluice']) {
    rmSync(line.results.replace(/\.jsonl$/, leftover), { recursive: true, force: true })
  }
  const code = await sluice([...line.args, ...demo.urlFlag(simulator.url), ...further])
  process.exitCode = code
  if (code !== 0) break
  process.stderr.write(`\nThe answers: ${line.results}\nOne of them:  head -1 ${line.results}\n\n`)
}
await simulator.close()

/** Runs the command; its exit code. */
function sluice(args: readonly string[]): Promise<number> {
  process.stderr.write(`$ sluice ${args.join(' ')}\n\n`)
  const child = spawn(process.execPath, ['bin/sluice.js', ...args], {
    stdio: 'inherit',
    env: { ...process.env, ANTHROPIC_API_KEY: 'sk-ant-demo' },
  })
  return new Promise((resolve) => {
    child.on('exit', (exit) => resolve(exit ?? 1))
  })
}

function step(args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) process.exit(status ?? 1)
}
