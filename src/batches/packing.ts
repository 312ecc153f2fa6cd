/**
 * Rows into batches, one batch at a time: packed as they are read, submitted when it is full.
 *
 * While one is submitted no row is read: the API's queue may be full for hours, and what would be
 * packed meanwhile would only lie about. A budget is a bound of the same kind: when no row fits any
 * more, what is packed is submitted, and the rest waits for what is outstanding to cost less than
 * it might have.
 */

import { askedBody } from '../going-on.ts'
import { isJsonObject, parseJson } from '../json.ts'
import { addTo } from '../needs.ts'
import type { Broken, Invalid } from '../outcome.ts'
import { nothing as noAmounts } from '../taken.ts'
import type { Work } from '../work.ts'
import { type Amount, worstCase } from '../worst-case.ts'
import type { Intent } from './intents.ts'
import { OutstandingBatch } from './outstanding.ts'
import { Pack } from './pack.ts'
import type { Shared } from './round-parts.ts'
import { RowRecords, workOfRecord } from './row-record.ts'
import { submit } from './submit.ts'

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
  /** The last of these: on a full disk its record may not be written. */
  #last: Work | undefined
  /** What is packed and could not be sent. */
  readonly #unsent: Unsent[] = []
  /** Read, and in no batch, and never will be in this round. */
  readonly #refused: Work[] = []
  #deferred = 0
  #mostNanoUsd: number | null = 0
  /** What the rows of the pack are expected to need of live limits. */
  #amounts = noAmounts()
  /** Read, and not packed yet. */
  #waiting: Work | undefined
  #submitting: Promise<void> | undefined
  /** Waits until something outstanding has cost what it did. */
  #isBudgetFull = false
  /** New rows are left for the next round. */
  #isDeferring = false
  #opened = false
  #isClosed = false

  readonly #pool: string

  /** `pool`: of all rows that will be given; `onRoom`: more may be given. */
  constructor(shared: Shared, pool: string, onRoom: () => void) {
    this.#shared = shared
    this.#pool = pool
    this.#onRoom = onRoom
  }

  get hasRoom(): boolean {
    const isBlocked = this.#pack?.isBlocked === true
    return this.#waiting === undefined && this.#submitting === undefined && !isBlocked
  }

  /** Rows that are left for the next round. */
  get deferred(): number {
    return this.#deferred
  }

  /** Takes a row; to be called while there is room. */
  add(work: Work): void {
    if (this.#isDeferring) return this.#defer(work)
    const { spending, stop } = this.#shared
    const error = spending?.measure(work, 'batches')
    if (error !== undefined) {
      this.#refused.push(work)
      return stop(error)
    }
    this.#waiting = work
    this.#admit()
  }

  /** Something outstanding may be over, and a budget have room again. */
  collected(): void {
    if (!this.#isBudgetFull) return
    this.#isBudgetFull = false
    this.#admit()
    const isFull: boolean = this.#isBudgetFull
    if (isFull) return
    this.#onRoom()
    this.#shared.pauses.wake()
  }

  /** The input has ended: submits what is packed. */
  async finish(): Promise<void> {
    const { pauses, stopping } = this.#shared
    while (stopping() === undefined && !this.#isClosed) {
      if (this.#waiting === undefined && this.#submitting === undefined) {
        if (this.#pack === undefined) return
        this.#submit()
      }
      await pauses.wait(Infinity)
    }
  }

  /** Nothing more is packed, nor sent. Resolves when what is being sent is over. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#pack?.close()
    await this.#submitting
  }

  /** Rows that were read, and are in no batch. */
  *unsent(): Iterable<Work> {
    const { context, intents } = this.#shared
    const last = this.#last
    if (this.#pack !== undefined && last !== undefined) {
      this.#unsent.push({ nonce: this.#pack.nonce, sequences: this.#sequences.slice(0, -1) })
      this.#refused.push(last)
    }
    for (const { nonce, sequences } of this.#unsent) {
      const records = new RowRecords(context.files, intents.rowsPath(nonce), sequences.length)
      for (const [index, sequence] of sequences.entries()) {
        yield workOfRecord(records.get(index), sequence)
      }
      records.close()
    }
    yield* this.#refused
    if (this.#waiting !== undefined) yield this.#waiting
  }

  /** Removes what was not sent. */
  discard(): void {
    this.#pack?.discard()
    for (const { nonce } of this.#unsent.splice(0)) this.#shared.intents.remove(nonce)
  }

  /** Packs the row that waits, if it has room. */
  #admit(): void {
    const work = this.#waiting
    if (work === undefined || this.#submitting !== undefined || this.#isClosed) return
    const { spending } = this.#shared
    this.#open()
    if (work.most !== undefined && spending?.budget.fits(work.most) === false) {
      return this.#pack === undefined ? this.#budgetFull(work) : this.#submit()
    }
    this.#pack ??= this.#makePack()
    if (!this.#pack.hasRoomFor(work)) return this.#submit()
    this.#waiting = undefined
    this.#put(this.#pack, work)
    if (!this.#pack.isBlocked) return
    this.#pack.ready().then(this.#onRoom, (error: unknown) => this.#shared.failed(error))
  }

  #budgetFull(work: Work): void {
    const { outstanding, spending, stop } = this.#shared
    const batches = [...outstanding.batches]
    if (batches.length === 0 && spending !== undefined) {
      return stop(spending.budget.reached(work.row.lineNumber, work.most ?? nothing))
    }
    // Rows of these stand further on in the input: it must be read before they can be collected.
    if (batches.every(({ isMatched }) => !isMatched)) {
      this.#isDeferring = true
      this.#waiting = undefined
      return this.#defer(work)
    }
    this.#isBudgetFull = true
  }

  #defer(work: Work): void {
    this.#deferred += 1
    this.#shared.leave(work)
  }

  #put(pack: Pack, work: Work): void {
    const most = work.most ?? this.#mostOf(work)
    if (most === undefined) this.#mostNanoUsd = null
    else if (this.#mostNanoUsd !== null) this.#mostNanoUsd += most.nanoUsd
    const amounts = this.#shared.split?.goesIntoBatch(work)
    if (amounts !== undefined) addTo(this.#amounts, amounts)
    pack.add(work, most)
    this.#sequences.push(work.sequence)
    this.#last = work
    this.#shared.account.start(most)
  }

  #mostOf(work: Work): Amount | undefined {
    const { prices, settings, context } = this.#shared
    const { model, maxTokens } = work.row
    const how = { mayBeMarked: settings.cache === 'auto', batch: true }
    const asked = { model, maxTokens, body: askedBody(work) ?? new Uint8Array(), ...how }
    const most = worstCase(asked, prices, [context.clock.wallTime()])
    return 'lacks' in most ? undefined : most
  }

  /** Says what the budget lets, once. */
  #open(): void {
    if (this.#opened) return
    this.#opened = true
    for (const message of this.#shared.spending?.open() ?? []) this.#shared.notice(message)
  }

  #makePack(): Pack {
    const { context, intents, settings, estimator, hold, packBounds, split } = this.#shared
    const { files, clock } = context
    intents.prepare()
    return new Pack(this.#nonce(), {
      files,
      clock,
      intents,
      cache: settings.cache,
      bounds: {
        ...packBounds,
        rowsMax: Math.min(packBounds.rowsMax, split?.rowsMax(this.#pool) ?? Infinity),
      },
      tokensOf: (work) => estimator.estimate(work).prompt ?? 0,
      onBlocked: (code) => hold('pack', code),
    })
  }

  /** One that nothing of this output has. */
  #nonce(): string {
    const { random, intents, context } = this.#shared
    for (;;) {
      const chars = Array.from({ length: nonceChars }, () => random.integer(0, 35).toString(36))
      const nonce = chars.join('')
      if (context.files.stat(intents.rowsPath(nonce)) === undefined) return nonce
    }
  }

  #submit(): void {
    const pack = this.#pack
    if (pack === undefined) return
    this.#submitting = this.#submitted(pack)
      .then(() => {
        this.#submitting = undefined
        return this.#admit()
      })
      .catch((error: unknown) => {
        this.#submitting = undefined
        this.#shared.failed(error)
      })
      .finally(() => {
        this.#onRoom()
        this.#shared.pauses.wake()
      })
  }

  async #submitted(pack: Pack): Promise<void> {
    const { context, intents, settings, outstanding, split } = this.#shared
    const { nonce, rows, bytes } = await pack.finish()
    const sequences = this.#sequences
    this.#pack = undefined
    this.#last = undefined
    this.#sequences = []
    const sent = { firstSentAt: 0, sentAt: 0, lostSends: 0, batch: undefined, notOurs: [] }
    const input = typeof settings.input === 'string' ? settings.input : '-'
    const intent: Intent = { nonce, rows, bytes, input, mostNanoUsd: this.#mostNanoUsd, ...sent }
    this.#mostNanoUsd = 0
    const batch = new OutstandingBatch(context.files, intents, intent)
    for (const [index, sequence] of sequences.entries()) batch.place(index, sequence)
    outstanding.add(batch)
    split?.packed(batch, this.#pool, this.#amounts)
    this.#amounts = noAmounts()
    // When it must be canceled is not known yet to who waits for the next of these.
    this.#shared.pauses.wake()
    const submitted = await submit(this.#shared, batch)
    if (submitted !== 'not sent') return
    if (batch.isCut && this.#shared.stopping() === undefined) return this.#askLive(batch, sequences)
    this.#unsent.push({ nonce, sequences })
    outstanding.remove(batch)
  }

  /** There is no time left for a batch that was not sent yet. */
  #askLive(batch: OutstandingBatch, sequences: readonly number[]): void {
    const { askLive, outstanding, intents, split, account } = this.#shared
    for (const [index, sequence] of sequences.entries()) {
      const work = workOfRecord(batch.record(index), sequence)
      account.settle(batch, work.most, notSent)
      askLive(work)
    }
    batch.askedLive = sequences.length
    split?.over(batch)
    outstanding.remove(batch)
    intents.remove(batch.intent.nonce)
  }
}

const nothing: Amount = { nanoUsd: 0, tokens: 0 }

const notSent: Broken = {
  kind: 'broken',
  status: 0,
  requestId: null,
  error: { type: 'not_sent', message: 'The batch was not sent' },
  unknown: false,
}

/** Why batches do not take a row, if they do not. */
export function refusalOf({ body, row }: Work): Invalid | undefined {
  if (row.maxTokens === 0) return refused('"max_tokens": 0')
  if (body === undefined) return undefined
  const text = Buffer.from(body.buffer, body.byteOffset, body.length)
  if (!refusedMembers.some((name) => text.includes(`"${name}"`))) return undefined
  const request = parseJson(text.toString())
  const name = refusedMembers.find((each) => isJsonObject(request) && request[each] !== undefined)
  return name === undefined ? undefined : refused(`"${name}"`)
}

function refused(what: string): Invalid {
  const message = `Message Batches do not take ${what}: ask this row live (--via live)`
  const error = { type: 'invalid_request_error', message }
  return { kind: 'invalid', status: 0, requestId: null, error }
}
