/**
 * What the parts of a round share: a way to wait that ends when the round is stopped, and the books
 * of what became of rows.
 */

import type { Books } from '../books.ts'
import type { Brake } from '../brake.ts'
import type { RunContext } from '../context.ts'
import type { RunError } from '../errors.ts'
import type { Estimator } from '../estimate.ts'
import type { Observer } from '../events.ts'
import type { Prices } from '../money.ts'
import type { Settings } from '../options.ts'
import type { Random } from '../random.ts'
import { patienceError } from '../run-stop.ts'
import type { Settling } from '../settling.ts'
import type { Source } from '../source.ts'
import type { Spending } from '../spending.ts'
import type { BatchApi } from './batch-api.ts'
import type { Collected } from './collected.ts'
import type { Intents } from './intents.ts'
import type { Outstanding } from './outstanding.ts'

/** What a round is given. */
export interface RoundParts {
  readonly context: RunContext
  readonly settings: Settings
  readonly source: Source
  readonly books: Books
  readonly prices: Prices
  /** Absent in a run without a budget. */
  readonly spending: Spending | undefined
  readonly observe: Observer
  readonly api: BatchApi
  readonly intents: Intents
  readonly collected: Collected
  readonly estimator: Estimator
  readonly random: Random
  /** From 1. A row is in one batch of each round at most. */
  readonly number: number
}

/** What the parts of a round share besides. */
export interface Shared extends RoundParts {
  readonly outstanding: Outstanding
  readonly settling: Settling
  readonly brake: Brake
  readonly pauses: Pauses
  /** When a call last succeeded, monotonic. */
  readonly success: { at: number }
  /** All rows of the input are known. */
  isRead: () => boolean
  /** Why nothing more is done, if nothing is. */
  stopping: () => RunError | undefined
  stop: (error: RunError) => void
  notice: (message: string) => void
  /** The body of a row; undefined when the input has changed. */
  bodyOf: (offset: number, bytes: number, key: string, line: number) => Uint8Array | undefined
}

/** Waits that end early when something has happened. */
export class Pauses {
  readonly #context: RunContext
  #waiting: (() => void)[] = []
  #isOver = false

  constructor(context: RunContext) {
    this.#context = context
  }

  /** Resolves after so long, or sooner when woken. Infinity: when woken. */
  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isOver || delayMs <= 0) return resolve()
      const finish = (): void => {
        cancel?.()
        this.#waiting = this.#waiting.filter((each) => each !== finish)
        resolve()
      }
      const cancel =
        delayMs === Infinity ? undefined : this.#context.clock.after(delayMs, () => finish())
      this.#waiting.push(finish)
    })
  }

  /** Something has happened. */
  wake(): void {
    for (const finish of this.#waiting.splice(0)) finish()
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.#isOver = true
    this.wake()
  }
}

/** Bounds of the wait before something is tried again. */
const againMsMin = 5000
const againMsMax = 60_000
const growth = 1.5

/** Milliseconds before try number `count + 1` or look number `count + 1`; jittered by a fifth. */
export function againMs(count: number, random: Random, atLeastMs = 0): number {
  const bound = Math.min(againMsMax, againMsMin * growth ** Math.min(count, 20))
  return Math.max(atLeastMs, bound * (0.8 + 0.4 * random.float()))
}

/** Stops the run when no call has succeeded for as long as the user would wait. */
export function checkPatience({ context, settings, success, stop }: Shared): void {
  const { patienceMs } = settings
  if (context.clock.now() >= success.at + patienceMs) stop(patienceError(patienceMs))
}
