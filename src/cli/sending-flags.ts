/**
 * The flags of `sluice run` that say what is sent, and how fast.
 */

import { cacheModes } from '../settings.ts'
import type { Flag } from './flag.ts'
import {
  readBytes,
  readCount,
  readFraction,
  readHeader,
  readOneOf,
  readPositive,
  readText,
  readUsdText,
} from './values.ts'

const api = 'API'
const limits = 'Limits'

/** Where requests go, as whom, and what is put into them. */
export const apiFlags: readonly Flag[] = [
  {
    name: 'base-url',
    value: 'URL',
    read: readText,
    group: api,
    about: 'origin and optional prefix, to which /v1/messages is appended',
    otherwise: 'https://api.anthropic.com',
    variable: 'ANTHROPIC_BASE_URL',
  },
  {
    name: 'api-key',
    value: 'KEY',
    read: readText,
    group: api,
    about: 'the API key; better set ANTHROPIC_API_KEY: process lists show flags',
    variable: 'ANTHROPIC_API_KEY',
  },
  {
    name: 'anthropic-version',
    value: 'VERSION',
    read: readText,
    group: api,
    about: 'the anthropic-version header; 2026-10-21 refuses temperature, top_p and top_k',
    otherwise: '2023-06-01',
  },
  {
    name: 'beta',
    value: 'NAME',
    read: readText,
    repeatable: true,
    group: api,
    about: 'a name for the anthropic-beta header; may be repeated',
  },
  {
    name: 'header',
    short: 'H',
    value: "'K: V'",
    read: readHeader,
    repeatable: true,
    group: api,
    about: 'a header of every request; may be repeated',
    variable: null,
  },
  {
    name: 'model',
    value: 'NAME',
    read: readText,
    group: api,
    about: 'replaces or supplies the model of every row',
    otherwise: "the row's own",
  },
  {
    name: 'cache',
    value: 'MODE',
    read: readOneOf(...cacheModes),
    group: api,
    about:
      'the prompt cache: auto also marks prefixes that rows share, where it pays; ' +
      'marked: one row of each marked prefix goes ahead, and the others read what it wrote; ' +
      'off: rows go as they stand, and none waits; strip: without their marks',
    otherwise: 'marked',
  },
  {
    name: 'http2',
    group: api,
    about: 'many requests on one connection',
  },
  {
    name: 'prices',
    value: 'FILE',
    read: readText,
    group: api,
    about: 'prices that replace the shipped ones, as JSON',
  },
]

/** Bounds of the user's own. */
export const limitsFlags: readonly Flag[] = [
  {
    name: 'max-requests-per-minute',
    short: 'rpm',
    value: 'N',
    read: readPositive,
    group: limits,
    about: 'no 60 seconds hold more sends than this, retries included',
    otherwise: "only the API's own limits",
  },
  {
    name: 'max-input-tokens-per-minute',
    short: 'itpm',
    value: 'N',
    read: readPositive,
    group: limits,
    about: 'the same for uncached input tokens',
    otherwise: "only the API's own limits",
  },
  {
    name: 'max-output-tokens-per-minute',
    short: 'otpm',
    value: 'N',
    read: readPositive,
    group: limits,
    about: 'the same for output tokens',
    otherwise: "only the API's own limits",
  },
  {
    name: 'max-concurrency',
    short: 'j',
    value: 'N',
    read: readCount,
    group: limits,
    about: 'requests under way at once',
    otherwise: 'as many as sockets',
  },
  {
    name: 'max-in-flight-bytes',
    value: 'SIZE',
    read: readBytes,
    group: limits,
    about: 'bytes of the bodies under way at once',
    otherwise: '64MiB',
  },
  {
    name: 'max-budget-usd',
    short: 'budget',
    value: 'USD',
    read: readUsdText,
    group: limits,
    about: 'what may be spent for this output, by earlier runs too; then stop, resumable',
    otherwise: 'no bound',
  },
  {
    name: 'budget-mode',
    value: 'MODE',
    read: readOneOf('strict', 'expected'),
    group: limits,
    about:
      'strict: never passed, whatever the replies; ' +
      'expected: more under way at once, by which it may be passed as said at the start',
    otherwise: 'strict',
  },
  {
    name: 'max-total-tokens',
    value: 'N',
    read: readCount,
    group: limits,
    about: 'the same for tokens, input of all kinds and output',
    otherwise: 'no bound',
  },
  {
    name: 'ramp',
    value: 'KIND',
    read: readOneOf('fast', 'gentle', 'off'),
    group: limits,
    about:
      'how sending begins: two rows until the first reply, then fast doubles the rate every ' +
      'second, and gentle every four, until limits are what binds; off does neither',
    otherwise: 'fast',
  },
  {
    name: 'limit-fraction',
    value: 'F',
    read: readFraction,
    group: limits,
    about: "the share, above 0 to 1, of each of the API's limits that may be used",
    otherwise: '1',
  },
]
