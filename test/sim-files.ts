/**
 * A file system in memory, for the world and for tests: the `Files` contract, with faults on
 * demand.
 *
 * Think of a disk and a process. `kill` is the process's death: what was written stays, and
 * every open file is dead. `crash` is the power's: of each file also a part of what was not
 * synced is gone. Names (made, renamed, removed) are durable at once; only content can be lost.
 *
 * Asynchronous calls settle in microtasks, so the virtual clock need not move for them. Of a
 * process that was killed they never settle.
 */

import type { File, FileInfo, Files, OpenMode } from '../src/files.ts'
import type { Random } from '../src/random.ts'
import { emptyInode, SimFile, systemError } from './sim-file.ts'
import type { Disk, Inode } from './sim-file.ts'

/** How much of what was not synced a power loss leaves. */
export type KeepUnsynced = 'all' | 'none' | 'random'

/** Where a write fault strikes. */
export interface WriteFaultOptions {
  /** Bytes that are written before it does; a write that crosses them is short. @default 0 */
  readonly after?: number
  /** The only file that is struck. @default all */
  readonly path?: string
}

const stdoutPath = '/dev/stdout'

/** A disk; see above. Paths are absolute, with `/`. */
export class SimFiles implements Files {
  /**
   * Called before each operation with its name and path; may throw instead of it. @default
   * nothing
   */
  onOperation: ((operation: string, path: string) => void) | undefined
  readonly #wallTime: () => number
  readonly #names = new Map<string, Inode>()
  readonly #folders = new Set<string>(['/'])
  readonly #stdout: Inode = emptyInode(0)
  #life = 0
  #writeFault: { code: string; left: number; path: string | undefined } | undefined
  #syncFault: string | undefined
  #writeLimit: (() => number) | undefined
  #syncDelay: (() => Promise<void>) | undefined

  /** `wallTime` dates the files. */
  constructor(wallTime: () => number = () => 0) {
    this.#wallTime = wallTime
  }

  /** From now on writes fail with `code`; undefined: they succeed. */
  failWrites(code: string | undefined, { after = 0, path }: WriteFaultOptions = {}): void {
    this.#writeFault = code === undefined ? undefined : { code, left: after, path }
  }

  /** From now on syncs fail with `code`; undefined: they succeed. */
  failSyncs(code: string | undefined): void {
    this.#syncFault = code
  }

  /** From now on a sync takes as long as `wait`; undefined: no time. */
  delaySyncs(wait: (() => Promise<void>) | undefined): void {
    this.#syncDelay = wait
  }

  /** From now on a write takes at most as many bytes as `draw` says; undefined: all of them. */
  limitWrites(draw: (() => number) | undefined): void {
    this.#writeLimit = draw
  }

  /** The process dies: open files are dead, what was written stays. */
  kill(): void {
    this.#life++
  }

  /**
   * The power fails. Of what was not synced a beginning is left, at times followed by NUL bytes.
   */
  crash(options: { readonly keepUnsynced: KeepUnsynced }, random: Random): void {
    this.kill()
    for (const inode of new Set(this.#names.values())) {
      const unsynced = inode.size - inode.synced
      let kept = options.keepUnsynced === 'all' ? unsynced : 0
      if (options.keepUnsynced === 'random') kept = random.integer(0, unsynced)
      const end = inode.synced + kept
      // A file system that had noted the new length and not yet written the content.
      const isHollow = options.keepUnsynced === 'random' && random.chance(0.25)
      if (isHollow) inode.bytes.fill(0, end, inode.size)
      else inode.size = end
      inode.synced = inode.size
    }
  }

  /** The content of a file. */
  bytes(path: string): Uint8Array {
    const inode = this.#inode(path, 'open')
    return inode.bytes.slice(0, inode.size)
  }

  /** What was written to standard output. */
  stdoutText(): string {
    return Buffer.from(this.#stdout.bytes.subarray(0, this.#stdout.size)).toString()
  }

  /** Puts a file there, durably, and the folders above it. */
  put(path: string, content: string | Uint8Array): void {
    this.#addFolders(parentOf(path))
    const bytes = Uint8Array.from(typeof content === 'string' ? Buffer.from(content) : content)
    const { length } = bytes
    this.#names.set(path, { ...emptyInode(this.#wallTime()), bytes, size: length, synced: length })
  }

  /** All names of files, sorted. */
  paths(): readonly string[] {
    return [...this.#names.keys()].toSorted()
  }

  open(path: string, mode: OpenMode): File {
    this.#begin('open', path)
    if (this.#folders.has(path)) throw systemError('EISDIR', 'open', path)
    let inode = this.#names.get(path)
    if (mode === 'read' || inode !== undefined) {
      if (inode === undefined) throw systemError('ENOENT', 'open', path)
      if (mode === 'create') throw systemError('EEXIST', 'open', path)
      return this.#handle(path, inode, mode)
    }
    this.#needParent(path, 'open')
    inode = emptyInode(this.#wallTime())
    this.#names.set(path, inode)
    return this.#handle(path, inode, mode)
  }

  stdout(): File {
    const file = this.#handle(stdoutPath, this.#stdout, 'append')
    return Object.assign(file, {
      sync: () => Promise.resolve(),
      syncNow: () => {},
      truncate: () => {
        throw systemError('EINVAL', 'ftruncate', stdoutPath)
      },
      close: () => {},
    })
  }

  stat(path: string): FileInfo | undefined {
    this.#begin('stat', path)
    const inode = this.#names.get(path)
    if (inode !== undefined) {
      return { size: inode.size, isFile: true, modifiedAt: inode.modifiedAt }
    }
    return this.#folders.has(path) ? { size: 0, isFile: false, modifiedAt: 0 } : undefined
  }

  readText(path: string): string {
    this.#begin('readText', path)
    return Buffer.from(this.bytes(path)).toString()
  }

  writeText(path: string, text: string): void {
    this.#begin('writeText', path)
    this.#needParent(path, 'open')
    const bytes = Buffer.from(text)
    const fault = this.#faultAt(path)
    if (fault !== undefined && fault.left < bytes.length)
      throw systemError(fault.code, 'write', path)
    this.put(path, bytes)
  }

  link(existing: string, path: string): void {
    this.#begin('link', path)
    const inode = this.#inode(existing, 'link')
    this.#needParent(path, 'link')
    if (this.#names.has(path)) throw systemError('EEXIST', 'link', path)
    this.#names.set(path, inode)
  }

  rename(from: string, to: string): void {
    this.#begin('rename', from)
    this.#needParent(to, 'rename')
    if (this.#folders.has(from)) {
      this.#renameFolder(from, to)
      return
    }
    const inode = this.#inode(from, 'rename')
    this.#names.delete(from)
    this.#names.set(to, inode)
  }

  remove(path: string): void {
    this.#begin('remove', path)
    this.#names.delete(path)
  }

  removeFolder(path: string): void {
    this.#begin('removeFolder', path)
    for (const name of this.#names.keys()) if (name.startsWith(`${path}/`)) this.#names.delete(name)
    for (const name of this.#folders) {
      if (name === path || name.startsWith(`${path}/`)) this.#folders.delete(name)
    }
  }

  removeEmptyFolder(path: string): void {
    this.#begin('removeEmptyFolder', path)
    if (this.#children(path).length === 0) this.#folders.delete(path)
  }

  makeFolder(path: string): void {
    this.#begin('makeFolder', path)
    this.#addFolders(path)
  }

  syncFolderOf(path: string): void {
    this.#begin('syncFolderOf', path)
    this.#needParent(path, 'open')
  }

  copyMode(from: string, to: string): void {
    this.#begin('copyMode', from)
    this.#inode(to, 'chmod').mode = this.#inode(from, 'stat').mode
  }

  list(path: string): readonly string[] {
    this.#begin('list', path)
    return this.#children(path)
  }

  realPath(path: string): string {
    this.#begin('realPath', path)
    if (!this.#names.has(path)) this.#needParent(path, 'realpath')
    return path
  }

  #handle(path: string, inode: Inode, mode: OpenMode): File {
    const life = this.#life
    const disk: Disk = {
      begin: (operation) => this.#begin(operation, path),
      isAlive: () => this.#life === life || inode === this.#stdout,
      room: (wanted) => this.#room(path, wanted),
      syncFault: () => this.#syncFault,
      syncDelay: () => this.#syncDelay,
      wallTime: this.#wallTime,
    }
    return new SimFile(disk, path, inode, mode)
  }

  /** How many bytes of a write go through; throws if none do. */
  #room(path: string, wanted: number): number {
    const limit = Math.max(1, this.#writeLimit?.() ?? wanted)
    const fault = this.#faultAt(path)
    if (fault === undefined) return Math.min(wanted, limit)
    const count = Math.min(wanted, limit, fault.left)
    if (count === 0 && wanted > 0) throw systemError(fault.code, 'write', path)
    fault.left -= count
    return count
  }

  #faultAt(path: string): { code: string; left: number } | undefined {
    const fault = this.#writeFault
    return fault?.path === undefined || fault.path === path ? fault : undefined
  }

  #begin(operation: string, path: string): void {
    this.onOperation?.(operation, path)
  }

  #inode(path: string, call: string): Inode {
    const inode = this.#names.get(path)
    if (inode === undefined) {
      throw systemError(this.#folders.has(path) ? 'EISDIR' : 'ENOENT', call, path)
    }
    return inode
  }

  #needParent(path: string, call: string): void {
    if (!this.#folders.has(parentOf(path))) throw systemError('ENOENT', call, path)
  }

  #addFolders(path: string): void {
    for (let folder = path; !this.#folders.has(folder); folder = parentOf(folder)) {
      this.#folders.add(folder)
    }
  }

  #children(path: string): string[] {
    return [...this.#names.keys(), ...this.#folders]
      .filter((name) => name !== '/' && parentOf(name) === path)
      .map((name) => name.slice(name.lastIndexOf('/') + 1))
      .toSorted()
  }

  #renameFolder(from: string, to: string): void {
    const moved = (name: string): string => to + name.slice(from.length)
    const isInside = (name: string): boolean => name === from || name.startsWith(`${from}/`)
    for (const folder of [...this.#folders].filter(isInside)) {
      this.#folders.delete(folder)
      this.#folders.add(moved(folder))
    }
    for (const [name, inode] of [...this.#names].filter(([name]) => isInside(name))) {
      this.#names.delete(name)
      this.#names.set(moved(name), inode)
    }
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}
