/**
 * Examples of the help are command lines that the commands take.
 */

import { expect, test } from 'vitest'
import { ancestorSpec } from './ancestor-flags.ts'
import { type CommandLine, type CommandSpec, makeCommand } from './command.ts'
import { batchesExamples, programExamples, specs } from './program.ts'

/** The words behind `sluice` in a line of a shell. */
function wordsOf(example: string): readonly string[] {
  const [, line = ''] = /\bsluice ?([^|>)]*)/.exec(example) ?? []
  return line.split(' ').filter((word) => word !== '')
}

async function read(spec: CommandSpec, words: readonly string[]): Promise<CommandLine> {
  let line: CommandLine | undefined
  const command = makeCommand(spec, (given) => {
    line = given
    return Promise.resolve()
  })
  await command.exitOverride().parseAsync([...words], { from: 'user' })
  if (line === undefined) throw new Error('it was not read')
  return line
}

const examples = [...specs.flatMap((spec) => spec.examples), ...programExamples, ...batchesExamples]

test.each(examples)('%s', async (example) => {
  const words = wordsOf(example)
  if (words[0] === 'help') {
    expect(specs.map(({ name }) => name)).toContain(words[1])
    return
  }
  const spec = specs.find(({ name }) => words.join(' ').startsWith(name))
  if (spec === undefined) throw new Error('it is none of the commands')
  const { faults, argument } = await read(spec, words.slice(spec.name.split(' ').length))
  expect(faults).toEqual([])
  expect(argument === undefined).toBe(spec.argument === undefined)
})

test.each(ancestorSpec.examples)('%s', async (example) => {
  expect((await read(ancestorSpec, wordsOf(example))).faults).toEqual([])
})

test.each([...specs, ancestorSpec])('$name has examples of its own, of 80 columns', (spec) => {
  expect(spec.examples.length).toBeGreaterThan(0)
  for (const example of spec.examples) {
    expect(`  ${example}`.length).toBeLessThanOrEqual(80)
    const begin = spec === ancestorSpec ? 'sluice --requests_filepath' : `sluice ${spec.name}`
    expect(example).toContain(begin)
  }
})
