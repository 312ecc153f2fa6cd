/**
 * A file that is written from its start to its end, and waits where the disk is full.
 *
 * Whoever writes looks at `isBlocked` before it goes on, and waits for `ready()`: what was handed
 * over meanwhile is kept.
 */

import { Appender } from '../appender.ts'
import type { Clock } from '../clock.ts'
import { RunError } from '../errors.ts'
import type { Files } from '../files.ts'

/** Where it is, and who hears of a full disk (`ENOSPC`…; null: there is room again). */
export interface DiskFileOptions {
  readonly files: Files
  readonly clock: Clock
  readonly path: string
  readonly onBlocked: (code: string | null) => void
}

/** See above. */
export class DiskFile {
  readonly #path: string
  readonly #appender: Appender
  #error: RunError | undefined
  #waiting: (() => void)[] = []

  /** @throws {RunError} `OUTPUT_UNWRITABLE` when it cannot be made */
  constructor({ files, clock, path, onBlocked }: DiskFileOptions) {
    this.#path = path
    try {
      files.remove(path)
      this.#appender = new Appender({
        file: files.open(path, 'append'),
        clock,
        fsync: '1s',
        onBlocked,
        onUnblocked: () => {
          onBlocked(null)
          this.#wake()
        },
        onFailed: (error) => this.#fail(error),
      })
    } catch (error) {
      throw unwritable(path, error)
    }
  }

  /** What was handed over waits for room, or will never be written. */
  get isBlocked(): boolean {
    return this.#appender.isBlocked || this.#error !== undefined
  }

  append(bytes: string | Uint8Array): void {
    this.#appender.append(bytes, () => {})
  }

  /** Resolves when there is room. @throws {RunError} `OUTPUT_UNWRITABLE`: there never will be */
  async ready(): Promise<void> {
    while (this.#error === undefined && this.#appender.isBlocked) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
    if (this.#error !== undefined) throw this.#error
  }

  /** Makes it durable and lets go of it. @throws {RunError} `OUTPUT_UNWRITABLE` */
  async finish(): Promise<void> {
    try {
      await this.ready()
      await this.#appender.flush()
    } finally {
      this.close()
    }
  }

  /** Lets go of it as it is. */
  close(): void {
    this.#error ??= unwritable(this.#path, new Error('it was let go of'))
    this.#appender.close()
    this.#wake()
  }

  #fail(error: unknown): void {
    this.#error = unwritable(this.#path, error)
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** What is thrown where a file of a batch cannot be written. */
export function unwritable(path: string, error: unknown): RunError {
  if (error instanceof RunError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return new RunError('OUTPUT_UNWRITABLE', `Cannot write ${path}: ${reason}`, {
    hint: 'make room, then run the same command again',
    cause: error,
  })
}
