/**
 * The flags of batches: those of `sluice run`, and those of the commands around batches that are
 * under way, in the order of their help.
 */

import type { Flag } from './flag.ts'
import { type Reader, readOneOf } from './values.ts'

const batches = 'Batches'

/** Choosing between the two by itself is planned for, and people will try it. */
const readVia: Reader<string> = (text) =>
  text === 'auto'
    ? { fault: 'cannot be auto yet: choose live, or batches for half the price within a day' }
    : readOneOf('live', 'batches')(text)

/** Of `run`. */
export const batchesFlags: readonly Flag[] = [
  {
    name: 'via',
    value: 'WAY',
    read: readVia,
    group: batches,
    about:
      'live: each row is a request of its own; ' +
      'batches: by Message Batches, at half the price and within a day',
    otherwise: 'live',
  },
  {
    name: 'batch-leftovers',
    value: 'WHAT',
    read: readOneOf('resubmit', 'live'),
    group: batches,
    about:
      'rows that a batch did not answer, through no fault of theirs: ' +
      'resubmit: into another batch; live: as requests of their own, at the full price',
    otherwise: 'resubmit',
  },
  {
    name: 'detach',
    group: batches,
    about:
      'end, with exit code 5, when all batches are submitted; the same command without it, ' +
      'or sluice batches collect, has the answers',
  },
]
