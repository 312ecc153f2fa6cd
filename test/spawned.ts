/**
 * The built command in a process of its own, for tests: started, fed, listened to, ended.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, expect } from 'vitest'
import { type StartOptions, startSimulator } from '../src/simulator/index.ts'

/** The script of the command. */
export const bin: string = fileURLToPath(new URL('../bin/sluice.js', import.meta.url))
const base = mkdtempSync(path.join(tmpdir(), 'sluice-test-'))
/** What the tests, which run side by side, have started and not ended. */
export const toEnd: (() => unknown)[] = []
afterAll(async () => {
  for (const end of toEnd) await end()
  rmSync(base, { recursive: true, force: true })
})

/** The API key the command is given. */
export const key = 'sk-ant-0123456789-of-this-test'

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A process under way. */
export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** What it has printed so far. */
  stdout(): string
  /** Resolves once standard error holds the text. */
  says(text: string): Promise<void>
}

/** What a process is given. */
export interface Spawned {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Uint8Array
  readonly nodeArgs?: readonly string[]
  readonly script?: string
}

/** Starts the command. */
export function start(args: readonly string[], spawned: Spawned): Running {
  const { cwd, env = {}, input, nodeArgs = [], script = bin } = spawned
  // Nothing of the machine's own environment may decide what happens here.
  const variables = { PATH: process.env['PATH'] ?? '', ANTHROPIC_API_KEY: key, ...env }
  const child = spawn(process.execPath, [...nodeArgs, script, ...args], { cwd, env: variables })
  toEnd.push(() => child.kill('SIGKILL'))
  const output = { stdout: '', stderr: '' }
  const waiters: { text: string; resolve: () => void }[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text
    for (const { text, resolve } of waiters) if (output.stderr.includes(text)) resolve()
  })
  child.stdin.end(input ?? '')
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, ...output }))
  })
  const says = (text: string): Promise<void> =>
    new Promise((resolve) => {
      waiters.push({ text, resolve })
      if (output.stderr.includes(text)) resolve()
    })
  return { child, ended, says, stdout: () => output.stdout }
}

/** The object that it printed, which is of the form that the schema of this name says. */
export function printed(schema: string, { stdout }: Pick<Ended, 'stdout'>): unknown {
  const file = new URL(`../schemas/${schema}.json`, import.meta.url)
  const form = JSON.parse(readFileSync(file, 'utf8')) as object
  const isValid = new Ajv2020({ allowUnionTypes: true }).compile(form)
  const value = JSON.parse(stdout) as unknown
  isValid(value)
  expect(isValid.errors ?? []).toEqual([])
  return value
}

/** No line is wider than a terminal usually is. */
export function expectNarrow(text: string): void {
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
}

/** Runs the command to its end. */
export function sluice(args: readonly string[], spawned: Spawned): Promise<Ended> {
  return start(args, spawned).ended
}

let folders = 0
/** A new empty folder. */
export function folder(): string {
  const made = path.join(base, String((folders += 1)))
  mkdirSync(made)
  return made
}

/** Starts the simulator, without latency; its URL. */
export async function simulate(options: StartOptions = {}): Promise<string> {
  const simulator = await startSimulator({ latencyMs: 0, ...options })
  toEnd.push(() => simulator.close())
  return simulator.url
}

/** A line of input, newline included. */
export function row(index: number, changes: object = {}): string {
  const messages = [{ role: 'user', content: `Row ${index}` }]
  return `${JSON.stringify({ model: 'claude-haiku-4-5', max_tokens: 20, messages, ...changes })}\n`
}

/** So many of them. */
export function rows(count: number): string {
  return Array.from({ length: count }, (_, index) => row(index)).join('')
}

/** Writes a file of a folder. */
export function write(cwd: string, name: string, text: string): void {
  writeFileSync(path.join(cwd, name), text)
}

/** The text of a file of a folder. */
export function read(cwd: string, name: string): string {
  return readFileSync(path.join(cwd, name), 'utf8')
}

/** The ids of result lines, in their order. */
export function idsIn(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => {
    const parsed: { custom_id: string } = JSON.parse(line)
    return parsed.custom_id
  })
}

/** The default ids of so many rows, sorted. */
export function wanted(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `line-${index + 1}`).toSorted()
}

/** The last line of what was printed. */
export function lastLine(text: string): string | undefined {
  return text.trimEnd().split('\n').at(-1)
}
