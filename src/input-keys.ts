/**
 * The keys of an input's rows, in order: for putting an output into that order.
 */

import { parseOptionsOf } from './options.ts'
import type { Settings } from './settings.ts'
import { Plan } from './plan.ts'
import type { Source } from './source.ts'

/** Reads the input once more, as far as `first` asks. */
export async function* keysOf(source: Source, settings: Settings): AsyncGenerator<string> {
  const plan = new Plan(
    { take: () => undefined },
    { ...parseOptionsOf(settings), withoutFeatures: true, retryFailed: false },
  )
  for await (const lines of source.batches()) {
    for (const line of lines) {
      if (plan.count >= settings.first) return
      const planned = plan.next(line)
      if (planned.type === 'work') yield planned.work.row.key
      else if (planned.type === 'fault') yield planned.fault.key
    }
  }
}
