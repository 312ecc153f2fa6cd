/**
 * The pages that people copy commands from are run as they are printed.
 *
 * A page's `jsonl FILE` block is a file of every folder in which its commands are run. Its `sh` blocks
 * are run one after the other in one folder, and a `text` block shows what the block before it prints,
 * `…` being whatever comes. A recipe begins in a folder of its own; under "After a run" that holds the
 * results of `sluice run requests.jsonl --ordered` too.
 */

import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { type RunningSimulator, type StartOptions, startSimulator } from '../src/simulator/index.ts'
import { bin, type Ended, folder, key, read, row, rows, sluice, toEnd, write } from './spawned.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const recipes = 'docs/recipes.md'
/** Pages that are followed from top to bottom. */
const guides = ['docs/from-python-script.md', 'docs/from-batches-by-hand.md']

/** One `sh` block. */
interface Step {
  readonly commands: string
  /** What it prints, if the page says. */
  readonly shown: string | undefined
}

/** What stands under one heading. */
interface Section {
  readonly title: string
  /** The heading above it. */
  readonly part: string
  readonly steps: readonly Step[]
}

interface Page {
  readonly files: readonly (readonly [name: string, text: string])[]
  readonly sections: readonly Section[]
}

function readPage(file: string): Page {
  const text = readFileSync(path.join(root, file), 'utf8')
  const files = [...text.matchAll(/^```jsonl (\S+)\n([\s\S]*?)^```$/gm)].map(
    ([, name = '', lines = '']) => [name, lines] as const,
  )
  let part = ''
  const sections = text.split(/^(?=##)/m).map((section): Section => {
    const [, level = '', title = ''] = /^(#+) (.*)/.exec(section) ?? []
    if (level === '##') part = title
    const blocks = section.matchAll(/^```sh\n([\s\S]*?)^```\n(?:\n```text\n([\s\S]*?)^```$)?/gm)
    const steps = [...blocks].map(([, commands = '', shown]) => ({ commands, shown }))
    return { title, part, steps }
  })
  return { files, sections: sections.filter(({ steps }) => steps.length > 0) }
}

/** A simulator whose answers all have 20 tokens, or as many as are allowed. */
async function simulator(options: StartOptions = {}): Promise<RunningSimulator> {
  const exact = { latencyMs: 0, outputTokens: 20, outputSigma: 0, models: 'any' } as const
  const ended = { batchDurationMs: 0 }
  const started = await startSimulator({ ...exact, ...ended, ...options })
  toEnd.push(() => started.close())
  return started
}

/** A folder of its own in which `sluice` is a program. */
let programs = ''
beforeAll(() => {
  const { error } = spawnSync('jq', ['--version'])
  if (error) throw new Error('these tests run recipes that need jq: apt-get install jq')
  programs = folder()
  const shim = path.join(programs, 'sluice')
  writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`)
  chmodSync(shim, 0o755)
})

/** Runs commands as a shell would that talks to the simulator. */
function shell(commands: string, cwd: string, { url }: { url: string }): Promise<Ended> {
  const env = {
    PATH: `${programs}:${process.env['PATH']}`,
    ANTHROPIC_API_KEY: key,
    ANTHROPIC_BASE_URL: url,
    LC_ALL: 'C',
  }
  // The port that pages name may be taken.
  const text = commands.replaceAll('http://127.0.0.1:4010', url)
  const child = spawn('sh', ['-c', text], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  toEnd.push(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (stdout += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => (stderr += part))
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Whatever `…` stands for must be something, on one line. */
function pattern(shown: string): RegExp {
  const escaped = shown.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
  return new RegExp(`^${escaped.replaceAll('…', '.+')}$`)
}

async function prepared(
  { files }: Page,
  section: Section | undefined,
  url: string,
): Promise<string> {
  const cwd = folder()
  // A clone's own files are there too.
  mkdirSync(path.join(cwd, 'examples'))
  cpSync(path.join(root, 'examples'), path.join(cwd, 'examples'), {
    recursive: true,
    filter: (file) => !file.includes('/movies/') && !file.includes('/data'),
  })
  for (const [name, text] of files) write(cwd, name, text)
  if (section?.part === 'After a run') {
    const args = ['run', 'requests.jsonl', '--ordered', '--base-url', url]
    expect((await sluice(args, { cwd })).code).toBe(1)
  }
  return cwd
}

/** What a command of a page says when the page is wrong. */
const mistakes = /^jq: |not found|No such file|error\[(OPTIONS|INPUT|OUTPUT|BUG)|unknown option/m

test.each([recipes, ...guides])('%s has commands, and shows what they print', (file) => {
  const { sections } = readPage(file)
  expect(sections.length).toBeGreaterThan(2)
  const shown = sections.flatMap(({ steps }) => steps.map((step) => step.shown))
  expect(shown.filter((text) => text !== undefined).length).toBeGreaterThan(2)
})

describe('each recipe', () => {
  const page = readPage(recipes)
  test.concurrent.each(page.sections)('$title', async (section) => {
    const server = await simulator()
    await follow(section, await prepared(page, section, server.url), server)
  })
})

test.each(guides)('%s, from top to bottom', async (file) => {
  const page = readPage(file)
  const server = await simulator()
  const cwd = await prepared(page, undefined, server.url)
  for (const section of page.sections) await follow(section, cwd, server)
})

async function follow({ steps }: Section, cwd: string, server: RunningSimulator): Promise<void> {
  for (const { commands, shown } of steps) {
    const { stdout, stderr } = await shell(commands, cwd, server)
    expect(stderr, commands).not.toMatch(mistakes)
    if (shown !== undefined) expect(stdout, commands).toMatch(pattern(shown))
  }
}

function stepsOf(title: string): readonly Step[] {
  const section = readPage(recipes).sections.find((each) => each.title === title)
  if (section === undefined) throw new Error(`no recipe ${title}`)
  return section.steps
}

describe('recipes in the cases they are for', () => {
  test('stop at 5 % failures', async () => {
    const [{ commands } = { commands: '' }] = stepsOf('Stop at 5 % failures')
    const server = await simulator()
    const cwd = folder()
    // The API refuses one row in ten.
    const refused = { messages: [{ role: 'robot', content: 'Beep' }] }
    const input = Array.from({ length: 300 }, (_, index) =>
      row(index, index % 10 === 0 ? refused : {}),
    )
    write(cwd, 'requests.jsonl', input.join(''))
    const stopped = await shell(commands, cwd, server)
    expect(stopped.stdout).toBe('exit code 3\n')
    expect(stopped.stderr).toContain('error[TOO_MANY_FAILED]')
    expect(server.model.totals.received).toBeLessThan(300)

    write(cwd, 'requests.jsonl', rows(101))
    const better = await shell(commands, cwd, server)
    expect(better.stdout).toBe('exit code 0\n')
  })

  test.each([
    { code: 0, says: 'every row has an answer', input: rows(2) },
    { code: 1, says: 'finished, some rows failed', input: row(1) + row(2, { model: 7 }) },
    { code: 2, says: 'nothing was sent', input: undefined },
    { code: 3, says: 'stopped: the next turn goes on', input: rows(2), keys: ['another'] },
  ])('cron is told of exit code $code', async ({ says, input, keys }) => {
    const [{ commands } = { commands: '' }] = stepsOf('From cron, by exit codes')
    const server = await simulator(keys === undefined ? {} : { keys })
    const cwd = folder()
    if (input !== undefined) write(cwd, 'requests.jsonl', input)
    const { stdout } = await shell(commands, cwd, server)
    expect(stdout.startsWith(says)).toBe(true)
  })

  test('only the first 100 rows, and then the rest', async () => {
    const [{ commands } = { commands: '' }] = stepsOf('Only the first 100 rows')
    const server = await simulator()
    const cwd = folder()
    write(cwd, 'requests.jsonl', rows(103))
    await shell(commands, cwd, server)
    expect(server.model.totals.received).toBe(100)
    await shell('sluice run requests.jsonl', cwd, server)
    expect(server.model.totals.received).toBe(103)
    expect(read(cwd, 'requests.results.jsonl').trimEnd().split('\n')).toHaveLength(103)
  })

  test('the cost by model is the cost of the run', async () => {
    const [{ commands } = { commands: '' }] = stepsOf('Cost by model')
    const server = await simulator()
    const cwd = folder()
    const input = Array.from({ length: 40 }, (_, index) =>
      row(index, { model: index % 3 === 0 ? 'claude-opus-5-5' : 'claude-haiku-5-5' }),
    )
    write(cwd, 'requests.jsonl', input.join(''))
    const told = await shell('sluice run requests.jsonl --json -q', cwd, server)
    const { this_run: run }: { this_run: { cost_usd: number } } = JSON.parse(told.stdout)
    const { stdout } = await shell(commands, cwd, server)
    const costs = stdout.trimEnd().split('\n')
    expect(costs.map((line) => line.split('\t')[0])).toEqual([
      'claude-haiku-5-5',
      'claude-opus-5-5',
    ])
    const sum = costs.reduce((total, line) => total + Number(line.split('\t')[1]), 0)
    expect(sum).toBeCloseTo(run.cost_usd, 9)
  })
})
