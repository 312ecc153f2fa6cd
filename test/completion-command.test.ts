/**
 * `sluice completion` of the built command: scripts that shells take, and that ask and never run
 * what stands in a line.
 */

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { bin, folder, read, sluice, write } from './spawned.ts'

const shells = ['bash', 'zsh', 'fish'] as const

function isThere(program: string): boolean {
  return spawnSync(program, ['-c', 'true']).error === undefined
}

/** A folder in which `sluice` is a program, and its path for a shell. */
function withSluice() {
  const cwd = folder()
  write(cwd, 'sluice', `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`)
  chmodSync(path.join(cwd, 'sluice'), 0o755)
  const env = { PATH: `${cwd}:${process.env['PATH']}`, HOME: cwd, LC_ALL: 'C' }
  return { cwd, env }
}

describe.each(shells)('%s', (shell) => {
  test('takes its script', async ({ skip }) => {
    skip(!isThere(shell), `${shell} is not installed`)
    const cwd = folder()
    const { code, stdout } = await sluice(['completion', shell], { cwd })
    expect(code).toBe(0)
    write(cwd, 'script', stdout)
    const flags = { bash: ['-n'], zsh: ['-n'], fish: ['--no-execute'] }[shell]
    const { status, stderr } = spawnSync(shell, [...flags, 'script'], { cwd, encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})

describe('TAB in bash', () => {
  /** What bash would offer, where it cuts the line into these words. */
  function offered(words: readonly string[]) {
    const { cwd, env } = withSluice()
    write(cwd, 'answers.jsonl', 'precious\n')
    const quoted = words.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`)
    const script = [
      'source <(sluice completion bash)',
      `COMP_WORDS=(sluice ${quoted.join(' ')}); COMP_CWORD=${words.length}`,
      '_sluice sluice',
      String.raw`printf '%s\n' "${'$'}{COMPREPLY[@]}"`,
    ].join('\n')
    const ran = spawnSync('bash', ['--norc', '-c', script], { cwd, env, encoding: 'utf8' })
    expect({ status: ran.status, stderr: ran.stderr }).toEqual({ status: 0, stderr: '' })
    return { cwd, lines: ran.stdout.trimEnd().split('\n') }
  }

  test('gives flags and their values, and leaves files to bash', ({ skip }) => {
    skip(!isThere('bash'), 'bash is not installed')
    expect(offered(['run', '--max-at']).lines).toEqual(['--max-attempts'])
    expect(offered(['run', '--fsync', '']).lines).toEqual(['always', '1s', 'never'])
    expect(offered(['run', '--fsync', '=', 'n']).lines).toEqual(['never'])
    expect(offered(['run', 'requ']).lines).toEqual([''])
  })

  test('runs nothing of the line, and writes to no file of it', ({ skip }) => {
    skip(!isThere('bash'), 'bash is not installed')
    const redirected = offered(['run', '-', '>', 'answers.jsonl', '--retry-f'])
    expect(redirected.lines).toEqual(['--retry-failed'])
    expect(read(redirected.cwd, 'answers.jsonl')).toBe('precious\n')
    for (const word of ['$(touch ran)', '`touch ran`', '; touch ran', "it's"]) {
      const { cwd, lines } = offered(['run', word, '--retry-f'])
      expect(lines).toEqual(['--retry-failed'])
      expect(existsSync(path.join(cwd, 'ran'))).toBe(false)
    }
  })
})

test('TAB in fish gives flags with what they do, values and files', ({ skip }) => {
  skip(!isThere('fish'), 'fish is not installed')
  const { cwd, env } = withSluice()
  write(cwd, 'requests.jsonl', '')
  const offered = (line: string): readonly string[] => {
    const script = `sluice completion fish | source; complete -C '${line}'`
    const args = ['--no-config', '-c', script]
    return spawnSync('fish', args, { cwd, env, encoding: 'utf8' }).stdout.trimEnd().split('\n')
  }
  expect(offered('sluice run --fsync a')).toEqual(['always'])
  expect(offered('sluice run --max-row')).toEqual([
    '--max-row-time\tone row, all its tries and waits',
  ])
  expect(offered('sluice run requ').map((line) => line.split('\t')[0])).toEqual(['requests.jsonl'])
  expect(offered('sluice run --output=requ').map((line) => line.split('\t')[0])).toEqual([
    '--output=requests.jsonl',
  ])
  expect(offered('sluice run --first ')).toEqual([''])
})

describe('the command', () => {
  test('answers the scripts, and is not in the help', async () => {
    const cwd = folder()
    const answered = await sluice(['complete', '--', 'run', '--fsync', ''], { cwd })
    expect(answered).toEqual({ code: 0, stdout: 'always\t\n1s\t\nnever\t\n:none\n', stderr: '' })
    const { stdout } = await sluice(['--help'], { cwd })
    expect(stdout).toContain('completion SHELL')
    expect(stdout).not.toMatch(/^\s+complete\b/m)
  })

  test.each([
    [['tcsh'], 'SHELL must be bash, zsh or fish, got "tcsh"'],
    [[], 'SHELL is missing: bash, zsh or fish'],
    [['bsh'], 'SHELL must be bash, zsh or fish, got "bsh", did you mean "bash"?'],
    [['bash', 'zsh'], 'unexpected argument "zsh"'],
    [['bash', '--force'], 'unknown option --force'],
  ])('completion %j is told what is wrong', async (args, words) => {
    const { code, stdout, stderr } = await sluice(['completion', ...args], { cwd: folder() })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(`Cannot start: ${words}`)
  })
})
