/**
 * Every example is run. In a doc comment each line `expression // => value` is checked; it sees the
 * exports of all modules by name. A `ts` block of docs/library.md or README is a program of its own,
 * and prints what the `txt` block behind it shows.
 */

import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { batchFaultNames, faultNames } from '../src/simulator/index.ts'
import { type RunningSimulator, startSimulator } from '../src/simulator/index.ts'

interface Example {
  readonly file: string
  readonly line: number
  readonly code: string
}

const sourceRoot = new URL('../src/', import.meta.url)
const files = readdirSync(sourceRoot, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => file.replaceAll('\\', '/'))
  .toSorted()
const examples = files.flatMap(examplesOf)

/** Starts the program when imported, so it has no exports to show. */
const programs = new Set(['cli/main.ts'])
const exported = new Map<string, unknown>()
for (const file of files) {
  if (programs.has(file)) continue
  const module = (await import(new URL(file, sourceRoot).href)) as Record<string, unknown>
  for (const [name, value] of Object.entries(module)) exported.set(name, value)
}

describe('examples in doc comments', () => {
  test('there are some', () => {
    expect(examples.length).toBeGreaterThan(10)
  })

  test.each(examples)('$file:$line', async ({ code, file, line }) => {
    const checks: [unknown, unknown][] = []
    const names = [...exported.keys(), '__expect']
    const values = [
      ...exported.values(),
      (actual: unknown, value: unknown) => checks.push([actual, value]),
    ]
    // oxlint-disable-next-line typescript/no-unsafe-function-type
    const AsyncFunction = (async () => {}).constructor as FunctionConstructor
    const body = AsyncFunction(...names, stripTypeScriptTypes(checked(code)))
    await (body as (...args: unknown[]) => Promise<void>)(...values)
    expect(checks.length, `the example at ${file}:${line} checks nothing`).toBeGreaterThan(0)
    for (const [actual, value] of checks) expect(actual).toEqual(value)
  })
})

/** The code with each `expression // => value` line turned into a check. */
function checked(code: string): string {
  return code
    .split('\n')
    .map((line) => {
      const match = /^;?(.*?)\s*\/\/ => (.*)$/.exec(line)
      return match ? `;__expect(${match[1]}, ${match[2]})` : line
    })
    .join('\n')
}

function examplesOf(file: string): readonly Example[] {
  const text = readFileSync(new URL(file, sourceRoot), 'utf8')
  const found: Example[] = []
  for (const match of text.matchAll(/^( *)\* ```ts\n((?:\1\*.*\n)*?)\1\* ```/gm)) {
    const code = (match[2] ?? '').replaceAll(/^ *\* ?/gm, '')
    const line = text.slice(0, match.index).split('\n').length
    found.push({ file, line, code })
  }
  return found
}

test('docs/simulator.md says what each fault does', () => {
  const page = readFileSync(new URL('../docs/simulator.md', import.meta.url), 'utf8')
  const told = [...page.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => String(name))
  expect(told.toSorted()).toEqual([...faultNames, ...batchFaultNames].toSorted())
})

/** A program in a page, and what it prints, if the page shows it. */
interface Program {
  readonly place: string
  readonly name: string
  readonly isTest: boolean
  readonly code: string
  readonly shown: string | undefined
}

const root = fileURLToPath(new URL('..', import.meta.url))
const programsOf = (page: string): readonly Program[] => {
  const text = readFileSync(path.join(root, page), 'utf8')
  const blocks = /^```ts( vitest)?\n([\s\S]*?)^```\n(?:\n```txt\n([\s\S]*?)^```\n)?/gm
  return [...text.matchAll(blocks)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length
    const stem = `${path.basename(page, '.md').toLowerCase()}-${line}`
    const isTest = match[1] !== undefined
    const name = isTest ? `${stem}.test.ts` : `${stem}.ts`
    return { place: `${page}:${line}`, name, isTest, code: match[2] ?? '', shown: match[3] }
  })
}
const pages = [
  'docs/library.md',
  'docs/checking.md',
  'docs/estimating.md',
  'docs/batches.md',
  'docs/simulator.md',
  'docs/from-sdk-and-p-limit.md',
  'README.md',
]
const programsShown = pages.flatMap(programsOf)

describe('programs in pages', () => {
  let folder = ''
  let simulator: RunningSimulator

  beforeAll(async () => {
    simulator = await startSimulator({ latencyMs: 10, batchDurationMs: 0 })
    // A package of that name whose files are the sources: nothing need be built.
    folder = mkdtempSync(path.join(tmpdir(), 'sluice-docs-'))
    const home = path.join(folder, 'node_modules/sluice')
    mkdirSync(home, { recursive: true })
    for (const part of ['src', 'schemas']) link(path.join(root, part), path.join(home, part))
    for (const tool of ['vitest', 'typescript', '@types'])
      link(path.join(root, 'node_modules', tool), path.join(folder, 'node_modules', tool))
    const manifest = readFileSync(path.join(root, 'package.json'), 'utf8')
    writeFileSync(
      path.join(home, 'package.json'),
      manifest
        .replaceAll(/"(\.\/dist)([^"]*)\.d\.ts"/g, '"./src$2.ts"')
        .replaceAll(/"(\.\/dist)([^"]*)\.js"/g, '"./src$2.ts"'),
    )
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}')
    const row = { model: 'claude-haiku-4-5', max_tokens: 9 }
    const lines = ['a', 'b', 'c'].map((content) =>
      JSON.stringify({ ...row, messages: [{ role: 'user', content }] }),
    )
    writeFileSync(path.join(folder, 'requests.jsonl'), `${lines.join('\n')}\n`)
    for (const { name, code } of programsShown)
      writeFileSync(path.join(folder, name), againstSimulator(code))
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await simulator.close()
  })

  test('there are some', () => {
    expect(programsShown.filter(({ shown }) => shown !== undefined).length).toBeGreaterThan(3)
    expect(programsShown.some(({ isTest }) => isTest)).toBe(true)
  })

  test.each(programsShown)('$place', async ({ name, isTest, shown }) => {
    const vitest = [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder]
    const env = {
      PATH: process.env['PATH'],
      ANTHROPIC_API_KEY: 'sk-ant-docs',
      SIMULATOR_URL: simulator.url,
      NO_COLOR: '1',
    }
    const args = isTest ? [...vitest, name] : ['--disable-warning=ExperimentalWarning', name]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      cwd: folder,
      env,
    })
    if (isTest) return expect(stdout).toMatch(/Tests\s+\d+ passed/)
    expect(stderr).toBe('')
    // Results come in the order in which they complete.
    if (shown !== undefined) expect(sorted(stdout)).toEqual(sorted(shown))
  })

  test('all of them compile', () => {
    const options = {
      strict: true,
      module: 'nodenext',
      target: 'es2024',
      noEmit: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      rewriteRelativeImportExtensions: true,
      skipLibCheck: true,
      types: ['node'],
    }
    writeFileSync(
      path.join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, include: ['*.ts'] }),
    )
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
    expect(stdout).toBe('')
  })
})

/** A program that would ask the real API asks the simulator. */
function againstSimulator(code: string): string {
  const key = 'apiKey: process.env.ANTHROPIC_API_KEY'
  return code.replaceAll(key, `${key}, baseUrl: process.env.SIMULATOR_URL`)
}

function sorted(text: string): readonly string[] {
  return text.split('\n').toSorted()
}

function link(from: string, to: string): void {
  symlinkSync(from, to, 'junction')
}

describe.each(['src/index.ts', 'src/simulator/index.ts'])('the surface %s', (file) => {
  const text = readFileSync(path.join(root, file), 'utf8')
  const named = [...text.matchAll(/export (?:type )?(\*|\{[^}]*\}) from '([^']+)'/g)].flatMap(
    ([, list = '', from = '']) => {
      const source = readFileSync(path.join(root, path.dirname(file), from), 'utf8')
      const all = [...source.matchAll(/^export (?:async )?\w+ (\w+)/gm)].map((found) => found[1])
      const names = list === '*' ? all : list.match(/\w+/g)
      return (names ?? []).map((name = '') => ({ name, source }))
    },
  )

  test('exports something', () => expect(named.length).toBeGreaterThan(10))

  test.each(named)(
    '$name has a doc comment, and an example if it is called',
    ({ name, source }) => {
      const declared = new RegExp(
        `(/\\*\\*(?:(?!\\*/)[\\s\\S])*\\*/)\\nexport (?:async )?(\\w+) ${name}\\b`,
      ).exec(source)
      expect(declared?.[1], `${name} is described where it is declared`).toBeDefined()
      if (declared?.[2] === 'function' || declared?.[2] === 'class') {
        expect(declared[1]).toContain('@example')
      }
    },
  )
})
