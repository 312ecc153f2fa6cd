/**
 * The flags of `sluice check`, in the order of its help.
 */

import { bounds } from '../bounds.ts'
import type { Flag } from './flag.ts'
import { runFlags } from './run-flags.ts'
import { readCount, type Reader, reader, readOneOf } from './values.ts'

const what = 'Check'

const most = bounds.findingsShownMax

/** A whole number from 0 to the most findings that are kept. */
const readShow: Reader<number> = reader(
  { pattern: String.raw`^\d+$`, number: { isInteger: true, minimum: 0, maximum: most } },
  (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value <= most) return { value }
    return { fault: `must be a whole number from 0 to ${most}, got ${JSON.stringify(text)}` }
  },
)

const ownFlags: readonly Flag[] = [
  {
    name: 'show',
    value: 'N',
    read: readShow,
    group: what,
    about: 'findings shown, dealt out among their kinds; all are counted',
    otherwise: '20',
    variable: null,
    inConfig: false,
  },
  {
    name: 'prefixes',
    group: what,
    about: 'find what rows share, and what caching it is worth',
    variable: null,
    inConfig: false,
  },
  {
    name: 'via',
    value: 'WAY',
    read: readOneOf('live', 'batches'),
    group: what,
    about: 'how the rows are to be sent: batches refuse some fields',
    otherwise: 'live',
    variable: null,
    inConfig: false,
  },
  {
    name: 'first',
    value: 'N',
    read: readCount,
    group: what,
    about: 'only the first N rows',
    otherwise: 'all',
  },
  {
    name: 'online',
    group: what,
    about: 'ask the Models API after models that this version does not know; needs a key',
    variable: null,
    inConfig: false,
  },
]

const shared = [
  'model',
  'anthropic-version',
  'beta',
  'prices',
  'base-url',
  'api-key',
  'header',
  'progress',
  'color',
  'env-file',
  'config',
]

const plain: readonly Flag[] = [
  ...ownFlags,
  ...shared.flatMap((name) => runFlags.filter((flag) => flag.name === name)),
  { name: 'json', group: 'Display', about: 'one object on stdout instead of a text' },
]

// Grouped in the help by their headings, as they first come.
const order = [what, 'API', 'Display']

/** All flags of `check`. */
export const checkFlags: readonly Flag[] = plain.toSorted(
  (left, right) => order.indexOf(left.group) - order.indexOf(right.group),
)

/**
 * What variables, `.env` and config files may hold beside the command line: they are those of a
 * run.
 */
export const checkSurroundings: readonly Flag[] = runFlags
