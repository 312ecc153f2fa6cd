/**
 * What commands ask the API beside rows: where, with which key, and what keeps them from it.
 */

import type { ModelRequest } from '../admin.ts'
import { optionFaults } from '../options.ts'
import type { Layer } from './flag.ts'
import { credentialsOf, headersOf, textIn } from './run-setup.ts'
import { targetFault } from './target.ts'

/** What keeps the API from being asked with the key, for a flag that does. */
export function askFaults({ values }: Layer, flag: string): readonly string[] {
  const credentials = credentialsOf(values)
  if (credentials.length === 0) return [`${flag} needs a key: ANTHROPIC_API_KEY is not set`]
  const strange = targetFault(values.get('base-url'), credentials)
  return [...baseUrlFaults(values), ...(strange === undefined ? [] : [strange])]
}

/** What is wrong with the address. */
export function baseUrlFaults(values: Layer['values']): readonly string[] {
  const baseUrl = textIn(values, 'base-url')
  if (baseUrl === undefined) return []
  const faults = optionFaults({ input: '-', output: '-', apiKey: 'k', baseUrl })
  return faults.map(({ text }) => `--base-url ${text}`)
}

/** Where and how it is asked. */
export function askedOf({ values, headers }: Layer): Omit<ModelRequest, 'model' | 'signal'> {
  const [credential] = credentialsOf(values)
  return {
    baseUrl: textIn(values, 'base-url') ?? 'https://api.anthropic.com',
    key: String(credential?.value),
    isToken: credential?.name === 'auth-token',
    version: textIn(values, 'anthropic-version') ?? '2023-06-01',
    headers: headersOf(headers),
    userAgent: 'sluice',
    environment: process.env,
  }
}
