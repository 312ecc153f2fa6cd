/**
 * What the files of an earlier run hold, so that no answer in hand is bought again.
 *
 * The output and failed files are the record of a run; there is no other journal. `recover`
 * reads them when a run starts. Think of what it finds as a bag of keys: identical rows are
 * distinct work, so a key may be in it many times, and each row of the input takes one out
 * (`Held`).
 *
 * Invariant: an answer beats a failure, and a line is taken by one row.
 */

import { compressedOutputAt, type CompressedOutput, readCompressed } from './compressed-output.ts'
import type { Files } from './files.ts'
import { Fingerprints } from './fingerprints.ts'
import type { HeldCost } from './held-cost.ts'
import { KeySequence } from './key-sequence.ts'
import { type LineForm, lineForms } from './line-form.ts'
import { type LinePlace, readResultFile, syncFile } from './result-file.ts'
import type { ResultLine } from './result-line.ts'
import type { Holding } from './plan.ts'
import { findSpool } from './spool.ts'
import type { Spooled, SpoolSearch } from './spool.ts'

/** The files of a run. */
export interface RecordPaths {
  readonly output: string
  /** @default none: failures stand in the output */
  readonly failed?: string | undefined
  /**
   * `<output>.sluice`, where the spool of an ordered run is, and the part of a compressed output.
   * @default they are not looked for
   */
  readonly folder?: string | undefined
  /** Sums up what the answers cost. @default that is not looked at */
  readonly cost?: HeldCost | undefined
  /** Told of every line, whatever it says. @default nobody is */
  readonly witness?: LineWitness | undefined
  /** Told of every line of the output. @default nobody */
  readonly onOutputLine?: (line: ResultLine, place: LinePlace) => void
  /** Only look: change no file. @default false */
  readonly isReadOnly?: boolean
}

/** Who looks at the lines of earlier runs. */
export interface LineWitness {
  add(line: ResultLine): void
}

/** Both are told, if there are two. */
export function bothOf(one: LineWitness | undefined, other: LineWitness): LineWitness {
  if (one === undefined) return other
  return {
    add: (line) => {
      one.add(line)
      other.add(line)
    },
  }
}

/** What was found. */
export interface Recovered {
  /** Answers in the output, per key. */
  readonly succeeded: Fingerprints
  /** Failures, per key. A row tried again by a run that was killed may have more than one. */
  readonly failed: Fingerprints
  readonly succeededCount: number
  readonly failedCount: number
  /** Without the part of one that is compressed. */
  readonly outputBytes: number
  readonly failedBytes: number
  /** Answers that an ordered run had not put into the output; undefined when it left no spool. */
  readonly spooled: Spooled | undefined
  /** What makes up the output, if it is compressed. */
  readonly compressed: CompressedOutput | undefined
  /** The order in which the answers stand in the output. */
  readonly order: KeySequence
}

/**
 * Reads the files of an earlier run, and mends their ends (see result-file.ts). A file that is not
 * there holds nothing.
 *
 * @throws {RunError} `OUTPUT_FOREIGN` when a file holds something that is no result line;
 * `OUTPUT_DAMAGED` when a compressed output is not whole; `OUTPUT_UNWRITABLE` when one cannot be
 * read or mended.
 */
export async function recover(
  files: Files,
  paths: RecordPaths & { readonly folder: string },
  form: LineForm = lineForms.results,
): Promise<Recovered> {
  const compressed = compressedOutputAt(files, paths.output, paths.folder)
  if (compressed === undefined) return recoverPlain(files, paths, form)
  const recovery = new Recovery(files, paths)
  const { mends, visit } = recovery
  await readCompressed(files, compressed, { form, mends }, visit)
  readResultFile(files, compressed.part, visit, form, mends)
  return { ...recovery.end(compressed.bytes), compressed }
}

/** The same at once, of files of which none is compressed. */
export function recoverPlain(
  files: Files,
  paths: RecordPaths,
  form: LineForm = lineForms.results,
): Recovered {
  const recovery = new Recovery(files, paths)
  const { mends, visit } = recovery
  return recovery.end(readResultFile(files, paths.output, visit, form, mends))
}

/** What is found of it, while the output is read. */
class Recovery {
  readonly #files: Files
  readonly #paths: RecordPaths
  readonly #spool: SpoolSearch | undefined
  readonly #succeeded = new Fingerprints()
  readonly #failed = new Fingerprints()
  readonly #order = new KeySequence()
  #succeededCount = 0
  #failedCount = 0

  constructor(files: Files, paths: RecordPaths) {
    this.#files = files
    this.#paths = paths
    const { folder } = paths
    this.#spool = folder === undefined ? undefined : findSpool(files, folder, this.mends)
  }

  get mends(): boolean {
    return this.#paths.isReadOnly !== true
  }

  /** A line of the output. */
  readonly visit = (line: ResultLine, place: LinePlace): void => {
    this.#count(line)
    if (line.type === 'succeeded') this.#order.add(line.key)
    this.#spool?.seeOutputLine(line.key, place)
    this.#paths.onOutputLine?.(line, place)
  }

  /** To be called when all of the output was read: reads the rest. */
  end(outputBytes: number): Recovered {
    const { failed: path, cost } = this.#paths
    const count = (line: ResultLine): void => this.#count(line)
    const failedBytes =
      path === undefined ? 0 : readResultFile(this.#files, path, count, undefined, this.mends)
    return {
      succeeded: this.#succeeded,
      failed: this.#failed,
      succeededCount: this.#succeededCount,
      failedCount: this.#failedCount,
      outputBytes,
      failedBytes,
      spooled: this.#spool?.remaining(cost),
      compressed: undefined,
      order: this.#order,
    }
  }

  /** The type decides, not the file: an answer is one wherever the user's tools put it. */
  #count(line: ResultLine): void {
    const { type, key } = line
    this.#paths.cost?.add(line)
    this.#paths.witness?.add(line)
    if (type === 'succeeded') {
      this.#succeeded.add(key, 1)
      this.#succeededCount++
    } else {
      this.#failed.add(key, 1)
      this.#failedCount++
    }
  }
}

/**
 * Makes durable what was found: its writer may have been killed before it could.
 *
 * @throws {RunError} `OUTPUT_UNWRITABLE`
 */
export function syncFound(
  files: Files,
  { output, failed }: RecordPaths,
  { spooled, compressed }: Recovered,
): void {
  const spools = spooled?.files.map(({ path }) => path) ?? []
  for (const path of [output, failed, compressed?.part, ...spools]) {
    if (path !== undefined) syncFile(files, path)
  }
}

/**
 * The record as the planner uses it. It uses up what was recovered.
 *
 * @example
 * ```ts
 * const key = '00112233445566778899aabbccddeeff'
 * const succeeded = new Fingerprints()
 * succeeded.add(key, 1)
 * const failed = new Fingerprints()
 * const held = new Held({ succeeded, failed, succeededCount: 1, failedCount: 0 })
 * held.take(key) // => 'succeeded'
 * held.take(key) // => undefined
 * ```
 */
export class Held {
  readonly #succeeded: Fingerprints
  readonly #failed: Fingerprints
  readonly #spooled: Fingerprints | undefined
  readonly #order: KeySequence | undefined
  readonly #taken: KeySequence = new KeySequence()
  #succeededLeft: number
  #failedLeft: number

  constructor(
    recovered: Pick<Recovered, 'succeeded' | 'failed' | 'succeededCount' | 'failedCount'> &
      Partial<Pick<Recovered, 'spooled' | 'order'>>,
  ) {
    this.#succeeded = recovered.succeeded
    this.#failed = recovered.failed
    this.#spooled = recovered.spooled?.counts
    this.#order = recovered.order
    this.#succeededLeft = recovered.succeededCount
    this.#failedLeft = recovered.failedCount
  }

  /**
   * Takes one line of this key for a row: an answer if there is one, else a failure. `spooled`
   * is an answer too, one that `OrderedOutput.placeSpooled` puts in its place.
   */
  take(key: string): Holding | undefined {
    if (this.#succeeded.get(key) > 0) {
      this.#succeeded.add(key, -1)
      this.#succeededLeft--
      this.#taken.add(key)
      return 'succeeded'
    }
    if (this.#spooled !== undefined && this.#spooled.get(key) > 0) {
      this.#spooled.add(key, -1)
      return 'spooled'
    }
    if (this.#failed.get(key) === 0) return undefined
    this.#failed.add(key, -1)
    this.#failedLeft--
    return 'failed'
  }

  /**
   * Lines no row took: those of rows no longer in the input; and failures of rows that have
   * since been answered or failed again, where a kill kept the failed file from being compacted.
   */
  leftover(): { readonly succeeded: number; readonly failed: number } {
    return { succeeded: this.#succeededLeft, failed: this.#failedLeft }
  }

  /** Whether rows took all answers of the output, in the order in which these stand there. */
  get isInOrder(): boolean {
    return this.#succeededLeft === 0 && (this.#order?.equals(this.#taken) ?? true)
  }
}
