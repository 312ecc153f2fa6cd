/**
 * Appends whole lines to a file, at once, and keeps them through a full disk.
 *
 * A line is handed to `write()` in the turn in which it comes. What cannot be written now (the disk
 * is full, a pipe is full) stays in memory in order, and is tried again by the clock; whoever
 * appends is told, and admits nothing new meanwhile, so what is kept is bounded by what was in
 * flight. A line that was written in part goes on where it stopped: nothing can come between.
 *
 * Durability, by policy: with `always` a line counts as written once it is synced; with `1s` it is
 * synced within about a second; with `never` that is left to the system.
 *
 * Invariants: lines are written in the order in which they came, each by one encoding of its text;
 * `onWritten` is called once for a line, or never if the file fails or is closed first.
 */

import { assert } from './assert.ts'
import type { Cancel, Clock } from './clock.ts'
import { RunError } from './errors.ts'
import { systemErrorCode } from './files.ts'
import type { File } from './files.ts'

/** When appended lines are made durable. */
export type FsyncPolicy = 'always' | '1s' | 'never'

/** Who hears of trouble. */
export interface AppenderEvents {
  /**
   * Nothing can be written for now: admit nothing new. `code` is `ENOSPC`, `EDQUOT` or `EAGAIN`.
   */
  readonly onBlocked: (code: string) => void
  /** All that was kept is written. */
  readonly onUnblocked: () => void
  /** The file failed for good. Called once. */
  readonly onFailed: (error: unknown) => void
}

/** Where lines go, and how. */
export interface AppenderOptions extends AppenderEvents {
  /** Open to append; belongs to the appender from now on. */
  readonly file: File
  readonly clock: Clock
  readonly fsync: FsyncPolicy
}

/** A text of up to a third of this is encoded without a buffer of its own. */
const scratchBytes = 2 ** 18
const syncIntervalMs = 1000
const fullDiskRetryMs = 1000
const fullPipeRetryMs = 5

interface Line {
  readonly bytes: Uint8Array
  /** Bytes of it that are written. */
  written: number
  readonly onWritten: () => void
}

interface Flush {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** See above. */
export class Appender {
  readonly #options: AppenderOptions
  readonly #file: File
  readonly #scratch: Buffer = Buffer.allocUnsafeSlow(scratchBytes)
  /** Lines not wholly written, in order. */
  readonly #pending: Line[] = []
  /** For lines written but not synced, under `always`. */
  #unsynced: (() => void)[] = []
  #flushes: Flush[] = []
  #bytesWritten = 0
  /** `#bytesWritten` at the end of the last whole line. */
  #wholeBytes = 0
  #isWriting = false
  #blockedBy: string | undefined
  #cancelRetry: Cancel | undefined
  #isDirty = false
  #isSyncing = false
  #syncStartedAt = -Infinity
  #cancelSync: Cancel | undefined
  #failure: { readonly error: unknown } | undefined
  /** A write failed: nobody knows where it stopped. */
  #isBroken = false
  #isClosed = false

  constructor(options: AppenderOptions) {
    this.#options = options
    this.#file = options.file
  }

  /** Whether lines wait for room. */
  get isBlocked(): boolean {
    // The last of them, when it is reported written, is not waiting any more.
    return this.#blockedBy !== undefined && this.#pending.length > 0
  }

  /** Bytes handed to `write()` so far; what the file held before is not counted. */
  get bytesWritten(): number {
    return this.#bytesWritten
  }

  /**
   * Appends `line`, which ends in a newline, or a block of such lines. Bytes given are not copied
   * and must not change. `onWritten` may be called before this returns.
   */
  append(line: string | Uint8Array, onWritten: () => void): void {
    assert(!this.#isClosed, 'A line was appended to a closed file')
    if (this.#isBroken) return
    const isAlone = this.#pending.length === 0 && !this.#isWriting
    // The scratch buffer takes a line that is written now: twice as fast as a buffer of its own for
    // 1 KB, ten times for 100 KB.
    const isScratch = isAlone && typeof line === 'string' && line.length * 3 <= scratchBytes
    let bytes = line
    if (isScratch) bytes = this.#scratch.subarray(0, this.#scratch.write(line))
    else if (typeof bytes === 'string') bytes = Buffer.from(bytes)
    this.#pending.push({ bytes, written: 0, onWritten })
    if (this.#blockedBy === undefined) this.#writePending()
  }

  /**
   * Resolves when all lines appended so far are written, and synced unless the policy is `never`.
   * Rejects with the error if the file fails.
   */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#flushes.push({ resolve, reject })
      this.#settleFlushes()
    })
  }

  /**
   * Lets go of the file. Lines not written are lost, and their rows asked again; the part of one
   * that was written is taken back, so that the file ends with a whole line.
   */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelRetry?.()
    this.#cancelSync?.()
    if (this.#bytesWritten > this.#wholeBytes) this.#takeBackPart()
    // A descriptor closed under a sync could be another file's by the time it happens.
    if (!this.#isSyncing) this.#file.close()
    const error = new RunError('OUTPUT_CLOSED', 'Cannot flush a file that is closed')
    for (const { reject } of this.#flushes.splice(0)) reject(error)
  }

  #writePending(): void {
    // A callback that appends is called from here; its line is written by the loop that runs.
    if (this.#isWriting) return
    this.#isWriting = true
    for (let line = this.#pending[0]; line !== undefined; line = this.#pending[0]) {
      if (!this.#write(line)) break
      this.#pending.shift()
      this.#wholeBytes = this.#bytesWritten
      this.#afterLine(line.onWritten)
    }
    this.#isWriting = false
    if (this.#pending.length > 0 || this.#blockedBy === undefined) return
    this.#blockedBy = undefined
    this.#options.onUnblocked()
    this.#settleFlushes()
  }

  /** Writes what is left of the line; false if it did not all go out. */
  #write(line: Line): boolean {
    try {
      while (line.written < line.bytes.length) {
        const count = this.#file.write(line.bytes, line.written)
        line.written += count
        this.#bytesWritten += count
        // A file that takes nothing and says nothing is asked again a little later.
        if (count === 0) return this.#block('EAGAIN')
      }
      return true
    } catch (error) {
      const code = systemErrorCode(error)
      if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EAGAIN') return this.#block(code)
      this.#isBroken = true
      this.#fail(error)
      return false
    }
  }

  #block(code: string): false {
    const delayMs = code === 'EAGAIN' ? fullPipeRetryMs : fullDiskRetryMs
    this.#cancelRetry = this.#options.clock.after(delayMs, () => this.#writePending())
    if (this.#blockedBy !== code) {
      this.#blockedBy = code
      this.#options.onBlocked(code)
    }
    return false
  }

  #afterLine(onWritten: () => void): void {
    this.#isDirty = true
    const { fsync, clock } = this.#options
    if (fsync === 'always') {
      this.#unsynced.push(onWritten)
      // A timer, not a microtask: those run after every socket's callback, and each line would have
      // its own sync. Timers run once all sockets that were readable have been served.
      this.#syncAfter(0)
      return
    }
    if (fsync === '1s') this.#syncAfter(this.#syncStartedAt + syncIntervalMs - clock.now())
    onWritten()
  }

  #syncAfter(delayMs: number): void {
    // A sync under way does not cover what was written since; the next one starts when it ends.
    if (this.#isSyncing || this.#cancelSync !== undefined) return
    this.#cancelSync = this.#options.clock.after(Math.max(0, delayMs), () => this.#sync())
  }

  #sync(): void {
    this.#cancelSync?.()
    this.#cancelSync = undefined
    // The system reports a failed sync once and then forgets what it failed to keep.
    if (this.#failure !== undefined || this.#isClosed) return
    this.#isSyncing = true
    this.#isDirty = false
    this.#syncStartedAt = this.#options.clock.now()
    const synced = this.#unsynced
    this.#unsynced = []
    void this.#file.sync().then(
      () => this.#afterSync(synced, undefined),
      (error: unknown) => this.#afterSync([], { error }),
    )
  }

  #afterSync(
    synced: readonly (() => void)[],
    failure: { readonly error: unknown } | undefined,
  ): void {
    this.#isSyncing = false
    if (this.#isClosed) {
      this.#file.close()
      return
    }
    if (failure !== undefined) {
      this.#fail(failure.error)
      return
    }
    for (const onWritten of synced) onWritten()
    const sinceMs = this.#options.clock.now() - this.#syncStartedAt
    if (this.#isDirty) {
      this.#syncAfter(this.#options.fsync === 'always' ? 0 : syncIntervalMs - sinceMs)
    }
    this.#settleFlushes()
  }

  #settleFlushes(): void {
    if (this.#flushes.length === 0) return
    if (this.#failure !== undefined) {
      for (const { reject } of this.#flushes.splice(0)) reject(this.#failure.error)
      return
    }
    if (this.#pending.length > 0 || this.#isSyncing) return
    if (this.#options.fsync !== 'never' && this.#isDirty) {
      this.#sync()
      return
    }
    for (const { resolve } of this.#flushes.splice(0)) resolve()
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.#options.onFailed(error)
    this.#settleFlushes()
  }

  #takeBackPart(): void {
    try {
      this.#file.truncate(this.#file.size() - (this.#bytesWritten - this.#wholeBytes))
    } catch {
      // A pipe takes nothing back. Of a file, the next run cuts the torn end.
    }
  }
}
