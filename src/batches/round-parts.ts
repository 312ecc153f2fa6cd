/**
 * What the parts of a round share: a way to wait that ends when the round is stopped, and the books
 * of what became of rows.
 */

import type { Answer, Books } from '../books.ts'
import type { Brake } from '../brake.ts'
import type { RunContext } from '../context.ts'
import type { RunError } from '../errors.ts'
import type { Estimator } from '../estimate.ts'
import type { Observer } from '../events.ts'
import type { RowPlace } from '../feed.ts'
import type { Fingerprints } from '../fingerprints.ts'
import type { Prices } from '../money.ts'
import type { Settings } from '../settings.ts'
import type { Schemas } from '../output-rules.ts'
import type { Random } from '../random.ts'
import { patienceError } from '../run-stop.ts'
import type { Settling } from '../settling.ts'
import type { Source } from '../source.ts'
import type { Spending } from '../spending.ts'
import type { TurnPlace } from '../turn-record.ts'
import type { KeptTurn } from '../turns.ts'
import type { Work } from '../work.ts'
import type { Account } from './account.ts'
import type { BatchApi } from './batch-api.ts'
import type { Collected } from './collected.ts'
import type { Intents } from './intents.ts'
import type { Lane } from './lane.ts'
import type { Outstanding } from './outstanding.ts'
import type { PackBounds } from './pack.ts'
import type { RowAt } from './row-places.ts'
import type { Split } from './split.ts'

/** What keeps the answers. */
export interface BatchBooks extends Books {
  /** An answer to a row that is none of the input any more: it was paid for. */
  keep(work: Work, answer: Answer): void
  /** Answers of a row behind which it was asked again, in an earlier run or round. */
  turnsOf(place: TurnPlace): readonly KeptTurn[]
}

/** Who may be kept waiting by a full disk. */
export type Writer = 'output' | 'pack' | 'intent'

/** What a round is given. */
export interface RoundParts {
  readonly context: RunContext
  readonly settings: Settings
  readonly source: Source
  readonly books: BatchBooks
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
  /** Rows that had failed before this run, by their key: those that the round before has left. */
  readonly retried: Fingerprints
  /** Those that this one leaves. */
  readonly retriedLeft: Fingerprints
  /** The most of one batch. */
  readonly packBounds: PackBounds
  /** Asks rows live beside the batches, and says which. @default none are */
  readonly live?: LivePart | undefined
  /** Ends calls that are under way. */
  giveUp: () => void
  /** Resolves when what was settled is durable; false: it never will be, or that is given up. */
  written: () => Promise<boolean>
}

/** What a run that chooses between batches and live requests has besides. */
export interface LivePart {
  readonly lane: Lane
  readonly split: Split
  /** Rows that are asked first, to learn from. */
  readonly samples: readonly RowAt[]
  /** They are answered, or were waited for long enough: says what is planned. */
  readonly plan: () => void
}

/** What the parts of a round share besides. */
export interface Shared extends RoundParts {
  /** Which rows are asked live; absent where all go into batches. */
  readonly split: Split | undefined
  /** Hands a row to the lane. */
  askLive: (work: Work) => void
  readonly outstanding: Outstanding
  readonly settling: Settling
  readonly account: Account
  readonly brake: Brake
  readonly pauses: Pauses
  /** When a call last succeeded, monotonic. */
  readonly success: { at: number }
  /** All rows of the input are known. */
  isRead: () => boolean
  /** Why nothing more is done, if nothing is. */
  stopping: () => RunError | undefined
  stop: (error: RunError) => void
  /** Something that nobody waits for has thrown. */
  failed: (error: unknown) => void
  /** It cannot be written for now (`ENOSPC`…), or it can again (null). */
  hold: (writer: Writer, code: string | null) => void
  notice: (message: string) => void
  /** It is left for the next round. */
  leave: (work: Work) => void
  /** The body of a row; undefined when the input has changed. */
  bodyOf: (row: RowPlace) => Uint8Array | undefined
  readonly schemas: Schemas
}

/** Waits that end early when something has happened. */
export class Pauses {
  readonly #context: Pick<RunContext, 'clock'>
  #waiting: (() => void)[] = []
  #isOver = false
  #wakes = 0

  constructor(context: Pick<RunContext, 'clock'>) {
    this.#context = context
  }

  /** How often something has happened. */
  get wakes(): number {
    return this.#wakes
  }

  /**
   * Resolves after so long, or sooner when woken. Infinity: when woken. `since`: the count of
   * `wakes` when it was last looked; nothing that has happened after is slept through.
   */
  wait(delayMs: number, since: number = this.#wakes): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isOver || delayMs <= 0 || since !== this.#wakes) return resolve()
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
    this.#wakes += 1
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
