/**
 * The record of turns: `<output>.sluice/turns`, answers of rows that are asked again.
 *
 * A turn was paid for, and its row has no line yet. So it is here before the row asks again, and a
 * run that is killed between the two goes on from it: nothing is bought twice. When the row has its
 * line, which holds the turns, they are of no use here; when the file has grown it is written anew
 * without them, and when none is left it goes. So it is bounded by what can be under way.
 *
 * A row is known by its key, and by its line: identical rows are distinct work. One that stands on
 * another line now takes the turns of its key that no other row has taken.
 *
 * A record and no cache: without it those answers are bought again.
 */

import { Appender, type AppenderEvents, type FsyncPolicy } from './appender.ts'
import { assert } from './assert.ts'
import type { Clock } from './clock.ts'
import { RunError } from './errors.ts'
import { type Files, systemErrorCode } from './files.ts'
import { isJsonObject, parseJson } from './json.ts'
import { textAt } from './json-spans.ts'
import { openToAppend, syncFile } from './result-file.ts'
import type { ResultLine } from './result-line.ts'
import type { KeptTurn, TurnReason } from './turns.ts'

/** A row, as the record knows it. */
export interface TurnPlace {
  readonly key: string
  readonly lineNumber: number
}

/** Where the record is. */
export interface TurnRecordOptions {
  readonly files: Files
  readonly clock: Clock
  readonly fsync: FsyncPolicy
  /** `<output>.sluice`. */
  readonly folder: string
}

/** The turns of one row that has no line yet. */
interface Chain {
  readonly key: string
  readonly line: number
  /** The line of the row that has taken it. */
  takenBy: number | undefined
  readonly turns: KeptTurn[]
}

/** A file that has grown by so much, and by more than what is of use, is written anew. */
const grownBytesMax = 2 ** 24
const reasons: readonly TurnReason[] = ['truncated', 'paused', 'invalid_output']
const none: readonly KeptTurn[] = []

export class TurnRecord {
  readonly #options: TurnRecordOptions
  readonly #path: string
  readonly #chains = new Map<string, Chain[]>()
  #appender: Appender | undefined
  #events: AppenderEvents | undefined

  /**
   * Reads what earlier runs left.
   *
   * @throws {RunError} `OUTPUT_FOREIGN` when the file is not ours, `OUTPUT_UNWRITABLE`
   */
  constructor(options: TurnRecordOptions) {
    const { files, folder, fsync } = options
    this.#options = options
    this.#path = `${folder}/turns`
    if (files.stat(this.#path) === undefined) return
    for (const { place, turn } of readRecord(files, this.#path)) this.#read(place, turn)
    if (fsync !== 'never') syncFile(files, this.#path)
  }

  /** A line of the output or the failed file: what is here of its row is of no use any more. */
  seen({ type, key, line, turns = 0 }: Pick<ResultLine, 'type' | 'key' | 'line' | 'turns'>): void {
    const chains = this.#chains.get(key)
    // A row that had failed without them may be asked again.
    if (chains === undefined || (turns === 0 && type !== 'succeeded')) return
    const own = chains.find((chain) => chain.line === line)
    // One that had turns has them in its line; it may have stood on another before.
    this.#drop(chains, own ?? (turns > 0 ? chains[0] : undefined))
  }

  /** Nano-dollars that the turns cost whose rows have no line; and how many have no price. */
  get cost(): { readonly nanoUsd: number; readonly unpriced: number } {
    let [nanoUsd, unpriced] = [0, 0]
    for (const { turns } of this.#all()) {
      for (const { costNanoUsd } of turns) {
        if (costNanoUsd === null) unpriced += 1
        else nanoUsd += costNanoUsd
      }
    }
    return { nanoUsd, unpriced }
  }

  /** The turns of a row, which are its own from now on. */
  of(place: TurnPlace): readonly KeptTurn[] {
    return this.#chainOf(place)?.turns ?? none
  }

  /** Whether lines wait for room. */
  get isBlocked(): boolean {
    return this.#appender?.isBlocked === true
  }

  /**
   * To be called when all lines of earlier runs were seen, by a run that may ask rows again;
   * `events`: who hears of trouble.
   *
   * @throws {RunError} `OUTPUT_UNWRITABLE`
   */
  open(events: AppenderEvents): void {
    this.#events = events
    try {
      this.#options.files.makeFolder(this.#options.folder)
      // The end of what is there may be torn.
      if (this.#options.files.stat(this.#path) !== undefined) this.#replace()
      this.#appender = this.#begin()
    } catch (error) {
      throw unusable('write', this.#path, error)
    }
  }

  /** A row is asked again behind this answer. `onWritten` is called when that may be done. */
  add(place: TurnPlace, turn: KeptTurn, onWritten: () => void): void {
    const { key, lineNumber: line } = place
    assert(this.#appender !== undefined, 'A turn was added to a record that is not open')
    const chain = this.#chainOf(place) ?? this.#put({ key, line, takenBy: line, turns: [] })
    chain.turns.push(turn)
    this.#appender.append(lineOf(chain, turn), onWritten)
    if (this.#appender.bytesWritten > grownBytesMax && !this.#appender.isBlocked) this.#rewrite()
  }

  /** The row has its line. */
  settled(place: TurnPlace): void {
    const chain = this.#chainOf(place)
    if (chain !== undefined) this.#drop(this.#chains.get(place.key) ?? [], chain)
  }

  /** Resolves when every turn is written, and durable as far as was asked. */
  async flush(): Promise<void> {
    await this.#appender?.flush()
  }

  /** Lets go of the file, and removes it if nothing is left in it. */
  close(): void {
    this.#appender?.close()
    this.#appender = undefined
    if (this.#chains.size === 0) this.#options.files.remove(this.#path)
  }

  #chainOf({ key, lineNumber }: TurnPlace): Chain | undefined {
    const chains = this.#chains.get(key) ?? []
    const chain =
      chains.find(({ takenBy }) => takenBy === lineNumber) ??
      chains.find(({ takenBy, line }) => takenBy === undefined && line === lineNumber) ??
      chains.find(({ takenBy }) => takenBy === undefined)
    if (chain !== undefined) chain.takenBy = lineNumber
    return chain
  }

  #read({ key, lineNumber: line }: TurnPlace, turn: KeptTurn): void {
    const chain = this.#chains.get(key)?.find((other) => other.line === line)
    if (chain === undefined) this.#put({ key, line, takenBy: undefined, turns: [turn] })
    else chain.turns.push(turn)
  }

  #put(chain: Chain): Chain {
    this.#chains.set(chain.key, [...(this.#chains.get(chain.key) ?? []), chain])
    return chain
  }

  #drop(chains: readonly Chain[], chain: Chain | undefined): void {
    const [first] = chains
    const left = chains.filter((other) => other !== chain)
    if (first === undefined) return
    if (left.length === 0) this.#chains.delete(first.key)
    else this.#chains.set(first.key, left)
  }

  *#all(): Iterable<Chain> {
    for (const chains of this.#chains.values()) yield* chains
  }

  #begin(): Appender {
    assert(this.#events !== undefined, 'Turns are written by a record that is open')
    const file = openToAppend(this.#options.files, this.#path)
    return new Appender({ ...this.#options, ...this.#events, file })
  }

  #rewrite(): void {
    try {
      this.#replace()
    } catch (error) {
      // It goes on growing until there is room for a second one.
      if (systemErrorCode(error) === undefined) throw error
      return
    }
    this.#appender?.close()
    this.#appender = this.#begin()
  }

  /** Puts what is of use in the place of all lines. */
  #replace(): void {
    const { files } = this.#options
    const chains = [...this.#all()]
    const lines = chains.flatMap((chain) => chain.turns.map((turn) => lineOf(chain, turn)))
    files.writeText(this.#path, lines.join(''))
    files.syncFolderOf(this.#path)
  }
}

function lineOf({ key, line }: Chain, turn: KeptTurn): string {
  const { why, costNanoUsd, requestId, batchRequest, message } = turn
  const members = { key, line, why, costNanoUsd, requestId, batchRequest }
  return `${JSON.stringify(members).slice(0, -1)},"message":${message}}\n`
}

interface Read {
  readonly place: TurnPlace
  readonly turn: KeptTurn
}

function readRecord(files: Files, path: string): readonly Read[] {
  // What follows the last line feed is torn, and a power loss may leave NUL bytes.
  const lines = readText(files, path).replaceAll('\0', '').split('\n').slice(0, -1)
  return lines.map((line, index) => {
    const read = readLine(line)
    if (read !== undefined) return read
    const message = `Cannot go on with ${path}: line ${index + 1} is none of sluice's`
    const hint = 'it holds answers that were paid for; put it back as it was, or use another -o'
    throw new RunError('OUTPUT_FOREIGN', message, { hint })
  })
}

function readLine(text: string): Read | undefined {
  const value = parseJson(text)
  if (!isJsonObject(value) || !isJsonObject(value['message'])) return undefined
  const { key, line, costNanoUsd: cost, requestId, batchRequest } = value
  const why = reasons.find((reason) => reason === value['why'])
  if (typeof key !== 'string' || typeof line !== 'number' || why === undefined) return undefined
  const message = textAt(Buffer.from(text), 'message')
  if (message === undefined) return undefined
  const turn = {
    why,
    message,
    costNanoUsd: typeof cost === 'number' ? cost : null,
    requestId: typeof requestId === 'string' ? requestId : null,
    ...(typeof batchRequest === 'string' && { batchRequest }),
  }
  return { place: { key, lineNumber: line }, turn }
}

function readText(files: Files, path: string): string {
  try {
    return files.readText(path)
  } catch (error) {
    throw unusable('read', path, error)
  }
}

function unusable(how: 'read' | 'write', path: string, cause: unknown): RunError {
  if (cause instanceof RunError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  const hint = 'it holds answers that were paid for; see that it can be used, then run again'
  return new RunError('OUTPUT_UNWRITABLE', `Cannot ${how} ${path}: ${reason}`, { hint, cause })
}
