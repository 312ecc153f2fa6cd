/**
 * What a forecast may be told: what the run may be told that it foresees, and how closely to look.
 */

import { bounds } from './bounds.ts'
import { RunError } from './errors.ts'
import { optionFaults, type OptionFault, readOptions } from './options.ts'
import type { RunOptions } from './settings.ts'
import type { Settings } from './settings.ts'

/**
 * Options of `forecast`: those of the run that is foreseen, of which none but `input` must be
 * given, and no key. What has no bearing on tokens, money or time is passed over.
 */
export interface ForecastOptions extends RunOptions {
  /** Find what rows share that nobody marked, and what caching it is worth. @default true */
  readonly sharing?: boolean | undefined
  /** Have the API count the tokens of so many rows, spread over the file. @default none */
  readonly exact?: number | undefined
}

/** Options with every default in place. */
export interface ForecastSettings {
  /** Of the run; its key, where none was given, is none. */
  readonly run: Settings
  readonly sharing: boolean
  readonly exact: number
}

const noKey = { apiKey: 'none' }

/** Everything wrong with a set of options; empty when it can be used. */
export function forecastOptionFaults(options: ForecastOptions): readonly OptionFault[] {
  const { sharing, exact, ...run } = options
  const faults: OptionFault[] = [...optionFaults(run)]
  if (sharing !== undefined && typeof sharing !== 'boolean') {
    faults.push({ option: 'sharing', text: 'must be true or false' })
  }
  const most = bounds.rowsCountedMax
  const isCount = Number.isSafeInteger(exact) && Number(exact) >= 1 && Number(exact) <= most
  if (exact !== undefined && !isCount) {
    const got = JSON.stringify(exact)
    faults.push({ option: 'exact', text: `must be a whole number from 1 to ${most}, got ${got}` })
  } else if (exact !== undefined && typeof options.input !== 'string') {
    faults.push({ option: 'exact', text: 'needs a file: a stream cannot be read twice' })
  }
  return faults
}

/** Checks options and fills in the defaults. Throws `RunError` OPTIONS_INVALID with every fault. */
export function readForecastOptions(options: ForecastOptions): ForecastSettings {
  const faults = forecastOptionFaults(options)
  if (faults.length > 0) {
    const texts = faults.map(({ option, text }) => `"${option}" ${text}`)
    throw new RunError('OPTIONS_INVALID', `Cannot start: ${texts.join('; ')}`)
  }
  const { sharing = true, exact = 0, ...run } = options
  const hasKey = run.apiKey !== undefined || run.authToken !== undefined
  const isStream = typeof run.input !== 'string'
  const whole = {
    ...run,
    ...(!hasKey && noKey),
    ...(isStream && run.output === undefined && { output: '-' }),
  }
  return { run: readOptions(whole), sharing, exact }
}
