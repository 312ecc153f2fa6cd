/**
 * The deadline of a run, kept from its first start: `<output>.sluice/deadline.json`.
 *
 * "In two hours" is said once, when the run is begun; a run that goes on with the same words after
 * a kill has what is left of them. So the instant is a record, and goes when all rows have their
 * line. Other words make a new instant.
 */

import type { UnitLimits } from './ceilings.ts'
import { type Files, systemErrorCode } from './files.ts'
import { parseInstant } from './instants.ts'
import { isJsonObject, parseJson } from './json.ts'
import { recordsFolderOf } from './outstanding-batches.ts'
import type { Settings } from './settings.ts'
import { units } from './taken.ts'

/** Milliseconds, or an instant as of RFC 3339. */
export type GivenDeadline = number | string

/** The instant that was given in these words at the first start. */
export interface KeptDeadline {
  readonly given: GivenDeadline
  /** Wall time, ms since the epoch. */
  readonly at: number
  /** Limits that the API has shown, by pool: rows in batches show none to the run that goes on. */
  readonly limits: Readonly<Record<string, UnitLimits>>
}

function pathIn(folder: string): string {
  return `${folder}/deadline.json`
}

/** What is kept of these words, or what they mean as of now; `overwrite`: it starts over. */
export function deadlineOf(
  files: Files,
  output: string,
  { deadline: given, overwrite }: Pick<Settings, 'deadline' | 'overwrite'>,
  now: number,
): KeptDeadline | undefined {
  if (given === undefined) return undefined
  const kept = overwrite ? undefined : readKept(files, pathIn(recordsFolderOf(files, output)))
  if (kept?.given === given) return kept
  const at = typeof given === 'number' ? now + given : (parseInstant(given) ?? Infinity)
  return { given, at, limits: kept?.limits ?? {} }
}

/** Keeps it for the run that goes on. A full disk does not stop this one. */
export function keepDeadline(files: Files, folder: string, kept: KeptDeadline): void {
  try {
    files.writeText(pathIn(folder), `${JSON.stringify(kept)}\n`)
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error
  }
}

/** All rows have their line. */
export function forgetDeadline(files: Files, folder: string): void {
  files.remove(pathIn(folder))
}

/** What is no record of a deadline counts as none: the words are there to be read anew. */
function readKept(files: Files, path: string): KeptDeadline | undefined {
  if (files.stat(path) === undefined) return undefined
  const value = parseJson(files.readText(path))
  if (!isJsonObject(value)) return undefined
  const { given, at, limits } = value
  const isGiven = typeof given === 'number' || typeof given === 'string'
  if (!isGiven || typeof at !== 'number') return undefined
  const pools = Object.entries(isJsonObject(limits) ? limits : {})
  return {
    given,
    at,
    limits: Object.fromEntries(pools.map(([name, each]) => [name, readLimits(each)])),
  }
}

function readLimits(value: unknown): UnitLimits {
  const entries = Object.entries(isJsonObject(value) ? value : {})
  const known = entries.filter(
    ([unit, limit]) =>
      units.some((each) => each === unit) && typeof limit === 'number' && limit > 0,
  )
  return Object.fromEntries(known)
}
