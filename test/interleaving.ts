/**
 * Programs that use one file system, run step by step in any interleaving.
 *
 * A program is synchronous between two file operations, so it cannot be halted in the middle.
 * Instead it is run again from its start for each step: the results of the operations it has
 * done already are replayed from a log, one more is done, and the next one throws `Suspended`.
 * This needs a program that does the same when it is given the same results, and that lets
 * foreign errors through.
 */

import type { File, Files } from '../src/files.ts'

/** Thrown by the operation that is not to be done yet. */
class Suspended extends Error {}

type Step =
  | { readonly ok: true; readonly value: unknown; readonly shown: string }
  | { readonly ok: false; readonly error: unknown; readonly shown: string }

/** How a program ended. */
export type End<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown }

/** A program that does one file operation at a time. */
export class Stepper<T> {
  readonly #program: (files: Files) => Promise<T>
  readonly #files: Files
  #log: Step[] = []
  #end: End<T> | undefined

  constructor(files: Files, program: (files: Files) => Promise<T>) {
    this.#files = files
    this.#program = program
  }

  /** Undefined while it runs. */
  get end(): End<T> | undefined {
    return this.#end
  }

  /** What it has seen so far: two steppers of one program that saw the same will do the same. */
  get history(): string {
    return this.#log.map(({ shown }) => shown).join('\n')
  }

  /**
   * Does one operation. When the program has ended, what it left behind works at once from then
   * on.
   */
  async step(): Promise<void> {
    let position = 0
    let isLive = false
    const target = this.#log.length
    const perform = (name: string, operation: () => unknown): unknown => {
      if (isLive) return operation()
      if (position > target) throw new Suspended()
      const step = (this.#log[position] ??= outcomeOf(name, operation))
      position++
      if (!step.ok) throw step.error
      return step.value
    }
    try {
      const value = await this.#program(recorded(this.#files, '', perform))
      this.#end = { ok: true, value }
    } catch (error) {
      if (error instanceof Suspended) return
      this.#end = { ok: false, error }
    } finally {
      isLive = true
    }
  }
}

function outcomeOf(name: string, operation: () => unknown): Step {
  try {
    const value = operation()
    // Blanks are squeezed, since contents may be padded.
    const result = name === 'open' ? 'file' : JSON.stringify(value)?.replaceAll(/ +/g, ' ')
    return { ok: true, value, shown: `${name} ${result}` }
  } catch (error) {
    return { ok: false, error, shown: `${name} ${String(error)}` }
  }
}

/** The object with every method, and those of files it opens, done through `perform`. */
function recorded<T extends Files | File>(
  target: T,
  prefix: string,
  perform: (name: string, operation: () => unknown) => unknown,
): T {
  return new Proxy(target, {
    get(_, name) {
      const method: unknown = Reflect.get(target, name, target)
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        const shown = `${prefix}${String(name)}`
        const value = perform(shown, () => Reflect.apply(method, target, args) as unknown)
        return name === 'open' ? recorded(value as File, 'file.', perform) : value
      }
    },
  })
}
