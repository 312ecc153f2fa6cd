/**
 * `npm run demo`: 3,201 real rows through the command, against the simulated API. No key needed.
 *
 * Builds, starts the simulator on a free loopback port, runs `sluice run`, and says where
 * the answers are. The answers are made-up prose; the limits, headers and refusals are real.
 */

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type * as simulatorModule from '../src/simulator/index.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const requests = 'examples/movies/requests.jsonl'
const results = 'examples/data/movies.results.jsonl'
process.chdir(root)

step(['scripts/build.ts'])
if (!existsSync(requests)) step(['examples/movies/make.ts'])
mkdirSync('examples/data', { recursive: true })
for (const leftover of [
  results,
  results.replace('.results.', '.results.failed.'),
  `${results}.sluice`,
]) {
  rmSync(leftover, { recursive: true, force: true })
}

// Built just now, so it cannot be imported before.
const simulatorUrl = new URL('../dist/simulator/index.js', import.meta.url).href
const { startSimulator } = (await import(simulatorUrl)) as typeof simulatorModule
// The limits of the Scale tier, and now and then an overloaded server or a cut connection.
const simulator = await startSimulator({
  requestsPerMinute: 10_000,
  inputTokensPerMinute: 10_000_000,
  outputTokensPerMinute: 2_000_000,
  outputTokens: 40,
  latencyMs: 900,
  latencySigma: 0.5,
  faults: { overloaded: 0.005, cut: 0.003, 'server-error': 0.002 },
})
const command = ['run', requests, '-o', results, '--base-url', simulator.url]
process.stderr.write(`$ sluice ${command.join(' ')}\n\n`)
const child = spawn(process.execPath, ['bin/sluice.js', ...command], {
  stdio: 'inherit',
  env: { ...process.env, ANTHROPIC_API_KEY: 'sk-ant-demo' },
})
// ^C reaches the child too, which knows what to do with it; we wait for it.
process.on('SIGINT', () => {})
const code = await new Promise<number>((resolve) => {
  child.on('exit', (exit) => resolve(exit ?? 1))
})
await simulator.close()
if (code === 0) {
  process.stderr.write(`\nThe answers: ${results}\nOne of them:  head -1 ${results}\n`)
}
process.exitCode = code

function step(args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) process.exit(status ?? 1)
}
