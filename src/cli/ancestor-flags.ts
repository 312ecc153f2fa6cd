/**
 * The flags of the Python script that sluice descends from, as its users type them.
 *
 * `--requests_filepath` means a command line of theirs: it needs no `run`, and takes the flags of
 * `run` besides. Most are flags of `run` under another name; so what is wrong is told in the words
 * that were typed, and all that comes after is one way.
 */

import { type Flag, type Layer, LayerBuilder } from './flag.ts'
import { runFlags } from './run-flags.ts'
import type { CommandSpec } from './command.ts'
import { formatCount } from '../figures.ts'
import {
  readCount,
  readLimit,
  readOneOf,
  reader,
  readPositive,
  readSwitch,
  readText,
} from './values.ts'

/** The flag that tells such a command line from others. */
export const inputFlag = '--requests_filepath'

const group = 'As in the script'

/** A rate as Python writes floats, or `none`: only the API's own limits. */
const readRate = reader<number | undefined>(readLimit.form, (text) => {
  if (text === 'none') return { value: undefined }
  return /^\d+(\.\d*)?e\+?\d+$/i.test(text)
    ? readPositive(String(Number(text)))
    : readPositive(text)
})

/** The whole URL, to its part before `/v1/messages`. */
const readRequestUrl = reader<string>({ pattern: '^.+/v1/messages/?$' }, (text) => {
  const match = /^(.+)\/v1\/messages\/?$/.exec(text)
  if (match?.[1] !== undefined) return { value: match[1] }
  return { fault: `must be a whole URL that ends in /v1/messages, got ${JSON.stringify(text)}` }
})

const readUseCaching = reader<string>({ words: ['True', 'False'] }, (text) => {
  const reading = readSwitch(text)
  return 'fault' in reading ? reading : { value: reading.value ? 'marked' : 'off' }
})

/** Its words, and the numbers Python has for them. */
const logLevels: Readonly<Record<string, string>> = {
  trace: 'trace',
  '5': 'trace',
  debug: 'debug',
  '10': 'debug',
  info: 'info',
  '20': 'info',
  success: 'info',
  '25': 'info',
  warning: 'warn',
  '30': 'warn',
  error: 'error',
  '40': 'error',
  critical: 'error',
  '50': 'error',
}
const logWords = ['TRACE', 'DEBUG', 'INFO', 'SUCCESS', 'WARNING', 'ERROR', 'CRITICAL'] as const

const readLoggingLevel = reader<string>({ words: logWords }, (text) => {
  const level = logLevels[text.toLowerCase()]
  return level === undefined ? readOneOf(...logWords)(text) : { value: level }
})

/** The script's own flags. */
export const ancestorFlags: readonly Flag[] = [
  {
    name: 'input',
    written: 'requests_filepath',
    value: 'FILE',
    read: readText,
    group,
    about: 'the JSONL file of requests',
  },
  {
    name: 'output',
    written: 'save_filepath',
    value: 'FILE',
    read: readText,
    group,
    about: 'where the results go, as tuples; its folder is made',
    otherwise: 'the input with _results.jsonl',
  },
  {
    name: 'base-url',
    written: 'request_url',
    value: 'URL',
    read: readRequestUrl,
    group,
    about: 'the whole URL',
    otherwise: 'https://api.anthropic.com/v1/messages',
  },
  {
    name: 'cache',
    written: 'use_caching',
    value: 'BOOL',
    read: readUseCaching,
    group,
    about: 'one row of each marked prefix goes ahead; the others read from the cache what it wrote',
    otherwise: 'False',
  },
  {
    name: 'api-key',
    written: 'api_key',
    value: 'KEY',
    read: readText,
    group,
    about: 'the API key; better set ANTHROPIC_API_KEY: process lists show flags',
  },
  {
    name: 'max-requests-per-minute',
    written: 'max_requests_per_minute',
    value: 'N',
    read: readRate,
    group,
    about: "no 60 seconds hold more sends than this; none: only the API's own limits",
    otherwise: '40',
  },
  {
    name: 'max-input-tokens-per-minute',
    written: 'max_tokens_per_minute',
    value: 'N',
    read: readRate,
    group,
    about: 'the same for uncached input tokens',
    otherwise: '16000',
  },
  {
    name: 'max-attempts',
    written: 'max_attempts',
    value: 'N',
    read: readCount,
    group,
    about: 'tries of one row; a 429 does not count, nor a 529 that others meet as well',
    otherwise: '5',
  },
  {
    name: 'log-level',
    written: 'logging_level',
    value: 'LEVEL',
    read: readLoggingLevel,
    group,
    about: `${logWords.join(', ')}, in any case: what the log on stderr holds`,
    otherwise: 'no log',
  },
]

/** How its flags are written, by the names of those of `run`. */
export const ancestorSpellings: Readonly<Record<string, string>> = Object.fromEntries(
  ancestorFlags.map(({ name, written = name }) => [name, `--${written}`]),
)

/** The script's names for what is read in another way under the name that `run` has. */
const readApart = new Set(['base-url', 'log-level'])

/** What holds for such a line where the flags of `run` say nothing. */
const otherwise: Readonly<Record<string, string>> = {
  'output-format': 'tuple',
  cache: 'off, or marked by --use_caching True',
}

/** The flags of `run` in the help of such a line: what two names stand for is told once. */
const furtherFlags: readonly Flag[] = runFlags.map((flag) => {
  const known = otherwise[flag.name]
  if (known !== undefined) return { ...flag, otherwise: known }
  const same = ancestorFlags.find(({ name }) => name === flag.name)
  if (same === undefined || readApart.has(flag.name)) return flag
  const { otherwise: _, ...rest } = flag
  return { ...rest, about: `as --${same.written}` }
})

/** Such a command line, all flags of `run` included. */
export const ancestorSpec: CommandSpec = {
  name: 'run',
  usage: `sluice ${inputFlag} FILE [options]`,
  about: 'a command line of the Python script (api_request_parallel_processor.py), as it stands',
  flags: [...ancestorFlags, ...furtherFlags],
  examples: [
    'sluice --requests_filepath requests.jsonl --max_requests_per_minute 500',
    'sluice --requests_filepath requests.jsonl --use_caching True',
  ],
}

/** Whether a command line is one of the script's. */
export function isAncestors(args: readonly string[]): boolean {
  return args.some((word) => word === inputFlag || word.startsWith(`${inputFlag}=`))
}

/** What holds where such a command line says nothing. */
export function ancestorDefaults(input: string | undefined): Layer {
  const layer = new LayerBuilder('default')
  const set = (name: string, value: unknown): void => layer.set(name, value, `the default ${name}`)
  if (input !== undefined) {
    set('output', input.replace(/(\.jsonl|\.ndjson|\.json)?(\.gz|\.zst)?$/, '_results.jsonl'))
  }
  set('output-format', 'tuple')
  set('send-user-id', false)
  set('cache', 'off')
  // Whoever runs the script finds one file.
  set('history', false)
  set('max-requests-per-minute', 40)
  set('max-input-tokens-per-minute', 16_000)
  return layer
}

/** The first thing such a run says: what bounds it, and what lifts that. */
export function ancestorNotice({ values }: Layer): string {
  const bounds = [
    ['max-requests-per-minute', 'requests', '--max_requests_per_minute'],
    ['max-input-tokens-per-minute', 'input tokens', '--max_tokens_per_minute'],
  ] as const
  const held = bounds.flatMap(([name, unit, flag]) => {
    const given = values.get(name)
    if (typeof given?.value !== 'number') return []
    return [{ most: `${formatCount(given.value)} ${unit}`, flag, source: given.source }]
  })
  if (held.length === 0) return "only the API's own limits bound this run"
  const isDefault = held.every(({ source }) => source === 'default')
  const most = held.map((each) => each.most).join(' and ')
  const lift = `to lift that: ${held.map(({ flag }) => `${flag} none`).join(' ')}`
  const whose = isDefault ? "the script's defaults bound this run: " : ''
  return `${whose}at most ${most} a minute; ${lift}`
}
