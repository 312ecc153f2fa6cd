/**
 * One scenario played: the real `run`, on the stage.
 */

import type { RunContext } from '../../src/context.ts'
import { run } from '../../src/run.ts'
import type { RunOptions } from '../../src/options.ts'
import { SimFiles } from '../../test/sim-files.ts'
import { type Played, rowsOf, type Scenario, Stage } from './stage.ts'

/** Plays it to its end. */
export async function play(scenario: Scenario): Promise<Played> {
  const stage = new Stage(scenario)
  return stage.playUntil(startRun(stage, scenario))
}

/** Starts a run on a stage; several may share one. */
export async function startRun(
  stage: Stage,
  scenario: Scenario,
  name = 'network',
): Promise<{ lost: number }> {
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
  const { rows } = await run(options, {}, context)
  return { lost: rows.failed + rows.left }
}
