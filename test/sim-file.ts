/**
 * An open file of `SimFiles`, and what it is open on.
 */

import type { File, OpenMode } from '../src/files.ts'

/** The content of a file, whatever its names. */
export interface Inode {
  bytes: Uint8Array
  size: number
  /** Bytes from the start that survive a power loss. */
  synced: number
  modifiedAt: number
  mode: number
}

/** What an open file needs of its disk. */
export interface Disk {
  begin(operation: string): void
  isAlive(): boolean
  room(wanted: number): number
  syncFault(): string | undefined
  syncDelay(): (() => Promise<void>) | undefined
  wallTime(): number
}

/** One open file; see `File`. */
export class SimFile implements File {
  readonly #disk: Disk
  readonly #path: string
  readonly #inode: Inode
  readonly #mode: OpenMode
  #position = 0
  #isClosed = false

  constructor(disk: Disk, path: string, inode: Inode, mode: OpenMode) {
    this.#disk = disk
    this.#path = path
    this.#inode = inode
    this.#mode = mode
  }

  async read(buffer: Uint8Array, length: number, position: number): Promise<number> {
    const count = this.readSync(buffer, length, position)
    await this.#later()
    return count
  }

  readSync(buffer: Uint8Array, length: number, position: number): number {
    this.#begin('read')
    const { bytes, size } = this.#inode
    const end = Math.min(size, position + Math.min(length, buffer.length))
    if (end <= position) return 0
    buffer.set(bytes.subarray(position, end))
    return end - position
  }

  write(bytes: Uint8Array, offset: number): number {
    this.#begin('write')
    if (this.#mode === 'read') throw systemError('EBADF', 'write', this.#path)
    const count = this.#disk.room(bytes.length - offset)
    const position = this.#mode === 'append' ? this.#inode.size : this.#position
    this.#put(bytes.subarray(offset, offset + count), position)
    this.#position = position + count
    return count
  }

  writeAt(bytes: Uint8Array, position: number): number {
    this.#begin('writeAt')
    if (this.#mode === 'read') throw systemError('EBADF', 'write', this.#path)
    const count = this.#disk.room(bytes.length)
    this.#put(bytes.subarray(0, count), position)
    return count
  }

  async sync(): Promise<void> {
    this.#begin('sync')
    const { size } = this.#inode
    const fault = this.#disk.syncFault()
    await this.#disk.syncDelay()?.()
    await this.#later()
    if (fault !== undefined) throw systemError(fault, 'fdatasync', this.#path)
    this.#inode.synced = Math.max(this.#inode.synced, Math.min(size, this.#inode.size))
  }

  syncNow(): void {
    this.#begin('syncNow')
    const fault = this.#disk.syncFault()
    if (fault !== undefined) throw systemError(fault, 'fdatasync', this.#path)
    this.#inode.synced = this.#inode.size
  }

  truncate(size: number): void {
    this.#begin('truncate')
    if (this.#mode === 'read') throw systemError('EINVAL', 'ftruncate', this.#path)
    if (size > this.#inode.size)
      this.#put(new Uint8Array(size - this.#inode.size), this.#inode.size)
    this.#inode.size = size
    this.#inode.synced = Math.min(this.#inode.synced, size)
  }

  size(): number {
    this.#begin('size')
    return this.#inode.size
  }

  close(): void {
    this.#begin('close')
    this.#isClosed = true
  }

  #begin(operation: string): void {
    if (this.#isClosed || !this.#disk.isAlive()) throw systemError('EBADF', operation, this.#path)
    this.#disk.begin(operation)
  }

  /** The next microtask; never, if the process has died by then. */
  async #later(): Promise<void> {
    await Promise.resolve()
    if (!this.#disk.isAlive()) await new Promise(() => {})
  }

  #put(piece: Uint8Array, position: number): void {
    const inode = this.#inode
    const end = position + piece.length
    if (end > inode.bytes.length) {
      const larger = new Uint8Array(Math.max(end, inode.bytes.length * 2))
      larger.set(inode.bytes.subarray(0, inode.size))
      inode.bytes = larger
    }
    // What a truncation cut off must not come back.
    if (position > inode.size) inode.bytes.fill(0, inode.size, position)
    inode.bytes.set(piece, position)
    inode.size = Math.max(inode.size, end)
    inode.modifiedAt = this.#disk.wallTime()
  }
}

/** A file with nothing in it. */
export function emptyInode(modifiedAt: number): Inode {
  return { bytes: new Uint8Array(64), size: 0, synced: 0, modifiedAt, mode: 0o644 }
}

/** An error as the system throws it. */
export function systemError(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${call} '${path}'`), { code })
}
