/**
 * One run per output: a lock that says whether its holder lives, and can be taken from the dead.
 *
 * Taking is decided by the file system (lock-file.ts). Two who find one dead holder at once end
 * with one new holder, and the other is told who it is. Where three or more meet, the lock can
 * be moved from under its new holder for a moment, in which a third may take it; so the last
 * word is the heartbeat's: a holder whose `beat` finds another's name has lost.
 *
 * Who is dead?
 *
 *   same host, same boot     the process that is gone, or whose id is another's now
 *   same host, other boot    dead; presumed dead if the heartbeat is younger than 10 s
 *   another host             alive; presumed dead if the heartbeat is older than 10 minutes
 *   nobody can say, or read  as another host; what is unreadable is presumed dead after 10 s
 *
 * A holder presumed dead is dead if not a byte has changed after the time of three heartbeats.
 * So no two machines' clocks need agree, and no two machines that pass for one harm each other.
 */

import { sleep } from './clock.ts'
import type { Clock } from './clock.ts'
import { RunError } from './errors.ts'
import { systemErrorCode } from './files.ts'
import type { Files } from './files.ts'
import type { Host } from './host.ts'
import { findRemains, folderOf, LockFile, parseHolder, putAside, readLock } from './lock-file.ts'
import type { Holder } from './lock-file.ts'
import { randomToken } from './random.ts'

/** A lock that is held. */
export interface Lock {
  /** Of holders that died with it, if any did: so many requests of theirs may have been billed. */
  readonly previous: { readonly inFlight: number } | undefined
  /**
   * To be called every 2 s, with the most requests in flight since the last call, and once
   * before the first request is sent.
   *
   * @throws {RunError} `LOCK_LOST` when another run holds the lock.
   */
  beat(inFlight: number): void
  /** Gives the lock up, and removes its folder if nothing else is in it. */
  release(): void
}

/** What a lock is taken with. */
export interface LockOptions {
  readonly files: Files
  readonly clock: Clock
  readonly host: Host
  /** The output, by its real path. */
  readonly output: string
  /** Tells this holder from all others. @default a random one */
  readonly nonce?: string
}

/** Three heartbeats of 2 s: one may be late, and one lie before the first reading. */
const rereadMs = 6000
const youngMs = 10_000
const abandonedMs = 10 * 60_000
/** In each round another taker came first; so many in a row do not. */
const roundsMax = 100

/**
 * Takes the lock of an output. Waits 6 s where a holder is presumed dead.
 *
 * @throws {RunError} `OUTPUT_LOCKED` when another run holds it; `OUTPUT_UNWRITABLE` when there
 * can be no lock.
 */
export async function takeLock(options: LockOptions): Promise<Lock> {
  const { files, clock, output, nonce = randomToken(16) } = options
  const path = `${output}.sluice/lock`
  const me = describeHolder(options, nonce)
  /** The content of a lock whose holder is presumed dead, once it was read. */
  let presumed: string | undefined
  let own: LockFile | undefined
  try {
    own = new LockFile(files, path, me)
    for (let round = 0; round < roundsMax; round++) {
      if (own.take()) {
        return new HeldLock(options, path, own, me, inheritance(options, path, presumed))
      }
      const text = readLock(files, path)
      // Given up, or put aside by another taker, since we found it taken.
      if (text === undefined) continue
      const verdict = judge(options, text, files.stat(path)?.modifiedAt)
      if (verdict === 'alive' || isChanged(presumed, text)) throw locked(options, path, text)
      if (verdict === 'dead' || presumed === text) {
        putAside(files, path, text, nonce)
      } else {
        presumed = text
        await sleep(clock, rereadMs)
      }
    }
    throw new RunError('OUTPUT_LOCKED', `Cannot lock ${output}: many runs try at the same time`)
  } catch (error) {
    own?.discard()
    if (systemErrorCode(error) === undefined) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new RunError('OUTPUT_UNWRITABLE', `Cannot lock ${output}: ${reason}`, { cause: error })
  }
}

class HeldLock implements Lock {
  readonly previous: { readonly inFlight: number } | undefined
  readonly #options: LockOptions
  readonly #path: string
  #file: LockFile
  #holder: Holder
  #isReleased = false

  constructor(
    options: LockOptions,
    path: string,
    file: LockFile,
    holder: Holder,
    previous: { readonly inFlight: number } | undefined,
  ) {
    this.previous = previous
    this.#options = options
    this.#path = path
    this.#file = file
    this.#holder = holder
  }

  beat(inFlight: number): void {
    if (this.#isReleased) return
    const { files, clock, output } = this.#options
    this.#holder = { ...this.#holder, heartbeatAt: clock.wallTime(), inFlight }
    // A disk that fails is no reason to lose a lock: only another's name on it is.
    // Written before it is read: from here on whoever would put us aside finds another content.
    unlessDiskFails(() => this.#file.write(this.#holder))
    for (let round = 0; round < roundsMax; round++) {
      const text = unlessDiskFails(() => readLock(files, this.#path) ?? null)
      // A lock that is gone: someone judges us by it and will give it back, or a user removed the
      // folder. We live, so it is ours to take, unless somebody has.
      if (text === null) {
        if (this.#takeAgain()) return
        continue
      }
      if (text === undefined || this.#isOurs(text)) return
      const by = parseHolder(text)
      throw new RunError(
        'LOCK_LOST',
        `Cannot go on writing ${output}: ${by ? nameOf(by) : 'another run'} has taken it over`,
        { hint: 'see that one run at a time writes an output; answers written so far are kept' },
      )
    }
  }

  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    const { files } = this.#options
    const text = readLock(files, this.#path)
    if (text !== undefined && this.#isOurs(text)) files.remove(this.#path)
    this.#file.close()
    files.removeEmptyFolder(folderOf(this.#path))
  }

  #isOurs(text: string): boolean {
    return parseHolder(text)?.nonce === this.#holder.nonce
  }

  /** False if there is a lock by now: ours, given back, or another's. */
  #takeAgain(): boolean {
    const { files } = this.#options
    // On a full disk no file can be made. The next heartbeat tries again.
    const again = unlessDiskFails(() => new LockFile(files, this.#path, this.#holder))
    if (again === undefined) return true
    const isTaken = unlessDiskFails(() => again.take())
    if (isTaken === true) {
      this.#file.close()
      this.#file = again
    } else {
      again.discard()
    }
    return isTaken !== false
  }
}

/** The result, or undefined if the file system failed. */
function unlessDiskFails<T>(operation: () => T): T | undefined {
  try {
    return operation()
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error
    return undefined
  }
}

function describeHolder({ host, clock }: LockOptions, nonce: string): Holder {
  const now = clock.wallTime()
  const { name, bootId, pid, startedAt } = host
  return { host: name, bootId, pid, startedAt, nonce, takenAt: now, heartbeatAt: now, inFlight: 0 }
}

/** See the table at the top. `modifiedAt` is that of the lock's file. */
function judge(
  { host, clock }: LockOptions,
  text: string,
  modifiedAt: number | undefined,
): 'alive' | 'presumed' | 'dead' {
  const now = clock.wallTime()
  const holder = parseHolder(text)
  if (holder === undefined) {
    // The file server's clock may be ahead of ours; then too it was not written just now.
    return Math.abs(now - (modifiedAt ?? now)) > youngMs ? 'presumed' : 'alive'
  }
  const silentMs = now - holder.heartbeatAt
  const isHere = holder.host === host.name
  if (isHere && holder.bootId !== host.bootId) return silentMs < youngMs ? 'presumed' : 'dead'
  const state = isHere ? host.processState(holder.pid, holder.startedAt) : 'unknown'
  if (state === 'unknown') return silentMs > abandonedMs ? 'presumed' : 'alive'
  return state
}

/**
 * What dead holders left in flight, from the locks that were put aside, by whomever: a taker may
 * have put one aside and then come second. Removes them, and what dead takers had prepared.
 */
function inheritance(
  options: LockOptions,
  path: string,
  presumed: string | undefined,
): { readonly inFlight: number } | undefined {
  let previous: { inFlight: number } | undefined
  for (const remains of findRemains(options.files, path)) {
    const holder = parseHolder(remains.text)
    const isDead = remains.text === presumed || judge(options, remains.text, undefined) === 'dead'
    if (!isDead) continue
    if (remains.path.endsWith('.aside')) {
      previous = { inFlight: (previous?.inFlight ?? 0) + (holder?.inFlight ?? 0) }
    }
    options.files.remove(remains.path)
  }
  return previous
}

function locked({ host, clock, output }: LockOptions, path: string, text: string): RunError {
  const holder = parseHolder(text)
  if (holder === undefined) {
    return new RunError('OUTPUT_LOCKED', `Cannot write ${output}: another run is just taking it`, {
      hint: 'try again in 20 seconds; after a crash the lock is free by then',
    })
  }
  const now = clock.wallTime()
  const since = `for ${duration(now - holder.takenAt)}`
  const sign = `last sign of life ${duration(now - holder.heartbeatAt)} ago`
  const end = holder.host === host.name ? `stop it with "kill ${holder.pid}"` : 'see to it there'
  const gone = `if that host is gone, its lock is free after 10 min of silence; or remove ${path}`
  const hint =
    `wait until it ends, ${end}, or name another output with -o` +
    (holder.host === host.name ? '' : `; ${gone}`)
  return new RunError(
    'OUTPUT_LOCKED',
    `Cannot write ${output}: ${nameOf(holder)} has been writing it ${since} (${sign})`,
    { hint },
  )
}

/** Whether the holder who was presumed dead has written since. */
function isChanged(presumed: string | undefined, text: string): boolean {
  if (presumed === undefined || presumed === text) return false
  return parseHolder(presumed)?.nonce === parseHolder(text)?.nonce
}

function nameOf({ pid, host }: Holder): string {
  return `process ${pid} on host "${host}"`
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}
