/**
 * The records of batches beside the results of a run, as the commands around them find them.
 */

import { type Intent, Intents } from '../batches/intents.ts'
import { RunError } from '../errors.ts'
import type { Files } from '../files.ts'
import { defaultOutput } from '../options.ts'

/** What is outstanding of one output. */
export interface Outstanding {
  /** Path of the results, without links. */
  readonly results: string
  /** The oldest first. */
  readonly intents: readonly Intent[]
}

/**
 * Reads them, and touches nothing.
 *
 * @throws {RunError} `INPUT_UNREADABLE` when there are no such results, nor records beside them;
 * `OUTPUT_FOREIGN` when a record cannot be read
 */
export function intentsOf(files: Files, given: string): Outstanding {
  const results = realPath(files, given)
  const folder = `${results}.sluice`
  if (files.stat(results) === undefined && files.list(folder).length === 0) throw notThere(given)
  const intents = new Intents(files, folder).read()
  const output = defaultOutput(given) ?? ''
  if (intents.length === 0 && files.list(`${output}.sluice`).length > 0)
    throw isInput(given, output)
  return { results, intents }
}

/** The input that they were read from; of several, the one that was given last. */
export function inputOf(intents: readonly Intent[]): string {
  return intents.at(-1)?.input ?? ''
}

function realPath(files: Files, given: string): string {
  try {
    return files.realPath(given)
  } catch {
    // Its folder is not there.
    throw notThere(given)
  }
}

function isInput(given: string, output: string): RunError {
  const message = `Cannot find batches of ${given}: it is the input of a run`
  return new RunError('INPUT_UNREADABLE', message, { hint: `its results are ${output}` })
}

function notThere(given: string): RunError {
  const message = `Cannot find batches of ${given}: there is no such file, nor ${given}.sluice`
  const hint = 'RESULTS is the output of a run, such as requests.results.jsonl'
  return new RunError('INPUT_UNREADABLE', message, { hint })
}
