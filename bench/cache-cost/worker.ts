/**
 * Measures what it is told to, one play after the other, in a thread of its own.
 */

import type { Contender } from '../limit-use/peers.ts'
import { serveJobs } from '../threads.ts'
import { type CacheCost, measureCost } from './measure.ts'
import { costScenarios } from './scenarios.ts'

/** One play: ours, or a contender's. */
export interface CostJob {
  readonly seed: number
  readonly name: string
  readonly contender?: Contender
}

/** What came of it. */
export interface CostResult {
  readonly job: CostJob
  readonly cost: CacheCost
}

async function playJob(job: CostJob): Promise<CacheCost> {
  const measured = costScenarios(job.seed).find(({ scenario }) => scenario.name === job.name)
  if (measured === undefined) throw new Error(`There is no scenario "${job.name}"`)
  return measureCost(measured, job.contender)
}

serveJobs(async (sent): Promise<CostResult> => {
  const job = sent as CostJob
  return { job, cost: await playJob(job) }
})
