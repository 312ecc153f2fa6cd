/**
 * What may stand next in a command line, from the tables of commands and flags.
 *
 * The scripts of `sluice completion` ask at each TAB, so this loads nothing that a run needs. It
 * knows nothing of shells but that they take a word apart at `=`, or do not: both are read.
 *
 * The answer is lines: a word, a tab, what it is; the last line says what else there is:
 *
 *   --max-attempts<TAB>tries of one row…
 *   :none             nothing
 *   :files            files, and nothing but files where there are no words
 */

import { ancestorSpec, isAncestors } from './ancestor-flags.ts'
import { type CommandSpec, spellings } from './command.ts'
import type { Flag } from './flag.ts'
import { batchesAbout, specs } from './program.ts'

/** A word that may stand there. */
interface Candidate {
  readonly word: string
  readonly about: string
}

interface Completion {
  readonly candidates: readonly Candidate[]
  /** Whether a file may stand there. */
  readonly hasFiles?: boolean
}

const nothing: Completion = { candidates: [] }

/**
 * The lines for what stands behind `sluice`; the last word is the one that is completed, empty
 * where none is begun.
 *
 * @example
 * ```ts
 * completionLines(['run', '--fsync', 'a']) // => ['always\t', ':none']
 * completionLines(['run', '--fsync=n']) // => ['--fsync=never\t', ':none']
 * completionLines(['run', 'requests']) // => [':files']
 * ```
 */
export function completionLines(words: readonly string[]): readonly string[] {
  const before = words.slice(0, -1)
  const begun = words.at(-1) ?? ''
  const { candidates, hasFiles = false } = completion(before, begun)
  // Bash takes the equals sign for a word of its own.
  const start = begun === '=' && before.at(-1)?.startsWith('--') === true ? '' : begun
  const found = candidates.filter(({ word }) => word.startsWith(start))
  const lines = found.map(({ word, about }) => `${word}\t${about.replaceAll(/\s+/g, ' ')}`)
  return [...lines, hasFiles ? ':files' : ':none']
}

function completion(before: readonly string[], begun: string): Completion {
  const isScripts = isAncestors(before)
  const spec = isScripts ? ancestorSpec : commandOf(before)
  if (spec === undefined) return commandsBehind(before, begun)
  const given = isScripts ? before : before.slice(spec.name.split(' ').length)
  if (given.includes('--')) return ofArgument(spec, given)
  const equals = begun.indexOf('=')
  if (begun.startsWith('--') && equals > 0) return ofJoined(spec, begun.slice(0, equals))
  const [name, isEmpty] = given.at(-1) === '=' ? [given.at(-2), false] : [given.at(-1), true]
  const awaiting = begun === '=' ? given.at(-1) : name
  const flag = awaiting === undefined ? undefined : flagOf(spec, awaiting)
  if (flag?.read !== undefined) return ofValue(flag)
  // An equals sign behind what takes no value.
  if (begun === '=' || !isEmpty) return nothing
  if (begun.startsWith('-')) return { candidates: flagsOf(spec, given) }
  return ofArgument(spec, given)
}

/** The command of a line; undefined while it is not complete. */
function commandOf(words: readonly string[]): CommandSpec | undefined {
  return specs.find(({ name }) => name.split(' ').every((part, index) => words[index] === part))
}

/** Names of commands, and of those of a group behind its name. */
function commandsBehind(before: readonly string[], begun: string): Completion {
  const [first, ...rest] = before
  if (first === 'help' && rest.length === 0) return { candidates: commandsIn([]) }
  if (first !== undefined) {
    if (rest.length > 0) return nothing
    return { candidates: begun.startsWith('-') ? [helpFlag] : commandsIn([first]) }
  }
  if (begun.startsWith('-')) return { candidates: [helpFlag, versionFlag] }
  return { candidates: [...commandsIn([]), { word: 'help', about: 'show the help of a command' }] }
}

function commandsIn(group: readonly string[]): readonly Candidate[] {
  const found = new Map<string, string>()
  for (const { name, about } of specs) {
    const parts = name.split(' ')
    const word = parts[group.length]
    if (word === undefined || !group.every((part, index) => parts[index] === part)) continue
    const isGroup = parts.length > group.length + 1
    found.set(word, isGroup ? batchesAbout : about)
  }
  return [...found].map(([word, about]) => ({ word, about }))
}

const helpFlag: Candidate = { word: '--help', about: 'show this help' }
const versionFlag: Candidate = { word: '--version', about: 'show the version' }

/** Flags that may still be given, by all their long names. */
function flagsOf(spec: CommandSpec, given: readonly string[]): readonly Candidate[] {
  const isGiven = (flag: Flag): boolean =>
    spellings(flag).some((name) =>
      given.some((word) => word === name || word.startsWith(`${name}=`)),
    )
  const left = spec.flags.filter((flag) => flag.repeatable === true || !isGiven(flag))
  const all = left.flatMap((flag) =>
    spellings(flag)
      .filter((name) => name.startsWith('--'))
      .map((word) => ({ word, about: flag.about })),
  )
  return [...all, helpFlag]
}

function flagOf({ flags }: CommandSpec, name: string): Flag | undefined {
  return flags.find((flag) => spellings(flag).includes(name))
}

/** A value behind the name of its flag, in one word. */
function ofJoined(spec: CommandSpec, name: string): Completion {
  const flag = flagOf(spec, name)
  if (flag?.read === undefined) return nothing
  const { candidates, hasFiles = false } = ofValue(flag)
  return {
    candidates: candidates.map(({ word, about }) => ({ word: `${name}=${word}`, about })),
    hasFiles,
  }
}

function ofValue({ read, value = '' }: Flag): Completion {
  const words = read?.form.words ?? []
  const hasFiles = /^(FILE|PATH)/.test(value)
  return { candidates: words.map((word) => ({ word, about: '' })), hasFiles }
}

/** The argument, if it does not stand there yet. */
function ofArgument(spec: CommandSpec, given: readonly string[]): Completion {
  if (spec.argument === undefined || hasArgument(spec, given)) return nothing
  const { words } = spec.argument
  if (words === undefined) return { candidates: [], hasFiles: true }
  return { candidates: words.map((word) => ({ word, about: '' })) }
}

function hasArgument(spec: CommandSpec, given: readonly string[]): boolean {
  return given.some((word, index) => {
    if (word === '=' || word === '--' || (word.startsWith('-') && word !== '-')) return false
    const before = given[index - 1] === '=' ? given[index - 2] : given[index - 1]
    return before === undefined || flagOf(spec, before)?.read === undefined
  })
}
