/**
 * Plays what it is told to, one thing after the other, in a thread of its own.
 */

import { serveJobs } from '../threads.ts'
import { measure, type LimitUse, useOf } from './measure.ts'
import { type Contender, playPeer } from './peers.ts'
import { scenarios } from './scenarios.ts'

/** One play: ours, or a contender's. */
export interface Job {
  readonly seed: number
  readonly name: string
  readonly contender?: Contender
}

/** What came of it. */
export interface Result {
  readonly job: Job
  readonly use: LimitUse
}

async function playJob({ seed, name, contender }: Job): Promise<LimitUse> {
  const measured = scenarios(seed).find(({ scenario }) => scenario.name === name)
  if (measured === undefined) throw new Error(`There is no scenario "${name}"`)
  if (contender === undefined) return measure(measured)
  return useOf(measured, await playPeer(measured.scenario, contender))
}

serveJobs(async (sent): Promise<Result> => {
  const job = sent as Job
  return { job, use: await playJob(job) }
})
