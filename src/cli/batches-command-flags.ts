/**
 * The flags of `sluice batches list`, `status`, `collect` and `cancel`, in the order of their help.
 */

import type { Flag } from './flag.ts'
import { runFlags } from './run-flags.ts'

function ofRun(...names: readonly string[]): readonly Flag[] {
  return runFlags.filter(({ name }) => names.includes(name))
}

const json: Flag = {
  name: 'json',
  group: 'Display',
  about: 'one object on stdout instead of a table',
}

const api = ofRun('base-url', 'api-key', 'anthropic-version', 'beta', 'header')
const surroundings = ofRun('color', 'env-file', 'config')

/** Of `list`, which asks nobody. */
export const listFlags: readonly Flag[] = [json, ...surroundings]

/** Of `status`. */
export const statusFlags: readonly Flag[] = [...api, json, ...surroundings]

/** Of `cancel`. */
export const cancelFlags: readonly Flag[] = [
  {
    name: 'yes',
    short: 'y',
    group: 'Batches',
    about: 'do not ask; off a terminal it must be given',
    variable: null,
    inConfig: false,
  },
  ...statusFlags,
]

/** Of `collect`, which is a run at heart. */
export const collectFlags: readonly Flag[] = [
  {
    name: 'detach',
    group: 'Batches',
    about: 'take what has ended, and do not wait for the rest: exit code 5',
  },
  ...ofRun('ordered', 'include-request', 'fsync', 'model', 'prices', 'patience', 'grace'),
  ...api,
  ...ofRun('json', 'quiet', 'progress', 'color', 'log-file', 'log-level', 'env-file', 'config'),
  ...ofRun('metrics-port'),
]
