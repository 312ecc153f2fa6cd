/**
 * What keys mean while a run goes on: bytes to keys, keys to commands. All pure.
 *
 * A terminal that gives every key at once no longer makes signals of ^C, ^Z and ^\: they come as
 * bytes like any other, and are told apart here.
 */

import type { Command } from '../control.ts'
import type { Snapshot } from '../snapshot.ts'

/** What a key asks for. */
export type Key = 'pause' | 'drain' | 'more' | 'fewer' | 'help'

/** What was typed, in its order. */
export interface Typed {
  readonly keys: readonly (Key | 'SIGINT' | 'SIGTSTP' | 'SIGQUIT')[]
  /** The beginning of a sequence whose end is yet to come: goes before what comes next. */
  readonly rest: string
}

const keys: Readonly<Record<string, Typed['keys'][number]>> = {
  p: 'pause',
  ' ': 'pause',
  d: 'drain',
  '+': 'more',
  '=': 'more',
  '-': 'fewer',
  _: 'fewer',
  '?': 'help',
  h: 'help',
  '\u0003': 'SIGINT',
  '\u001a': 'SIGTSTP',
  '\u001c': 'SIGQUIT',
}

/** Arrows, function keys and the like: they mean nothing, and nor do the letters in them. */
const sequence =
  // eslint-disable-next-line no-control-regex
  /\u001b(?:\[[\u0030-\u003f]*[\u0020-\u002f]*[\u0040-\u007e]|O[\s\S]|[^[O\u001b])/g
/** The beginning of one; a terminal sends no longer ones. */
// eslint-disable-next-line no-control-regex
const unfinished = /\u001b(?:\[[\u0020-\u003f]{0,16}|O)?$/

/** More kinds of characters than this in one piece were not typed but pasted. */
const kindsMax = 2

/**
 * Keys in a piece of what a terminal sent, as Latin-1. What was pasted is no command: of it only
 * keys count that would be signals.
 *
 * @example
 * ```ts
 * keysIn('p++').keys // => ['pause', 'more', 'more']
 * keysIn('\u001b[Ad').keys // => ['drain']
 * keysIn('undone').keys // => []
 * ```
 */
export function keysIn(piece: string, before = ''): Typed {
  const text = (before + piece).replaceAll(sequence, '')
  const rest = unfinished.exec(text)?.[0] ?? ''
  const typed = text
    .slice(0, text.length - rest.length)
    .toLowerCase()
    .split('')
  const found = typed.map((character) => keys[character]).filter((key) => key !== undefined)
  // eslint-disable-next-line no-control-regex
  const kinds = new Set(typed.filter((character) => !/[\u0000-\u001f]/.test(character)))
  const isPasted = kinds.size > kindsMax
  return { keys: isPasted ? found.filter((key) => key.startsWith('SIG')) : found, rest }
}

/** By so much a bound goes up, or down. */
const step = 1.25

/** What counts of a run. */
export type Steered = Pick<Snapshot, 'paused' | 'maxConcurrency'> & {
  readonly attempts: Pick<Snapshot['attempts'], 'inFlight'>
}

/**
 * The command for a key; undefined when it asks for nothing. Without a bound there is none to
 * raise, and it is lowered from what is in flight.
 */
export function commandFor(
  key: Key,
  { paused, maxConcurrency, attempts }: Steered,
): Command | undefined {
  switch (key) {
    case 'pause':
      return { type: paused ? 'resume' : 'pause' }
    case 'drain':
      return { type: 'drain' }
    case 'more':
      if (maxConcurrency === null) return undefined
      return bounded(Math.max(maxConcurrency + 1, Math.round(maxConcurrency * step)))
    case 'fewer': {
      const bound = maxConcurrency ?? attempts.inFlight
      return bounded(Math.max(1, Math.min(bound - 1, Math.round(bound / step))))
    }
    case 'help':
      return undefined
    default:
      return key satisfies never
  }
}

function bounded(max: number): Command {
  return { type: 'concurrency', max }
}
