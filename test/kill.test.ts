/**
 * The kill loop: `kill -9` at random instants, then the same command again, until the file is done.
 *
 * Cells: ordered or not × failures present or not × input edited between kills or not. In each, at
 * least 25 lives end by SIGKILL. Afterwards every row of the input as it then is has exactly one
 * line; no row whose line was in the files at a kill is ever asked again; and at a kill no more rows
 * were asked and without a line than there were sockets (40).
 *
 * The checks compute keys and read files on their own; they share no code with what they check.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Random } from '../src/random.ts'
import { startSimulator } from '../src/simulator/index.ts'

const killsPerCell = 25
const rowCount = 1200
const livesMax = 200
const concurrency = 40
const bin = fileURLToPath(new URL('../bin/sluice.js', import.meta.url))

interface Cell {
  readonly ordered: boolean
  readonly failures: boolean
  readonly edits: boolean
}

const cells: readonly Cell[] = [false, true].flatMap((ordered) =>
  [false, true].flatMap((failures) => [false, true].map((edits) => ({ ordered, failures, edits }))),
)

describe('kill -9 at random instants', () => {
  test.concurrent.each(cells)(
    'loses and doubles nothing: %o',
    async (cell) => {
      const report = await killLoop(cell)
      process.stderr.write(`${JSON.stringify({ ...cell, ...report })}\n`)
      expect(report.kills).toBeGreaterThanOrEqual(killsPerCell)
      expect(report).toMatchObject({ lost: 0, doubled: 0, heldAndAsked: 0, misplaced: 0 })
      // Where tries fail, rows that wait for their next one have no line either.
      if (!cell.failures) expect(report.mostUnread).toBeLessThanOrEqual(concurrency)
    },
    280_000,
  )
})

/** Rows as the test knows them: text, and whether it will be answered. */
class Input {
  readonly #random: Random
  readonly #failures: boolean
  #next = 0
  lines: string[]

  constructor(random: Random, failures: boolean) {
    this.#random = random
    this.#failures = failures
    this.lines = Array.from({ length: rowCount }, () => this.#make())
  }

  get text(): string {
    return this.lines.map((line) => `${line}\n`).join('')
  }

  /** A few rows inserted, removed, changed and exchanged. */
  edit(): void {
    const at = (): number => this.#random.integer(0, this.lines.length - 1)
    this.lines.splice(this.#random.chance(0.3) ? 0 : at(), 0, this.#make())
    this.lines.splice(at(), 1)
    this.lines[at()] = this.#make()
    const [a, b] = [at(), at()]
    const [first, second] = [this.lines[a], this.lines[b]]
    if (first !== undefined && second !== undefined) {
      this.lines[a] = second
      this.lines[b] = first
    }
  }

  #make(): string {
    const number = this.#next++
    const kind = this.#random.float()
    if (this.#failures && kind < 0.01) return `no request at all ${number}`
    const body = {
      model: 'claude-haiku-4-5',
      max_tokens: 16,
      messages: [{ role: 'user', content: `Row ${number}, please. ${'x'.repeat(number % 300)}` }],
      ...(this.#failures && kind < 0.03 && { frequency_penalty: 1 }),
    }
    // Ids on some rows, none on others, and now and then two rows alike to the byte.
    if (number % 3 === 0) return JSON.stringify({ custom_id: `id-${number}`, params: body })
    if (number % 50 === 1)
      return JSON.stringify({ ...body, messages: [{ role: 'user', content: 'Same.' }] })
    return JSON.stringify({ ...body, metadata: { number } })
  }
}

interface Report {
  readonly kills: number
  readonly lives: number
  readonly rows: number
  readonly received: number
  /** Rows asked in one life that had been asked in an earlier one. */
  readonly askedAgain: number
  /** Most rows that were asked in a life and had no line when it was killed. */
  readonly mostUnread: number
  readonly lost: number
  readonly doubled: number
  readonly heldAndAsked: number
  readonly misplaced: number
}

async function killLoop(cell: Cell): Promise<Report> {
  const seed = 1 + cells.indexOf(cell)
  const random = new Random(seed)
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-kill-'))
  const files = {
    input: path.join(folder, 'in.jsonl'),
    output: path.join(folder, 'out.jsonl'),
    failed: path.join(folder, 'out.failed.jsonl'),
  }
  const asked = new Map<string, number>()
  const simulator = await startSimulator({
    seed,
    requestsPerMinute: null,
    inputTokensPerMinute: null,
    outputTokensPerMinute: null,
    latencyMs: 250,
    outputTokens: 12,
    faults: cell.failures
      ? {
          'server-error': 0.02,
          'reset-before': 0.01,
          'reset-after': 0.02,
          cut: 0.02,
          overloaded: 0.01,
          'rate-limit': 0.01,
        }
      : {},
    observe: ({ type, body }) => {
      if (type !== 'received') return
      const prompt = promptOf(Buffer.from(body).toString())
      asked.set(prompt, (asked.get(prompt) ?? 0) + 1)
    },
  })
  const input = new Input(random.fork('rows'), cell.failures)
  for (const line of input.lines) promptsByKey.set(keyOf(line), promptOf(line))
  let kills = 0
  let lives = 0
  let askedAgain = 0
  let heldAndAsked = 0
  let mostUnread = 0
  try {
    writeFileSync(files.input, input.text)
    for (;;) {
      lives += 1
      if (lives > livesMax) throw new Error(`Not done after ${livesMax} lives`)
      const before = new Map(asked)
      const held = promptsHeld(files)
      const life = startRun(files, simulator.url, cell.ordered)
      const code = await lifeOf(life, kills < killsPerCell ? random.integer(150, 900) : Infinity)
      const askedNow = [...asked].filter(([prompt, count]) => count > (before.get(prompt) ?? 0))
      const prompts = askedNow.map(([prompt]) => prompt).filter((prompt) => prompt !== 'Same.')
      askedAgain += prompts.filter((prompt) => before.has(prompt)).length
      heldAndAsked += prompts.filter((prompt) => held.has(prompt)).length
      if (code !== null && code > 1)
        throw new Error(`Exit code ${code}: ${life.spawnargs.join(' ')}`)
      if (code !== null && kills >= killsPerCell) break
      if (code === null) {
        kills += 1
        const heldThen = promptsHeld(files)
        const unread = prompts.filter((prompt) => !heldThen.has(prompt)).length
        mostUnread = Math.max(mostUnread, unread)
      }
      // A cell that is done early goes on with new rows.
      if (code !== null) for (let more = 0; more < 200; more++) input.edit()
      if (cell.edits || code !== null) input.edit()
      writeFileSync(files.input, input.text)
      for (const line of input.lines) promptsByKey.set(keyOf(line), promptOf(line))
    }
    const received = [...asked.values()].reduce((sum, count) => sum + count, 0)
    const counted = countOut(files, input, cell.ordered && !cell.failures)
    const figures = { kills, lives, rows: input.lines.length, received, askedAgain, mostUnread }
    return { ...figures, heldAndAsked, ...counted }
  } finally {
    await simulator.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

interface RunFiles {
  readonly input: string
  readonly output: string
  readonly failed: string
}

function startRun(files: RunFiles, url: string, ordered: boolean): ChildProcess {
  const flags = [
    '-o',
    files.output,
    '--base-url',
    url,
    '--ramp',
    'off',
    '-j',
    String(concurrency),
    '-q',
  ]
  if (ordered) flags.push('--ordered')
  return spawn(process.execPath, [bin, 'run', files.input, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], ANTHROPIC_API_KEY: 'sk-ant-test' },
  })
}

/** Its exit code; null when it was killed after `killAfterMs`. */
function lifeOf(life: ChildProcess, killAfterMs: number): Promise<number | null> {
  let told = ''
  life.stderr?.on('data', (chunk: Buffer) => {
    told += chunk.toString()
  })
  return new Promise((resolve) => {
    const timer =
      killAfterMs === Infinity ? undefined : setTimeout(() => life.kill('SIGKILL'), killAfterMs)
    life.on('close', (code) => {
      clearTimeout(timer)
      if (code !== null && code > 1) process.stderr.write(told)
      resolve(code)
    })
  })
}

interface Line {
  readonly run: { readonly key: string; readonly line: number }
}

/** Whole lines only: a torn last one is what a kill may leave. */
function readLines(file: string): readonly Line[] {
  if (!existsSync(file)) return []
  const text = readFileSync(file, 'utf8')
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

function keyOf(line: string): string {
  return createHash('sha256').update(line).digest('hex').slice(0, 32)
}

function promptOf(line: string): string {
  try {
    const value = JSON.parse(line) as { params?: Body } & Body
    return (value.params ?? value).messages?.[0]?.content ?? line
  } catch {
    return line
  }
}

interface Body {
  readonly messages?: readonly { readonly content: string }[]
}

/** The prompts of all rows whose line is in a file of the run, spool included. */
function promptsHeld(files: RunFiles): ReadonlySet<string> {
  const folder = `${files.output}.sluice`
  const spools = (existsSync(folder) ? readdirSync(folder) : []).filter((name) =>
    name.endsWith('.spool'),
  )
  const all = [files.output, files.failed, ...spools.map((name) => path.join(folder, name))]
  const keys = all.flatMap(readLines).map(({ run }) => run.key)
  return new Set(keys.map((key) => promptsByKey.get(key) ?? key))
}

/** What a key stands for: of every row there ever was. */
const promptsByKey = new Map<string, string>()

/** Lines the files lack, have too many of, or have out of order. */
function countOut(
  files: RunFiles,
  input: Input,
  inOrder: boolean,
): Pick<Report, 'lost' | 'doubled' | 'misplaced'> {
  const wanted = new Map<string, number>()
  for (const line of input.lines) wanted.set(keyOf(line), (wanted.get(keyOf(line)) ?? 0) + 1)
  const there = new Map<string, number>()
  for (const { run } of [...readLines(files.output), ...readLines(files.failed)]) {
    there.set(run.key, (there.get(run.key) ?? 0) + 1)
  }
  let lost = 0
  let doubled = 0
  for (const [key, count] of wanted) {
    const found = there.get(key) ?? 0
    lost += Math.max(0, count - found)
    doubled += Math.max(0, found - count)
  }
  const order = readLines(files.output)
    .map(({ run }) => run.key)
    .filter((key) => wanted.has(key))
  const expected = input.lines.map(keyOf)
  const misplaced = inOrder ? order.filter((key, index) => key !== expected[index]).length : 0
  return { lost, doubled, misplaced }
}
