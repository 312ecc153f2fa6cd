/**
 * The flags of batches: those of `sluice run`, and those of the commands around batches that are
 * under way, in the order of their help.
 */

import { batchExpiryMs } from '../batch-times.ts'
import { parseInstant } from '../instants.ts'
import type { Flag } from './flag.ts'
import { readDuration, reader, readOneOf } from './values.ts'

const batches = 'Batches'

const lengthPattern = String.raw`\d+(\.\d+)? ?(ms|s|m|h|)`
/** Of RFC 3339; the date of HTTP, which is an instant too, nobody writes into a file. */
const instantPattern = String.raw`\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)`

/** Beyond 24 hours a batch has expired. */
const readBatchTime = reader<number>(
  { pattern: `^(?=.*[1-9])${lengthPattern}$`, number: { minimum: 0.000_001, maximum: 86_400 } },
  (text) => {
    const reading = readDuration(text)
    if ('fault' in reading || (reading.value > 0 && reading.value <= batchExpiryMs)) return reading
    return { fault: `must be more than 0 and at most 24h, got ${JSON.stringify(text)}` }
  },
)

/** A length of time, or an instant. */
const readDeadline = reader<number | string>(
  { pattern: `^((?=.*[1-9])${lengthPattern}|${instantPattern})$`, number: { minimum: 0.000_001 } },
  (text) => {
    if (parseInstant(text) !== undefined) return { value: text }
    const reading = readDuration(text)
    if ('value' in reading && reading.value > 0) return reading
    const form = 'must be a duration such as 2h, or an instant such as 2026-11-23T18:00:00Z'
    return { fault: `${form}, got ${JSON.stringify(text)}` }
  },
)

/** Of `run`. */
export const batchesFlags: readonly Flag[] = [
  {
    name: 'via',
    value: 'WAY',
    read: readOneOf('live', 'batches', 'auto'),
    group: batches,
    about:
      'live: each row is a request of its own; ' +
      'batches: by Message Batches, at half the price and within a day; ' +
      'auto: by batches as far as the deadline lets',
    otherwise: 'live',
  },
  {
    name: 'deadline',
    value: 'TIME',
    read: readDeadline,
    group: batches,
    about:
      'with --via auto: when all rows are to be answered, from the first start on (2h), or as an ' +
      'instant (2026-11-23T18:00:00Z)',
    otherwise: 'whenever batches are done',
  },
  {
    name: 'batch-median',
    value: 'TIME',
    read: readBatchTime,
    group: batches,
    about: 'half of all batches are assumed to end within it',
    otherwise: '30m',
  },
  {
    name: 'batch-p95',
    value: 'TIME',
    read: readBatchTime,
    group: batches,
    about: 'nineteen of twenty batches are assumed to end within it',
    otherwise: '2h',
  },
  {
    name: 'batch-drain',
    value: 'TIME',
    read: readBatchTime,
    group: batches,
    about: 'a batch that is canceled is assumed to end within it',
    otherwise: '10m',
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
