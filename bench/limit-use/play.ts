/**
 * One scenario played: the real `run`, on the stage.
 */

import type { RunContext } from '../../src/context.ts'
import { run } from '../../src/run.ts'
import type { RunOptions } from '../../src/settings.ts'
import type { RunSummary } from '../../src/summary.ts'
import { SimFiles } from '../../test/sim-files.ts'
import {
  type Billed,
  type Played,
  rowsOf,
  type Scenario,
  Stage,
  type StageObserver,
} from './stage.ts'

/** Plays it to its end. */
export async function play(scenario: Scenario, observer: StageObserver = {}): Promise<Billed> {
  const stage = new Stage(scenario, observer)
  return stage.playUntil(startRuns(stage, scenario))
}

/** Starts the runs of a scenario. */
export async function startRuns(stage: Stage, scenario: Scenario): Promise<{ lost: number }> {
  const names = Array.from({ length: scenario.runs ?? 1 }, (_, run) => `network ${run}`)
  const runs = await Promise.all(names.map((name) => startRun(stage, scenario, name)))
  return { lost: runs.reduce((sum, { rows }) => sum + rows.failed + rows.left, 0) }
}

/** Plays a scenario of one run; what it was, and what the run says of itself. */
export async function playOne(
  scenario: Scenario,
): Promise<{ readonly played: Played; readonly summary: RunSummary }> {
  const stage = new Stage(scenario, {})
  const ended = startRun(stage, scenario, 'network 0')
  const played = await stage.playUntil(
    ended.then(({ rows }) => ({ lost: rows.failed + rows.left })),
  )
  return { played, summary: await ended }
}

async function startRun(stage: Stage, scenario: Scenario, name: string): Promise<RunSummary> {
  const { clock } = stage
  const files = new SimFiles(() => clock.wallTime())
  // The largest inputs are longer than a string can be.
  files.put(
    '/in.jsonl',
    Buffer.concat(Array.from(rowsOf(scenario), ({ line }) => Buffer.from(line))),
  )
  const context: RunContext = {
    clock,
    files,
    host: { name: 'bench', bootId: 'boot', pid: 1, startedAt: 'now', processState: () => 'dead' },
    seed: () => scenario.seed,
    transport: () => stage.transport(name),
  }
  const options: RunOptions = {
    input: '/in.jsonl',
    output: '/out.jsonl',
    apiKey: 'sk-ant-bench',
    fsync: 'never',
    seed: scenario.seed,
    ...scenario.options,
  }
  return run(options, {}, context)
}
