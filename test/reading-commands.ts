/**
 * What commands that only read a file have in common, for their tests: inputs that cannot be read,
 * and ^C while standard input waits for more.
 */

import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import { bin, folder, sluice, toEnd } from './spawned.ts'

/** Inputs that cannot be read: what they are, how they are given, and what is said. */
export const unreadable = [
  ['nothing there', 'none.jsonl', 'there is no such file'],
  ['a folder', 'sub', 'it is a folder or a pipe, not a file'],
] as const

/** The command exits with 2 and says so; what `--json` prints then. */
export async function expectUnreadable(
  command: string,
  input: string,
  reason: string,
): Promise<unknown> {
  const cwd = folder()
  mkdirSync(path.join(cwd, 'sub'))
  const { code, stdout, stderr } = await sluice([command, input], { cwd })
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(`error[INPUT_UNREADABLE]: Cannot read ${input}: ${reason}`)
  const json = await sluice([command, input, '--json'], { cwd })
  return JSON.parse(json.stdout) as unknown
}

/** Feeds it so much, which must be more than a pipe holds, then stops it by ^C; what it printed. */
export async function interrupted(command: string, fed: string): Promise<string> {
  const child = spawn(process.execPath, [bin, command, '-'], { cwd: folder(), env: {} })
  toEnd.push(() => child.kill('SIGKILL'))
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  const ended = new Promise((resolve) => void child.on('close', resolve))
  child.stdin.on('error', () => {})
  // Once all is taken, the command is reading, and waits for more.
  child.stdin.write(fed, () => child.kill('SIGINT'))
  expect(await ended).toBe(3)
  return stdout
}
