/**
 * Every example in a doc comment is run: each line `expression // => value` is checked.
 *
 * An example sees the exports of all modules by name, as a reader would import them.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { describe, expect, test } from 'vitest'

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
    const names = [...exported.keys(), 'check']
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
      return match ? `;check(${match[1]}, ${match[2]})` : line
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
