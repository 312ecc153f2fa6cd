/**
 * Rules for options that need more than a type: what may be a key, a header, a URL.
 */

import type { z } from 'zod'
import { compressionNamed } from './compression.ts'

import { isJsonObject } from './json.ts'

/** A key is not the words that stand for one in examples. */
export function isNoPlaceholder(key: string): boolean {
  return key !== 'your-api-key-here'
}

/** What HTTP/1.1 lets a header carry, less the bytes that are no one's text. */
export function isHeaderValue(value: string): boolean {
  return /^[\t\u0020-\u007e\u00a0-\u00ff]*$/.test(value)
}

/** Headers that say how a request is framed; two of them would be a fault or a way to smuggle. */
const framingHeaders = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Headers that can be sent, and that are not ours to set. */
export function checkHeaders(headers: Record<string, string>, context: z.RefinementCtx): void {
  const fail = (message: string): void => context.addIssue({ code: 'custom', message })
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name))
      fail(`must not name ${JSON.stringify(name)}: no header can`)
    else if (framingHeaders.has(name.toLowerCase()))
      fail(`must not set ${name}, which sluice sets itself`)
    else if (!isHeaderValue(value))
      fail(`must hold characters a header can carry: ${name} does not`)
  }
}

/** An origin and an optional prefix. */
export function checkBaseUrl(given: string, context: z.RefinementCtx): void {
  const fail = (message: string): void => context.addIssue({ code: 'custom', message })
  const url = URL.parse(given)
  const trimmed = given.replace(/\/+$/, '')
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    fail('must be an http or https URL')
  } else if (url.username !== '' || url.password !== '') {
    fail('must not hold credentials')
  } else if (url.search !== '' || url.hash !== '') {
    fail('must be an origin and an optional prefix, without query or fragment')
  } else if (trimmed.endsWith('/v1/messages')) {
    const fixed = trimmed.slice(0, -'/v1/messages'.length)
    fail(`must not end in /v1/messages, which is appended: use ${fixed}`)
  }
}

/** What bytes may be read from. */
export function isAsyncIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

/** Rows that may fail: a count from 0, or a share in percent. */
export function isMaxFailed(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return false
  if ('count' in value) return Number.isSafeInteger(value.count) && Number(value.count) >= 0
  if (!('percent' in value) || typeof value.percent !== 'number') return false
  return value.percent >= 0 && value.percent <= 100
}

/** What to do with an answer that was cut. */
export function isOnTruncated(value: unknown): boolean {
  return isKeepOrFail(value) || isCountOf(value, 'extendTo')
}

/** What to do with an output that does not conform. */
export function isOnInvalidOutput(value: unknown): boolean {
  return isKeepOrFail(value) || isCountOf(value, 'retries')
}

function isKeepOrFail(value: unknown): boolean {
  return value === 'keep' || value === 'fail'
}

/** An object with one member, a whole number from 1. */
function isCountOf(value: unknown, name: string): boolean {
  if (!isJsonObject(value) || Object.keys(value).length !== 1) return false
  const count = value[name]
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 1
}

/** What cannot be had of an output that is compressed: the name of an option, and why. */
export function compressedFaults({
  ordered,
  dedupe,
  outputFormat,
}: {
  readonly ordered: boolean
  readonly dedupe: boolean
  readonly outputFormat: string
}): readonly (readonly [option: string, why: string])[] {
  const faults: [string, string][] = []
  if (dedupe) faults.push(['dedupe', 'needs an output that can be read anywhere: a plain one'])
  if (ordered) faults.push(['ordered', 'needs an output that can be put in order: a plain one'])
  if (outputFormat === 'tuple') {
    faults.push(['outputFormat', 'cannot be "tuple": failures among answers are taken out again'])
  }
  return faults
}

/** What cannot be had where answers are copied: they are read again, from a plain output. */
function dedupeFaults(options: {
  readonly input: unknown
  readonly output?: string | undefined
  readonly ordered: boolean
  readonly outputFormat: string
  readonly pilot?: number | undefined
}): readonly (readonly [option: string, message: string])[] {
  const { input, output, ordered, outputFormat, pilot } = options
  const faults: [string, string][] = []
  const say = (why: string): void => void faults.push(['dedupe', why])
  if (typeof input !== 'string') say('needs a file: a stream cannot be read twice')
  if (output === '-') say('needs an output file, from which answers are copied')
  if (ordered) say('cannot go with ordered: copies are written when all else is done')
  if (outputFormat === 'tuple') say('cannot go with tuples, which cannot say what is a copy')
  if (pilot !== undefined) say('cannot go with a pilot, which asks some of the rows')
  return faults
}

/** Options that cannot go with one another: the name of one, and what is wrong. */
export function contradictions(options: {
  readonly input: unknown
  readonly output?: string | undefined
  readonly ordered: boolean
  readonly dedupe: boolean
  readonly outputFormat: string
  readonly onTruncated: unknown
  readonly onRefusal: string
  readonly onPause: string
  readonly onInvalidOutput: unknown
  readonly via: string
  readonly batchLeftovers: string
  readonly detach: boolean
  readonly collectOnly: boolean
  readonly pilot?: number | undefined
  readonly deadline?: number | string | undefined
  readonly batchMedianMs: number
  readonly batchP95Ms: number
}): readonly (readonly [option: string, message: string])[] {
  const { input, output, ordered, outputFormat, via } = options
  const isCompressed = output !== undefined && compressionNamed(output) !== undefined
  const faults: (readonly [string, string])[] = isCompressed ? [...compressedFaults(options)] : []
  if (options.pilot !== undefined && typeof input !== 'string') {
    faults.push(['pilot', 'needs a file: a stream cannot be read twice'])
  }
  if (options.dedupe) faults.push(...dedupeFaults(options))
  if (ordered && outputFormat === 'tuple') {
    faults.push(['ordered', 'cannot go with tuples, which are written as they come'])
  }
  if (outputFormat === 'tuple') {
    for (const name of ['onTruncated', 'onRefusal', 'onPause', 'onInvalidOutput'] as const) {
      if (options[name] === 'keep') continue
      faults.push([name, 'cannot go with tuples, which have no room for more than one answer'])
    }
  }
  if (via !== 'auto' && options.deadline !== undefined) {
    faults.push([
      'deadline',
      'needs "auto" for via: it is what chooses between batches and live requests',
    ])
  }
  if (options.batchP95Ms < options.batchMedianMs) {
    faults.push(['batchP95Ms', 'must not be less than the median'])
  }
  if (via === 'auto' && options.detach) {
    faults.push([
      'detach',
      'cannot go with "auto" for via, which asks live what batches are late with',
    ])
  }
  if (via === 'live') {
    const { detach, collectOnly, batchLeftovers } = options
    if (detach) faults.push(['detach', 'needs batches: only these go on without us'])
    if (collectOnly) faults.push(['collectOnly', 'needs batches: only these are collected'])
    if (batchLeftovers === 'live') {
      faults.push(['batchLeftovers', 'needs batches: nothing else leaves rows over'])
    }
    return faults
  }
  if (typeof input !== 'string') {
    faults.push([
      'via',
      `cannot be ${via} where the input is a stream, which cannot be read again: give a file`,
    ])
  } else if (output === '-') {
    faults.push([
      'via',
      `cannot be ${via} where the output is standard output, which nothing resumes: give a file`,
    ])
  }
  if (outputFormat === 'tuple') {
    faults.push([
      'via',
      `cannot be ${via} with tuples, which have no room to say what is collected`,
    ])
  }
  return faults
}
