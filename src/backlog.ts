/**
 * The look-ahead window: rows taken on and not under way, by pool.
 *
 * New rows join the back of their pool's queue. A row that must wait for its retry sits
 * in a heap until its instant; then it goes before the new ones, but takes turns with
 * them: were the same few broken rows tried over and over, their failures would not tell
 * a bad row from a server that is out. Rows and bytes are counted, and the caller reads
 * no further ahead than its bounds allow.
 *
 *   add ─────────► new ──────┐
 *   putBack ─────► new, first├─► head, take
 *   putBackAt ─► delayed ─► due, every other turn
 *
 * A row whose schema another has compiled just now is parked until that answer begins.
 *
 * Where the head must wait, another may pass it (passing.ts says whether): of the new rows the
 * first of each kind, and of those with prefixes the one whose turn it is. At the end of a run, the
 * first of a kind may go before the head (long-first.ts).
 *
 * Invariant: a row's body does not change while it is in here, or bytes would be miscounted.
 */

import { Heap } from './heap.ts'
import { type First, KindQueue } from './kind-queue.ts'
import { PrefixLine } from './prefix-line.ts'
import type { Prefixes } from './prefixes.ts'
import { Queue } from './queue.ts'
import { SchemaLeaders, schemaOf } from './schema-leaders.ts'
import type { Attempt, Work } from './work.ts'

/** How far to read ahead. */
export interface WindowBounds {
  readonly windowRowsMax: number
  readonly windowBytesMax: number
  /** Of these, kept in memory: the bodies beyond are let go of, and read again. */
  readonly windowBodiesBytesMax: number
}

/** Rows that wait; see above. */
export class Backlog {
  readonly #bounds: WindowBounds
  readonly #prefixes: Prefixes | undefined
  readonly #lines = new Map<string, Line>()
  readonly #delayed = new Heap<Work>()
  /** Which rows go ahead of those that share their schema. */
  readonly schemas: SchemaLeaders = new SchemaLeaders()
  /** Rows that wait for these, by what they share. */
  readonly #parked = new Map<string, Work[]>()
  #rows = 0
  #bytes = 0
  #bodiesBytes = 0

  /** `prefixes`: those of the rows, if they matter to their order. */
  constructor(bounds: WindowBounds, prefixes?: Prefixes) {
    this.#bounds = bounds
    this.#prefixes = prefixes
  }

  /** Rows waiting, those that wait for a retry included. */
  get rows(): number {
    return this.#rows
  }

  /** Whether rows wait for one that goes ahead with their schema. */
  get hasParked(): boolean {
    return this.#parked.size > 0
  }

  /** Whether rows that have prefixes wait, in whatever pool. */
  get hasPrefixed(): boolean {
    for (const line of this.#lines.values()) if (line.prefixedRows > 0) return true
    return false
  }

  /** Bytes of the bodies that are held in memory. */
  get bodiesBytes(): number {
    return this.#bodiesBytes
  }

  /** How full the window is, from 0; returning rows can take it beyond 1. */
  get fill(): number {
    const { windowRowsMax, windowBytesMax } = this.#bounds
    return Math.max(this.#rows / windowRowsMax, this.#bytes / windowBytesMax)
  }

  /** The instant at which the next delayed row is due; Infinity when there is none. */
  get nextReleaseAt(): number {
    return this.#delayed.nextAt
  }

  /**
   * A new row, or one that lets the others go first: behind all others of its pool. The body of a
   * new one is let go of where there are too many.
   */
  add(work: Work): void {
    const bodiesBytes = this.#bodiesBytes + work.bodyBytes
    const isBeyond = bodiesBytes > this.#bounds.windowBodiesBytesMax
    if (isBeyond && work.lastAttempt === undefined) work.body = undefined
    this.#count(work, 1)
    this.#line(work.pool).pushBack(work)
  }

  /** A row that comes back, before all others of its pool. */
  putBack(work: Work): void {
    this.#count(work, 1)
    this.#line(work.pool).pushFront(work)
  }

  /** A row that comes back at an instant. */
  putBackAt(at: number, work: Work): void {
    this.#count(work, 1)
    this.#delayed.push(at, work)
  }

  /** Lets the delayed rows that are due join the queues. */
  release(now: number): void {
    while (this.#delayed.nextAt <= now) {
      const work = this.#delayed.pop()
      if (work) this.#line(work.pool).pushDue(work)
    }
  }

  /** The row of a pool that is next; undefined also when all wait for what another writes. */
  head(now: number, pool: string): Work | undefined {
    const line = this.#lines.get(pool)
    for (let work = line?.peek(now); work !== undefined; work = line?.peek(now)) {
      if (!this.schemas.mustWait(work)) return work
      this.#park(work)
    }
    return undefined
  }

  /** The answer of a try has begun, or it is over with one: its schema is compiled. */
  answerBegan(now: number, attempt: Attempt): void {
    this.#unpark(this.schemas.answerBegan(now, attempt))
  }

  /** A try is late, or over without an answer: if it went ahead, another does now. */
  leaderFailed(attempt: Attempt): void {
    this.#unpark(this.schemas.failed(attempt))
  }

  /** Prefixes that a try was to write are written, or are not going to be: rows may go on. */
  freed(attempt: Attempt, works: readonly Work[]): void {
    // One prefix can have rows in several pools: two names of a model, or a row that moved.
    for (const line of this.#lines.values()) line.freed(attempt, works)
  }

  /** Takes the row that is next of its pool out of the window. */
  take(work: Work): void {
    this.#lines.get(work.pool)?.take(work)
    this.#count(work, -1)
  }

  /** How many rows of a pool are neither delayed nor parked. */
  rowsOf(pool: string): number {
    return this.#lines.get(pool)?.rows ?? 0
  }

  /** The first new row of each kind of a pool, of those that may go. */
  firstsOf(pool: string): readonly First[] {
    const firsts = this.#lines.get(pool)?.firsts ?? []
    return firsts.filter(({ work }) => this.#mayGo(work))
  }

  /** Whether rows wait behind the head of a pool that are other than it is. */
  mayPass(pool: string): boolean {
    return this.#lines.get(pool)?.isMixed === true
  }

  /** The rows of which all but the head may pass it, in their order. */
  passers(now: number, pool: string): readonly Work[] {
    const passers = this.#lines.get(pool)?.passers(now) ?? []
    return passers.filter((work) => this.#mayGo(work))
  }

  /** Takes one of these out of the window. */
  takePasser(work: Work): void {
    this.#lines.get(work.pool)?.takePasser(work)
    this.#count(work, -1)
  }

  /** Takes out every row that `leaves` says, wherever it waits, in order. */
  remove(leaves: (work: Work) => boolean): readonly Work[] {
    const removed: Work[] = []
    const keeps = (work: Work): boolean => {
      if (!leaves(work)) return true
      this.#count(work, -1)
      removed.push(work)
      return false
    }
    for (const line of this.#lines.values()) line.filter(keeps)
    for (const [name, works] of this.#parked) {
      const kept = works.filter(keeps)
      if (kept.length > 0) this.#parked.set(name, kept)
      else this.#parked.delete(name)
    }
    const kept: [number, Work][] = []
    while (this.#delayed.size > 0) {
      const at = this.#delayed.nextAt
      const work = this.#delayed.pop()
      if (work && keeps(work)) kept.push([at, work])
    }
    for (const [at, work] of kept) this.#delayed.push(at, work)
    return removed
  }

  #mayGo(work: Work): boolean {
    return !this.schemas.mustWait(work)
  }

  /** It is counted all the same: it waits in the window. */
  #park(work: Work): void {
    const name = schemaOf(work) ?? ''
    this.#lines.get(work.pool)?.take(work)
    const parked = this.#parked.get(name)
    if (parked === undefined) this.#parked.set(name, [work])
    else parked.push(work)
  }

  #unpark(name: string | undefined): void {
    const works = name === undefined ? undefined : this.#parked.get(name)
    if (name === undefined || works === undefined) return
    this.#parked.delete(name)
    for (const work of works.toReversed()) this.#line(work.pool).pushFront(work)
  }

  #line(pool: string): Line {
    let line = this.#lines.get(pool)
    if (line === undefined) {
      line = new Line(this.#prefixes)
      this.#lines.set(pool, line)
    }
    return line
  }

  #count(work: Work, direction: 1 | -1): void {
    this.#rows += direction
    const bytes = direction * work.bodyBytes
    if (work.body !== undefined) this.#bodiesBytes += bytes
    // One that waits for a retry without its body was read long ago.
    if (work.body !== undefined || work.lastAttempt === undefined) this.#bytes += bytes
  }
}

/**
 * The rows of one pool that may start: those due for a retry, and the others. Of these, rows with
 * prefixes have an order of their own.
 */
class Line {
  readonly #due = new Queue<Work>()
  readonly #others = new KindQueue()
  readonly #prefixed: PrefixLine | undefined
  #isDuesTurn = true

  constructor(prefixes: Prefixes | undefined) {
    this.#prefixed = prefixes && new PrefixLine(prefixes)
  }

  get prefixedRows(): number {
    return this.#prefixed?.size ?? 0
  }

  get rows(): number {
    return this.#due.size + this.#others.size + this.prefixedRows
  }

  get firsts(): readonly First[] {
    return this.#others.firsts()
  }

  pushDue(work: Work): void {
    // One that many wait for is tried again in its order, not before all.
    if (!this.#addPrefixed(work, true)) this.#due.pushBack(work)
  }

  pushBack(work: Work): void {
    if (!this.#addPrefixed(work)) this.#others.pushBack(work)
  }

  pushFront(work: Work): void {
    if (!this.#addPrefixed(work)) this.#others.pushFront(work)
  }

  freed(attempt: Attempt, works: readonly Work[]): void {
    this.#prefixed?.freed(attempt, works)
  }

  peek(now: number): Work | undefined {
    if (this.#due.size > 0 && this.#isDuesTurn) return this.#due.peek()
    const plain = this.#others.peek()
    const prefixed = this.#prefixed?.peek(now)
    if (plain === undefined) return prefixed ?? this.#due.peek()
    return prefixed !== undefined && prefixed.sequence < plain.sequence ? prefixed : plain
  }

  get isMixed(): boolean {
    const kinds = this.#others.kinds + Math.min(1, this.prefixedRows)
    return kinds + Math.min(1, this.#due.size) > 1
  }

  passers(now: number): readonly Work[] {
    const prefixed = this.#prefixed?.peek(now)
    const firsts = this.firsts.map(({ work }) => work)
    return prefixed === undefined ? firsts : [...firsts, prefixed]
  }

  /** Takes out the row that was next. */
  take(work: Work): void {
    if (work === this.#due.peek()) {
      this.#due.popFront()
      this.#isDuesTurn = false
      return
    }
    this.#isDuesTurn = true
    if (this.#others.take(work)) this.#prefixed?.passed()
    else this.#prefixed?.take(work)
  }

  /** Whose turn it is among those behind stays as it was. */
  takePasser(work: Work): void {
    if (!this.#others.take(work)) this.#prefixed?.take(work)
  }

  filter(keeps: (work: Work) => boolean): void {
    for (let left = this.#due.size; left > 0; left--) {
      const work = this.#due.popFront()
      if (work && keeps(work)) this.#due.pushBack(work)
    }
    this.#others.filter(keeps)
    this.#prefixed?.remove((work) => !keeps(work))
  }

  #addPrefixed(work: Work, isDue = false): boolean {
    if (this.#prefixed === undefined || work.row.cachePoints.length === 0) return false
    this.#prefixed.add(work, isDue)
    return true
  }
}
