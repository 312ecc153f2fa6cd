/**
 * The house rules that a machine can check (CONTRIBUTING.md says them for people).
 */

import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { version } from '../src/version.ts'

const root = new URL('../', import.meta.url)
const sources = [...list('src', '.ts'), ...list('src', '.tsx')].filter(
  (file) => !file.endsWith('.test.ts'),
)
const tests = [...list('src', '.test.ts'), ...list('test', '.ts')]
const docs = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...list('docs', '.md')]

const linesMax = 400
const columnsMax = 100
const functionLinesMax = 70

/** `node:` modules, and who may import them. Rooms own what only they need. */
const nodeImports: Readonly<Record<string, readonly string[]>> = {
  'src/files.ts': ['node:fs', 'node:path'],
  'src/random.ts': ['node:crypto'],
  'src/hash.ts': ['node:crypto'],
  'src/host.ts': ['node:fs', 'node:os'],
  'src/http.ts': ['node:net', 'node:tls'],
  'src/http-calls.ts': ['node:stream'],
  'src/output-rules.ts': ['node:module'],
  'src/connection-error.ts': [],
  'src/compression.ts': ['node:zlib'],
  'src/loopback.ts': ['node:http'],
  'src/page/serve.ts': ['node:crypto'],
  'src/page/html.ts': ['node:fs'],
  'src/simulator/listen.ts': ['node:http', 'node:https'],
}

/** Packages, and who may import them. */
const packages: Readonly<Record<string, RegExp>> = {
  ajv: /^src\/output-rules\.ts$/,
  undici: /^src\/(admin|http(-calls|-dispatcher|-exchange|-route)?)\.ts$/,
  zod: /^src\/(options|option-rules|price-override|page\/read-history)\.ts$/,
  commander: /^src\/cli\//,
  'prom-client': /^src\/metrics\//,
  pino: /^src\/cli\//,
  preact: /^src\/page\/browser\//,
}

/** What only one file may say, and what to use instead. */
const banned: readonly (readonly [RegExp, RegExp, string])[] = [
  [/\bDate\.now\(|new Date\(\)|\bperformance\./, /^src\/clock\.ts$/, 'a Clock'],
  [/\bset(Timeout|Interval|Immediate)\(/, /^src\/clock\.ts$/, 'a Clock'],
  [/\bMath\.random\(/, /^src\/random\.ts$/, 'a Random'],
  [/\bprocess\./, /^src\/(cli\/.*|host|files|context)\.ts$/, 'the command, or a parameter'],
  [/\bconsole\./, /^src\/cli\//, 'an event'],
  [/: any\b|<any>|as any\b/, /^$/, 'unknown'],
  [/\bFIXME\b|\bTODO\b(?! #\d)/, /^$/, 'an issue'],
]

function list(folder: string, ending: string): readonly string[] {
  return readdirSync(new URL(`${folder}/`, root), { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith(ending))
    .toSorted()
}

function read(file: string): string {
  return readFileSync(new URL(file, root), 'utf8')
}

/** Code without comments and strings, so that words in them are not taken for calls. */
function code(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
    .replaceAll(/\/\/.*$/gm, '')
    .replaceAll(/'(?:[^'\\\n]|\\.)*'/g, "''")
}

function importsOf(text: string): readonly string[] {
  const found = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)]
  return found.map((match) => match[1] ?? '')
}

describe.each(sources)('%s', (file) => {
  const text = read(file)

  test('begins with a comment that says what it is', () => {
    expect(text.startsWith('/**\n')).toBe(true)
  })

  test(`has at most ${linesMax} lines, of at most ${columnsMax} columns`, () => {
    const lines = text.split('\n')
    expect(lines.length).toBeLessThanOrEqual(linesMax + 1)
    expect(lines.filter((line) => line.length > columnsMax && !line.includes(' // => '))).toEqual(
      [],
    )
  })

  test(`has no function longer than ${functionLinesMax} lines`, () => {
    // A body ends at the first closing brace as deep as its head.
    const heads = [
      ...text.matchAll(
        /^( *)(?:export )?(?:async )?(?:function|(?:static |async )*[#\w]+\().*\{$/gm,
      ),
    ]
    for (const head of heads) {
      const body = text.slice(head.index)
      const end = new RegExp(`^${head[1]}\\}`, 'm').exec(body)
      const length = body.slice(0, end?.index ?? body.length).split('\n').length
      expect(length, head[0].trim()).toBeLessThanOrEqual(functionLinesMax)
    }
  })

  test('imports only what its place allows', () => {
    for (const name of importsOf(text)) {
      if (name.startsWith('node:')) {
        if (file.startsWith('src/cli/')) continue
        expect(nodeImports[file] ?? [], `${file} imports ${name}`).toContain(name)
      } else if (name.startsWith('.')) {
        checkRelative(file, new URL(name, `file:///${file}`).pathname.slice(1))
      } else {
        const [scope = '', rest = ''] = name.split('/')
        const base = scope.startsWith('@') ? `${scope}/${rest}` : scope
        expect(packages[base]?.test(file), `${file} imports ${name}`).toBe(true)
      }
    }
  })

  test('says only what its place allows', () => {
    const lines = code(text).split('\n')
    for (const [pattern, where, instead] of banned) {
      if (where.test(file)) continue
      const found = lines.filter((line) => pattern.test(line))
      expect(found, `use ${instead}`).toEqual([])
    }
  })

  test('documents every export', () => {
    const undocumented = [
      ...text.matchAll(
        /(^.*\n)export (?:abstract )?(?:async )?(?:class|function|interface|type|const) (\w+)/gm,
      ),
    ]
      .filter((match) => !/\*\/\s*$/.test(match[1] ?? ''))
      .map((match) => match[2])
    // One interface or class in a file may be what its header describes.
    const own = file
      .split('/')
      .at(-1)
      ?.replace(/\.tsx?$/, '')
      .replaceAll('-', '')
      .toLowerCase()
    expect(undocumented.filter((name) => name?.toLowerCase() !== own)).toEqual([])
  })
})

/** Which file of the core may import which of a room: `run` is one, whatever the way. */
const doors: Readonly<Record<string, string>> = { 'src/run.ts': 'src/batches/run.ts' }

/** Rooms import the core, never each other; the core no room but by a door; nobody the command. */
function checkRelative(from: string, to: string): void {
  const roomOf = (file: string): string => /^src\/([^/]+)\//.exec(file)?.[1] ?? ''
  if (roomOf(to) === roomOf(from) || roomOf(to) === '') return
  const allowed = (roomOf(from) === 'cli' && roomOf(to) !== 'cli') || doors[from] === to
  expect(allowed, `${from} imports ${to}`).toBe(true)
}

test('imports make no circle', () => {
  const edges = new Map<string, readonly string[]>()
  for (const file of sources) {
    const relative = importsOf(read(file).replaceAll(/^import type .*$/gm, '')).filter((name) =>
      name.startsWith('.'),
    )
    edges.set(
      file,
      relative.map((name) => new URL(name, `file:///${file}`).pathname.slice(1)),
    )
  }
  const done = new Set<string>()
  const visit = (file: string, trail: readonly string[]): void => {
    expect(trail, `circle: ${[...trail, file].join(' → ')}`).not.toContain(file)
    if (done.has(file)) return
    for (const next of edges.get(file) ?? []) visit(next, [...trail, file])
    done.add(file)
  }
  for (const file of sources) visit(file, [])
})

test.each(tests)('%s leaves no test out', (file) => {
  const found = code(read(file)).match(/\b(test|it|describe)(\.\w+)*\.(only|skip|todo)\(/g)
  expect(found ?? []).toEqual([])
})

test.each(docs)('%s has one title', (file) => {
  const withoutCode = read(file).replaceAll(/^```[\s\S]*?^```/gm, '')
  expect(withoutCode.match(/^# .+$/gm) ?? []).toHaveLength(1)
})

test('ARCHITECTURE names every file of the core, and none that is gone', () => {
  const map = read('docs/ARCHITECTURE.md')
  const core = sources.filter((file) => !file.slice('src/'.length).includes('/'))
  const names = core.map((file) => file.slice('src/'.length))
  expect(names.filter((name) => !map.includes(`\`${name}\``))).toEqual([])
  const named = [...map.matchAll(/^\|.*$/gm)].flatMap(([row]) => [
    ...row.matchAll(/`([\w-]+\.ts)`/g),
  ])
  const rooms = new Set(['model.ts', 'listen.ts', 'endpoints.ts', 'view.ts', 'html.ts'])
  const gone = named.map((match) => match[1] ?? '').filter((name) => !names.includes(name))
  expect(gone.filter((name) => !rooms.has(name))).toEqual([])
})

test('README fits a few screens', () => {
  expect(read('README.md').split('\n').length).toBeLessThanOrEqual(200)
})

test('the version is that of the package', () => {
  const { version: packaged } = JSON.parse(read('package.json')) as { version: string }
  expect(version).toBe(packaged)
})

test('the lock file names no registry host', () => {
  const hosts = new Set(
    [...read('package-lock.json').matchAll(/"resolved": "(https?:\/\/[^/"]+)/g)].map(
      (match) => match[1],
    ),
  )
  expect([...hosts].filter((host) => host !== 'https://registry.npmjs.org')).toEqual([])
})

test('the lock file holds the packages of every platform', () => {
  // Where one is missing, `npm ci` refuses on all of them.
  const { packages: locked } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>
  }
  const names = new Set(Object.keys(locked).map((place) => place.split('node_modules/').at(-1)))
  const wanted = Object.values(locked).flatMap((entry) =>
    Object.keys(entry.optionalDependencies ?? {}),
  )
  expect(wanted.filter((name) => !names.has(name))).toEqual([])
})
