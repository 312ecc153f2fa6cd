/**
 * What commands share that ask the API something, and are no run.
 */

import type { RunOptions } from '../settings.ts'
import { adminKey } from './environment.ts'
import { camelCase, type Layer } from './flag.ts'
import { type Paint, painter } from './paint.ts'
import { type credentialsOf, headersOf } from './run-setup.ts'

const columnsDefault = 80

/** Standard output, for a table. */
export interface DataSurface {
  readonly columns: number
  readonly paint: Paint
}

/** How standard output is written to: on no terminal, 80 columns without colour. */
export function dataSurface({ values }: Layer): DataSurface {
  const { stdout } = process
  const color = values.get('color')?.value
  const takesColor = stdout.isTTY && stdout.hasColors()
  return {
    columns: stdout.isTTY ? stdout.columns : columnsDefault,
    paint: painter(color === 'always' || (color !== 'never' && takesColor)),
  }
}

const taken = ['base-url', 'anthropic-version']

/** The options of a run that say where the API is, and who asks. It reads and writes no file. */
export function apiOptions(
  { values, headers }: Layer,
  credentials: ReturnType<typeof credentialsOf>,
): RunOptions {
  const options: Record<string, unknown> = {}
  for (const name of taken) {
    const given = values.get(name)
    if (given !== undefined) options[camelCase(name)] = given.value
  }
  for (const { name, value } of credentials) options[camelCase(name)] = value
  const admin = values.get(adminKey)
  if (admin !== undefined) options['adminKey'] = admin.value
  const betas = values.get('beta')
  if (betas !== undefined) options['betas'] = betas.value
  return { ...options, input: '-', output: '-', headers: headersOf(headers) }
}
