/**
 * What a flag is, and the values that flags, variables and files give.
 *
 * One table of flags per command is the source of all: the parser, the help, the
 * reference in docs/cli.md, the `SLUICE_*` variables and the keys of a config file.
 *
 * Values come in layers; the first layer that has one wins:
 *
 *   flag > environment > .env > config file
 */

import type { Reader } from './values.ts'
import { readHeader, readSwitch } from './values.ts'

/** One flag of a command. */
export interface Flag {
  /** The long form, without dashes; values go by this name. */
  readonly name: string
  /** How the long form is written where that is not its name. @default the name */
  readonly written?: string
  /** The short form: `o`, or a second long one: `rpm`. @default none */
  readonly short?: string
  /** What stands for the value in the help. @default none: the flag is a switch */
  readonly value?: string
  /** Reads the value; a switch has none. @default readSwitch */
  readonly read?: Reader<unknown>
  /** May be given several times; the value is a list. @default false */
  readonly repeatable?: boolean
  /** Written `--no-NAME`; the value is false. @default false */
  readonly negated?: boolean
  /** Heading in the help. */
  readonly group: string
  readonly about: string
  /** What holds without it, as the help says it. @default none */
  readonly otherwise?: string
  /** Its environment variable; null when it has none. @default `SLUICE_` and the name */
  readonly variable?: string | null
  /** May stand in a config file. @default true */
  readonly inConfig?: boolean
}

/** Where a value was given. */
export type Source = 'flag' | 'environment' | '.env' | 'config' | 'default'

/** A value, and where it was given, for messages: `--rpm`, `SLUICE_TIMEOUT in .env`. */
export interface Given {
  readonly value: unknown
  readonly source: Source
  readonly place: string
}

/** A header, and where it was given. Of two with one name the later counts. */
export interface GivenHeader {
  readonly name: string
  readonly value: string
  readonly source: Source
  readonly place: string
}

/** What one source gives, by the names of flags, and what is wrong in it. */
export interface Layer {
  readonly values: ReadonlyMap<string, Given>
  readonly headers: readonly GivenHeader[]
  readonly faults: readonly string[]
}

/** Collects the values of one layer. */
export class LayerBuilder implements Layer {
  readonly values: Map<string, Given> = new Map()
  readonly headers: GivenHeader[] = []
  readonly faults: string[] = []
  readonly #source: Source

  constructor(source: Source) {
    this.#source = source
  }

  /** Takes a text for a flag; a repeatable one gains an item. */
  take(flag: Flag, text: string, place: string): void {
    if (flag.name === 'header') return this.takeHeader(text, place)
    const reading = (flag.read ?? readSwitch)(text)
    if ('fault' in reading) this.faults.push(`${place} ${reading.fault}`)
    else if (flag.repeatable === true) this.#append(flag.name, reading.value, place)
    else this.set(flag.name, reading.value, place)
  }

  /** Takes a header as `Name: value`. */
  takeHeader(text: string, place: string): void {
    const reading = readHeader(text)
    if ('fault' in reading) this.faults.push(`${place} ${reading.fault}`)
    else {
      const [name, value] = reading.value
      this.headers.push({ name, value, source: this.#source, place })
    }
  }

  set(name: string, value: unknown, place: string): void {
    this.values.set(name, { value, source: this.#source, place })
  }

  #append(name: string, item: unknown, place: string): void {
    const sofar = this.values.get(name)?.value
    this.set(name, [...(Array.isArray(sofar) ? (sofar as unknown[]) : []), item], place)
  }
}

/** The layers as one, the first that has a value winning. */
export function mergeLayers(layers: readonly Layer[]): Layer {
  const fromLast = layers.toReversed()
  return {
    values: new Map(fromLast.flatMap((layer) => [...layer.values])),
    // Headers are told apart by their names, not by the flag: those of all layers count.
    headers: fromLast.flatMap((layer) => layer.headers),
    faults: layers.flatMap((layer) => layer.faults),
  }
}

/** The variable that gives a flag's value; undefined when none does. */
export function variableOf(flag: Flag): string | undefined {
  if (flag.variable === null) return undefined
  return flag.variable ?? `SLUICE_${flag.name.replaceAll('-', '_').toUpperCase()}`
}

/**
 * The name in camel case, as options and config files have it.
 *
 * @example
 * ```ts
 * camelCase('max-row-time') // => 'maxRowTime'
 * ```
 */
export function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase())
}
