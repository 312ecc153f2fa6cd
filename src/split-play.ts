/**
 * What a run with a deadline comes to: played a few hundred times, with durations of batches as
 * they are assumed, by the very rules that the run goes by (cut-over.ts).
 *
 * Rows are a fluid here: they are alike but for their pool, live requests go at the rate of the
 * limits, and batches end at an instant. What the play leaves out (refusals, other traffic, answers
 * that are late) is in the shares of limits and the tail that it is given.
 */

import { type BatchTimes, drawBatchMs, usefulMs } from './batch-times.ts'
import { CutOver } from './cut-over.ts'
import { allPools, type Channel, type LiveRates } from './live-rates.ts'
import { addTo, timesOf } from './needs.ts'
import type { Random } from './random.ts'
import { type Amounts, nothing } from './taken.ts'

/** The rows of one pool. */
export interface PoolLoad {
  readonly pool: string
  /** What all of them need of the limits, at the most that must be counted with. */
  readonly amounts: Readonly<Amounts>
  /** Batches that they are put into. */
  readonly batches: number
}

/** What is played. */
export interface SplitWorld {
  readonly loads: readonly PoolLoad[]
  readonly rates: LiveRates
  readonly times: BatchTimes
  /** From now; Infinity: none. */
  readonly deadlineMs: number
  readonly tailMs: number
}

/** How a play went. */
export interface Played {
  /** The share of the rows of each pool that was asked live. */
  readonly live: ReadonlyMap<string, number>
  /** When the last was answered. */
  readonly endMs: number
}

interface Batch {
  readonly pool: string
  readonly amounts: Readonly<Amounts>
  /** When it ends by itself, or has drained. */
  endsAt: number
  isCut: boolean
}

/** Rows are dealt out in so many parts a batch. */
const partsOfBatch = 8
/** What may change at any instant is looked at so often. */
const stepMs = 1000

/** The rule, before anything was done: all rows wait. */
export function cutOverOf({ loads, rates, times, deadlineMs, tailMs }: SplitWorld): CutOver {
  const { drainMs } = times
  const options = { rates, deadlineAt: deadlineMs, drainMs, usefulMs: usefulMs(times) }
  const cutOver = new CutOver(options, tailMs)
  for (const { pool, amounts } of loads) cutOver.put(pool, 'waiting', amounts)
  return cutOver
}

/** Plays a run once. */
export function playSplit(world: SplitWorld, random: Random): Played {
  const play = new Play(world)
  for (const load of world.loads) play.deal(load, () => drawBatchMs(world.times, random))
  return play.toItsEnd()
}

class Play {
  readonly #world: SplitWorld
  readonly #cutOver: CutOver
  readonly #lane: FluidLane
  readonly #running: Batch[] = []
  /** Requests of each pool that are asked live. */
  readonly #live = new Map<string, number>()
  #now = 0

  constructor(world: SplitWorld) {
    this.#world = world
    this.#cutOver = cutOverOf(world)
    this.#lane = new FluidLane(world.rates)
  }

  /** Deals the rows of a pool out: what is asked live at once, and the rest into batches. */
  deal({ pool, amounts, batches }: PoolLoad, drawMs: () => number): void {
    const parts = batches * partsOfBatch
    const part = timesOf(amounts, 1 / parts)
    let packed = 0
    const submit = (): void => {
      if (packed === 0) return
      const batch = timesOf(part, packed)
      this.#running.push({ pool, amounts: batch, endsAt: drawMs(), isCut: false })
      packed = 0
    }
    for (let index = 0; index < parts; index++) {
      const place = this.#cutOver.isLive(0, pool) ? 'live' : 'batched'
      this.#cutOver.move(pool, 'waiting', place, part)
      if (place === 'live') {
        this.#lane.add(pool, part)
        this.#goesLive(pool, part)
      } else if (++packed === partsOfBatch) submit()
    }
    submit()
  }

  toItsEnd(): Played {
    while (this.#running.length > 0 || !this.#lane.isEmpty) {
      this.#advance()
      this.#end()
      this.#cut()
    }
    const live = new Map(
      this.#world.loads.map(({ pool, amounts }) => [
        pool,
        (this.#live.get(pool) ?? 0) / Math.max(1, amounts.requests),
      ]),
    )
    const isAnyLive = this.#live.size > 0
    return { live, endMs: this.#now + (isAnyLive ? this.#world.tailMs : 0) }
  }

  get #uncut(): readonly Batch[] {
    return this.#running.filter(({ isCut }) => !isCut)
  }

  /** To the next instant at which something changes. */
  #advance(): void {
    const cutAt = Math.max(this.#now + stepMs, this.#cutOver.nextCutAt(this.#now, this.#uncut))
    const laneAt = this.#now + this.#lane.longestMs
    const next = Math.min(laneAt, cutAt, ...this.#running.map(({ endsAt }) => endsAt))
    for (const [pool, amounts] of this.#lane.work(next - this.#now)) {
      this.#cutOver.take(pool, 'live', amounts)
    }
    this.#now = next
  }

  #end(): void {
    for (const batch of this.#running.filter(({ endsAt }) => endsAt <= this.#now)) {
      this.#running.splice(this.#running.indexOf(batch), 1)
      if (batch.isCut) this.#lane.add(batch.pool, batch.amounts)
      else this.#cutOver.take(batch.pool, 'batched', batch.amounts)
    }
  }

  #cut(): void {
    for (;;) {
      const due = this.#cutOver.due(this.#now, this.#uncut)
      if (due === undefined) return
      due.isCut = true
      due.endsAt = this.#now + this.#world.times.drainMs
      this.#cutOver.move(due.pool, 'batched', 'live', due.amounts)
      this.#goesLive(due.pool, due.amounts)
    }
  }

  #goesLive(pool: string, { requests }: Readonly<Amounts>): void {
    this.#live.set(pool, (this.#live.get(pool) ?? 0) + requests)
  }
}

/** Live requests, at the rate of the limits. */
class FluidLane {
  readonly #rates: LiveRates
  readonly #pools = new Map<string, Amounts>()

  constructor(rates: LiveRates) {
    this.#rates = rates
  }

  get isEmpty(): boolean {
    return this.#pools.size === 0
  }

  /** Until all is done, if nothing is added. */
  get longestMs(): number {
    const channels: Channel[] = [allPools, ...this.#pools.keys()]
    const waits = channels.map((channel) => this.#rates.msOf(channel, this.#sumOf(channel)))
    return this.isEmpty ? Infinity : Math.max(...waits)
  }

  add(pool: string, amounts: Readonly<Amounts>): void {
    const sum = this.#pools.get(pool) ?? nothing()
    addTo(sum, amounts)
    this.#pools.set(pool, sum)
  }

  /** Works for so long; gives what was done. */
  work(ms: number): readonly (readonly [pool: string, done: Amounts])[] {
    const shared = this.#rates.msOf(allPools, this.#sumOf(allPools))
    return [...this.#pools].map(([pool, amounts]) => {
      const needed = Math.max(shared, this.#rates.msOf(pool, amounts))
      // What takes less than a millisecond more is done, or it would never be.
      const share = needed <= ms + 1 ? 1 : ms / needed
      const done = timesOf(amounts, share)
      if (share === 1) this.#pools.delete(pool)
      else addTo(amounts, done, -1)
      return [pool, done] as const
    })
  }

  #sumOf(channel: Channel): Amounts {
    if (channel !== allPools) return this.#pools.get(channel) ?? nothing()
    const sum = nothing()
    for (const amounts of this.#pools.values()) addTo(sum, amounts)
    return sum
  }
}
