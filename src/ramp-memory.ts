/**
 * Pools whose start was too steep for the server, for the next run of the same output:
 * `<output>.sluice/ramps.json`.
 *
 * A cache and no record: without it the next run learns the same again, for a refusal or some. So
 * what cannot be read counts as nothing, and what cannot be written is not.
 */

import { systemErrorCode, type Files } from './files.ts'

/** That of one output. Only its run, which has the lock, uses it. */
export class RampMemory {
  readonly #files: Files
  readonly #path: string
  readonly #pools: Set<string>
  /** What there is to say of a file that was there and could not be used. */
  readonly notice: string | undefined

  /** `folder` is there already. */
  constructor(files: Files, folder: string) {
    this.#files = files
    this.#path = `${folder}/ramps.json`
    const read = this.#read()
    this.#pools = new Set(read)
    if (read === undefined) {
      this.notice = `${this.#path} is ignored: it does not say which starts were too steep`
    }
  }

  /** Names of the pools. */
  get pools(): ReadonlySet<string> {
    return this.#pools
  }

  /** The start of this pool was too steep. */
  add(pool: string): void {
    if (this.#pools.has(pool)) return
    this.#pools.add(pool)
    try {
      this.#files.writeText(this.#path, `${JSON.stringify({ gentle: [...this.#pools] })}\n`)
    } catch (error) {
      // A full disk, say: this run knows it all the same.
      if (systemErrorCode(error) === undefined) throw error
    }
  }

  /** `isOver`: all rows have their line, so there is no next run to know it. */
  close(isOver: boolean): void {
    if (isOver) this.#files.remove(this.#path)
  }

  /** Undefined when there is a file that is none of ours, or damaged. */
  #read(): readonly string[] | undefined {
    if (this.#files.stat(this.#path) === undefined) return []
    try {
      return poolsIn(JSON.parse(this.#files.readText(this.#path)))
    } catch (error) {
      if (error instanceof SyntaxError || systemErrorCode(error) !== undefined) return undefined
      throw error
    }
  }
}

function poolsIn(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'object' || value === null || !('gentle' in value)) return undefined
  const { gentle } = value
  if (!Array.isArray(gentle)) return undefined
  return gentle.every((name) => typeof name === 'string') ? gentle : undefined
}
