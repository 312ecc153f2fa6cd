/**
 * The flags of `sluice estimate`, in the order of its help: its own, and those of a run that bear
 * on tokens, money or time.
 */

import { bounds } from '../bounds.ts'
import type { Flag } from './flag.ts'
import { runFlags } from './run-flags.ts'
import { type Reader, readCount, reader } from './values.ts'

const what = 'Estimate'

const readExact: Reader<number> = reader(readCount.form, (text) => {
  const reading = readCount(text)
  const most = bounds.rowsCountedMax
  if ('value' in reading && reading.value <= most) return reading
  return { fault: `must be a whole number from 1 to ${most}, got ${JSON.stringify(text)}` }
})

const ownFlags: readonly Flag[] = [
  {
    name: 'exact',
    value: 'N',
    read: readExact,
    group: what,
    about: 'have the API count N rows, spread over the file: free, and needs a key',
    otherwise: 'nothing is sent',
    variable: null,
    inConfig: false,
  },
  {
    name: 'online',
    group: what,
    about: 'ask the Rate Limits API for your limits, with ANTHROPIC_ADMIN_KEY',
    variable: null,
    inConfig: false,
  },
  {
    name: 'sharing',
    negated: true,
    group: what,
    about: 'leave out what rows share unmarked, and what --cache auto is worth: faster',
    variable: null,
    inConfig: false,
  },
]

/** What of a run the estimate is told; the names are also those of options. */
export const estimatedFlags: readonly string[] = [
  'output',
  'output-format',
  'model',
  'cache',
  'max-requests-per-minute',
  'max-input-tokens-per-minute',
  'max-output-tokens-per-minute',
  'limit-fraction',
  'ramp',
  'max-budget-usd',
  'max-total-tokens',
  'first',
  'retry-failed',
  'via',
  'deadline',
  'batch-median',
  'batch-p95',
  'batch-drain',
]

const shared = [
  ...estimatedFlags,
  'prices',
  'base-url',
  'api-key',
  'anthropic-version',
  'beta',
  'header',
  'progress',
  'color',
  'env-file',
  'config',
]

/** All flags of `estimate`. */
export const estimateFlags: readonly Flag[] = [
  ...ownFlags,
  ...runFlags.filter(({ name }) => shared.includes(name)),
  { name: 'json', group: 'Display', about: 'one object on stdout instead of a table' },
]

/** What variables, `.env` and config files may hold beside the command line: those of a run. */
export const estimateSurroundings: readonly Flag[] = runFlags
