/**
 * Intents: what was about to be submitted, on disk before it is.
 *
 * Creating a batch has no idempotency key. So beside the output, in `<output>.sluice/batches/`,
 * stand for each batch of ours
 *
 *   <nonce>.rows   a line for each of its rows, in the order of their ids in the batch
 *   <nonce>.body   what is sent; gone once the batch is known to be there
 *   <nonce>.json   the intent: what was sent when, and the batch, once it is known
 *
 * The `.json` is what makes it one: it is written, and durable, before the first byte is sent, and
 * removed when all results of the batch stand in the output. Rows without it were never sent. All
 * three are records, and no caches: with them gone, a batch that runs is nobody's.
 */

import { RunError } from '../errors.ts'
import type { Files } from '../files.ts'
import { isJsonObject, parseJson } from '../json.ts'
import { batchesFolderOf } from '../outstanding-batches.ts'

/** The batch of an intent. Instants are server wall time, ms since the epoch. */
export interface Created {
  readonly id: string
  readonly createdAt: number
  readonly expiresAt: number
}

/** One intent. */
export interface Intent {
  /** What the ids of its rows begin with. */
  readonly nonce: string
  readonly rows: number
  /** Bytes of what is sent. */
  readonly bytes: number
  /** The input its rows were read from. */
  readonly input: string
  /** When it was sent first, and last: our wall time, ms since the epoch. */
  readonly firstSentAt: number
  readonly sentAt: number
  /** Undefined: whether it was created is not known. */
  readonly batch: Created | undefined
  /** Batches that might have been it, and were found to be others'. */
  readonly notOurs: readonly string[]
  /** How often it was sent and may have been created, and was sent again. */
  readonly lostSends: number
  /** The most that it may cost, in nano-dollars; null where a price is unknown. */
  readonly mostNanoUsd: number | null
}

/** Those of one output. */
export class Intents {
  readonly #files: Files
  readonly #folder: string

  /** `folder`: of the records beside the output. */
  constructor(files: Files, folder: string) {
    this.#files = files
    this.#folder = batchesFolderOf(folder)
  }

  rowsPath(nonce: string): string {
    return `${this.#folder}/${nonce}.rows`
  }

  /** Of the intent itself. */
  path(nonce: string): string {
    return `${this.#folder}/${nonce}.json`
  }

  bodyPath(nonce: string): string {
    return `${this.#folder}/${nonce}.body`
  }

  /** To be called before the first file of an intent is made. */
  prepare(): void {
    this.#files.makeFolder(this.#folder)
  }

  /**
   * All there are, the oldest first. Rows that were never sent are removed.
   *
   * @throws {RunError} `OUTPUT_FOREIGN` when one cannot be read: its batch may be running
   */
  load(): readonly Intent[] {
    const intents = this.read()
    const nonces = new Set(intents.map(({ nonce }) => nonce))
    for (const name of this.#files.list(this.#folder)) {
      const [nonce = '', kind = ''] = name.split('.')
      // What a write that was cut left behind, too: `.json` with more behind it.
      const isOurs = nonces.has(nonce) ? kind === 'json' && !name.endsWith('json') : true
      if (!isOurs || !['rows', 'body', 'pack', 'json'].includes(kind)) continue
      this.#files.remove(`${this.#folder}/${name}`)
    }
    return intents
  }

  /**
   * All there are, the oldest first; nothing is touched, as a run may be packing.
   *
   * @throws {RunError} `OUTPUT_FOREIGN` when one cannot be read
   */
  read(): readonly Intent[] {
    const names = this.#files.list(this.#folder).filter((name) => name.endsWith('.json'))
    const intents = names.map((name) => readIntent(this.#files, `${this.#folder}/${name}`))
    return intents.toSorted((a, b) => a.firstSentAt - b.firstSentAt)
  }

  /** Writes it, durably. */
  write(intent: Intent): void {
    const { nonce, batch, notOurs } = intent
    const text = JSON.stringify({ ...intent, batch: batch ?? null, notOurs })
    const path = this.path(nonce)
    this.#files.writeText(path, `${text}\n`)
    this.#files.syncFolderOf(path)
  }

  /** It was not sent after all: what is packed stays. */
  forget(nonce: string): void {
    const path = this.path(nonce)
    this.#files.remove(path)
    this.#files.syncFolderOf(path)
  }

  /** What was to be sent is not needed any more. */
  removeBody(nonce: string): void {
    this.#files.remove(this.bodyPath(nonce))
  }

  /** It is over, or was never sent. The rows go last: without the intent they mean nothing. */
  remove(nonce: string): void {
    this.#files.remove(this.path(nonce))
    this.#files.syncFolderOf(this.rowsPath(nonce))
    this.#files.remove(this.bodyPath(nonce))
    this.#files.remove(this.rowsPath(nonce))
  }

  /** Removes the folder if nothing is left in it. */
  close(): void {
    this.#files.removeEmptyFolder(this.#folder)
  }
}

function readIntent(files: Files, path: string): Intent {
  const value = parseJson(files.readText(path))
  const given = isJsonObject(value) ? value : {}
  const { nonce, rows, bytes, input, firstSentAt, sentAt, batch, notOurs } = given
  const { lostSends, mostNanoUsd } = given
  const isRead =
    typeof nonce === 'string' &&
    typeof rows === 'number' &&
    typeof bytes === 'number' &&
    typeof input === 'string' &&
    typeof firstSentAt === 'number' &&
    typeof sentAt === 'number' &&
    typeof lostSends === 'number' &&
    Array.isArray(notOurs)
  if (!isRead) {
    const message = `Cannot read ${path}: it is no record of a batch`
    const hint = 'put it back from where it was changed; a batch of this output may be running'
    throw new RunError('OUTPUT_FOREIGN', message, { hint })
  }
  return {
    nonce,
    rows,
    bytes,
    input,
    firstSentAt,
    sentAt,
    batch: readCreated(batch),
    notOurs: notOurs.filter((id) => typeof id === 'string'),
    lostSends,
    mostNanoUsd: typeof mostNanoUsd === 'number' ? mostNanoUsd : null,
  }
}

function readCreated(value: unknown): Created | undefined {
  if (!isJsonObject(value)) return undefined
  const { id, createdAt, expiresAt } = value
  if (typeof id !== 'string' || typeof createdAt !== 'number') return undefined
  return { id, createdAt, expiresAt: typeof expiresAt === 'number' ? expiresAt : Infinity }
}
