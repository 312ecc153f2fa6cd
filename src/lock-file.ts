/**
 * The lock's file: what is in it, and the operations on it that one process in a race can win.
 *
 *   take        link a file that is complete to the lock's name: fails if the name is taken
 *   put aside   rename the lock, and look whether it is the one that was meant: else give it back
 *
 * A file keeps the descriptor it was made by, and is rewritten through it in place. So a holder who
 * was put aside goes on writing into its own file, and never over its successor's.
 *
 * Some file systems have no hard links. There the lock is created and then filled; whoever reads
 * it in between finds it unreadable and young.
 */

import { assert } from './assert.ts'
import { systemErrorCode } from './files.ts'
import type { File, Files } from './files.ts'
import { isJsonObject, parseJson } from './json.ts'
import { writeAll } from './replacement.ts'

/** The content of a lock. Instants are wall time in milliseconds. */
export interface Holder {
  readonly host: string
  readonly bootId: string
  readonly pid: number
  readonly startedAt: string
  /** Tells this holder from all others. */
  readonly nonce: string
  readonly takenAt: number
  readonly heartbeatAt: number
  /** The most requests that were in flight since the heartbeat before. */
  readonly inFlight: number
}

/** Contents are padded to this, so that a heartbeat is one write that changes no length. */
const contentBytes = 1024

/** A file with our own content that is, or may become, the lock. */
export class LockFile {
  readonly #files: Files
  readonly #path: string
  /** Its name until it is the lock. */
  readonly #temporary: string
  #file: File

  /** Writes the file beside the lock, in a folder that is made if need be. */
  constructor(files: Files, path: string, holder: Holder) {
    this.#files = files
    this.#path = path
    this.#temporary = `${path}.${holder.nonce}`
    this.#file = createIn(files, folderOf(path), this.#temporary)
    try {
      writeAll(this.#file, contentOf(holder))
      // After a power loss a lock must say whose it was.
      this.#file.syncNow()
    } catch (error) {
      this.discard()
      throw error
    }
  }

  /** Makes it the lock; false if there is one. */
  take(): boolean {
    try {
      this.#files.link(this.#temporary, this.#path)
    } catch (error) {
      const code = systemErrorCode(error) ?? ''
      if (code === 'EEXIST') return false
      if (!isWithoutLinks(code)) throw error
      return this.#takeByCreating()
    }
    this.#files.remove(this.#temporary)
    return true
  }

  /** Rewrites the content. */
  write(holder: Holder): void {
    const content = contentOf(holder)
    // Half of it would not be readable, and so not ours.
    for (let at = 0, count = 1; at < content.length && count > 0; at += count)
      count = this.#file.writeAt(content.subarray(at), at)
  }

  close(): void {
    this.#file.close()
  }

  /** Closes it and removes it; not to be called once it is the lock. */
  discard(): void {
    this.#file.close()
    this.#files.remove(this.#temporary)
  }

  #takeByCreating(): boolean {
    let file: File
    try {
      file = this.#files.open(this.#path, 'create')
    } catch (error) {
      if (systemErrorCode(error) === 'EEXIST') return false
      throw error
    }
    const content = new Uint8Array(contentBytes)
    this.#file.readSync(content, contentBytes, 0)
    this.discard()
    this.#file = file
    try {
      writeAll(file, content)
      file.syncNow()
    } catch (error) {
      // What we made must not keep others out.
      this.#files.remove(this.#path)
      throw error
    }
    return true
  }
}

/** The folder of a lock. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

/** The text of the lock at `path`, or of one put aside; undefined when there is none. */
export function readLock(files: Files, path: string): string | undefined {
  try {
    return files.readText(path)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Renames the lock, if it still has the content `expected`, so that its name is free. If it has
 * not, it is given back: someone else was faster.
 */
export function putAside(files: Files, path: string, expected: string, nonce: string): void {
  const aside = `${path}.${nonce}.aside`
  try {
    files.rename(path, aside)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return
    throw error
  }
  const found = readLock(files, aside)
  // Nothing is there when another has taken the lock by now, and cleared away what the dead left.
  if (found === undefined || found === expected) return
  try {
    files.link(aside, path)
  } catch (error) {
    const code = systemErrorCode(error) ?? ''
    // By now the lock is another's. The holder it was taken from will see so at its next heartbeat.
    if (code !== 'EEXIST' && !isWithoutLinks(code)) throw error
    if (code !== 'EEXIST' && files.stat(path) === undefined) {
      files.rename(aside, path)
      return
    }
  }
  files.remove(aside)
}

/** Locks that were put aside, or prepared and never taken, with their texts. */
export function findRemains(
  files: Files,
  path: string,
): readonly { readonly path: string; readonly text: string }[] {
  const prefix = `${path.slice(path.lastIndexOf('/') + 1)}.`
  const found: { path: string; text: string }[] = []
  for (const name of files.list(folderOf(path))) {
    const remains = `${folderOf(path)}/${name}`
    const text = name.startsWith(prefix) ? readLock(files, remains) : undefined
    if (text !== undefined) found.push({ path: remains, text })
  }
  return found
}

/** Reads a lock's content; undefined when it is damaged. */
export function parseHolder(text: string): Holder | undefined {
  const content = parseJson(text)
  if (!isJsonObject(content)) return undefined
  const { host, boot_id: bootId, pid, started_at: startedAt, nonce } = content
  const { taken_at: takenAt, heartbeat_at: heartbeatAt, in_flight: inFlight } = content
  if (typeof host !== 'string' || typeof bootId !== 'string') return undefined
  if (typeof startedAt !== 'string' || typeof nonce !== 'string') return undefined
  if (typeof pid !== 'number' || typeof takenAt !== 'number') return undefined
  if (typeof heartbeatAt !== 'number' || typeof inFlight !== 'number') return undefined
  return { host, bootId, pid, startedAt, nonce, takenAt, heartbeatAt, inFlight }
}

function contentOf(holder: Holder): Uint8Array {
  const json = JSON.stringify({
    host: holder.host,
    boot_id: holder.bootId,
    pid: holder.pid,
    started_at: holder.startedAt,
    nonce: holder.nonce,
    taken_at: holder.takenAt,
    heartbeat_at: holder.heartbeatAt,
    in_flight: holder.inFlight,
  })
  const content = Buffer.alloc(contentBytes, ' ')
  const length = Buffer.byteLength(json)
  assert(length < contentBytes, `A lock's content must fit into ${contentBytes} bytes`)
  content.write(json)
  content[contentBytes - 1] = 0x0a
  return content
}

/** Another run that ends may remove the folder, as empty, before the file is in it. */
function createIn(files: Files, folder: string, path: string): File {
  for (let attempt = 1; ; attempt++) {
    files.makeFolder(folder)
    try {
      return files.open(path, 'create')
    } catch (error) {
      if (attempt === 5 || systemErrorCode(error) !== 'ENOENT') throw error
    }
  }
}

function isWithoutLinks(code: string): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)
}
