/**
 * `sluice simulate`: the API on loopback, until ^C.
 *
 * Standard output carries one line, the URL, for scripts; what is for people goes to
 * standard error.
 */

import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { exitCodes, RunError } from '../errors.ts'
import { systemErrorCode } from '../files.ts'
import {
  type BatchUsage,
  type Respond,
  type RunningSimulator,
  type SimulatorEvent,
  startSimulator,
  type StartOptions,
} from '../simulator/index.ts'
import type { CommandLine } from './command.ts'
import { camelCase, type Layer } from './flag.ts'
import { complaintLines } from './messages.ts'
import { painter } from './paint.ts'
import { faultsMessage } from './run-setup.ts'
import { printData, printMessage, stderrTakesColor } from './streams.ts'
import { formatCount, formatShort, plural } from '../figures.ts'
import { printable } from './text.ts'

const portDefault = 4010

/** Options of the simulator that are not called as their flag is. */
const optionNames: Readonly<Record<string, string>> = {
  rpm: 'requestsPerMinute',
  itpm: 'inputTokensPerMinute',
  otpm: 'outputTokensPerMinute',
  tpm: 'combinedTokens',
  'count-rpm': 'countRequestsPerMinute',
  latency: 'latencyMs',
  'batch-rpm': 'batchRequestsPerMinute',
  'batch-queue': 'batchQueuedRequests',
  'batch-duration': 'batchDurationMs',
  'batch-drain': 'batchDrainMs',
  'batch-expiry': 'batchExpiryMs',
}

/** Serves until it is told to stop; resolves to the exit code. */
export async function simulateCommand(line: CommandLine): Promise<number> {
  const paint = painter(stderrTakesColor())
  let simulator: RunningSimulator
  try {
    if (line.faults.length > 0) throw new RunError('OPTIONS_INVALID', faultsMessage(line.faults))
    simulator = await start(await startOptions(line.values))
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    printMessage(complaintLines(error, paint))
    return error.exitCode
  }
  await printData(simulator.url)
  printMessage([
    'simulating the Claude API; ^C ends it. In another terminal:',
    '',
    `  ${paint('strong', exampleRun(simulator.url))}`,
    '',
  ])
  await signalled()
  printMessage(totalLines(simulator))
  await simulator.close()
  return exitCodes.succeeded
}

async function start(options: StartOptions): Promise<RunningSimulator> {
  try {
    return await startSimulator(options)
  } catch (error) {
    if (systemErrorCode(error) !== 'EADDRINUSE') throw error
    const message = `Cannot listen on port ${options.port}: it is in use`
    throw new RunError('OPTIONS_INVALID', message, { hint: 'pass --port 0 for one that is free' })
  }
}

/** The simulator checks them itself, all together. */
async function startOptions(values: Layer['values']): Promise<StartOptions> {
  const options: Record<string, unknown> = { port: portDefault }
  for (const [name, { value }] of values) {
    if (name === 'respond') Object.assign(options, await respondOptions(String(value)))
    else if (name === 'fault')
      options['faults'] = Object.fromEntries(Array.isArray(value) ? value : [])
    else options[optionNames[name] ?? camelCase(name)] = value
  }
  return options
}

/** The function a module exports, and an observer that says how it fails. */
async function respondOptions(file: string): Promise<StartOptions> {
  const said = new Set<string>()
  const observe = ({ error }: SimulatorEvent): void => {
    if (error === undefined || said.has(error.message)) return
    // One that always fails in the same way is told once, and one that never does for a while.
    if (said.size < failuresSaidMax) printMessage([`respond failed: ${describe(error)}`])
    said.add(error.message)
  }
  return { respond: await loadRespond(file), observe }
}

const failuresSaidMax = 20

async function loadRespond(file: string): Promise<Respond> {
  let module: Record<string, unknown>
  try {
    module = await import(pathToFileURL(path.resolve(file)).href)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `Cannot load --respond ${file}: ${reason}`
    throw new RunError('OPTIONS_INVALID', message, { cause: error })
  }
  const { default: respond } = module
  if (isRespond(respond)) return respond
  throw new RunError(
    'OPTIONS_INVALID',
    `Cannot use --respond ${file}: it exports no function by default`,
    {
      hint: 'export a function: export default (request) => "the answer"',
    },
  )
}

function isRespond(value: unknown): value is Respond {
  return typeof value === 'function'
}

/** The error, and where in the user's code it was thrown. */
function describe({ name, message, stack = '' }: Error): string {
  const place = /\n\s+at (.*)/.exec(stack)?.[1]
  return printable(`${name}: ${message}${place === undefined ? '' : ` (at ${place})`}`)
}

/** Any key will do, and none of the user's need leave its place. */
function exampleRun(url: string): string {
  const run = `sluice run requests.jsonl --base-url ${url}`
  return process.platform === 'win32'
    ? `${run} --api-key simulated`
    : `ANTHROPIC_API_KEY=simulated ${run}`
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => resolve())
    }
  })
}

function totalLines({ model: { totals } }: RunningSimulator): readonly string[] {
  const { received, answered, refused429, faulted, batches } = totals
  const counts = [`${formatCount(answered)} answered`, `429s ${formatCount(refused429)}`]
  if (faulted > 0) counts.push(`${formatCount(faulted)} faulted`)
  const lines = [`${plural(received, 'request')}: ${counts.join(', ')}; ${tokensText(totals)}`]
  if (batches.billedRequests > 0) {
    const ended = `${formatCount(batches.billedRequests)} answered`
    lines.push(`batches that ended: ${ended}; ${tokensText(batches)}`)
  }
  return ['', ...lines]
}

function tokensText(usage: BatchUsage): string {
  const { inputTokens, outputTokens } = usage
  const { cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens } = usage
  const tokens = [
    `${formatShort(inputTokens)} input and ${formatShort(outputTokens)} output tokens`,
  ]
  const writtenTokens = cacheWrite5mTokens + cacheWrite1hTokens
  if (writtenTokens > 0) tokens.push(`${formatShort(writtenTokens)} written to the cache`)
  if (cacheReadTokens > 0) tokens.push(`${formatShort(cacheReadTokens)} read from it`)
  return tokens.join(', ')
}
