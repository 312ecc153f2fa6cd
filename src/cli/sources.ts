/**
 * Gathers what a run is told from all its sources: flags, environment, `.env`, config file.
 *
 * Files are read as values and faults, like flags: one that cannot be read is told together
 * with everything else that is wrong.
 */

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseEnv } from 'node:util'
import { systemErrorCode } from '../files.ts'
import { findJsonFault } from '../json-fault.ts'
import type { CommandLine } from './command.ts'
import { readConfig } from './config-file.ts'
import { readEnvironment, type Variables } from './environment.ts'
import { type Flag, type Layer, LayerBuilder, mergeLayers } from './flag.ts'

const configName = 'sluice.config.json'

/** What surrounds a command line. */
export interface Surroundings {
  readonly folder: string
  readonly variables: Variables
  /** What holds where nothing is given. @default what the options say */
  readonly defaults?: Layer | undefined
}

/** All layers of a command line and its surroundings, as one. */
export async function gather(
  line: CommandLine,
  flags: readonly Flag[],
  { folder, variables, defaults = new LayerBuilder('default') }: Surroundings,
): Promise<Layer> {
  const environment = readEnvironment(flags, variables)
  const envFile = readEnvFile(flags, folder, textOf(line, 'env-file'))
  const config = await readConfigFile(flags, folder, textOf(line, 'config'))
  return mergeLayers([line, environment, envFile, config, defaults])
}

function textOf(layer: Layer, name: string): string | undefined {
  const value = layer.values.get(name)?.value
  return typeof value === 'string' ? value : undefined
}

function readEnvFile(flags: readonly Flag[], folder: string, named: string | undefined): Layer {
  const file = named ?? '.env'
  const target = path.resolve(folder, file)
  if (named === undefined && !existsSync(target)) return new LayerBuilder('.env')
  let text: string
  try {
    text = readText(target)
  } catch (error) {
    // A `.env` that is a folder, or is not ours to read, is some other program's.
    return named === undefined ? new LayerBuilder('.env') : unreadable('--env-file', file, error)
  }
  return readEnvironment(flags, parseEnv(text), file)
}

async function readConfigFile(
  flags: readonly Flag[],
  folder: string,
  named: string | undefined,
): Promise<Layer> {
  const file = named ?? configName
  const target = path.resolve(folder, file)
  if (named === undefined && !existsSync(target)) return new LayerBuilder('config')
  try {
    const isJson = !/\.[cm]?[jt]s$/.test(file)
    return readConfig(flags, isJson ? readJson(target) : await load(target), file)
  } catch (error) {
    return unreadable(named === undefined ? 'the config' : '--config', file, error)
  }
}

/** Reads a JSON file; throws with words that say where it is none, and repeat nothing of it. */
export function readJson(file: string): unknown {
  const text = readText(file)
  const fault = findJsonFault(text)
  if (fault === undefined) return JSON.parse(text)
  const before = text.slice(0, fault.index).split('\n')
  const place = `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`
  // What was found instead may be a key that someone forgot to quote.
  const [problem = ''] = fault.problem.split(', got')
  throw new Error(`it is no JSON: ${problem} at ${place}`)
}

/** Some editors put a byte order mark before everything; it is no part of a name or of JSON. */
function readText(file: string): string {
  return readFileSync(file, 'utf8').replace(/^\ufeff/, '')
}

/** The default export of a module. */
async function load(file: string): Promise<unknown> {
  const module: Record<string, unknown> = await import(pathToFileURL(file).href)
  return module['default']
}

function unreadable(place: string, file: string, error: unknown): Layer {
  const layer = new LayerBuilder('config')
  layer.faults.push(`${place} cannot be read from ${file}: ${faultText(error)}`)
  return layer
}

/** Why a file could not be read, in few words. */
export function faultText(error: unknown): string {
  const code = systemErrorCode(error)
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EISDIR') return 'it is a folder'
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be read'
  return error instanceof Error ? error.message : String(error)
}
