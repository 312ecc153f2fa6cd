/**
 * What caching saves: what a run pays for its input beside the least that its file can cost, and
 * the time it takes for that, beside what people write by hand. In virtual time:
 * `npm run bench:caching`.
 *
 *     node bench/caching.ts [--seeds 1] [--only TEXT] [--peers] [--jobs 2] [--json] [--write]
 *
 * `--write` replaces the tables in docs/benchmarks.md.
 */

import { costScenarios } from './cache-cost/scenarios.ts'
import { oursTable, peersTable, unsharedTable } from './cache-cost/tables.ts'
import type { CostJob, CostResult } from './cache-cost/worker.ts'
import { say } from './figures.ts'
import { writeBetween } from './published.ts'
import { workThrough } from './threads.ts'
import { flags, takenLine } from './virtual.ts'

const results = await playAll(jobsOf(flags.seeds), flags.threads)
const taken = takenLine()

if (flags.json) console.log(JSON.stringify(results, undefined, 1))
else console.log(report().join('\n\n'))
if (flags.write) writeBetween('docs/benchmarks.md', 'caching', report().join('\n\n'))

function report(): readonly string[] {
  const peers = flags.peers ? [peersTable(results)] : []
  return [taken, oursTable(results), unsharedTable(results), ...peers].filter(Boolean)
}

function jobsOf(all: readonly number[]): readonly CostJob[] {
  return all.flatMap((seed) =>
    costScenarios(seed)
      .filter(({ scenario }) => scenario.name.includes(flags.only))
      .flatMap(({ scenario: { name }, contenders }) => [
        { seed, name },
        ...(flags.peers ? contenders : []).map((contender) => ({ seed, name, contender })),
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
