/**
 * The flags of `sluice limits`, in the order of its help.
 */

import type { Flag } from './flag.ts'
import { runFlags } from './run-flags.ts'
import { readText } from './values.ts'

const what = 'Limits'

const ownFlags: readonly Flag[] = [
  {
    name: 'model',
    value: 'NAME',
    read: readText,
    repeatable: true,
    group: what,
    about:
      'ask this model for one token, which is billed, and read what is left from the headers; ' +
      'may be repeated',
    otherwise: 'no request is sent to a model',
    variable: null,
    inConfig: false,
  },
  {
    name: 'workspace',
    value: 'ID',
    read: readText,
    group: what,
    about: 'with an admin key: the limits of this workspace, its own and what it inherits',
    otherwise: "the organisation's",
    variable: null,
    inConfig: false,
  },
]

const shared = [
  'base-url',
  'api-key',
  'anthropic-version',
  'beta',
  'header',
  'color',
  'env-file',
  'config',
]

/** All flags of `limits`. */
export const limitsFlags: readonly Flag[] = [
  ...ownFlags,
  ...runFlags.filter(({ name }) => shared.includes(name)),
  { name: 'json', group: 'Display', about: 'one object on stdout instead of a table' },
]

/**
 * What variables, `.env` and config files may hold beside the command line: they are those of a
 * run. Only the command line can say which models to pay for.
 */
export const limitsSurroundings: readonly Flag[] = runFlags
