/**
 * Readers: the text of a flag to its value, or to what is wrong with it.
 *
 * A fault is a value and not thrown, so that all faults of a command line can be told
 * together. Its words follow the name of the flag: `must be …`.
 *
 * A reader also says what texts it takes, for those who help to write them: completions, and the
 * schema of a config file. That is no second reader: a test holds the two together.
 */

import type { OnInvalidOutput, OnTruncated } from '../answer-policy.ts'
import type { MaxFailed } from '../brake.ts'
import { nearest } from '../nearest.ts'

/** What a text meant, or why it meant nothing. */
export type Reading<T> = { readonly value: T } | { readonly fault: string }

/** Numbers a reader takes where a file has one that is no text; of any size by default. */
export interface NumberForm {
  readonly isInteger?: boolean
  readonly minimum?: number
  readonly maximum?: number
}

/** What texts a reader takes. */
export interface Form {
  /** The texts, where they are few. One that ends in `:` or `=` is only how a text begins. */
  readonly words?: readonly string[]
  /**
   * What the others look like, as a regular expression. @default without words any text but none,
   * otherwise no others
   */
  readonly pattern?: string
  /** @default it takes no number */
  readonly number?: NumberForm
}

/** Reads the text of one value. */
export interface Reader<T> {
  (text: string): Reading<T>
  readonly form: Form
}

/** A reader that takes texts of this form. */
export function reader<T>(form: Form, read: (text: string) => Reading<T>): Reader<T> {
  return Object.assign((text: string) => read(text), { form })
}

/** From here to below 1e21 a number is printed in digits alone. */
const smallest = 0.000_001
const safe = Number.MAX_SAFE_INTEGER

/** Any text but none. */
export const readText: Reader<string> = reader<string>({ number: {} }, (text) =>
  text === '' ? { fault: 'must not be empty' } : { value: text },
)

/** A whole number from 1. */
export const readCount: Reader<number> = reader<number>(
  {
    pattern: '^(?=.*[1-9])\\d+([_,]\\d{3,})*$',
    number: { isInteger: true, minimum: 1, maximum: safe },
  },
  (text) => {
    const digits = text.replaceAll(/(?<=\d)[_,](?=\d{3})/g, '')
    const value = Number(digits)
    if (/^\d+$/.test(digits) && value >= 1 && Number.isSafeInteger(value)) return { value }
    return { fault: `must be a whole number from 1, got ${JSON.stringify(text)}` }
  },
)

/** A whole number, of either sign. */
export const readInteger: Reader<number> = reader<number>(
  { pattern: '^-?\\d+$', number: { isInteger: true, minimum: -safe, maximum: safe } },
  (text) => {
    const value = Number(text)
    if (/^-?\d+$/.test(text) && Number.isSafeInteger(value)) return { value }
    return { fault: `must be a whole number, got ${JSON.stringify(text)}` }
  },
)

/** A positive number, fractions allowed. */
export const readPositive: Reader<number> = reader<number>(
  { pattern: '^(?=.*[1-9])\\d+(\\.\\d+)?$', number: { minimum: smallest } },
  (text) => {
    const value = Number(text)
    if (/^\d+(\.\d+)?$/.test(text) && value > 0) return { value }
    return { fault: `must be a positive number, got ${JSON.stringify(text)}` }
  },
)

/** Dollars as exact decimal text, with or without the sign. What they may be, the options say. */
export const readUsdText: Reader<string> = reader<string>(
  { pattern: '^\\$?\\d+(,\\d{3,})*(\\.\\d+(,\\d{3,})*)?$', number: { minimum: 0 } },
  (text) => {
    const digits = text.replace(/^\$/, '').replaceAll(/(?<=\d),(?=\d{3})/g, '')
    if (/^\d+(\.\d+)?$/.test(digits)) return { value: digits }
    return { fault: `must be dollars such as 2.50, got ${JSON.stringify(text)}` }
  },
)

/** A share, from 0 to 1. */
export const readShare: Reader<number> = reader<number>(
  { pattern: '^(0*\\.?\\d+|0*1(\\.0+)?)$', number: { minimum: 0, maximum: 1 } },
  (text) => {
    const value = Number(text)
    if (/^\d*\.?\d+$/.test(text) && value <= 1) return { value }
    return { fault: `must be a share from 0 to 1, got ${JSON.stringify(text)}` }
  },
)

/** A share of which something is left: above 0, to 1. */
export const readFraction: Reader<number> = reader<number>(
  { pattern: '^0*(\\.\\d*[1-9]\\d*|1(\\.0+)?)$', number: { minimum: smallest, maximum: 1 } },
  (text) => {
    const reading = readShare(text)
    if ('value' in reading && reading.value > 0) return reading
    return { fault: `must be above 0 and at most 1, got ${JSON.stringify(text)}` }
  },
)

/** A number of units a minute, or `none`: null. */
export const readLimit: Reader<number | null> = reader<number | null>(
  { ...readPositive.form, words: ['none'] },
  (text) => (text === 'none' ? { value: null } : readPositive(text)),
)

/** A TCP port; 0 is any that is free. */
export const readPort: Reader<number> = reader<number>(
  {
    pattern: '^0*([0-5]?\\d{1,4}|6[0-4]\\d{3}|65[0-4]\\d\\d|655[0-2]\\d|6553[0-5])$',
    number: { isInteger: true, minimum: 0, maximum: 65_535 },
  },
  (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value <= 65_535) return { value }
    return { fault: `must be a port from 0 to 65535, got ${JSON.stringify(text)}` }
  },
)

const msByUnit: Readonly<Record<string, number>> = {
  ms: 1,
  '': 1000,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/**
 * A length of time in milliseconds; a bare number is seconds.
 *
 * @example
 * ```ts
 * readDuration('10m') // => { value: 600000 }
 * readDuration('90') // => { value: 90000 }
 * ```
 */
export const readDuration: Reader<number> = reader<number>(
  { pattern: '^\\d+(\\.\\d+)? ?(ms|s|m|h|)$', number: { minimum: 0 } },
  (text) => {
    const match = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|)$/.exec(text)
    const unitMs = msByUnit[match?.[2] ?? '?']
    if (match === null || unitMs === undefined) {
      return { fault: `must be a duration such as 90s, 10m or 2h, got ${JSON.stringify(text)}` }
    }
    return { value: Number(match[1]) * unitMs }
  },
)

const bytesByUnit: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

/**
 * A number of bytes: plain, or with a unit of thousands (MB) or of 1,024s (MiB).
 *
 * @example
 * ```ts
 * readBytes('64MB') // => { value: 64000000 }
 * readBytes('64MiB') // => { value: 67108864 }
 * ```
 */
export const readBytes: Reader<number> = reader<number>(
  {
    pattern: '^(?=.*[1-9])\\d+(\\.\\d+)? ?(([kKmMgG][iI]?)?[bB])?$',
    number: { minimum: 0.5, maximum: safe },
  },
  (text) => {
    const match = /^(\d+(?:\.\d+)?) ?([kmg]?i?b|)$/i.exec(text)
    const unit = bytesByUnit[match?.[2]?.toLowerCase() ?? '?']
    const value = match === null || unit === undefined ? 0 : Math.round(Number(match[1]) * unit)
    if (value >= 1 && Number.isSafeInteger(value)) return { value }
    return { fault: `must be a size such as 64MB or 64MiB, got ${JSON.stringify(text)}` }
  },
)

/** A number of rows, or a share of them as `N%`. */
export const readMaxFailed: Reader<MaxFailed> = reader<MaxFailed>(
  {
    pattern: '^(\\d+|(0*\\d{1,2}(\\.\\d+)?|0*100(\\.0+)?) ?%)$',
    number: { isInteger: true, minimum: 0, maximum: safe },
  },
  (text) => {
    const fault = {
      fault: `must be a number of rows or a share such as 5%, got ${JSON.stringify(text)}`,
    }
    if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text)))
      return { value: { count: Number(text) } }
    if (!/^\d+(\.\d+)? ?%$/.test(text)) return fault
    const percent = Number(text.replace(/ ?%$/, ''))
    return percent <= 100 ? { value: { percent } } : fault
  },
)

/** What to do with an answer that was cut: `keep`, `fail` or `extend:MAX_TOKENS`. */
export const readOnTruncated: Reader<OnTruncated> = reader<OnTruncated>(
  { words: ['keep', 'fail', 'extend:'], pattern: '^extend:0*[1-9]\\d*$' },
  (text) => {
    const extendTo = countBehind('extend:', text)
    if (text === 'keep' || text === 'fail') return { value: text }
    if (extendTo !== undefined) return { value: { extendTo } }
    return { fault: `must be keep, fail or extend:MAX_TOKENS, got ${JSON.stringify(text)}` }
  },
)

/** What to do with an output that does not conform: `keep`, `fail` or `retry:N`. */
export const readOnInvalidOutput: Reader<OnInvalidOutput> = reader<OnInvalidOutput>(
  { words: ['keep', 'fail', 'retry:'], pattern: '^retry:0*[1-9]\\d*$' },
  (text) => {
    const retries = countBehind('retry:', text)
    if (text === 'keep' || text === 'fail') return { value: text }
    if (retries !== undefined) return { value: { retries } }
    return { fault: `must be keep, fail or retry:N, got ${JSON.stringify(text)}` }
  },
)

/** The whole number from 1 that follows a word; undefined if there is none. */
function countBehind(head: string, text: string): number | undefined {
  const digits = text.startsWith(head) ? text.slice(head.length) : ''
  const count = /^\d+$/.test(digits) ? Number(digits) : 0
  return count >= 1 && Number.isSafeInteger(count) ? count : undefined
}

/** A header as `Name: value`. Whatever it is, its value is not repeated: it may be a secret. */
export const readHeader: Reader<readonly [name: string, value: string]> = reader<
  readonly [name: string, value: string]
>({ pattern: '^[^:]*[^:\\s][^:]*:' }, (text) => {
  const colon = text.indexOf(':')
  const name = text.slice(0, colon).trim()
  if (colon < 1 || name === '') return { fault: "must look like 'Name: value'" }
  return { value: [name, text.slice(colon + 1).trim()] }
})

/** A fault of the simulator and its rate, as `NAME=RATE`. */
export const readFaultRate: Reader<readonly [name: string, rate: number]> = reader<
  readonly [name: string, rate: number]
>({ pattern: '^[\\w-]+=(0*\\.?\\d+|0*1(\\.0+)?)$' }, (text) => {
  const match = /^([\w-]+)=(\d*\.?\d+)$/.exec(text)
  const rate = Number(match?.[2])
  if (match?.[1] === undefined || !(rate >= 0 && rate <= 1)) {
    return {
      fault: `must look like NAME=RATE with a rate from 0 to 1, got ${JSON.stringify(text)}`,
    }
  }
  return { value: [match[1], rate] }
})

/** One of these words. */
export function readOneOf<T extends string>(...words: readonly T[]): Reader<T> {
  return reader({ words }, (text) => {
    const found = words.find((word) => word === text)
    if (found !== undefined) return { value: found }
    const list = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
    return { fault: `must be ${list}, got ${JSON.stringify(text)}${nearest(text, words)}` }
  })
}

/** A switch, where a file or a variable sets it. */
export const readSwitch: Reader<boolean> = reader<boolean>(
  {
    words: ['true', 'false'],
    pattern:
      '^([tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|[yY][eE][sS]|[nN][oO]|[oO][nN]|[oO][fF][fF]|0|1)$',
  },
  (text) => {
    if (['true', '1', 'yes', 'on'].includes(text.toLowerCase())) return { value: true }
    if (['false', '0', 'no', 'off'].includes(text.toLowerCase())) return { value: false }
    return { fault: `must be true or false, got ${JSON.stringify(text)}` }
  },
)
