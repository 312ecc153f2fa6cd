/**
 * The flags of `sluice run` that say how it shows itself, in the order of its help.
 */

import type { Flag } from './flag.ts'
import { readOneOf, readText } from './values.ts'

const display = 'Display'

/** They are no part of the run. */
export const displayFlags: readonly Flag[] = [
  {
    name: 'json',
    group: display,
    about: 'one summary object on stdout at the end, for every exit code but 130',
  },
  {
    name: 'quiet',
    short: 'q',
    group: display,
    about: 'say nothing but errors',
  },
  {
    name: 'progress',
    negated: true,
    group: display,
    about: 'no progress, only what happens and the summary',
  },
  {
    name: 'keys',
    negated: true,
    group: display,
    about: 'take no keys from the terminal while the run goes on',
  },
  {
    name: 'color',
    value: 'WHEN',
    read: readOneOf('auto', 'always', 'never'),
    group: display,
    about: 'auto, always or never; NO_COLOR is honoured',
    otherwise: 'auto',
  },
  {
    name: 'log-file',
    value: 'FILE',
    read: readText,
    group: display,
    about: 'append a log of JSON lines: every failed try, failed rows, notices',
  },
  {
    name: 'log-level',
    value: 'LEVEL',
    read: readOneOf('trace', 'debug', 'info', 'warn', 'error', 'off'),
    group: display,
    about: 'trace, debug, info, warn, error or off; without --log-file to stderr',
    otherwise: 'info with --log-file, else off',
    variable: 'ANTHROPIC_LOG',
  },
  {
    name: 'env-file',
    value: 'FILE',
    read: readText,
    group: display,
    about: 'read variables from here instead of .env',
    variable: null,
    inConfig: false,
  },
  {
    name: 'config',
    value: 'FILE',
    read: readText,
    group: display,
    about: 'read flags from here (.json, .js, .ts) instead of sluice.config.json',
    variable: null,
    inConfig: false,
  },
]
