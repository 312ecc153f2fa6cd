/**
 * A file rewritten whole, in blocks: written beside the old one, synced, and renamed over it.
 *
 * Until `commit` the old file stands as it was; after it the new one does. A crash in between
 * leaves a `.rewrite` file, which the next rewriting removes.
 */

import type { File, Files } from './files.ts'

const blockBytes = 2 ** 20

/** Appends pieces to a file, a block at a time. */
export class BlockWriter {
  readonly #file: File
  readonly #block: Buffer = Buffer.allocUnsafe(blockBytes)
  #filled = 0

  constructor(file: File) {
    this.#file = file
  }

  /** Copies the piece; it may be overwritten after the call. */
  write(piece: Uint8Array): void {
    if (piece.length > blockBytes - this.#filled) this.flush()
    if (piece.length > blockBytes) {
      writeAll(this.#file, piece)
    } else {
      this.#block.set(piece, this.#filled)
      this.#filled += piece.length
    }
  }

  /** Writes what has gathered. */
  flush(): void {
    writeAll(this.#file, this.#block.subarray(0, this.#filled))
    this.#filled = 0
  }
}

/** The new content of one file. `commit` or `abandon` ends it. */
export class Replacement {
  readonly #files: Files
  readonly #path: string
  readonly #temporary: string
  readonly #file: File
  readonly #writer: BlockWriter
  #isOpen = true

  /** Starts to replace the file at `path`, or what a symbolic link there leads to. */
  constructor(files: Files, path: string) {
    this.#files = files
    this.#path = files.realPath(path)
    this.#temporary = `${this.#path}.rewrite`
    files.remove(this.#temporary)
    this.#file = files.open(this.#temporary, 'create')
    this.#writer = new BlockWriter(this.#file)
  }

  write(piece: Uint8Array): void {
    this.#writer.write(piece)
  }

  /** Puts the new content in the old one's place, durably and with its permissions. */
  commit(): void {
    this.#writer.flush()
    this.#file.syncNow()
    this.#close()
    this.#files.copyMode(this.#path, this.#temporary)
    this.#files.rename(this.#temporary, this.#path)
    this.#files.syncFolderOf(this.#path)
  }

  /** Leaves the old content; also after a `commit` that threw. */
  abandon(): void {
    this.#close()
    this.#files.remove(this.#temporary)
  }

  #close(): void {
    if (this.#isOpen) this.#file.close()
    this.#isOpen = false
  }
}

/** Writes all of `bytes`, however many calls it takes. */
export function writeAll(file: File, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length;) offset += file.write(bytes, offset)
}
