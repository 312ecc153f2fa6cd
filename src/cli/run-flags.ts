/**
 * The flags of `sluice run`, in the order of its help.
 *
 * docs/cli.md is written from this table; `npm run docs` brings it up to date.
 */

import { batchesFlags } from './batches-flags.ts'
import { displayFlags } from './display-flags.ts'
import type { Flag } from './flag.ts'
import { apiFlags, limitsFlags } from './sending-flags.ts'
import {
  readCount,
  readDuration,
  readMaxFailed,
  readOneOf,
  readOnInvalidOutput,
  readOnTruncated,
  readText,
} from './values.ts'
import { watchingFlags } from './watching-flags.ts'

const files = 'Files'
const rows = 'Rows'

const filesFlags: readonly Flag[] = [
  {
    name: 'output',
    short: 'o',
    value: 'PATH',
    read: readText,
    group: files,
    about:
      'where the results go; a new file ending in .gz or .zst is compressed; ' +
      '"-" is stdout, from which nothing can be resumed',
    otherwise: 'INPUT with .results.jsonl',
  },
  {
    name: 'ordered',
    group: files,
    about: 'results in the order of the input, through a spool on disk',
  },
  {
    name: 'output-format',
    value: 'FORM',
    read: readOneOf('results', 'tuple'),
    group: files,
    about:
      'results: Message Batches result lines; ' +
      'tuple: [request, message or errors, metadata], all in one file',
    otherwise: 'results',
  },
  {
    name: 'include-request',
    group: files,
    about: 'put the request into each line of the results',
  },
  {
    name: 'fsync',
    value: 'WHEN',
    read: readOneOf('always', '1s', 'never'),
    group: files,
    about: 'when results are made safe against power loss: always, 1s or never',
    otherwise: '1s',
  },
  {
    name: 'overwrite',
    group: files,
    about: 'start over: old files are renamed .bak-<time>; off a terminal it needs --yes',
    variable: null,
    inConfig: false,
  },
  {
    name: 'yes',
    short: 'y',
    group: files,
    about: 'answer yes to what would be asked',
    variable: null,
    inConfig: false,
  },
]

const rowsFlags: readonly Flag[] = [
  {
    name: 'first',
    value: 'N',
    read: readCount,
    group: rows,
    about: 'only the first N rows; a later run with more goes on',
    otherwise: 'all',
  },
  {
    name: 'dedupe',
    group: rows,
    about: 'ask identical requests once; the other rows get copies of the answer, at no cost',
  },
  {
    name: 'max-attempts',
    value: 'N',
    read: readCount,
    group: rows,
    about: 'tries of one row; a 429 does not count, nor a 529 that others meet as well',
    otherwise: '5',
  },
  {
    name: 'timeout',
    value: 'DURATION',
    read: readDuration,
    group: rows,
    about: 'one try',
    otherwise: '10m',
  },
  {
    name: 'max-row-time',
    value: 'DURATION',
    read: readDuration,
    group: rows,
    about: 'one row, all its tries and waits',
    otherwise: 'no bound',
  },
  {
    name: 'patience',
    value: 'DURATION',
    read: readDuration,
    group: rows,
    about: 'stop, resumable, after so long without any answer',
    otherwise: '15m',
  },
  {
    name: 'grace',
    value: 'DURATION',
    read: readDuration,
    group: rows,
    about: 'what is under way may finish for so long after ^C',
    otherwise: '25s',
  },
  {
    name: 'on-invalid-row',
    value: 'WHAT',
    read: readOneOf('fail', 'stop'),
    group: rows,
    about: 'fail: the row goes to the failed file; stop: the whole file is checked first',
    otherwise: 'fail',
  },
  {
    name: 'on-truncated',
    value: 'WHAT',
    read: readOnTruncated,
    group: rows,
    about:
      'an answer cut at max_tokens: keep it, fail the row, or ask once more with more room: ' +
      'extend:MAX_TOKENS',
    otherwise: 'keep',
  },
  {
    name: 'on-refusal',
    value: 'WHAT',
    read: readOneOf('keep', 'fail'),
    group: rows,
    about: 'an answer in which the model refuses: keep it, or fail the row',
    otherwise: 'keep',
  },
  {
    name: 'on-pause',
    value: 'WHAT',
    read: readOneOf('keep', 'continue'),
    group: rows,
    about: 'an answer that the API paused (pause_turn): keep it, or have the model go on',
    otherwise: 'keep',
  },
  {
    name: 'on-invalid-output',
    value: 'WHAT',
    read: readOnInvalidOutput,
    group: rows,
    about:
      "an output that does not match its request's schema: keep it, fail the row, or show the " +
      'model what is wrong up to N times: retry:N',
    otherwise: 'keep',
  },
  {
    name: 'max-failed',
    value: 'N|N%',
    read: readMaxFailed,
    group: rows,
    about: 'stop, resumable, when more rows than this have failed',
    otherwise: 'no bound',
  },
  {
    name: 'retry-failed',
    group: rows,
    about: 'ask rows again that failed in an earlier run',
    variable: null,
    inConfig: false,
  },
  {
    name: 'pilot',
    value: 'N',
    read: readCount,
    group: rows,
    about: 'ask N rows first, spread over the file; then tell what the rest costs, and ask you',
    otherwise: 'none',
    variable: null,
    inConfig: false,
  },
  {
    name: 'dry-run',
    group: rows,
    about: 'tell what this run would ask and cost, as sluice estimate; send and change nothing',
    variable: null,
    inConfig: false,
  },
]

/** All flags of `run`. */
export const runFlags: readonly Flag[] = [
  ...filesFlags,
  ...apiFlags,
  ...limitsFlags,
  ...batchesFlags,
  ...rowsFlags,
  ...displayFlags,
  ...watchingFlags,
]
