/**
 * The options of `stream`: those of `run`, less what is about files.
 */

import { RunError } from './errors.ts'
import { optionFaults, readOptions } from './options.ts'
import type { RunOptions, Settings } from './settings.ts'

/** Options of `run` that say which files are read and written, and how. */
export type FileOption =
  | 'input'
  | 'output'
  | 'outputFormat'
  | 'onInvalidRow'
  | 'retryFailed'
  | 'overwrite'
  | 'first'
  | 'dedupe'
  | 'ordered'
  | 'includeRequest'
  | 'fsync'
  | 'via'
  | 'batchLeftovers'
  | 'detach'
  | 'collectOnly'

/** Options of `stream`. Only a key must be given. */
export type StreamOptions = Omit<RunOptions, FileOption>

const batchesNeedFiles = 'batches outlive a process; run() keeps them in files'

const fileOptions: Readonly<Record<FileOption, string>> = {
  input: 'give the requests as the first argument',
  output: 'results are handed over, not written',
  outputFormat: 'results are handed over, not written',
  onInvalidRow: 'an invalid request is an errored result',
  retryFailed: 'nothing is kept from stream to stream',
  overwrite: 'results are handed over, not written',
  first: 'give fewer requests',
  dedupe: 'give each request once',
  ordered: 'results come as they complete; "custom_id" and "run.line" tell them apart',
  includeRequest: 'find a request again by "custom_id" or "run.line"',
  fsync: 'results are handed over, not written',
  via: batchesNeedFiles,
  batchLeftovers: batchesNeedFiles,
  detach: batchesNeedFiles,
  collectOnly: batchesNeedFiles,
}

const noInput: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => noChunks }
const noChunks: AsyncIterator<Uint8Array> = {
  next: () => Promise.resolve({ done: true, value: undefined }),
}

/**
 * Checks options and fills in the defaults, as `readOptions` does for `run`.
 *
 * @throws {RunError} `OPTIONS_INVALID` with every fault, or `KEY_MISSING`
 */
export function readStreamOptions(options: StreamOptions): Settings {
  const given = Object.entries(options)
  const ours = given.filter(([name]) => !isFileOption(name))
  const full = { ...Object.fromEntries(ours), input: noInput, output: '-' }
  const faults = [
    ...given
      .map(([name]) => name)
      .filter(isFileOption)
      .map((name) => `"${name}" is not an option of stream(): ${fileOptions[name]}`),
    ...optionFaults(full).map(({ option, text }) => `"${option}" ${text}`),
  ]
  if (faults.length === 0) return readOptions(full)
  throw new RunError('OPTIONS_INVALID', `Cannot start: ${faults.join('; ')}`)
}

function isFileOption(name: string): name is FileOption {
  return Object.hasOwn(fileOptions, name)
}
