/**
 * Limit use: how much of what an organisation's limits allow a run uses, beside an oracle, and
 * beside what people write by hand. In virtual time: `npm run bench:limits`.
 *
 *     node bench/limits.ts [--seeds 1] [--only TEXT] [--peers] [--jobs 2] [--json] [--write]
 *
 * `--write` replaces the tables in docs/benchmarks.md and README.md.
 */

import { say } from './figures.ts'
import { contenders } from './limit-use/peers.ts'
import { comparedNames, scenarios } from './limit-use/scenarios.ts'
import { headTable, oursTable, peersTable } from './limit-use/tables.ts'
import type { Job, Result } from './limit-use/worker.ts'
import { writeBetween } from './published.ts'
import { workThrough } from './threads.ts'
import { flags, takenLine } from './virtual.ts'

const results = await playAll(jobsOf(flags.seeds), flags.threads)
const taken = takenLine()

if (flags.json) console.log(JSON.stringify(results, undefined, 1))
else console.log(report().join('\n\n'))
if (flags.write) {
  writeBetween('docs/benchmarks.md', 'limits', report().join('\n\n'))
  writeBetween('README.md', 'limits', headTable(results))
}

function report(): readonly string[] {
  const peers = flags.peers ? [peersTable(results)] : []
  return [taken, oursTable(results), ...peers]
}

/** All plays, the longest first, so that no thread is left with one at the end. */
function jobsOf(all: readonly number[]): readonly Job[] {
  const jobs: (Job & { readonly rows: number })[] = []
  for (const seed of all) {
    for (const { scenario, limits } of scenarios(seed)) {
      const { name, rows } = scenario
      if (!name.includes(flags.only)) continue
      jobs.push({ seed, name, rows })
      if (!flags.peers || !comparedNames.includes(name)) continue
      const requestsPerMinute = limits.requests?.[0]?.[1] ?? 0
      for (const contender of contenders(requestsPerMinute)) {
        jobs.push({ seed, name, contender, rows })
      }
    }
  }
  return jobs.toSorted((a, b) => b.rows - a.rows)
}

/** Plays them in threads; results come in the order of the scenarios. */
async function playAll(jobs: readonly Job[], threads: number): Promise<readonly Result[]> {
  const program = new URL('limit-use/worker.ts', import.meta.url)
  const told = ({ job, use }: Result, count: number): void => {
    const who = job.contender?.name ?? 'sluice'
    say(`${count}/${jobs.length} ${job.name} (${who}, seed ${job.seed}): ${use.ratio}`)
  }
  const done = await workThrough<Result>(program, jobs, { threads, told })
  const order = new Map(scenarios(0).map(({ scenario }, index) => [scenario.name, index]))
  const players = ['sluice', ...contenders(1000).map(({ name }) => name)]
  const place = ({ job }: Result): number =>
    100 * (order.get(job.name) ?? 0) + players.indexOf(job.contender?.name ?? 'sluice')
  return done.toSorted((a, b) => place(a) - place(b))
}
