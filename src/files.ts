/**
 * Disk, as a parameter. The only core file that touches the file system.
 *
 * Calls are synchronous where the order of effects is a promise: an answer is
 * handed to `write()` in the turn in which it was read, and a lock is either
 * taken or not. Reading ahead and `fdatasync` are asynchronous.
 *
 * Failures are thrown as Node throws them, with `code` (`ENOENT`, `ENOSPC`, `EEXIST`…):
 * the caller knows which of them it can live with. `test/contract/files.ts` is this
 * contract as tests; the tests' world keeps a second implementation to it.
 */

import fs from 'node:fs'
import path from 'node:path'
import { RunError } from './errors.ts'

/** An open file. Positions and lengths are bytes. */
export interface File {
  /** Reads up to `length` bytes at `position` into `buffer` from its start; 0 at the end. */
  read(buffer: Uint8Array, length: number, position: number): Promise<number>
  readSync(buffer: Uint8Array, length: number, position: number): number
  /** Writes at the end (of a file opened to append); returns the bytes written, maybe fewer. */
  write(bytes: Uint8Array, offset: number): number
  /** Overwrites in place (in a file opened with `create`); returns the bytes written. */
  writeAt(bytes: Uint8Array, position: number): number
  /** Makes what was written durable (fdatasync). */
  sync(): Promise<void>
  syncNow(): void
  truncate(size: number): void
  size(): number
  close(): void
}

/** What there is at a path. */
export interface FileInfo {
  readonly size: number
  readonly isFile: boolean
  readonly modifiedAt: number
}

/** `read`: must exist. `append`: made if missing. `create`: must not exist (O_EXCL). */
export type OpenMode = 'read' | 'append' | 'create'

/** A file system. */
export interface Files {
  open(path: string, mode: OpenMode): File
  /** The process's standard output. A full pipe throws `EAGAIN`; syncing and closing do nothing. */
  stdout(): File
  /** Undefined when there is nothing. */
  stat(path: string): FileInfo | undefined
  readText(path: string): string
  /**
   * Replaces a small file whole: written beside it, then renamed. `mode`: its permissions, if not
   * those of any new file.
   */
  writeText(path: string, text: string, mode?: number): void
  /** Gives an existing file a second name; throws `EEXIST` if that name is taken. */
  link(existing: string, path: string): void
  rename(from: string, to: string): void
  /** Removes a file; nothing there is fine. */
  remove(path: string): void
  /** Removes a folder and all in it; nothing there is fine. */
  removeFolder(path: string): void
  /** Removes a folder that holds nothing; does nothing if it holds something or is not there. */
  removeEmptyFolder(path: string): void
  makeFolder(path: string): void
  /** Makes the name `path` durable, after a file of that name was made, renamed or removed. */
  syncFolderOf(path: string): void
  /** Gives `to` the permissions of `from`. */
  copyMode(from: string, to: string): void
  list(path: string): readonly string[]
  /**
   * The path without symbolic links; of a file not made yet, its folder's real path and its name.
   */
  realPath(path: string): string
}

class NodeFile implements File {
  readonly #descriptor: number

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  read(buffer: Uint8Array, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#descriptor, buffer, 0, length, position, (error, count) => {
        if (error) reject(error)
        else resolve(count)
      })
    })
  }

  readSync(buffer: Uint8Array, length: number, position: number): number {
    return fs.readSync(this.#descriptor, buffer, 0, length, position)
  }

  write(bytes: Uint8Array, offset: number): number {
    return fs.writeSync(this.#descriptor, bytes, offset)
  }

  writeAt(bytes: Uint8Array, position: number): number {
    return fs.writeSync(this.#descriptor, bytes, 0, bytes.length, position)
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, (error) => (error ? reject(error) : resolve()))
    })
  }

  syncNow(): void {
    fs.fdatasyncSync(this.#descriptor)
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.#descriptor, size)
  }

  size(): number {
    return fs.fstatSync(this.#descriptor).size
  }

  close(): void {
    fs.closeSync(this.#descriptor)
  }
}

/**
 * Descriptor 1. Nothing resumes from it, so it is never synced; it belongs to the process, not to
 * us.
 */
class Stdout extends NodeFile {
  constructor() {
    super(1)
  }

  override sync(): Promise<void> {
    return Promise.resolve()
  }

  override syncNow(): void {}

  override close(): void {}
}

const openFlags: Record<OpenMode, string> = { read: 'r', append: 'a+', create: 'wx+' }

/** The machine's file system. Folders it makes are their owner's alone: they hold prompts. */
export class NodeFiles implements Files {
  open(path: string, mode: OpenMode): File {
    return new NodeFile(fs.openSync(path, openFlags[mode]))
  }

  stdout(): File {
    return new Stdout()
  }

  stat(path: string): FileInfo | undefined {
    const info = fs.statSync(path, { throwIfNoEntry: false })
    return info && { size: info.size, isFile: info.isFile(), modifiedAt: info.mtimeMs }
  }

  readText(path: string): string {
    return fs.readFileSync(path, 'utf8')
  }

  writeText(path: string, text: string, mode?: number): void {
    const temporary = `${path}.${process.pid}.tmp`
    try {
      fs.writeFileSync(temporary, text, { flush: true, mode })
      fs.renameSync(temporary, path)
    } catch (error) {
      // On a full disk a part of it stands there.
      fs.rmSync(temporary, { force: true })
      throw error
    }
  }

  link(existing: string, path: string): void {
    fs.linkSync(existing, path)
  }

  rename(from: string, to: string): void {
    fs.renameSync(from, to)
  }

  remove(path: string): void {
    fs.rmSync(path, { force: true })
  }

  removeFolder(path: string): void {
    fs.rmSync(path, { force: true, recursive: true })
  }

  removeEmptyFolder(path: string): void {
    try {
      fs.rmdirSync(path)
    } catch (error) {
      // Some systems say EEXIST for a folder that still holds something.
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) throw error
    }
  }

  makeFolder(path: string): void {
    fs.mkdirSync(path, { recursive: true, mode: 0o700 })
  }

  syncFolderOf(target: string): void {
    let descriptor: number
    try {
      descriptor = fs.openSync(path.dirname(target), 'r')
    } catch (error) {
      // Windows opens no folders; its renames are durable by themselves.
      if (['EISDIR', 'EPERM', 'EACCES'].includes(systemErrorCode(error) ?? '')) return
      throw error
    }
    try {
      fs.fsyncSync(descriptor)
    } catch (error) {
      // Network and FUSE file systems that cannot sync a folder say so; there is no more to be had.
      if (!['EINVAL', 'EPERM', 'ENOTSUP', 'ENOSYS'].includes(systemErrorCode(error) ?? '')) {
        throw error
      }
    } finally {
      fs.closeSync(descriptor)
    }
  }

  copyMode(from: string, to: string): void {
    fs.chmodSync(to, fs.statSync(from).mode & 0o777)
  }

  list(path: string): readonly string[] {
    return fs.existsSync(path) ? fs.readdirSync(path) : []
  }

  realPath(target: string): string {
    const absolute = path.resolve(target)
    if (fs.existsSync(absolute)) return fs.realpathSync(absolute)
    const real = path.join(fs.realpathSync(path.dirname(absolute)), path.basename(absolute))
    // A link to a file not made yet: two names of it must not become two locks.
    const isLink = fs.lstatSync(real, { throwIfNoEntry: false })?.isSymbolicLink() === true
    return isLink ? this.realPath(path.resolve(path.dirname(real), fs.readlinkSync(real))) : real
  }
}

/** The code the system gave (`ENOSPC`, …), or undefined when the error is not the system's. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof RunError) return undefined
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : undefined
}
