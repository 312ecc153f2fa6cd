/**
 * Values from the environment and from `.env`.
 *
 * The variables are those of the official SDK, and `SLUICE_…` for every other flag. Of
 * `.env` only these two families are taken: the file belongs to the user's whole project.
 */

import { nearest } from '../nearest.ts'
import { type Flag, type Layer, LayerBuilder, type Source, variableOf } from './flag.ts'

/** Environment variables. */
export type Variables = Readonly<Record<string, string | undefined>>

/** The name of a value that no flag gives. */
export const authToken = 'auth-token'

/** Another: no flag, since process lists show flags. */
export const adminKey = 'admin-key'

/** Variables of the SDK that are no flag's. */
export const otherVariables: readonly (readonly [name: string, about: string])[] = [
  ['ANTHROPIC_AUTH_TOKEN', 'a token, sent as `Authorization: Bearer`, instead of a key'],
  [
    'ANTHROPIC_ADMIN_KEY',
    'an admin key: `sluice limits` and `estimate --online` show all limits, and `run` learns ' +
      'pools and ceilings; it is ' +
      'sent to the base URL, to ask for these, and never with a row',
  ],
  ['ANTHROPIC_CUSTOM_HEADERS', 'headers of every request, one `Name: value` a line'],
  ['ANTHROPIC_WORKSPACE_ID', 'sent as the header `anthropic-workspace-id`'],
]

/** What the variables say. `file` is named in messages when they come from one. */
export function readEnvironment(
  flags: readonly Flag[],
  variables: Variables,
  file?: string,
): Layer {
  const source: Source = file === undefined ? 'environment' : '.env'
  const layer = new LayerBuilder(source)
  const flagOf = new Map<string, Flag>()
  for (const flag of flags) {
    const name = variableOf(flag)
    if (name !== undefined) flagOf.set(name, flag)
  }
  const placeOf = (name: string): string => (file === undefined ? name : `${name} in ${file}`)
  for (const [name, value] of Object.entries(variables)) {
    // A key pasted with its line end, or a variable set to nothing, is what people have.
    const text = value?.trim() ?? ''
    if (text === '') continue
    const flag = flagOf.get(name)
    if (flag) takeFlag(layer, flag, text, placeOf(name))
    else if (name === 'ANTHROPIC_AUTH_TOKEN') layer.set(authToken, text, placeOf(name))
    else if (name === 'ANTHROPIC_ADMIN_KEY') layer.set(adminKey, text, placeOf(name))
    else if (name.startsWith('SLUICE_')) {
      layer.faults.push(`unknown variable ${placeOf(name)}${nearest(name, [...flagOf.keys()])}`)
    }
  }
  takeHeaders(layer, variables, placeOf)
  return layer
}

function takeFlag(layer: LayerBuilder, flag: Flag, text: string, place: string): void {
  // The SDK takes log levels in any case.
  if (flag.name === 'log-level') return layer.take(flag, text.toLowerCase(), place)
  if (flag.repeatable === true) {
    for (const item of text.split(',')) layer.take(flag, item.trim(), place)
  } else layer.take(flag, text, place)
}

function takeHeaders(
  layer: LayerBuilder,
  variables: Variables,
  placeOf: (name: string) => string,
): void {
  const place = placeOf('ANTHROPIC_CUSTOM_HEADERS')
  for (const line of variables['ANTHROPIC_CUSTOM_HEADERS']?.split('\n') ?? []) {
    if (line.trim() !== '') layer.takeHeader(line, `each line of ${place}`)
  }
  const workspace = variables['ANTHROPIC_WORKSPACE_ID']?.trim() ?? ''
  const workspacePlace = placeOf('ANTHROPIC_WORKSPACE_ID')
  if (workspace !== '') layer.takeHeader(`anthropic-workspace-id: ${workspace}`, workspacePlace)
}
