/**
 * What stands next in a command line, whatever shell asks.
 */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ancestorFlags, ancestorSpec } from './ancestor-flags.ts'
import { spellings } from './command.ts'
import { completionLines } from './completion.ts'
import { specs } from './program.ts'

/** The words alone. */
function words(...line: readonly string[]): readonly string[] {
  return completionLines(line).map((each) => each.split('\t')[0] ?? '')
}

const groups = ['Commands', 'Flags', 'Values', 'Files and arguments', 'The script'] as const

const cases: readonly (readonly [(typeof groups)[number], readonly string[], readonly string[]])[] =
  [
    ['Commands', ['ru'], ['run', ':none']],
    ['Commands', ['batches', ''], ['list', 'status', 'collect', 'cancel', ':none']],
    ['Commands', ['batches', 'c'], ['collect', 'cancel', ':none']],
    ['Commands', ['batches', '--'], ['--help', ':none']],
    ['Commands', ['help', 'es'], ['estimate', ':none']],
    ['Commands', ['-'], ['--help', '--version', ':none']],
    ['Commands', ['nothing', ''], [':none']],
    ['Commands', ['batches', 'nothing', ''], [':none']],
    ['Flags', ['run', '--fs'], ['--fsync', ':none']],
    ['Flags', ['run', 'in.jsonl', '--fs'], ['--fsync', ':none']],
    // By its other name too, and once it is given by neither.
    ['Flags', ['run', '--rp'], ['--rpm', ':none']],
    ['Flags', ['run', '--rpm', '5', '--rp'], [':none']],
    ['Flags', ['run', '--rpm', '5', '--max-req'], [':none']],
    ['Flags', ['run', '--rpm=5', '--max-req'], [':none']],
    ['Flags', ['run', '-j', '5', '--max-c'], [':none']],
    ['Flags', ['run', '--beta', 'a', '--be'], ['--beta', ':none']],
    ['Flags', ['run', '--no-p'], ['--no-progress', ':none']],
    ['Flags', ['batches', 'list', '--j'], ['--json', ':none']],
    ['Flags', ['run', '--', '--fs'], [':files']],
    ['Values', ['run', '--fsync', ''], ['always', '1s', 'never', ':none']],
    ['Values', ['run', '--fsync', 'n'], ['never', ':none']],
    ['Values', ['run', '--fsync=n'], ['--fsync=never', ':none']],
    ['Values', ['run', '--fsync='], ['--fsync=always', '--fsync=1s', '--fsync=never', ':none']],
    // As bash has them.
    ['Values', ['run', '--fsync', '='], ['always', '1s', 'never', ':none']],
    ['Values', ['run', '--fsync', '=', 'n'], ['never', ':none']],
    ['Values', ['run', '--ordered', '='], [':none']],
    ['Values', ['run', '--ordered=t'], [':none']],
    ['Values', ['run', '--on-truncated', 'e'], ['extend:', ':none']],
    ['Values', ['run', '--first', ''], [':none']],
    ['Values', ['run', '--first', '--fs'], [':none']],
    ['Values', ['simulate', '--fault', 'overl'], ['overloaded=', ':none']],
    ['Files and arguments', ['run', ''], [':files']],
    ['Files and arguments', ['run', 'req'], [':files']],
    ['Files and arguments', ['run', '-o', ''], [':files']],
    ['Files and arguments', ['run', '--output=re'], [':files']],
    ['Files and arguments', ['run', '--prices', '='], [':files']],
    ['Files and arguments', ['run', '--ordered', ''], [':files']],
    ['Files and arguments', ['run', '--first', '5', ''], [':files']],
    ['Files and arguments', ['run', '--first', '=', '5', ''], [':files']],
    ['Files and arguments', ['run', 'in.jsonl', ''], [':none']],
    ['Files and arguments', ['run', '-', ''], [':none']],
    ['Files and arguments', ['batches', 'status', ''], [':files']],
    ['Files and arguments', ['simulate', ''], [':none']],
    ['Files and arguments', ['completion', ''], ['bash', 'zsh', 'fish', ':none']],
    ['Files and arguments', ['completion', 'zsh', ''], [':none']],
    ['The script', ['--requests_filepath', 'in', '--use_'], ['--use_caching', ':none']],
    ['The script', ['--requests_filepath', 'in', '--use_caching', ''], ['True', 'False', ':none']],
    ['The script', ['--requests_filepath=in', '--save_filepath', ''], [':files']],
    ['The script', ['--requests_filepath', 'in', ''], [':none']],
  ]

describe.each(groups)('%s', (group) => {
  test.each(cases.filter(([each]) => each === group).map(([, line, found]) => ({ line, found })))(
    '$line',
    ({ line, found }) => {
      expect(words(...line)).toEqual(found)
    },
  )
})

test('with nothing all commands are offered, each once, with what they do', () => {
  const lines = completionLines([''])
  const names = [...new Set(specs.map(({ name }) => name.split(' ')[0] ?? ''))]
  expect(lines.map((line) => line.split('\t')[0] ?? '').toSorted()).toEqual(
    [...names, 'help', ':none'].toSorted(),
  )
  expect(lines).toContain('check\ttell what the API would refuse of a file; nothing is sent')
})

describe.each(specs)('$name', (spec) => {
  const begin = spec.name.split(' ')

  test('every flag is offered, with what it does on one line', () => {
    const lines = completionLines([...begin, '--'])
    for (const flag of spec.flags) {
      const long = spellings(flag).filter((name) => name.startsWith('--'))
      for (const name of long) expect(lines).toContain(`${name}\t${flag.about}`)
    }
    expect(lines.at(-1)).toBe(':none')
    for (const line of lines.slice(0, -1)) expect(line).toMatch(/^--[\w-]+\t[^\t\n]+$/)
  })

  test('every word that is offered for a flag is one that it reads, or how one begins', () => {
    for (const flag of spec.flags) {
      for (const word of flag.read?.form.words ?? []) {
        if (/[:=]$/.test(word)) continue
        expect(flag.read?.(word), `--${flag.name} ${word}`).toHaveProperty('value')
      }
    }
  })
})

test('of the script every flag is offered, and every word one that it reads', () => {
  const found = words('--requests_filepath', 'in', '--')
  for (const { written = '' } of ancestorFlags.slice(1)) expect(found).toContain(`--${written}`)
  for (const { read } of ancestorSpec.flags)
    for (const word of read?.form.words ?? [])
      if (!/[:=]$/.test(word)) expect(read?.(word)).toHaveProperty('value')
})

/** What a file imports, and what these import in turn; not what is imported when it is needed. */
function loaded(file: URL, found = new Set<string>()): ReadonlySet<string> {
  found.add(file.pathname.replace(/^.*\/src\//, ''))
  const text = readFileSync(file, 'utf8').replaceAll(/^import type .*$/gm, '')
  for (const [, name = ''] of text.matchAll(/ from '(\.[^']+)'/g)) {
    const next = new URL(name, file)
    if (!found.has(next.pathname.replace(/^.*\/src\//, ''))) loaded(next, found)
  }
  return found
}

test('a TAB loads no code of a run', () => {
  for (const start of ['main.ts', 'completion.ts']) {
    const files = loaded(new URL(start, import.meta.url))
    expect(files).toContain('cli/run-flags.ts')
    for (const file of ['run.ts', 'pipeline.ts', 'http.ts', 'options.ts', 'cli/run.ts'])
      expect(files).not.toContain(file)
  }
})
