/**
 * What is known of a batch that is watched, and when to look at it again.
 */

import type { Called } from './batch-api.ts'
import { againMs, type Shared } from './round-parts.ts'

/** One batch as it is watched. */
export class Watched {
  /** When to look again, monotonic; Infinity: when something happens. */
  nextAt: number
  looks = 0
  /** It has ended, and its results wait for the input, or for the disk. */
  isWaiting = false
  /** Lists without a candidate since it was sent last. */
  emptyLists = 0
  /** One that may be it runs on. */
  mayRun = false
  /** There is no such batch, and it is not for this run to send it again. */
  isLost = false
  /** It was asked to end. */
  isCanceling = false
  readonly #shared: Shared
  #missing = 0
  #missingSince = 0

  constructor(shared: Shared, isNew: boolean) {
    this.#shared = shared
    // One of an earlier run may have ended long ago; one that was just made has not.
    this.nextAt = isNew ? this.#later(0) : 0
  }

  /** Looks again in a while. */
  again(atLeastMs = 0): void {
    this.nextAt = this.#later(atLeastMs)
    this.looks += 1
  }

  /** Looks again as soon as is of use. */
  soon(): void {
    this.looks = 0
    this.nextAt = this.#later(0)
  }

  /** Whether a call succeeded; if not, when to try again, or why to stop. */
  isDone<T>(called: Called<T>): called is Called<T> & { kind: 'done' } {
    const { success, context, stop } = this.#shared
    switch (called.kind) {
      case 'done':
        success.at = context.clock.now()
        return true
      case 'refused':
        this.again(called.retryAfterMs)
        return false
      case 'stop':
        stop(called.error)
        return false
      case 'failed':
      case 'invalid':
      case 'missing':
        this.again()
        return false
      default:
        return called satisfies never
    }
  }

  /** What should be there is not. Whether that has been so often, and long enough. */
  isGone(): boolean {
    const now = this.#shared.context.clock.now()
    if (this.#missing === 0) this.#missingSince = now
    this.#missing += 1
    return this.#missing >= missingMin && now >= this.#missingSince + missingMs
  }

  /** It is there. */
  isThere(): void {
    this.#missing = 0
  }

  #later(atLeastMs: number): number {
    const { context, random } = this.#shared
    return context.clock.now() + againMs(this.looks, random, atLeastMs)
  }
}

/** A new batch may not be found for a moment, nor may one at a server that has lost its way. */
const missingMs = 600_000
const missingMin = 5
