/**
 * The examples run in a copy of the project, as in a clone: `npm run demo` builds.
 */

import { execFile } from 'node:child_process'
import { cpSync, readFileSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { folder, read } from './spawned.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

let clone = ''
beforeAll(() => {
  clone = folder()
  const kept = ['bin', 'src', 'scripts', 'examples/library', 'examples/movies/make.ts']
  const files = ['package.json', 'tsconfig.json', 'tsconfig.build.json']
  for (const name of [...kept, ...files]) {
    cpSync(path.join(root, name), path.join(clone, name), { recursive: true })
  }
  for (const name of ['requests', 'caching_requests']) {
    const file = `examples/test_${name}_to_parallel_process.jsonl`
    cpSync(path.join(root, file), path.join(clone, file))
  }
  symlinkSync(path.join(root, 'node_modules'), path.join(clone, 'node_modules'), 'junction')
})

/** Runs the command behind `npm run NAME`. */
async function npmRun(
  name: string,
  ...further: readonly string[]
): Promise<{ stdout: string; stderr: string }> {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(read(root, 'package.json'))
  const [program, ...args] = (scripts[name] ?? '').split(' ')
  expect(program).toBe('node')
  const env = { PATH: process.env['PATH'] }
  const line = [...args, ...further]
  return promisify(execFile)(process.execPath, line, { cwd: clone, env, timeout: 60_000 })
}

function linesOf(name: string): readonly unknown[] {
  const lines = read(clone, `examples/data/${name}`).trimEnd().split('\n')
  return lines.map((line): unknown => JSON.parse(line))
}

test('npm run demo', async () => {
  const { stderr } = await npmRun('demo', '--first', '40', '--max-attempts', '9')
  expect(stderr).toContain('done 40, failed 0')
  expect(linesOf('movies.results.jsonl')).toHaveLength(40)
  expect(linesOf('movies.results.jsonl')[0]).toMatchObject({
    custom_id: expect.stringMatching(/^film-00/),
    result: { type: 'succeeded' },
    metadata: { year: expect.any(Number) },
  })
})

test('npm run demo -- script', async () => {
  const free = ['--max_requests_per_minute', 'none', '--max_tokens_per_minute', 'none']
  const { stderr } = await npmRun('demo', 'script', ...free)
  expect(stderr.match(/^done 10, failed 0, /gm)).toHaveLength(2)
  expect(stderr).toMatch(/the prompt cache took \d+ tokens of line 1/)
  expect(linesOf('test_requests_to_parallel_process_results.jsonl')).toHaveLength(10)
  expect(linesOf('test_caching_requests_to_parallel_process_results.jsonl')).toHaveLength(10)
})

test('npm run demo:library prints what its header shows', async () => {
  const source = readFileSync(path.join(root, 'examples/library/classify.ts'), 'utf8')
  expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(40)
  const [, shown = ''] = /npm run demo:library\n([\s\S]*?)\n \*\n/.exec(source) ?? []
  const { stdout } = await npmRun('demo:library')
  // The kinds are drawn, and the lines come as the answers do.
  const lines = (text: string): readonly string[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^(bug|praise|other) +/, 'KIND '))
      .toSorted()
  expect(lines(stdout)).toEqual(lines(shown.replaceAll(/^ \* {3}/gm, '')))
})
