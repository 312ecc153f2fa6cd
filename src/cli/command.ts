/**
 * A command whose parser tells every fault of a command line at once.
 *
 * commander stops at the first; so its options only collect, into a layer of values and a
 * list of faults, and unknown flags are taken out before commander sees them.
 */

import { Command, type Help, Option } from 'commander'
import { nearest } from '../nearest.ts'
import { type Flag, type Layer, LayerBuilder } from './flag.ts'

/** What a command is, for the parser, the help and the reference. */
export interface CommandSpec {
  /** Of one among others of its kind, both names: `batches list`. */
  readonly name: string
  /** How a line of it begins. @default `sluice NAME`, its argument and `[options]` */
  readonly usage?: string
  readonly about: string
  /** @default none: it takes no argument */
  readonly argument?: {
    readonly name: string
    readonly about: string
    /** All it may be. @default it is a file */
    readonly words?: readonly string[]
  }
  readonly flags: readonly Flag[]
  /** Lines behind the help, as typed. */
  readonly examples: readonly string[]
}

/** A command line, read. */
export interface CommandLine extends Layer {
  /** Undefined when it is missing, or the command takes none. */
  readonly argument: string | undefined
}

/** Makes a command of its spec; `act` gets the line with all its faults. */
export function makeCommand(spec: CommandSpec, act: (line: CommandLine) => Promise<void>): Command {
  const layer = new LayerBuilder('flag')
  const command = new CollectingCommand(spec.name.split(' ').at(-1) ?? '', layer.faults)
  command.description(spec.about).allowExcessArguments()
  if (spec.argument) command.argument(`[${spec.argument.name}]`, spec.argument.about)
  // The argument is optional to the parser only, so that its absence is told with the rest.
  command.usage([...(spec.argument ? [spec.argument.name] : []), '[options]'].join(' '))
  const names = spec.flags.flatMap(spellings)
  for (const flag of spec.flags) {
    const option = new Option(flagTerm(flag), flagText(flag)).helpGroup(`${flag.group}:`)
    option.argParser((text: string | undefined) =>
      collect(layer, flag, { text, names, place: command.spellingOf(flag) }),
    )
    command.addOption(option)
  }
  command.helpOption('-h, --help', 'show this help')
  command.configureHelp({ padWidth: () => termColumns, formatItem: helpItem })
  const { usage } = spec
  if (usage !== undefined)
    command.configureHelp({ ...command.configureHelp(), commandUsage: () => usage })
  command.addHelpText('after', examplesText(spec.examples))
  command.action(() => {
    const given = command.args
    const faults = [...layer.faults, ...argumentFaults(spec, given, layer.faults.length > 0)]
    return act({ argument: given[0], values: layer.values, headers: layer.headers, faults })
  })
  return command
}

/** Examples, as they stand behind a help. */
export function examplesText(examples: readonly string[]): string {
  return ['', 'Examples:', ...examples.map((line) => `  ${line}`)].join('\n')
}

/** Takes unknown flags out of what was parsed and names them. */
class CollectingCommand extends Command {
  readonly #faults: string[]
  #args: readonly string[] = []

  constructor(name: string, faults: string[]) {
    super(name)
    this.#faults = faults
  }

  override parseOptions(args: string[]): { operands: string[]; unknown: string[] } {
    this.#args = args
    const { operands, unknown } = super.parseOptions(this.#withoutBareFlags(args))
    if (unknown.includes('-h') || unknown.includes('--help')) return { operands, unknown }
    const known = this.options.flatMap(({ short, long }) => [short ?? '', long ?? ''])
    const end = unknown.indexOf('--')
    for (const word of end === -1 ? unknown : unknown.slice(0, end)) {
      if (word.startsWith('-') && word !== '-') this.#faults.push(unknownFault(word, known))
    }
    // What follows an unknown flag may be its value: only a line without one is read further.
    return { operands: unknown.length > 0 ? operands.slice(0, 1) : operands, unknown: [] }
  }

  /** The flag as it was typed: two long forms are two names of it. */
  spellingOf(flag: Flag): string {
    const isTyped = (name: string): boolean =>
      this.#args.some((word) => word === name || word.startsWith(`${name}=`))
    return (
      [...spellings(flag)].find((name) => name.startsWith('--') && isTyped(name)) ?? spelled(flag)
    )
  }

  /** Without flags at the very end that lack their value, for which commander would stop. */
  #withoutBareFlags(args: readonly string[]): string[] {
    const rest = [...args]
    if (rest.includes('--')) return rest
    for (let last = rest.at(-1); last !== undefined; last = rest.at(-1)) {
      const word = last
      const option = this.options.find(({ short, long }) => word === short || word === long)
      if (option?.required !== true) break
      this.#faults.push(`${option.long ?? word} needs a value`)
      rest.pop()
    }
    return rest
  }
}

function collect(
  layer: LayerBuilder,
  flag: Flag,
  { text, names, place }: { text: string | undefined; names: readonly string[]; place: string },
): void {
  if (flag.read === undefined) layer.set(flag.name, flag.negated !== true, place)
  else if (text === undefined || names.includes(text)) layer.faults.push(`${place} needs a value`)
  else layer.take(flag, text, place)
}

function argumentFaults(
  { argument }: CommandSpec,
  given: readonly string[],
  hasUnknown: boolean,
): readonly string[] {
  const max = argument ? 1 : 0
  const extra = given.slice(max).map((word) => `unexpected argument ${JSON.stringify(word)}`)
  if (argument === undefined || given.length > 0) return extra
  // Behind an unknown flag the argument may have been taken for its value.
  return hasUnknown ? [] : [`${argument.name} is missing: ${argument.about}`]
}

function unknownFault(word: string, known: readonly string[]): string {
  const name = word.replace(/=.*/s, '')
  const dashed = name.replaceAll('_', '-')
  if (dashed !== name && known.includes(dashed)) return `unknown option ${name}: write ${dashed}`
  return `unknown option ${name}${name.startsWith('--') ? nearest(name, known) : ''}`
}

/** The long form with its dashes. */
function spelled({ name, written = name, negated }: Flag): string {
  return negated === true ? `--no-${written}` : `--${written}`
}

/** All names of a flag, with their dashes; the long one first. */
export function spellings(flag: Flag): readonly string[] {
  return [spelled(flag), ...(flag.short === undefined ? [] : [dashedShort(flag.short)])]
}

function dashedShort(short: string): string {
  return short.length === 1 ? `-${short}` : `--${short}`
}

const termColumns = 24

/** A flag and its text; behind a long flag the text stands on the next line. */
function helpItem(term: string, columns: number, text: string, helper: Help): string {
  const indent = ' '.repeat(columns + 4)
  const lines = helper.boxWrap(text, (helper.helpWidth ?? 80) - indent.length).split('\n')
  const first = term.length <= columns ? `${term.padEnd(columns + 2)}${lines.shift() ?? ''}` : term
  return [`  ${first}`, ...lines.map((line) => `${indent}${line}`)].join('\n')
}

/** As the help shows it: `-j, --max-concurrency <N>`. */
export function flagTerm(flag: Flag): string {
  const names = [...spellings(flag)].toReversed().join(', ')
  return flag.value === undefined ? names : `${names} <${flag.value}>`
}

/** What a flag does, and what holds without it. */
export function flagText({ about, otherwise }: Flag): string {
  return otherwise === undefined ? about : `${about} (default: ${otherwise})`
}
