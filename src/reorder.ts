/**
 * The output of `--ordered`, put in order where appending could not keep it.
 *
 * That is so when the input was edited between two runs: an answer bought now belongs before one
 * that was in the output already. Then the file is rewritten once, at the end.
 *
 * Memory: 23 bytes a line (line-index.ts), whatever the lines hold.
 */

import type { Files } from './files.ts'
import { LineIndex } from './line-index.ts'
import { LineReader } from './line-scan.ts'
import { Replacement } from './replacement.ts'
import { readResultFile } from './result-file.ts'

/**
 * Puts the lines of the file in the order of `keys`, those of no key in it last, as they stood.
 * A key that has no line is passed over (its row failed). Does nothing if the order is that
 * already. Returns whether the file was rewritten. It must not be open to append: it is replaced
 * by another.
 */
export async function rewriteInOrder(
  files: Files,
  path: string,
  keys: AsyncIterable<string> | Iterable<string>,
): Promise<boolean> {
  let count = 0
  readResultFile(files, path, () => count++)
  if (count === 0) return false
  const index = new LineIndex(count)
  readResultFile(files, path, ({ key }, { offset }) => index.add(key, offset))
  index.seal()

  const file = files.open(path, 'read')
  const ordered = new OrderedCopy(files, path, new LineReader(file))
  try {
    for await (const key of keys) {
      const offset = index.take(key)
      if (offset !== undefined) ordered.add(offset)
    }
    for (const offset of index.rest()) ordered.add(offset)
    return ordered.commit()
  } catch (error) {
    ordered.abandon()
    throw error
  } finally {
    file.close()
  }
}

/** Copies lines to a new file, beginning with the first that is not where it was. */
class OrderedCopy {
  readonly #files: Files
  readonly #path: string
  readonly #lines: LineReader
  #replacement: Replacement | undefined
  /**
   * The end of the lines that were added in the order of the file; they are the beginning of it.
   */
  #sameBytes = 0

  constructor(files: Files, path: string, lines: LineReader) {
    this.#files = files
    this.#path = path
    this.#lines = lines
  }

  add(offset: number): void {
    if (this.#replacement === undefined && offset !== this.#sameBytes) this.#begin()
    const line = this.#lines.lineAt(offset)
    if (this.#replacement === undefined) this.#sameBytes += line.length
    else this.#replacement.write(line)
  }

  /** Puts the copy in the file's place; false if there was nothing to change. */
  commit(): boolean {
    this.#replacement?.commit()
    return this.#replacement !== undefined
  }

  abandon(): void {
    this.#replacement?.abandon()
  }

  #begin(): void {
    this.#replacement = new Replacement(this.#files, this.#path)
    for (let offset = 0; offset < this.#sameBytes;) {
      const line = this.#lines.lineAt(offset)
      this.#replacement.write(line)
      offset += line.length
    }
  }
}
