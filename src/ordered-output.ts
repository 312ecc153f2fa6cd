/**
 * `--ordered`: answers in the order of the input, through a spool on disk.
 *
 * Think of a queue at a door. The answer whose turn it is goes straight to the output. One that
 * comes early is appended to the spool, at once and by the same rules as to the output, for it
 * is paid for; of it only a place in the spool is kept in memory. When a row's turn comes, it
 * and those behind it that are there are copied from the spool to the output, in blocks.
 *
 * The spool is a row of files, so that it can give back room while rows still wait: a file of which
 * every line is in the output is removed once the output is synced. Never before: a crash at any
 * moment leaves each answer in the output, or in the spool, or in both, and `findSpool` tells.
 *
 * Order holds by appending as long as nothing that was in the output before belongs after a row
 * answered now. When the input was edited it may; then `isDisordered` says so, and the output is
 * put in order by `rewriteInOrder` at the end.
 */

import { Appender } from './appender.ts'
import type { AppenderEvents, FsyncPolicy } from './appender.ts'
import { assert } from './assert.ts'
import type { Clock } from './clock.ts'
import type { File, Files } from './files.ts'
import { openToAppend } from './result-file.ts'
import { SequenceRing } from './sequence-ring.ts'
import { spoolPath, SpoolReader } from './spool.ts'
import type { Spooled } from './spool.ts'

/** Where answers go. */
export interface OrderedOutputOptions extends AppenderEvents {
  readonly files: Files
  readonly clock: Clock
  /** `<output>.sluice`; is there already. */
  readonly folder: string
  /** The output; stays the caller's. */
  readonly output: Appender
  readonly fsync: FsyncPolicy
  /** What an earlier run left in the folder. @default nothing */
  readonly spooled?: Spooled | undefined
  /** A file of the spool this large gets no more lines. @default 67108864 */
  readonly partBytesMax?: number | undefined
}

/** A file of the spool. */
interface Part {
  readonly number: number
  readonly path: string
  /** The offset in the spool of its first byte. */
  readonly base: number
  /** Bytes in it, those on their way included. */
  bytes: number
  readonly file: File
  readonly appender: Appender
  /** Lines in it that are not written to the output. */
  left: number
}

const partBytesMaxDefault = 64 * 2 ** 20
/** The most that is copied to the output in one write. */
const blockBytesMax = 2 ** 19
/** The most that is copied in one turn of the event loop; answers must be read in between. */
const turnBytesMax = 2 ** 19

/**
 * An output in input order. Rows are numbered from 0 without gaps; of each, exactly one of `place`,
 * `placeSpooled`, `held` and `skip` is called, in any order.
 */
export class OrderedOutput {
  readonly #options: OrderedOutputOptions
  readonly #ring: SequenceRing = new SequenceRing()
  /** Files of this run's spool; the last is the one that grows. */
  readonly #parts: Part[] = []
  /**
   * What an earlier run left, up to the offset `#oldBytes` of the spool. It is removed at the
   * end.
   */
  readonly #old: SpoolReader
  readonly #oldBytes: number
  /** Lines that wait in the spool for their turn. */
  #waiting = 0
  #firstAppended = Infinity
  #lastHeld = -1
  #isDraining = false
  #cancelRest: (() => void) | undefined
  #isClosed = false

  /** @throws {RunError} `OUTPUT_UNWRITABLE` when the spool cannot be written. */
  constructor(options: OrderedOutputOptions) {
    this.#options = options
    const old = options.spooled?.files ?? []
    const last = old.at(-1)
    this.#oldBytes = last === undefined ? 0 : last.base + last.bytes
    // Opened before anything is sent: an answer in hand must not find that there is no spool.
    this.#parts.push(this.#openPart((last?.number ?? 0) + 1, this.#oldBytes))
    this.#old = new SpoolReader(options.files, old)
  }

  /** Whether answers wait for room on the disk that holds the spool. */
  get isBlocked(): boolean {
    return this.#parts.some(({ appender }) => appender.isBlocked)
  }

  /** Whether an answer was appended to the output behind one that belongs after it. */
  get isDisordered(): boolean {
    return this.#firstAppended < this.#lastHeld
  }

  /** The row was answered. `onWritten` is called when its line is in the output or the spool. */
  place(sequence: number, line: string | Uint8Array, onWritten: () => void): void {
    if (sequence === this.#ring.next && this.#ring.state(sequence) === 'unknown') {
      this.#passTo(sequence)
      this.#options.output.append(line, () => {
        onWritten()
        this.#drain(turnBytesMax)
      })
    } else {
      this.#spool(sequence, typeof line === 'string' ? Buffer.from(line) : line, onWritten)
    }
    this.#drain(turnBytesMax)
  }

  /** An earlier run left the row's answer in the spool; it is taken from there. */
  placeSpooled(sequence: number, key: string): void {
    const offset = this.#options.spooled?.index.take(key)
    assert(offset !== undefined, `The spool holds no answer for row ${sequence}`)
    this.#ring.keep(sequence, offset, this.#old.lineAt(offset).length)
    this.#waiting++
    this.#drain(turnBytesMax)
  }

  /** The row's answer is in the output from an earlier run. */
  held(sequence: number): void {
    this.#lastHeld = Math.max(this.#lastHeld, sequence)
    this.skip(sequence)
  }

  /** The row will not be in the output: it failed, or this run leaves it. */
  skip(sequence: number): void {
    this.#ring.skip(sequence)
    this.#drain(turnBytesMax)
  }

  /** Resolves when all that was placed is written, and synced unless the policy is `never`. */
  async flush(): Promise<void> {
    await Promise.all(this.#parts.map(({ appender }) => appender.flush()))
    await this.#options.output.flush()
  }

  /**
   * To be called when every row is settled: brings all that waits into the output, then the
   * answers of an earlier run that no row took, and removes the spool. Closes it, whether it
   * succeeds or not.
   */
  async finish(): Promise<void> {
    const { output, files, spooled } = this.#options
    try {
      await this.flush()
      this.#cancelRest?.()
      this.#cancelRest = undefined
      for (this.#drain(Infinity); this.#waiting > 0; this.#drain(Infinity)) {
        assert(output.isBlocked, `Row ${this.#ring.next} was never settled`)
        await output.flush()
      }
      for (const offset of spooled?.index.rest() ?? []) {
        output.append(Uint8Array.from(this.#old.lineAt(offset)), ignore)
        if (output.isBlocked) await output.flush()
      }
      await output.flush()
    } catch (error) {
      this.close()
      throw error
    }
    this.close()
    for (const { path } of [...this.#parts, ...(spooled?.files ?? [])]) files.remove(path)
  }

  /**
   * Lets go of the spool, which stays for the next run. To be called after `flush`, unless all is
   * lost.
   */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelRest?.()
    for (const { appender } of this.#parts) appender.close()
    this.#old.close()
  }

  #openPart(number: number, base: number): Part {
    const { files, clock, fsync, folder, onBlocked, onUnblocked, onFailed } = this.#options
    const path = spoolPath(folder, number)
    const file = openToAppend(files, path)
    const appender = new Appender({ file, clock, fsync, onBlocked, onUnblocked, onFailed })
    return { number, path, base, bytes: 0, file, appender, left: 0 }
  }

  /** The file that takes the next line. */
  #growingPart(): Part {
    const last = this.#parts.at(-1)
    assert(last !== undefined, 'A spool has a file')
    if (last.bytes < (this.#options.partBytesMax ?? partBytesMaxDefault)) return last
    try {
      const part = this.#openPart(last.number + 1, last.base + last.bytes)
      this.#parts.push(part)
      this.#retire(last, 0)
      return part
    } catch {
      // An answer is in hand. A file larger than it should be holds it as well as a new one.
      return last
    }
  }

  #spool(sequence: number, bytes: Uint8Array, onWritten: () => void): void {
    const part = this.#growingPart()
    this.#ring.keep(sequence, part.base + part.bytes, bytes.length)
    part.bytes += bytes.length
    part.left++
    this.#waiting++
    part.appender.append(bytes, () => {
      onWritten()
      this.#drain(turnBytesMax)
    })
  }

  #passTo(sequence: number): void {
    this.#firstAppended = Math.min(this.#firstAppended, sequence)
    this.#ring.pass()
  }

  /** Copies to the output what is there of the rows whose turn it is. */
  #drain(bytesMax: number): void {
    if (this.#isDraining || this.#isClosed || this.#cancelRest !== undefined) return
    this.#isDraining = true
    let copied = 0
    // While the output is blocked nothing is copied, or the spool would come back into memory.
    while (!this.#options.output.isBlocked) {
      while (this.#ring.state(this.#ring.next) === 'skipped') this.#ring.pass()
      if (copied >= bytesMax) {
        this.#rest()
        break
      }
      const bytes = this.#copyBlock()
      if (bytes === 0) break
      copied += bytes
    }
    this.#isDraining = false
  }

  /** Goes on in a later turn. */
  #rest(): void {
    if (this.#ring.state(this.#ring.next) !== 'kept') return
    this.#cancelRest = this.#options.clock.after(0, () => {
      this.#cancelRest = undefined
      this.#drain(turnBytesMax)
    })
  }

  /** Copies the next rows' lines that are in the spool, up to a block; returns the bytes. */
  #copyBlock(): number {
    const ring = this.#ring
    let total = 0
    let end = ring.next
    while (ring.state(end) === 'kept' && this.#isWritten(ring.offset(end), ring.length(end))) {
      if (total > 0 && total + ring.length(end) > blockBytesMax) break
      total += ring.length(end++)
    }
    if (total === 0) return 0
    const block = Buffer.allocUnsafe(total)
    const taken = new Map<Part, number>()
    for (let at = 0; ring.next < end; this.#passTo(ring.next)) {
      const length = ring.length(ring.next)
      const part = this.#read(ring.offset(ring.next), block.subarray(at, at + length))
      if (part !== undefined) taken.set(part, (taken.get(part) ?? 0) + 1)
      at += length
      this.#waiting--
    }
    this.#options.output.append(block, () => {
      for (const [part, count] of taken) this.#retire(part, count)
      this.#drain(turnBytesMax)
    })
    return total
  }

  #partAt(offset: number): Part | undefined {
    return offset < this.#oldBytes ? undefined : this.#parts.findLast(({ base }) => base <= offset)
  }

  /** Whether a line is in the spool's file and not still in memory. */
  #isWritten(offset: number, length: number): boolean {
    const part = this.#partAt(offset)
    return part === undefined || offset + length - part.base <= part.appender.bytesWritten
  }

  /** Fills `into` from the spool; returns the file it was in, if that is one of this run's. */
  #read(offset: number, into: Buffer): Part | undefined {
    const part = this.#partAt(offset)
    if (part === undefined) {
      into.set(this.#old.lineAt(offset))
      return undefined
    }
    const count = part.file.readSync(into, into.length, offset - part.base)
    assert(count === into.length, `The spool ${part.path} was changed: it is shorter than it was`)
    return part
  }

  /** Lines of a file are in the output. When all are, the file goes, once the output is safe. */
  #retire(part: Part, count: number): void {
    part.left -= count
    if (part.left > 0 || part === this.#parts.at(-1)) return
    const remove = (): void => {
      if (this.#isClosed) return
      part.appender.close()
      this.#options.files.remove(part.path)
      this.#parts.splice(this.#parts.indexOf(part), 1)
    }
    // The file itself is flushed too, for whoever waits for that. If the output fails, its appender
    // says so, and the file stays. A file that cannot be removed now is tried again at the end.
    const { output } = this.#options
    const flushed = output.flush().then(() => part.appender.flush())
    void flushed.then(remove).catch(ignore)
  }
}

function ignore(): void {}
