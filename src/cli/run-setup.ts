/**
 * From the gathered values of `sluice run` to the options of `run`, or to all that is wrong.
 *
 * Faults of every kind (a flag nobody knows, a bound out of range, a key that may not go
 * where it would) end in one error, before the input is opened.
 */

import { existsSync } from 'node:fs'
import { RunError } from '../errors.ts'
import { optionFaults } from '../options.ts'
import type { RunOptions } from '../settings.ts'
import type { CommandLine } from './command.ts'
import { adminKey, authToken } from './environment.ts'
import { camelCase, type Given, type Layer } from './flag.ts'
import { isSecretHeader } from './redact.ts'
import { faultText, readJson } from './sources.ts'
import { targetFault, targetNotice } from './target.ts'

/** How the command shows itself; no part of the run. */
export interface Face {
  readonly json: boolean
  readonly quiet: boolean
  readonly progress: boolean
  readonly keys: boolean
  readonly color: 'auto' | 'always' | 'never'
  readonly logFile: string | undefined
  readonly logLevel: string | undefined
}

/** What surrounds the command. */
export interface Surroundings {
  /** Somebody is there who can answer a question. */
  readonly isAttended: boolean
  readonly stdin: AsyncIterable<Uint8Array>
  /** Nothing can be sent without one. @default true */
  readonly needsKey?: boolean
}

/** A run that can start. */
export interface RunSetup {
  readonly options: RunOptions
  /** To be said at the start. */
  readonly notices: readonly string[]
}

/** Options whose name is not that of their flag. */
const optionNames: Readonly<Record<string, string>> = {
  beta: 'betas',
  timeout: 'timeoutMs',
  'max-row-time': 'maxRowTimeMs',
  patience: 'patienceMs',
  grace: 'graceMs',
  'batch-median': 'batchMedianMs',
  'batch-p95': 'batchP95Ms',
  'batch-drain': 'batchDrainMs',
}

/** The option that a flag sets. */
export function optionOf(flag: string): string {
  return optionNames[flag] ?? camelCase(flag)
}

/** Flags that are not options of the run, or not as they stand. */
const handledApart = new Set([
  'api-key',
  'header',
  'prices',
  'yes',
  'dry-run',
  'json',
  'quiet',
  'progress',
  'keys',
  'color',
  'log-file',
  'log-level',
  'env-file',
  'config',
  'metrics-port',
  'dashboard',
  'dashboard-port',
  'report',
  'show-content',
  'history',
  authToken,
  adminKey,
])

/** How to show things, as far as it was told: also when something else is wrong. */
export function readFace({ values }: Layer): Face {
  const of = (name: string): unknown => values.get(name)?.value
  const color = of('color')
  return {
    json: of('json') === true,
    quiet: of('quiet') === true,
    progress: of('progress') !== false,
    keys: of('keys') !== false,
    color: color === 'always' || color === 'never' ? color : 'auto',
    logFile: textIn(values, 'log-file'),
    logLevel: textIn(values, 'log-level'),
  }
}

/** All that must never be shown. */
export function readSecrets({ values, headers }: Layer): readonly string[] {
  const keys = ['api-key', authToken, adminKey].map((name) => textIn(values, name))
  const secret = headers.filter(({ name }) => isSecretHeader(name))
  return [...secret.map(({ value }) => value), ...keys.filter((key) => key !== undefined)]
}

/** Throws `RunError` with everything that is wrong, `KEY_MISSING` when only that is. */
export function setUpRun(line: CommandLine, layer: Layer, around: Surroundings): RunSetup {
  const { values } = layer
  const credentials = credentialsOf(values)
  const options = optionsOf(line, layer, credentials, around)
  const faults = [...layer.faults, ...faultsOf(line, layer, credentials, options, around)]
  if (faults.length > 0) throw new RunError('OPTIONS_INVALID', faultsMessage(faults))
  if (credentials.length === 0 && around.needsKey !== false) throw keyMissing()
  const prices = textIn(values, 'prices')
  return {
    options: prices === undefined ? options : { ...options, prices: readPrices(prices) },
    notices: noticesOf(values, options),
  }
}

/** One error of one fault or of many. */
export function faultsMessage(faults: readonly string[]): string {
  const [first] = faults
  if (faults.length === 1 && first !== undefined) return `Cannot start: ${first}`
  return [`Cannot start, as ${faults.length} things are wrong`, ...faults].join('\n')
}

/** The text given for a name, if a text was. */
export function textIn(values: Layer['values'], name: string): string | undefined {
  const value = values.get(name)?.value
  return typeof value === 'string' ? value : undefined
}

/** The key and the token, where both are in one source; otherwise the one that takes precedence. */
export function credentialsOf(
  values: Layer['values'],
): readonly (Given & { readonly name: string })[] {
  const found = ['api-key', authToken].flatMap((name) => {
    const given = values.get(name)
    return given === undefined ? [] : [{ ...given, name }]
  })
  const order = ['flag', 'environment', '.env', 'config']
  const best = order.find((source) => found.some((given) => given.source === source))
  return found.filter((given) => given.source === best)
}

/** The headers by name; of two with one name the later. */
export function headersOf(given: Layer['headers']): Readonly<Record<string, string>> {
  const headers = new Map(given.map((header) => [header.name.toLowerCase(), header]))
  return Object.fromEntries([...headers.values()].map(({ name, value }) => [name, value]))
}

function optionsOf(
  { argument = '' }: CommandLine,
  { values, headers }: Layer,
  credentials: ReturnType<typeof credentialsOf>,
  { stdin }: Surroundings,
): RunOptions {
  const options: Record<string, unknown> = {}
  for (const [name, { value }] of values) {
    if (!handledApart.has(name)) options[optionOf(name)] = value
  }
  for (const { name, value } of credentials) options[camelCase(name)] = value
  const admin = values.get(adminKey)
  if (admin !== undefined && adminFault(values) === undefined) options['adminKey'] = admin.value
  const isStdin = argument === '-'
  return {
    ...options,
    ...(isStdin && options['output'] === undefined && { output: '-' }),
    headers: headersOf(headers),
    input: isStdin ? stdin : argument,
  }
}

function faultsOf(
  { argument, values: flags }: CommandLine,
  { values, headers }: Layer,
  credentials: readonly Given[],
  options: RunOptions,
  { isAttended }: Surroundings,
): readonly string[] {
  const faults: string[] = []
  for (const { option, text } of optionFaults(options)) {
    // A missing INPUT was told already, by its name.
    if (option !== 'input' || argument !== undefined)
      faults.push(`${placeOf(option, values)} ${text}`)
  }
  if (options.output === '-' && values.get('json')?.value === true) {
    faults.push('--json and the results cannot both go to stdout: give -o PATH')
  }
  if (flags.get('overwrite')?.value === true && !isAttended && !flags.has('yes')) {
    faults.push('--overwrite needs --yes when nobody is there to see it')
  }
  const secrets = [...credentials, ...headers.filter(({ name }) => isSecretHeader(name))]
  const strange = targetFault(values.get('base-url'), secrets)
  return strange === undefined ? faults : [...faults, strange]
}

/**
 * Why the admin key must not go where the requests go, if so. A run can do without: it is left
 * out, and that is said.
 */
export function adminFault(values: Layer['values']): string | undefined {
  const admin = values.get(adminKey)
  return admin === undefined ? undefined : targetFault(values.get('base-url'), [admin])
}

/** What a user would change: the flag, variable or key that set the option. */
export function placeOf(option: string, values: Layer['values']): string {
  if (option === 'input') return 'INPUT'
  if (option === 'headers') return 'headers'
  for (const [name, { place }] of values) {
    if (optionOf(name) === option) return place
  }
  return `"${option}"`
}

function noticesOf(values: Layer['values'], { output, via }: RunOptions): readonly string[] {
  const notices: string[] = []
  const target = targetNotice(values.get('base-url'))
  if (target !== undefined) notices.push(target)
  if (values.get('api-key')?.source === 'flag') {
    notices.push('--api-key can be read in process lists; ANTHROPIC_API_KEY cannot')
  }
  const untold = adminFault(values)
  if (untold !== undefined) notices.push(untold)
  if (via === 'batches') notices.push(...idleNotices(values))
  if (output === '-') {
    notices.push('results go to stdout: if the run stops, it cannot be resumed from there')
  }
  return notices
}

/** Bounds of requests, where rows are in none; only leftovers may be. */
const liveBounds = [
  'max-requests-per-minute',
  'max-input-tokens-per-minute',
  'max-output-tokens-per-minute',
]

function idleNotices(values: Layer['values']): readonly string[] {
  if (values.get('batch-leftovers')?.value === 'live') return []
  const idle = liveBounds.flatMap((name) => values.get(name)?.place ?? [])
  if (idle.length === 0) return []
  return [`rows in batches are not bound by ${idle.join(', ')}: batches have limits of their own`]
}

/** The price file, as JSON; throws `RunError` where it cannot be read. */
export function readPrices(file: string): unknown {
  try {
    return readJson(file)
  } catch (error) {
    throw new RunError('PRICES_INVALID', `Cannot read prices from ${file}: ${faultText(error)}`, {
      cause: error,
    })
  }
}

/** There is neither key nor token. */
export function keyMissing(): RunError {
  // Only a clone has the sources beside the build, and with them the demo.
  const isClone = existsSync(new URL('../../scripts', import.meta.url))
  const hints = [
    'set ANTHROPIC_API_KEY, in the environment or in .env',
    'no key at hand: "sluice simulate" is an API on this machine that takes any',
    ...(isClone ? ['and "npm run demo" shows a whole run against it'] : []),
  ]
  return new RunError(
    'KEY_MISSING',
    'Cannot start without an API key: ANTHROPIC_API_KEY is not set',
    {
      hint: hints.join('\n'),
    },
  )
}
