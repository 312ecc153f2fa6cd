/**
 * The record of what is spent beside the answers: `<output>.sluice/spend`, in runs with a budget.
 *
 * The lines of the output say what their answers cost. A process that is killed cannot say what it
 * had under way; so before a request is sent, this file says what it may cost at most, and
 * afterwards what of that remains to be counted here: nothing when the answer stands in the output
 * with its cost, or was refused; all of it when no complete reply was read.
 *
 *   spent 7500 0     carried over: nano-dollars and tokens that were spent,
 *   perhaps 45000 0  and that may have been
 *   +17 45000 0      try 17 is being sent, and may cost so much
 *   -17 0 0          try 17 is over, and so much of it was spent and stands nowhere else
 *   ?17 45000 0      try 17 is over, and so much may have been spent
 *
 * What is not over when a run begins may have been billed, and is carried over. One write a turn of
 * the event loop takes all that the turn sends; a torn last line stands for a request that was not
 * sent, or for one that is over and counts at its most. When it has grown the file is written anew,
 * with the sum and what is under way, so it is bounded by what can be under way.
 *
 * A record and no cache: without it the budget does not know what may have been billed.
 */

import { Appender, type FsyncPolicy } from './appender.ts'
import type { Before } from './budget.ts'
import type { Clock } from './clock.ts'
import { RunError } from './errors.ts'
import { type File, type Files, systemErrorCode } from './files.ts'
import { openToAppend } from './result-file.ts'
import type { Amount } from './worst-case.ts'

/** Where the record is, and who hears of trouble. */
export interface SpendRecordOptions {
  readonly files: Files
  readonly clock: Clock
  readonly fsync: FsyncPolicy
  /** `<output>.sluice`; is there already. */
  readonly folder: string
  /** It cannot be written for now (`ENOSPC`…), or it can again (null). */
  readonly onBlocked: (code: string | null) => void
  /** It cannot be written any more. */
  readonly onLost: (error: RunError) => void
}

type Carried = { -readonly [How in keyof Before]: Before[How] }

const none: Amount = { nanoUsd: 0, tokens: 0 }
/** A file that has grown by so much is written anew. */
const grownBytesMax = 2 ** 20

export class SpendRecord {
  readonly #options: SpendRecordOptions
  readonly #path: string
  /** What may cost at most what is under way, by its number. */
  readonly #open = new Map<number, Amount>()
  /** An earlier run had left one. */
  readonly wasThere: boolean
  readonly #carried: Carried
  #file: File
  #appender: Appender
  /** Lines of tries that are over, for the next write. */
  #over = ''

  /**
   * Reads what earlier runs left, and starts anew with it carried over.
   *
   * @throws {RunError} `OUTPUT_FOREIGN` when the file is not ours, `OUTPUT_UNWRITABLE`
   */
  constructor(options: SpendRecordOptions) {
    const { files, folder } = options
    this.#options = options
    this.#path = `${folder}/spend`
    this.wasThere = files.stat(this.#path) !== undefined
    this.#carried = this.wasThere ? readRecord(files, this.#path) : { spent: none, unknown: none }
    if (this.wasThere) {
      try {
        this.#replace()
      } catch (error) {
        throw unwritable(this.#path, error)
      }
    }
    const { file, appender } = this.#begin()
    this.#file = file
    this.#appender = appender
  }

  /** What tries that are over have spent, or may have, and does not stand in the output. */
  get carried(): Before {
    return this.#carried
  }

  /**
   * Notes tries that are about to be sent. False: that cannot be written, so they must not be.
   */
  send(tries: readonly { readonly number: number; readonly most: Amount }[]): boolean {
    for (const { number, most } of tries) this.#open.set(number, most)
    const lines = tries.map(({ number, most }) => lineOf(`+${number}`, most))
    this.#append(lines.join(''))
    if (!this.#appender.isBlocked) {
      this.#syncNow()
      return true
    }
    for (const { number } of tries) this.settle(number, 'spent', none)
    return false
  }

  /** A try is over; so much of it was spent, or may have been, and stands nowhere else. */
  settle(number: number, how: keyof Carried, rest: Amount): void {
    if (!this.#open.delete(number)) return
    this.#carried[how] = sum(this.#carried[how], rest)
    this.#over += lineOf(`${how === 'spent' ? '-' : '?'}${number}`, rest)
  }

  /** So much was spent, or may have been, by what was noted elsewhere until now. */
  add(how: keyof Carried, rest: Amount): void {
    this.#carried[how] = sum(this.#carried[how], rest)
    this.#over += lineOf(`${how === 'spent' ? '-' : '?'}0`, rest)
    this.flush()
  }

  /** Writes what is not written yet. */
  flush(): void {
    if (this.#over !== '') this.#append('')
    if (this.#appender.bytesWritten > grownBytesMax && !this.#appender.isBlocked) this.#rewrite()
  }

  /** Lets go of the file; removes it if all `isOver` and there is nothing to carry over. */
  close(isOver: boolean): void {
    this.flush()
    this.#appender.close()
    if (this.#open.size > 0) return
    try {
      const { nanoUsd, tokens } = sum(this.#carried.spent, this.#carried.unknown)
      const isNeeded = !isOver || nanoUsd + tokens > 0
      if (isNeeded) this.#replace()
      else this.#options.files.remove(this.#path)
    } catch (error) {
      // It says the same as it stands, at greater length.
      if (systemErrorCode(error) === undefined) throw error
    }
  }

  #append(lines: string): void {
    const text = this.#over + lines
    this.#over = ''
    this.#appender.append(text, () => {})
  }

  /** Under `always` a request is not sent before its line is safe. */
  #syncNow(): void {
    if (this.#options.fsync !== 'always') return
    try {
      this.#file.syncNow()
    } catch (error) {
      this.#options.onLost(unwritable(this.#path, error))
    }
  }

  #begin(): { file: File; appender: Appender } {
    const { files, clock, fsync, onBlocked, onLost } = this.#options
    const file = openToAppend(files, this.#path)
    const appender = new Appender({
      file,
      clock,
      // What must be safe at once is synced at once; the rest can wait.
      fsync: fsync === 'never' ? 'never' : '1s',
      onBlocked,
      onUnblocked: () => onBlocked(null),
      onFailed: (error) => onLost(unwritable(this.#path, error)),
    })
    return { file, appender }
  }

  #rewrite(): void {
    try {
      this.#replace()
    } catch (error) {
      // It goes on growing until there is room for a second one.
      if (systemErrorCode(error) === undefined) throw error
      return
    }
    this.#appender.close()
    const { file, appender } = this.#begin()
    this.#file = file
    this.#appender = appender
  }

  /** Puts the sum, and what is under way, in the place of all lines. */
  #replace(): void {
    const { files } = this.#options
    const open = [...this.#open].map(([number, most]) => lineOf(`+${number}`, most))
    const { spent, unknown } = this.#carried
    const carried = lineOf('spent', spent) + lineOf('perhaps', unknown)
    files.writeText(this.#path, carried + open.join(''))
    files.syncFolderOf(this.#path)
  }
}

function lineOf(head: string, { nanoUsd, tokens }: Amount): string {
  return `${head} ${nanoUsd} ${tokens}\n`
}

function sum(a: Amount, b: Amount): Amount {
  return { nanoUsd: a.nanoUsd + b.nanoUsd, tokens: a.tokens + b.tokens }
}

const lineForm = /^(spent|perhaps|[-+?]\d+) (\d+) (\d+)$/

/** What the lines of a record come to. What is not over may have been spent. */
function readRecord(files: Files, path: string): Carried {
  const open = new Map<string, Amount>()
  const carried: Carried = { spent: none, unknown: none }
  // What follows the last line feed is torn, and a power loss may leave NUL bytes.
  const lines = readText(files, path).replaceAll('\0', '').split('\n').slice(0, -1)
  for (const [index, line] of lines.entries()) {
    const [, head, nanoUsd, tokens] = lineForm.exec(line) ?? []
    if (head === undefined) throw foreign(path, index + 1)
    const amount = { nanoUsd: Number(nanoUsd), tokens: Number(tokens) }
    const number = head.slice(1)
    if (head.startsWith('+')) {
      open.set(number, amount)
      continue
    }
    open.delete(number)
    const how = head === 'spent' || head.startsWith('-') ? 'spent' : 'unknown'
    carried[how] = sum(carried[how], amount)
  }
  carried.unknown = [...open.values()].reduce(sum, carried.unknown)
  return carried
}

function foreign(path: string, line: number): RunError {
  const message = `Cannot go on with ${path}: line ${line} is none of sluice's`
  const hint = 'it says what earlier runs may have spent; put it back as it was, or use another -o'
  return new RunError('OUTPUT_FOREIGN', message, { hint })
}

function readText(files: Files, path: string): string {
  try {
    return files.readText(path)
  } catch (error) {
    throw unwritable(path, error)
  }
}

function unwritable(path: string, cause: unknown): RunError {
  if (cause instanceof RunError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RunError('OUTPUT_UNWRITABLE', `Cannot write ${path}: ${reason}`, {
    hint: 'a run with a budget notes what it sends before it sends it; make room, then run again',
    cause,
  })
}
