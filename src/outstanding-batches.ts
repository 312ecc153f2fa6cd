/**
 * Whether batches of an output are outstanding: there is an intent for each (batches/intents.ts).
 */

import { RunError } from './errors.ts'
import { type Files, systemErrorCode } from './files.ts'

/** The folder of records beside an output, which is a path without links. */
export function recordsFolderAt(output: string): string {
  return `${output}.sluice`
}

/** The same of any path of the output. */
export function recordsFolderOf(files: Files, output: string): string {
  return recordsFolderAt(real(files, output))
}

/** Where intents are; `folder`: of the records beside the output. */
export function batchesFolderOf(folder: string): string {
  return `${folder}/batches`
}

/** Whether batches of an output are outstanding. */
export function hasOutstanding(files: Files, output: string): boolean {
  const names = output === '-' ? [] : files.list(batchesFolderOf(recordsFolderOf(files, output)))
  return names.some((name) => name.endsWith('.json'))
}

/**
 * Rows that a batch holds must not be asked by others as well. `what`: was to be done with the
 * output.
 *
 * @throws {RunError} `BATCHES_OUTSTANDING` when one holds rows of this output
 */
export function refuseOutstanding(files: Files, output: string, what: string): void {
  if (!hasOutstanding(files, output)) return
  const why = 'rows of it are in batches that are outstanding'
  const message = `Cannot ${what} ${output}: ${why}`
  const hint = 'collect these with --via batches, or cancel them first: sluice batches cancel'
  throw new RunError('BATCHES_OUTSTANDING', message, { hint })
}

/** The path without links, as the run that holds it knows it. */
function real(files: Files, output: string): string {
  try {
    return files.realPath(output)
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error
    return output
  }
}
