/**
 * A source of request objects: each becomes the line that a file would have held.
 *
 * An object is pulled only when there is room for it and is a batch of its own, so that it is
 * admitted in the turn in which it comes: whoever gives the next request only after a result was
 * taken waits for nothing else. What no JSON can hold becomes a row at fault, and the rest go on.
 *
 * Invariant: the producer's `return()` is called once, if it did not end by itself.
 */

import { bounds } from './bounds.ts'
import { RunError } from './errors.ts'
import type { Line } from './lines.ts'
import type { Source } from './source.ts'

/** Where requests come from. */
export type Producer<T> = AsyncIterable<T> | Iterable<T>

export class ObjectSource<M> implements Source {
  readonly isRepeatable = false
  readonly #iterator: AsyncIterator<unknown> | Iterator<unknown>
  readonly #onFailed: (error: unknown) => void
  /** By line, until its row is done with. */
  readonly #metadata = new Map<number, M>()
  #count = 0
  #offset = 0
  #isPulling = false
  #isOver = false
  #closed: Promise<void> = Promise.resolve()

  /** `onFailed`: the producer threw, and gives no more. */
  constructor(producer: Producer<unknown>, onFailed: (error: unknown) => void) {
    this.#iterator = iteratorOf(producer)
    this.#onFailed = onFailed
  }

  async *batches(): AsyncGenerator<readonly Line[]> {
    for (;;) {
      const item = await this.#pull()
      if (item === undefined) return
      yield [this.#line(item.value)]
    }
  }

  /** The value given as `metadata` with a row, once. */
  takeMetadata(line: number): M | undefined {
    const value = this.#metadata.get(line)
    this.#metadata.delete(line)
    return value
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    const closing = this.#return()
    // A producer that waits for something returns when that has come, which may be never.
    if (!this.#isPulling) this.#closed = closing
  }

  /** Resolves when the producer has cleaned up, if it can be waited for. */
  closed(): Promise<void> {
    return this.#closed
  }

  async #pull(): Promise<{ readonly value: unknown } | undefined> {
    if (this.#isOver) return undefined
    this.#isPulling = true
    try {
      const { done, value } = await this.#iterator.next()
      if (this.#isOver) return undefined
      if (done !== true) return { value }
    } catch (error) {
      if (!this.#isOver) this.#onFailed(error)
    } finally {
      this.#isPulling = false
    }
    this.#isOver = true
    return undefined
  }

  async #return(): Promise<void> {
    try {
      await this.#iterator.return?.()
    } catch {
      // It has nothing to do with the results, which are all there.
    }
  }

  #line(value: unknown): Line {
    const number = ++this.#count
    const metadata: M | undefined = isObject(value) ? Reflect.get(value, 'metadata') : undefined
    if (metadata !== undefined) this.#metadata.set(number, metadata)
    const { text, problem } = jsonOf(value)
    const bytes = Buffer.from(text)
    const line = { number, offset: this.#offset, bytes, ...(problem !== undefined && { problem }) }
    this.#offset += bytes.length + 1
    if (bytes.length <= bounds.lineBytesMax) return line
    const head = Buffer.copyBytesFrom(bytes, 0, bounds.lineHeadBytes)
    return { ...line, bytes: head, truncated: bytes.length }
  }
}

function iteratorOf(producer: Producer<unknown>): AsyncIterator<unknown> | Iterator<unknown> {
  // Callers without a compiler may give anything.
  const given: unknown = producer
  if (isObject(given)) {
    if (Symbol.asyncIterator in producer) return producer[Symbol.asyncIterator]()
    if (Symbol.iterator in producer) return producer[Symbol.iterator]()
  }
  const message = 'Cannot start: the requests must be an iterable or async iterable of objects'
  throw new RunError('OPTIONS_INVALID', message)
}

/** The value as JSON; for one that has none its id alone, and why. */
function jsonOf(value: unknown): { readonly text: string; readonly problem?: string } {
  let reason = `it is ${typeof value}`
  try {
    // Undefined for functions, symbols and undefined itself, whatever its type says.
    const text: string | undefined = JSON.stringify(value)
    if (text !== undefined) return { text }
  } catch (error) {
    // Messages about circles draw them over several lines.
    reason = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
  }
  const id: unknown = isObject(value) ? Reflect.get(value, 'custom_id') : undefined
  const text = typeof id === 'string' ? JSON.stringify({ custom_id: id }) : '{}'
  return { text, problem: `the request cannot be written as JSON: ${reason}` }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
