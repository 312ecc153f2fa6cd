/**
 * Whether batches of an output are outstanding: there is an intent for each (batches/intents.ts).
 */

import { RunError } from './errors.ts'
import type { Files } from './files.ts'

/** Where intents are; `folder`: of the records beside the output. */
export function batchesFolderOf(folder: string): string {
  return `${folder}/batches`
}

/**
 * Rows that a batch holds must not be asked live as well.
 *
 * @throws {RunError} `BATCHES_OUTSTANDING` when one holds rows of this output
 */
export function refuseOutstanding(files: Files, output: string): void {
  const names = output === '-' ? [] : files.list(batchesFolderOf(`${output}.sluice`))
  if (!names.some((name) => name.endsWith('.json'))) return
  const message = `Cannot ask rows of ${output} live: some of them are in batches that are outstanding`
  const hint = 'collect these with --via batches, or cancel them first: sluice batches cancel'
  throw new RunError('BATCHES_OUTSTANDING', message, { hint })
}
