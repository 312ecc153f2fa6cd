/**
 * Whether the terminal is ours to read and to set.
 *
 * A process that does so from the background is stopped by the kernel (SIGTTIN, SIGTTOU): a run
 * that was started with `&` would stand still, and nobody would know why.
 */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Whether this process is of the group that has its terminal. */
export function isForeground(): boolean {
  try {
    if (process.platform === 'linux')
      return isForegroundStat(readFileSync('/proc/self/stat', 'utf8'))
    const args = ['-o', 'stat=', '-p', String(process.pid)]
    return execFileSync('ps', args, { encoding: 'utf8', stdio: 'pipe' }).includes('+')
  } catch {
    return false
  }
}

/**
 * Whether `/proc/<pid>/stat` tells of a process that has its terminal.
 *
 * @example
 * ```ts
 * // pid (name) state parent group session terminal group-of-the-terminal
 * isForegroundStat('7 (no) (de) S 1 7 5 34816 7 0') // => true
 * isForegroundStat('7 (node) S 1 7 5 34816 5 0') // => false
 * isForegroundStat('7 (node) S 1 7 5 0 -1 0') // => false
 * ```
 */
export function isForegroundStat(stat: string): boolean {
  // The name may hold anything, parentheses and blanks too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [, , group, , , owner] = fields
  return group !== undefined && group === owner
}
