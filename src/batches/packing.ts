/**
 * Rows into batches, one batch at a time: packed as they are read, submitted when it is full.
 *
 * While one is submitted no row is read: the API's queue may be full for hours, and what would be
 * packed meanwhile would only lie about. A budget is a bound of the same kind: when no row fits any
 * more, what is packed is submitted, and the rest waits for what is outstanding to cost less than
 * it might have.
 */

import type { Invalid } from '../outcome.ts'
import { isJsonObject, parseJson } from '../json.ts'
import type { Work } from '../work.ts'
import { worstCase } from '../worst-case.ts'
import type { Intent } from './intents.ts'
import { OutstandingBatch } from './outstanding.ts'
import { Pack, type PackBounds } from './pack.ts'
import type { Shared } from './round-parts.ts'
import { RowRecords, workOfRecord } from './row-record.ts'
import { submit } from './submit.ts'

/**
 * What the API takes in one batch: 100,000 requests and 256 MB (Message Batches reference); some
 * room is left for what counts besides.
 */
const packBounds: PackBounds = { rowsMax: 100_000, bytesMax: 250_000_000 }

/** Members of a request that batches refuse (Message Batches reference). */
const refusedMembers = ['speed', 'fallbacks'] as const

const nonceChars = 10

/** A batch on disk that was not sent. */
interface Unsent {
  readonly nonce: string
  readonly sequences: readonly number[]
}

export class Packing {
  readonly #shared: Shared
  readonly #onRoom: () => void
  #pack: Pack | undefined
  /** Of the rows of the pack, where they stand among the selected rows. */
  #sequences: number[] = []
  /** What is packed and could not be sent. */
  readonly #unsent: Unsent[] = []
  /** A row that cannot be packed. */
  #refused: Work | undefined
  #mostNanoUsd: number | null = 0
  /** Read, and not packed yet. */
  #waiting: Work | undefined
  #isSubmitting = false
  /** Waits until something outstanding has cost what it did. */
  #isBudgetFull = false
  #failure: unknown
  #opened = false

  /** `onRoom`: more rows may be given. */
  constructor(shared: Shared, onRoom: () => void) {
    this.#shared = shared
    this.#onRoom = onRoom
  }

  get hasRoom(): boolean {
    return this.#waiting === undefined && !this.#isSubmitting && this.#pack?.isBlocked !== true
  }

  /** Why batches do not take a row, if they do not. */
  refusalOf({ body, row }: Work): Invalid | undefined {
    const refused = (what: string): Invalid => {
      const message = `Message Batches do not take ${what}: ask this row live (--via live)`
      const error = { type: 'invalid_request_error', message }
      return { kind: 'invalid', status: 0, requestId: null, error }
    }
    if (row.maxTokens === 0) return refused('"max_tokens": 0')
    if (body === undefined) return undefined
    const text = Buffer.from(body.buffer, body.byteOffset, body.length)
    if (!refusedMembers.some((name) => text.includes(`"${name}"`))) return undefined
    const request = parseJson(text.toString())
    const name = refusedMembers.find((each) => isJsonObject(request) && request[each] !== undefined)
    return name === undefined ? undefined : refused(`"${name}"`)
  }

  /** Takes a row; to be called while there is room. */
  add(work: Work): void {
    const { spending } = this.#shared
    const error = spending?.measure(work)
    if (error !== undefined) {
      this.#refused = work
      return this.#shared.stop(error)
    }
    this.#waiting = work
    this.#admit()
  }

  /** Something outstanding is over: a budget may have room again. */
  collected(): void {
    if (!this.#isBudgetFull) return
    this.#isBudgetFull = false
    this.#admit()
  }

  /** The input has ended: submits what is packed. */
  async finish(): Promise<void> {
    const { pauses } = this.#shared
    while (this.#shared.stopping() === undefined && this.#failure === undefined) {
      if (this.#waiting === undefined && this.#pack === undefined && !this.#isSubmitting) return
      if (this.#waiting === undefined && !this.#isSubmitting) this.#submit()
      await pauses.wait(Infinity)
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Rows that were read, and are in no batch. */
  *unsent(): Iterable<Work> {
    const { context, intents } = this.#shared
    const pack = this.#pack && { nonce: this.#pack.nonce, sequences: this.#sequences }
    for (const { nonce, sequences } of pack === undefined
      ? this.#unsent
      : [...this.#unsent, pack]) {
      const records = new RowRecords(context.files, intents.rowsPath(nonce), sequences.length)
      for (const [index, sequence] of sequences.entries()) {
        yield workOfRecord(records.get(index), sequence)
      }
      records.close()
    }
    if (this.#refused !== undefined) yield this.#refused
    if (this.#waiting !== undefined) yield this.#waiting
  }

  /** Lets go of what was not sent. */
  close(): void {
    this.#pack?.discard()
    this.#pack = undefined
    for (const { nonce } of this.#unsent.splice(0)) this.#shared.intents.remove(nonce)
  }

  /** Packs the row that waits, if it has room. */
  #admit(): void {
    const work = this.#waiting
    if (work === undefined || this.#isSubmitting) return
    const { spending, outstanding } = this.#shared
    this.#open()
    if (work.most !== undefined && spending?.budget.fits(work.most) === false) {
      if (this.#pack !== undefined) return this.#submit()
      this.#isBudgetFull = outstanding.batches.size > 0
      if (!this.#isBudgetFull)
        this.#shared.stop(spending.budget.reached(work.row.lineNumber, work.most))
      return
    }
    this.#pack ??= this.#makePack()
    if (!this.#pack.hasRoomFor(work)) return this.#submit()
    this.#waiting = undefined
    this.#put(this.#pack, work)
    if (this.#pack.isBlocked)
      void this.#pack.ready().then(this.#onRoom, (error) => this.#failed(error))
  }

  #put(pack: Pack, work: Work): void {
    const { prices, settings, context, spending } = this.#shared
    const { model, maxTokens } = work.row
    if (this.#mostNanoUsd !== null) {
      const how = { mayBeMarked: settings.cache === 'auto', batch: true }
      const asked = { model, maxTokens, body: work.body ?? new Uint8Array(), ...how }
      const most = work.most ?? worstCase(asked, prices, [context.clock.wallTime()])
      this.#mostNanoUsd = 'lacks' in most ? null : this.#mostNanoUsd + most.nanoUsd
    }
    pack.add(work)
    this.#sequences.push(work.sequence)
    if (work.most !== undefined) spending?.budget.start(work.most)
  }

  /** Says what the budget lets, once. */
  #open(): void {
    if (this.#opened) return
    this.#opened = true
    for (const message of this.#shared.spending?.open() ?? []) this.#shared.notice(message)
  }

  #makePack(): Pack {
    const { context, intents, settings, estimator, observe, random } = this.#shared
    const { files, clock } = context
    const nonce = Array.from({ length: nonceChars }, () => random.integer(0, 35).toString(36))
    return new Pack(nonce.join(''), {
      files,
      clock,
      intents,
      cache: settings.cache,
      bounds: packBounds,
      tokensOf: (work) => estimator.estimate(work).prompt ?? 0,
      onBlocked: (code) => observe({ type: 'output_blocked', at: clock.now(), code }),
    })
  }

  #submit(): void {
    const pack = this.#pack
    if (pack === undefined) return
    this.#isSubmitting = true
    this.#submitted(pack).then(
      () => {
        this.#isSubmitting = false
        this.#admit()
        this.#onRoom()
        this.#shared.pauses.wake()
      },
      (error: unknown) => this.#failed(error),
    )
  }

  async #submitted(pack: Pack): Promise<void> {
    const { context, intents, settings, outstanding } = this.#shared
    const { nonce, rows, bytes } = await pack.finish()
    this.#pack = undefined
    const sent = { firstSentAt: 0, sentAt: 0, lostSends: 0, batch: undefined, notOurs: [] }
    const input = typeof settings.input === 'string' ? settings.input : '-'
    const mostNanoUsd = this.#mostNanoUsd
    const intent: Intent = { nonce, rows, bytes, input, mostNanoUsd, ...sent }
    const batch = new OutstandingBatch(context.files, intents, intent)
    const sequences = this.#sequences
    for (const [index, sequence] of sequences.entries()) batch.place(index, sequence)
    outstanding.add(batch)
    this.#sequences = []
    this.#mostNanoUsd = 0
    const submitted = await submit(this.#shared, batch)
    if (submitted !== 'not sent') return
    this.#unsent.push({ nonce, sequences })
    outstanding.remove(batch)
  }

  #failed(error: unknown): void {
    this.#failure = error
    this.#isSubmitting = false
    this.#shared.pauses.wake()
    this.#onRoom()
  }
}
