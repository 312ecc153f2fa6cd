/**
 * Packing rows into one batch, on disk: memory does not grow with it.
 *
 * Rows are written as they come, each as `{"custom_id":"<nonce>-<index>","params":…}` with the
 * user's own bytes. When the batch is full, rows that share a prefix are put next to one another,
 * and prefixes nobody marked are marked where that is asked for and pays.
 */

import { cachePointsOf } from '../cache-points.ts'
import type { Clock } from '../clock.ts'
import { assert } from '../assert.ts'
import type { File, Files } from '../files.ts'
import { askedBody } from '../going-on.ts'
import { isJsonObject, parseJson } from '../json.ts'
import { type Mark, withMarks, withoutMarks } from '../marked-body.ts'
import { cacheTokensMinOf } from '../models.ts'
import type { CacheMode } from '../settings.ts'
import type { Work } from '../work.ts'
import type { Amount } from '../worst-case.ts'
import { DiskFile } from './disk-file.ts'
import { type Arrangement, Groups } from './groups.ts'
import type { Intents } from './intents.ts'
import { recordLine } from './row-record.ts'

/** The most of one batch. */
export interface PackBounds {
  readonly rowsMax: number
  readonly bytesMax: number
}

/** What packing needs. */
export interface PackParts {
  readonly files: Files
  readonly clock: Clock
  readonly intents: Intents
  readonly cache: CacheMode
  readonly bounds: PackBounds
  /** The tokens that a row's prompt is expected to have. */
  readonly tokensOf: (work: Work) => number
  readonly onBlocked: (code: string | null) => void
}

/** A batch that is ready to be sent. */
export interface Packed {
  readonly nonce: string
  readonly rows: number
  readonly bytes: number
}

const head = '{"requests":[\n'
const between = ',\n'
const tail = '\n]}'
const end = Buffer.from('}')
/** A mark for an hour, and what a text needs to be a block that has one. */
const markBytesMax = 4 * 100
const marksMax = 4
const rowsAtOnce = 256
/** An estimate of a prefix must be this much above the least that is cached. */
const tokensMargin = 1.1

/** The id of a row in its batch. */
export function wireId(nonce: string, index: number): string {
  return `${nonce}-${index.toString(36)}`
}

/** The index of a row by its id in a batch; undefined: it is not of this intent. */
export function indexOf(nonce: string, wire: string): number | undefined {
  if (!wire.startsWith(`${nonce}-`)) return undefined
  const index = Number.parseInt(wire.slice(nonce.length + 1), 36)
  return index >= 0 && wireId(nonce, index) === wire ? index : undefined
}

/** See above. */
export class Pack {
  readonly nonce: string
  readonly #parts: PackParts
  readonly #rows: DiskFile
  readonly #body: DiskFile
  #rewritten: DiskFile | undefined
  readonly #groups = new Groups()
  /** Where each row's request begins in the file, and how long it is. */
  readonly #offsets: number[] = []
  readonly #lengths: number[] = []
  /** Expected tokens of each prompt; where marks may be put. */
  readonly #tokens: number[] = []
  #bytes = 0
  /** Of the body as it may become with marks. */
  #bytesMost = 0

  constructor(nonce: string, parts: PackParts) {
    const { files, clock, intents, onBlocked } = parts
    this.nonce = nonce
    this.#parts = parts
    this.#rows = new DiskFile({ files, clock, onBlocked, path: intents.rowsPath(nonce) })
    this.#body = new DiskFile({ files, clock, onBlocked, path: this.#packPath })
    this.#write(head)
  }

  get rows(): number {
    return this.#offsets.length
  }

  /** What was handed over waits for room on the disk. */
  get isBlocked(): boolean {
    return this.#rows.isBlocked || this.#body.isBlocked
  }

  /** Whether a row has room in it. One row always has. */
  hasRoomFor(work: Work): boolean {
    const { rowsMax, bytesMax } = this.#parts.bounds
    if (this.rows === 0) return true
    const bytes = this.#bytesMost + work.bodyBytes + this.nonce.length + markBytesMax
    return this.rows < rowsMax && bytes <= bytesMax
  }

  /** Takes a row, and the most it may cost; returns its index. */
  add(work: Work, most: Amount | undefined): number {
    const { row } = work
    const body = askedBody(work)
    assert(body !== undefined, 'A row that is packed has its body')
    const index = this.rows
    const { cache } = this.#parts
    const params = cache === 'strip' ? withoutMarks(body) : body
    this.#rows.append(recordLine(work, most))
    if (index > 0) this.#write(between)
    const from = this.#bytes
    const start = Buffer.from(`{"custom_id":"${wireId(this.nonce, index)}","params":`)
    this.#write(Buffer.concat([start, params, end]))
    this.#offsets.push(from)
    this.#lengths.push(this.#bytes - from)
    this.#groups.add(cache === 'auto' || cache === 'marked' ? row.cachePoints.map(keyOf) : [])
    if (cache === 'auto') this.#tokens.push(this.#parts.tokensOf(work))
    this.#bytesMost += this.#bytes - from + (cache === 'auto' ? markBytesMax : 0) + between.length
    return index
  }

  /** Resolves when there is room for more. */
  async ready(): Promise<void> {
    await this.#rows.ready()
    await this.#body.ready()
  }

  /** Puts rows in their order, makes all durable. @throws {RunError} `OUTPUT_UNWRITABLE` */
  async finish(): Promise<Packed> {
    const { files, intents, cache } = this.#parts
    this.#write(tail)
    await this.#rows.finish()
    await this.#body.finish()
    const path = intents.bodyPath(this.nonce)
    const arrangement = this.#groups.arrange()
    const marks = cache === 'auto' && arrangement.order.length > 1
    if (arrangement.isReordered || marks) {
      const bytes = await this.#rewrite(arrangement, path)
      files.remove(this.#packPath)
      return { nonce: this.nonce, rows: this.rows, bytes }
    }
    files.rename(this.#packPath, path)
    return { nonce: this.nonce, rows: this.rows, bytes: this.#bytes }
  }

  /** Nothing more is written. */
  close(): void {
    this.#rows.close()
    this.#body.close()
    this.#rewritten?.close()
  }

  /** Nothing of it is to be sent. */
  discard(): void {
    const { files, intents } = this.#parts
    this.close()
    files.remove(this.#packPath)
    intents.remove(this.nonce)
  }

  get #packPath(): string {
    return this.#parts.intents.rowsPath(this.nonce).replace(/rows$/, 'pack')
  }

  #write(text: string | Uint8Array): void {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text
    this.#body.append(bytes)
    this.#bytes += bytes.length
  }

  async #rewrite(arrangement: Arrangement, path: string): Promise<number> {
    const { files, clock, onBlocked } = this.#parts
    const from = files.open(this.#packPath, 'read')
    const to = new DiskFile({ files, clock, onBlocked, path })
    this.#rewritten = to
    let bytes = 0
    const write = (part: Uint8Array): void => {
      to.append(part)
      bytes += part.length
    }
    try {
      write(Buffer.from(head))
      for (const [place, row] of arrangement.order.entries()) {
        if (place > 0) write(Buffer.from(between))
        write(this.#marked(row, this.#read(from, row), arrangement))
        if (to.isBlocked) await to.ready()
        // Others have their turn: 100,000 rows take seconds.
        if (place % rowsAtOnce === 0) await turn(clock)
      }
      write(Buffer.from(tail))
      await to.finish()
      return bytes
    } finally {
      from.close()
    }
  }

  #read(file: File, row: number): Buffer {
    const length = this.#lengths[row] ?? 0
    const buffer = Buffer.allocUnsafe(length)
    file.readSync(buffer, length, this.#offsets[row] ?? 0)
    return buffer
  }

  /** The request with marks where they pay. */
  #marked(row: number, request: Buffer, arrangement: Arrangement): Uint8Array {
    if (this.#parts.cache !== 'auto') return request
    const start = `{"custom_id":"${wireId(this.nonce, row)}","params":`.length
    const body = request.subarray(start, -1)
    const marks = marksOf(body, this.#tokens[row] ?? 0, arrangement)
    const marked = marks.length === 0 ? undefined : withMarks(body, marks)
    if (marked === undefined) return request
    return Buffer.concat([request.subarray(0, start), marked, request.subarray(-1)])
  }
}

function keyOf({ key }: { readonly key: number }): number {
  return key
}

function turn(clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    clock.after(0, resolve)
  })
}

/** The longest prefixes that enough rows have, are long enough, and nobody marked. */
function marksOf(
  body: Uint8Array,
  tokens: number,
  { paysMark, rowsWith }: Arrangement,
): readonly Mark[] {
  const request = parseJson(Buffer.from(body).toString())
  const model = isJsonObject(request) ? request['model'] : undefined
  if (!isJsonObject(request) || typeof model !== 'string') return []
  const points = cachePointsOf(request, model, 'all')
  if (points[0]?.mark !== undefined) return []
  const least = cacheTokensMinOf(model) * tokensMargin
  const paying = points.filter(({ key, share }) => paysMark(key) && share * tokens >= least)
  // A shorter prefix that no more rows have is read by none that do not read the longer.
  const apart = paying.filter(({ key }, index) => {
    const next = paying[index + 1]
    return next === undefined || rowsWith(key) > rowsWith(next.key)
  })
  return apart.slice(-marksMax).map(({ at }) => ({ at, life: '1h' }))
}
