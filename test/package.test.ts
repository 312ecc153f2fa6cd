/**
 * The package as a stranger gets it: packed, installed into an empty folder, run, and compiled against.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startSimulator } from '../src/simulator/index.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
// npm is a script of its own on every platform; node runs it without a shell.
const npmCli = process.env['npm_execpath']

describe.skipIf(npmCli === undefined || !npmCli.endsWith('.js'))('the packed package', () => {
  let folder = ''

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'sluice-package-'))
    const packed = npm(root, ['pack', '--ignore-scripts', '--json', '--pack-destination', folder])
    const [{ filename = '' } = {}] = Object.values(JSON.parse(packed) as { filename?: string }[])
    writeFileSync(path.join(folder, 'package.json'), '{"name":"stranger","type":"module"}')
    npm(folder, ['install', '--no-audit', '--no-fund', path.join(folder, filename)])
  }, 120_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('holds what is needed and no tests', () => {
    const listed = JSON.parse(npm(root, ['pack', '--dry-run', '--ignore-scripts', '--json'])) as {
      files?: { path: string }[]
    }[]
    const [{ files = [] } = {}] = Object.values(listed)
    const paths = files.map((file) => file.path)
    expect(paths).toContain('bin/sluice.js')
    expect(paths).toContain('dist/index.d.ts')
    expect(paths).toContain('dist/page/browser.js')
    expect(paths).toContain('dist/page/browser.css')
    expect(paths).toContain('LICENSE')
    expect(paths).toContain('docs/library.md')
    expect(paths).toContain('schemas/result-line.json')
    expect(paths.filter((file) => /^(test|bench|examples)\/|\.test\./.test(file))).toEqual([])
  })

  test('runs a file', async () => {
    const simulator = await startSimulator({ latencyMs: 0 })
    try {
      const row = {
        model: 'claude-haiku-4-5',
        max_tokens: 10,
        messages: [{ role: 'user', content: 'Hi' }],
      }
      writeFileSync(path.join(folder, 'in.jsonl'), `${JSON.stringify(row)}\n`)
      await sluice(folder, ['run', 'in.jsonl', '--base-url', simulator.url, '-q'])
      const [line = ''] = readFileSync(path.join(folder, 'in.results.jsonl'), 'utf8').split('\n')
      expect(JSON.parse(line)).toMatchObject({ custom_id: 'line-1', result: { type: 'succeeded' } })
    } finally {
      await simulator.close()
    }
  })

  test('compiles against an empty TypeScript project', () => {
    // Its own compiler, without ours' settings: what a user's strict project would say.
    symlinkSync(
      path.join(root, 'node_modules/typescript'),
      path.join(folder, 'node_modules/typescript'),
      'junction',
    )
    writeFileSync(
      path.join(folder, 'use.ts'),
      `import { run, RunError, stream, type Result, type RunSummary } from 'sluice'
import schema from 'sluice/schemas/result-line' with { type: 'json' }
import { startSimulator } from 'sluice/simulator'
const simulator = await startSimulator({ requestsPerMinute: 50 })
const summary: RunSummary = await run({ input: 'in.jsonl', apiKey: 'k', baseUrl: simulator.url })
const rows: number = summary.rows.succeeded
const request = { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }] }
await using results = stream([{ ...request, metadata: { page: 1 } }], { apiKey: 'k' })
for await (const { result, metadata } of results) {
  const page: number | undefined = metadata?.page
  if (result.type === 'succeeded' && page === 1) result.message.usage.output_tokens.toFixed()
}
export const rest: Promise<IteratorResult<Result<{ page: number }>, undefined>> = results.next()
export const title: string = schema.title
export const failed = (error: unknown): boolean => error instanceof RunError && rows > 0
`,
    )
    const compiler = { strict: true, module: 'nodenext', target: 'es2024', noEmit: true, types: [] }
    writeFileSync(
      path.join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: compiler, files: ['use.ts'] }),
    )
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
    expect(stdout).toBe('')
  })
})

function npm(cwd: string, args: readonly string[]): string {
  return execFileSync(process.execPath, [npmCli ?? '', ...args], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function sluice(cwd: string, args: readonly string[]): Promise<void> {
  const { promisify } = await import('node:util')
  const { execFile } = await import('node:child_process')
  const bin = path.join(cwd, 'node_modules/sluice/bin/sluice.js')
  const env = { PATH: process.env['PATH'], ANTHROPIC_API_KEY: 'sk-ant-test' }
  await promisify(execFile)(process.execPath, [bin, ...args], { cwd, env })
}
