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

  constructor({ files, clock, path, onBlocked }: DiskFileOptions) {
    this.#path = path
    files.remove(path)
    this.#appender = new Appender({
      file: files.open(path, 'append'),
      clock,
      // It is synced once, at its end.
      fsync: '1s',
      onBlocked: (code) => onBlocked(code),
      onUnblocked: () => {
        onBlocked(null)
        this.#wake()
      },
      onFailed: (error) => {
        this.#error = this.#unwritable(error)
        this.#wake()
      },
    })
  }

  /** What was handed over waits for room. */
  get isBlocked(): boolean {
    return this.#appender.isBlocked
  }

  append(bytes: string | Uint8Array): void {
    this.#appender.append(bytes, () => {})
  }

  /** Resolves when there is room. @throws {RunError} `OUTPUT_UNWRITABLE` when there never will be */
  async ready(): Promise<void> {
    while (this.isBlocked && this.#error === undefined) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
    if (this.#error !== undefined) throw this.#error
  }

  /** Makes it durable and lets go of it. @throws {RunError} `OUTPUT_UNWRITABLE` */
  async finish(): Promise<void> {
    try {
      await this.#appender.flush()
    } catch (error) {
      throw this.#unwritable(error)
    } finally {
      this.#appender.close()
    }
  }

  /** Lets go of it as it is. */
  close(): void {
    this.#appender.close()
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #unwritable(error: unknown): RunError {
    if (error instanceof RunError) return error
    const reason = error instanceof Error ? error.message : String(error)
    return new RunError('OUTPUT_UNWRITABLE', `Cannot write ${this.#path}: ${reason}`, {
      hint: 'make room, then run the same command again',
      cause: error,
    })
  }
}
