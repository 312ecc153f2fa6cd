/**
 * Which machine and process this is, and whether another process lives: for the lock.
 *
 * A process id alone names nobody: ids are used again, and every container and every boot has
 * its own. So a process is named by host, boot, id, and the instant it started. The host's name
 * takes in what else could make two machines look like one: the machine id (two clones called
 * `localhost` on one network drive) and, in a container, the process namespace (two containers
 * of one name).
 *
 * The only core file that asks the system about processes.
 */

import fs from 'node:fs'
import os from 'node:os'
import type { Clock } from './clock.ts'
import { systemErrorCode } from './files.ts'

/** `unknown`: there is such a process, or may be, but whether it is the same one cannot be told. */
export type ProcessState = 'alive' | 'dead' | 'unknown'

/** This process, as others can name it. */
export interface Host {
  /** The machine, as far as processes are concerned. */
  readonly name: string
  /** Changes when the machine starts anew. */
  readonly bootId: string
  readonly pid: number
  /** When the process started, in whatever form the system has; '' where it does not say. */
  readonly startedAt: string
  /**
   * Whether the process of this id that started then, on this machine and in this boot, still
   * lives.
   */
  processState(pid: number, startedAt: string): ProcessState
}

/** The machine this runs on. */
export function systemHost(clock: Clock): Host {
  return {
    name: hostName(),
    bootId: bootId(clock),
    pid: process.pid,
    startedAt: readProcess(process.pid)?.startedAt ?? '',
    processState,
  }
}

/**
 * The state and the start (in clock ticks since boot) in the text of Linux's `/proc/<pid>/stat`.
 *
 * @example
 * ```ts
 * const fields = '1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 8123 0 0'
 * parseProcessStat(`42 (a) b (c)) S ${fields}`) // => { state: 'S', startedAt: '8123' }
 * ```
 */
export function parseProcessStat(text: string): { state: string; startedAt: string } | undefined {
  // The second field is the command's name in parentheses, and may hold blanks and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state] = fields
  // `starttime` is field 22; the fields here begin with the third.
  const startedAt = fields[22 - 3]
  return state === undefined || startedAt === undefined ? undefined : { state, startedAt }
}

function processState(pid: number, startedAt: string): ProcessState {
  const found = readProcess(pid)
  if (found !== undefined) {
    // A zombie holds its id until its parent looks, and does nothing.
    if (found.state === 'Z' || found.state === 'X') return 'dead'
    if (startedAt === '') return 'unknown'
    return found.startedAt === startedAt ? 'alive' : 'dead'
  }
  try {
    process.kill(pid, 0)
    return 'unknown'
  } catch (error) {
    return systemErrorCode(error) === 'ESRCH' ? 'dead' : 'unknown'
  }
}

function readProcess(pid: number): { state: string; startedAt: string } | undefined {
  const text = readOrNothing(`/proc/${pid}/stat`)
  return text === undefined ? undefined : parseProcessStat(text)
}

function hostName(): string {
  const machine = readOrNothing('/etc/machine-id')?.trim().slice(0, 8)
  const namespace = readLinkOrNothing('/proc/self/ns/pid')
  // The first namespace has this number on every Linux; it says no more than the name does.
  const isFirst = namespace === undefined || namespace === 'pid:[4026531836]'
  return [os.hostname(), machine, isFirst ? undefined : namespace]
    .filter((part) => part !== undefined && part !== '')
    .join(' ')
}

function bootId(clock: Clock): string {
  const id = readOrNothing('/proc/sys/kernel/random/boot_id')?.trim()
  if (id !== undefined && id !== '') return id
  // The instant of the start, rounded, since the two clocks it is made of are not read at once.
  const startedAtSeconds = clock.wallTime() / 1000 - os.uptime()
  return `started-${Math.round(startedAtSeconds / 60)}`
}

function readOrNothing(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function readLinkOrNothing(path: string): string | undefined {
  try {
    return fs.readlinkSync(path)
  } catch {
    return undefined
  }
}
