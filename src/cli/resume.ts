/**
 * The command that goes on where a run stopped: the one that was given, less what must not
 * be repeated (a key, `--overwrite`), quoted for a shell.
 */

import { isSecretHeader } from './redact.ts'

/** Flags with a value that is not repeated, and flags that would start over. */
const withValue = new Set(['--api-key', '--api_key'])
const budgetFlags = new Set(['--max-budget-usd', '--budget', '--max-total-tokens'])
const withoutValue = new Set(['--overwrite', '--yes', '-y'])

/**
 * The command line, quoted. `args` are what followed the program's name.
 *
 * @example
 * ```ts
 * resumeCommand('sluice', ['run', 'a b.jsonl', '--overwrite']) // => "sluice run 'a b.jsonl'"
 * ```
 */
export function resumeCommand(
  program: string,
  args: readonly string[],
  platform = 'linux',
): string {
  const kept: string[] = []
  for (let index = 0; index < args.length; index++) {
    const word = args[index] ?? ''
    if (withValue.has(word)) index += 1
    else if (!withoutValue.has(word) && !/^--api[-_]key=/.test(word)) kept.push(word)
  }
  const quoted = kept.map((word, index) => quote(withoutSecret(kept[index - 1], word), platform))
  return [program, ...quoted].join(' ')
}

/** The value of a header that may be a secret is left for the user to put back. */
function withoutSecret(before: string | undefined, word: string): string {
  const match = /^(-H|--header=)?([^:]*:)/.exec(word)
  const isHeader = before === '-H' || before === '--header' || match?.[1] !== undefined
  if (!isHeader || match === null || !isSecretHeader(match[2] ?? '')) return word
  return `${match[0]} …`
}

/**
 * What was typed, with a higher budget: twice what there was, in the unit that is used up.
 *
 * @example
 * ```ts
 * withBudget(['run', '--budget', '2'], '--budget', '4') // => ['run', '--budget', '4']
 * ```
 */
export function withBudget(args: readonly string[], flag: string, value: string): string[] {
  const isTokens = flag === '--max-total-tokens'
  const isIt = (word: string): boolean =>
    budgetFlags.has(word) && (word === '--max-total-tokens') === isTokens
  return [...withoutFlags(args, isIt), flag, value]
}

/**
 * What was typed, less some flags and their values.
 *
 * @example
 * ```ts
 * withoutFlags(['run', '--pilot', '5', '-q'], (word) => word === '--pilot') // => ['run', '-q']
 * ```
 */
export function withoutFlags(
  args: readonly string[],
  isOne: (word: string) => boolean,
): readonly string[] {
  return args.filter(
    (word, index) => !isOne(word.split('=')[0] ?? '') && !isOne(args[index - 1] ?? ''),
  )
}

/** Flags that say which API is meant, and as whom it is asked. */
const apiFlags = new Set(['--base-url', '--anthropic-version', '--env-file', '--config'])

/**
 * What another command needs to reach the same API, of what was typed.
 *
 * @example
 * ```ts
 * sameApi(['run', 'x', '--base-url', 'u', '-q']) // => ['--base-url', 'u']
 * ```
 */
export function sameApi(args: readonly string[]): readonly string[] {
  return args.filter(
    (word, index) => apiFlags.has(word.split('=')[0] ?? '') || apiFlags.has(args[index - 1] ?? ''),
  )
}

/** A word as it is typed into a shell. */
export function quote(word: string, platform: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word
  if (platform === 'win32') return `"${word.replaceAll('"', '\\"')}"`
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** What the user typed to get here: the name alone, through npx, or a path to the script. */
export function programName(
  script: string | undefined,
  variables: Readonly<Record<string, string | undefined>>,
): string {
  if (variables['npm_command'] === 'exec') return 'npx sluice'
  return script !== undefined && /[\\/]bin[\\/]sluice\.js$/.test(script)
    ? `node ${script}`
    : 'sluice'
}
