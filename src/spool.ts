/**
 * The spool of `--ordered`, as an earlier run left it.
 *
 * Answers that came before their turn wait in files of the `.sluice` folder (see
 * ordered-output.ts). They are paid for, so these files are a record, as the output is. A kill
 * can leave a line in the spool and in the output, since it leaves the spool only after the
 * output is safe: then the output's counts. Which lines those are is told by the digest of the
 * whole line. Two answers to identical rows are told apart by it too, as each has its own
 * message and request id.
 */

import { Fingerprints } from './fingerprints.ts'
import type { Files } from './files.ts'
import type { HeldCost } from './held-cost.ts'
import { digest } from './hash.ts'
import { LineIndex } from './line-index.ts'
import { LineReader } from './line-scan.ts'
import { writeAll } from './replacement.ts'
import { openToAppend, readResultFile } from './result-file.ts'
import type { LinePlace } from './result-file.ts'
import type { ResultLine } from './result-line.ts'

/**
 * One file of the spool. Offsets in the spool count through its files: `base` is where this one
 * begins.
 */
export interface SpoolFile {
  readonly number: number
  readonly path: string
  readonly base: number
  readonly bytes: number
}

/** What waits in the spool. */
export interface Spooled {
  /** How many lines are not in the output. */
  readonly count: number
  /** The same, per key. */
  readonly counts: Fingerprints
  /** Where in the spool they are. */
  readonly index: LineIndex
  /** All files, in order, those included of which no line is needed any more. */
  readonly files: readonly SpoolFile[]
}

/** A spool that is being compared with its output. */
export interface SpoolSearch {
  /** To be called for each line of the output. */
  seeOutputLine(key: string, place: LinePlace): void
  /** What is left after that; sums up what it cost. */
  remaining(cost?: HeldCost): Spooled
}

/** The name of the spool's file of this number, from 1. */
export function spoolPath(folder: string, number: number): string {
  return `${folder}/ordered.${number}.spool`
}

/** Reads the spool in the folder, and mends the ends of its files; undefined when there is none. */
export function findSpool(files: Files, folder: string, mends = true): SpoolSearch | undefined {
  const numbers = files
    .list(folder)
    .map((name) => /^ordered\.(\d+)\.spool$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .toSorted((a, b) => a - b)
  if (numbers.length === 0) return undefined
  const keys = new Fingerprints()
  const spoolFiles: SpoolFile[] = []
  let base = 0
  for (const number of numbers) {
    const path = spoolPath(folder, number)
    const bytes = readResultFile(files, path, ({ key }) => keys.set(key, 1), undefined, mends)
    spoolFiles.push({ number, path, base, bytes })
    base += bytes
  }
  const inOutput = new Fingerprints()
  return {
    seeOutputLine(key, place) {
      // Few lines of the output have a key that is in the spool; no other needs a digest.
      if (keys.get(key) > 0) inOutput.add(digestOf(place), 1)
    },
    remaining: (cost) => indexSpool(files, spoolFiles, { inOutput, cost, mends }),
  }
}

/**
 * Appends what waits in the spool to the output, in no particular order, and removes the spool:
 * for a run that goes on without `--ordered`. The rows find their answers `spooled` all the
 * same.
 */
export function pourSpool(files: Files, output: string, { index, files: parts }: Spooled): void {
  const target = openToAppend(files, output)
  const sizeBefore = target.size()
  const readers = new SpoolReader(files, parts)
  try {
    for (const offset of index.rest()) writeAll(target, readers.lineAt(offset))
    target.syncNow()
  } catch (error) {
    // On a full disk the output must not be left with a part of a line.
    target.truncate(sizeBefore)
    throw error
  } finally {
    readers.close()
    target.close()
  }
  for (const { path } of parts) files.remove(path)
}

/** Lines of a spool by their offset in it. */
export class SpoolReader {
  readonly #parts: readonly { base: number; bytes: number; reader: LineReader; close: () => void }[]

  constructor(files: Files, parts: readonly SpoolFile[]) {
    this.#parts = parts.map(({ path, base, bytes }) => {
      const file = files.open(path, 'read')
      return { base, bytes, reader: new LineReader(file), close: () => file.close() }
    })
  }

  /** The line with its newline; valid until the next call. */
  lineAt(offset: number): Uint8Array {
    const part = this.#parts.findLast(({ base, bytes }) => base <= offset && bytes > 0)
    return part === undefined ? new Uint8Array() : part.reader.lineAt(offset - part.base)
  }

  close(): void {
    for (const { close } of this.#parts) close()
  }
}

interface IndexOptions {
  readonly inOutput: Fingerprints
  readonly cost: HeldCost | undefined
  readonly mends: boolean
}

function indexSpool(
  files: Files,
  spoolFiles: readonly SpoolFile[],
  { inOutput, cost, mends }: IndexOptions,
): Spooled {
  const counts = new Fingerprints()
  const index = new LineIndex()
  for (const { path, base } of spoolFiles) {
    const visit = (line: ResultLine, place: LinePlace): void => {
      const { key } = line
      const name = inOutput.size > 0 ? digestOf(place) : ''
      if (name !== '' && inOutput.get(name) > 0) {
        inOutput.add(name, -1)
      } else {
        cost?.add(line)
        counts.add(key, 1)
        index.add(key, base + place.offset)
      }
    }
    readResultFile(files, path, visit, undefined, mends)
  }
  index.seal()
  return { count: index.left, counts, index, files: spoolFiles }
}

function digestOf({ buffer, start, end }: LinePlace): string {
  return digest(buffer.subarray(start, end))
}
