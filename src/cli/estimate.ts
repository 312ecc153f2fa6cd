/**
 * `sluice estimate`: what a run would come to in tokens, money and time, before it is begun.
 *
 * Standard output carries the table, or one object; standard error how far it has come. Nothing is
 * sent but what `--online` (the Rate Limits API) and `--exact` (free counts of tokens) ask.
 */

import { readLimitGroups, tokenCounter } from '../admin.ts'
import type { LimitGroup } from '../ceilings.ts'
import { type Clock, inTime, sleep } from '../clock.ts'
import { exitCodes, RunError } from '../errors.ts'
import { type ForecastHooks, forecast } from '../forecast.ts'
import { type ForecastOptions, forecastOptionFaults } from '../forecast-options.ts'
import { type Forecast, forecastErrorJson, forecastJson } from '../forecast-report.ts'
import { answered } from './answered.ts'
import { askedOf, askFaults, baseUrlFaults } from './asked.ts'
import type { CommandLine } from './command.ts'
import { adminKey } from './environment.ts'
import { estimatedFlags, estimateSurroundings } from './estimate-flags.ts'
import { forecastLines, forecastProgressLine, type ForecastSheet } from './estimate-text.ts'
import { type Layer } from './flag.ts'
import { adminFault, faultsMessage, optionOf, placeOf, readPrices, textIn } from './run-setup.ts'
import { gather } from './sources.ts'
import { targetNotice } from './target.ts'
import type { Terminal } from './terminal.ts'
import { outputSheet, type Watch, watched } from './watched.ts'

const limitsAnswerMsMax = 30_000

/** Estimates a run; resolves to the exit code. */
export async function estimateCommand(line: CommandLine): Promise<number> {
  const around = { folder: process.cwd(), variables: process.env }
  const layer = await gather(line, estimateSurroundings, around)
  const isJson = line.values.get('json')?.value === true
  return answeredForecast(layer, isJson, async (terminal) => {
    const options = setUp(line, layer)
    const asks = asksOf(line)
    if (asks.exact || asks.online) {
      const notice = targetNotice(layer.values.get('base-url'))
      if (notice !== undefined) terminal.print([`note: ${notice}`])
    }
    const found = await foreseen(options, line, layer, { terminal, asks })
    return { found, sheet: outputSheet(line, layer, estimatedFlags) }
  })
}

/** What is to be shown, and how. */
export interface Foreseen {
  readonly found: Forecast
  readonly sheet: ForecastSheet
}

/** Shows what `work` foresees, or why it could not; the exit code. */
export function answeredForecast(
  layer: Layer,
  isJson: boolean,
  work: (terminal: Terminal) => Promise<Foreseen>,
): Promise<number> {
  return answered(layer, isJson ? forecastErrorJson : undefined, async (terminal) => {
    const { found, sheet } = await work(terminal)
    const exitCode = found.isWhole ? exitCodes.succeeded : exitCodes.stopped
    const lines = isJson ? [forecastJson(exitCode, found)] : forecastLines(found, sheet)
    return { exitCode, lines }
  })
}

/** What the API is asked. */
interface Asks {
  readonly exact: boolean
  readonly online: boolean
}

const noAsks: Asks = { exact: false, online: false }

function asksOf({ values }: CommandLine): Asks {
  return { exact: values.has('exact'), online: values.get('online')?.value === true }
}

/** Throws `RunError` with everything that is wrong. */
function setUp(line: CommandLine, layer: Layer): ForecastOptions {
  const { argument, values: flags } = line
  const { values } = layer
  const told = estimatedFlags.flatMap((name) => {
    const value = values.get(name)?.value
    return value === undefined ? [] : [[optionOf(name), value]]
  })
  const options: ForecastOptions = {
    ...Object.fromEntries(told),
    input: argument === '-' ? process.stdin : (argument ?? ''),
    exact: numberIn(flags.get('exact')?.value),
    ...(flags.get('sharing')?.value === false && { sharing: false }),
  }
  const faults = [...layer.faults]
  for (const { option, text } of forecastOptionFaults(options)) {
    // A missing INPUT was told already, by its name.
    if (option === 'input' && argument === undefined) continue
    faults.push(option === 'exact' ? `--exact ${text}` : `${placeOf(option, values)} ${text}`)
  }
  if (flags.has('exact')) faults.push(...askFaults(layer, '--exact'))
  if (flags.get('online')?.value === true) faults.push(...onlineFaults(layer))
  if (faults.length > 0) throw new RunError('OPTIONS_INVALID', faultsMessage(faults))
  return withPrices(options, layer)
}

function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** The same with the prices of a file, if one is given. */
export function withPrices(options: ForecastOptions, { values }: Layer): ForecastOptions {
  const prices = textIn(values, 'prices')
  return prices === undefined ? options : { ...options, prices: readPrices(prices) }
}

function onlineFaults(layer: Layer): readonly string[] {
  const { values } = layer
  if (!values.has(adminKey)) {
    return ['--online needs an admin key: ANTHROPIC_ADMIN_KEY is not set']
  }
  const strange = adminFault(values)
  return [...baseUrlFaults(values), ...(strange === undefined ? [] : [strange])]
}

/** The forecast itself, seen and stoppable. */
export function foreseen(
  options: ForecastOptions,
  line: CommandLine,
  layer: Layer,
  { terminal, asks = noAsks }: { readonly terminal: Terminal; readonly asks?: Asks },
): Promise<Forecast> {
  const start = { rows: 0, bytes: 0 }
  return watched({ line, layer, terminal, start, show: forecastProgressLine }, async (watch) => {
    const { clock, files, signal, progress } = watch
    const limitGroups = asks.online ? await limitsOf(layer, watch) : undefined
    const hooks: ForecastHooks = { signal, progress, ...(limitGroups && { limitGroups }) }
    if (!asks.exact) return forecast(options, hooks, { files, clock })
    const counter = counterOf(layer, clock, signal)
    try {
      const countTokens = (body: Uint8Array): Promise<number | undefined> => counter.count(body)
      return await forecast(options, { ...hooks, countTokens }, { files, clock })
    } finally {
      await counter.close()
    }
  })
}

function counterOf(
  layer: Layer,
  clock: Clock,
  signal: AbortSignal,
): ReturnType<typeof tokenCounter> {
  const betas: unknown = layer.values.get('beta')?.value
  return tokenCounter({
    ...askedOf(layer),
    betas: Array.isArray(betas) ? betas.map(String) : [],
    wait: (ms) => sleep(clock, ms, signal),
    signal,
  })
}

function limitsOf(
  layer: Layer,
  { clock, signal }: Pick<Watch<unknown>, 'clock' | 'signal'>,
): Promise<readonly LimitGroup[]> {
  const asked = { ...askedOf(layer), adminKey: textIn(layer.values, adminKey) ?? '' }
  return inTime(clock, limitsAnswerMsMax, signal, (ending) =>
    readLimitGroups({ ...asked, signal: ending }),
  )
}
