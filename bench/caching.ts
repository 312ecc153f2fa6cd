/**
 * What caching saves: what a run pays for its input beside the least that its file can cost, and
 * the time it takes for that, beside what people write by hand. In virtual time:
 * `npm run bench:caching`.
 *
 *     node bench/caching.ts [--seeds 1] [--only TEXT] [--peers] [--jobs 2] [--json] [--write]
 *
 * `--write` replaces the tables in docs/benchmarks.md.
 */

import { parseArgs } from 'node:util'
import { costScenarios } from './cache-cost/scenarios.ts'
import { oursTable, peersTable, unsharedTable } from './cache-cost/tables.ts'
import type { CostJob, CostResult } from './cache-cost/worker.ts'
import { machineLine, say } from './figures.ts'
import { writeBetween } from './published.ts'
import { workThrough } from './threads.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    peers: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

const seeds = values.seeds.split(',').map(Number)
const startedAt = performance.now()
const results = await playAll(jobsOf(seeds), Number(values.jobs))
const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1)

if (values.json) console.log(JSON.stringify(results, undefined, 1))
else console.log(report().join('\n\n'))
if (values.write) writeBetween('docs/benchmarks.md', 'caching', report().join('\n\n'))

function report(): readonly string[] {
  const seedsSaid = seeds.length === 1 ? `Seed ${seeds[0]}` : `Seeds ${seeds.join(', ')}, the worst`
  const taken = `${seedsSaid}. Taken in ${minutes} minutes on ${machineLine()}.`
  const peers = values.peers || values.write ? [peersTable(results)] : []
  return [taken, oursTable(results), unsharedTable(results), ...peers].filter(Boolean)
}

function jobsOf(all: readonly number[]): readonly CostJob[] {
  const withPeers = values.peers || values.write
  return all.flatMap((seed) =>
    costScenarios(seed)
      .filter(({ scenario }) => scenario.name.includes(values.only))
      .flatMap(({ scenario: { name }, contenders }) => [
        { seed, name },
        ...(withPeers ? contenders : []).map((contender) => ({ seed, name, contender })),
      ]),
  )
}

/** Plays them in threads; results come in the order of the jobs. */
async function playAll(jobs: readonly CostJob[], threads: number): Promise<readonly CostResult[]> {
  const program = new URL('cache-cost/worker.ts', import.meta.url)
  const told = ({ job, cost }: CostResult, done: number): void => {
    const who = job.contender?.name ?? 'sluice'
    const figures = `cost ${cost.cost.toFixed(3)}, time ${cost.oracle.toFixed(3)}`
    say(`${done}/${jobs.length} ${job.name} (${who}, seed ${job.seed}): ${figures}`)
  }
  const done = await workThrough<CostResult>(program, jobs, { threads, told })
  const key = ({ seed, name, contender }: CostJob): string =>
    JSON.stringify([seed, name, contender?.name])
  const order = new Map(jobs.map((job, index) => [key(job), index]))
  const place = ({ job }: CostResult): number => order.get(key(job)) ?? 0
  return done.toSorted((a, b) => place(a) - place(b))
}
