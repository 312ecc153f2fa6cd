/**
 * `--on-invalid-row stop`: the whole input is read first, and nothing is sent if a row is no
 * request.
 */

import { RunError } from './errors.ts'
import { parseOptionsOf } from './options.ts'
import type { Settings } from './settings.ts'
import { Plan } from './plan.ts'
import type { Source } from './source.ts'

/** Faults told in full; the rest are counted. */
const shownMax = 10

/**
 * Reads all selected rows.
 *
 * @throws {RunError} `LINE_INVALID` that names the first faults; `OPTIONS_INVALID` for an input
 * that cannot be read twice
 */
export async function checkInput(source: Source, settings: Settings): Promise<void> {
  if (!source.isRepeatable) {
    const message = 'Cannot check the whole input first as it is a stream, which is read once'
    throw new RunError('OPTIONS_INVALID', message, {
      hint: 'give a file, or --on-invalid-row fail',
    })
  }
  const plan = new Plan(
    { take: () => undefined },
    { ...parseOptionsOf(settings), withoutFeatures: true, retryFailed: false },
  )
  const shown: string[] = []
  let count = 0
  for await (const lines of source.batches()) {
    for (const line of lines) {
      if (plan.count >= settings.first) break
      const planned = plan.next(line)
      if (planned.type !== 'fault') continue
      count += 1
      if (shown.length < shownMax) shown.push(`line ${line.number}: ${planned.fault.error.message}`)
    }
  }
  if (count === 0) return
  const more = count > shown.length ? `\n  and ${count - shown.length} more` : ''
  const place = typeof settings.input === 'string' ? settings.input : 'the input'
  const rows = count === 1 ? 'a row that is no request' : `${count} rows that are no requests`
  throw new RunError(
    'LINE_INVALID',
    `Cannot run ${place}: it has ${rows}\n  ${shown.join('\n  ')}${more}`,
    {
      hint: 'fix them, or pass --on-invalid-row fail to put them into the failed file and go on',
    },
  )
}
