import { describe, expect, test } from 'vitest'
import { type CommandLine, makeCommand } from './command.ts'
import { runSpec, specs } from './program.ts'

/** The command line as the command gets it. */
async function parse(...args: readonly string[]): Promise<CommandLine> {
  let line: CommandLine | undefined
  const command = makeCommand(runSpec, (read) => {
    line = read
    return Promise.resolve()
  })
  await command.parseAsync(args, { from: 'user' })
  if (line === undefined) throw new Error('The command was not run')
  return line
}

async function valueOf(name: string, ...args: readonly string[]): Promise<unknown> {
  const { values, faults } = await parse('in.jsonl', ...args)
  expect(faults).toEqual([])
  return values.get(name)?.value
}

describe('makeCommand()', () => {
  test.each([
    ['output', ['-o', 'x'], 'x'],
    ['output', ['-ox'], 'x'],
    ['output', ['--output=x'], 'x'],
    ['output', ['-o', '-'], '-'],
    ['max-requests-per-minute', ['--rpm', '50'], 50],
    ['max-requests-per-minute', ['--max-requests-per-minute', '50'], 50],
    ['max-concurrency', ['-j8'], 8],
    ['timeout', ['--timeout', '90s'], 90_000],
    ['ordered', ['--ordered'], true],
    ['progress', ['--no-progress'], false],
    ['quiet', ['-q'], true],
    ['beta', ['--beta', 'a', '--beta', 'b'], ['a', 'b']],
    ['max-failed', ['--max-failed', '5%'], { percent: 5 }],
    ['first', ['--first', '5', '--first', '7'], 7],
  ])('gives %s of %j', async (name, args, value) => {
    expect(await valueOf(name, ...args)).toEqual(value)
  })

  test('takes the argument wherever it stands', async () => {
    expect((await parse('--ordered', 'in.jsonl', '-j', '2')).argument).toBe('in.jsonl')
    expect((await parse('-')).argument).toBe('-')
    expect((await parse('--ordered', '--', '--odd-name')).argument).toBe('--odd-name')
  })

  test('keeps headers with their place', async () => {
    const { headers } = await parse('in.jsonl', '-H', 'a: 1', '--header', 'b: 2')
    expect(headers).toEqual([
      { name: 'a', value: '1', source: 'flag', place: '--header' },
      { name: 'b', value: '2', source: 'flag', place: '--header' },
    ])
  })

  test.each([
    [['a', '--tiemout', '5'], ['unknown option --tiemout, did you mean "--timeout"?']],
    [['a', '--zzzzzzzzzz'], ['unknown option --zzzzzzzzzz']],
    [['a', '-z'], ['unknown option -z']],
    [['a', '--max_attempts', '5'], ['unknown option --max_attempts: write --max-attempts']],
    [['a', '--api_key=sk-1'], ['unknown option --api_key: write --api-key']],
    [['a', '--output'], ['--output needs a value']],
    [['a', '-o'], ['--output needs a value']],
    [['a', '--output', '--ordered'], ['--output needs a value']],
    [['a', '--rpm', 'x'], ['--rpm must be a positive number, got "x"']],
    [['a', '-H', 'x'], ["--header must look like 'Name: value'"]],
    [
      ['a', 'b', 'c'],
      ['unexpected argument "b"', 'unexpected argument "c"'],
    ],
    [[], ['INPUT is missing: a JSONL file of requests, also by gzip or zstd, or "-" for stdin']],
  ])('says of %j: %j', async (args, faults) => {
    expect((await parse(...args)).faults).toEqual(faults)
  })

  test('tells all faults at once, and still reads what is right', async () => {
    const { faults, values } = await parse(
      '--first',
      '0',
      '--json',
      '--fooo',
      '--color',
      'x',
      '--fsync',
    )
    expect(faults.toSorted()).toEqual([
      '--color must be auto, always or never, got "x"',
      '--first must be a whole number from 1, got "0"',
      '--fsync needs a value',
      'unknown option --fooo',
    ])
    expect(values.get('json')?.value).toBe(true)
  })
})

describe('flags', () => {
  const flags = specs.flatMap((spec) => spec.flags.map((flag) => ({ command: spec.name, ...flag })))

  test.each(flags)('--$name of $command is told in a few words', (flag) => {
    expect(flag.name).toMatch(/^[a-z][a-z\d-]*$/)
    expect(flag.about).toMatch(/^[a-z]/)
    expect(flag.about).not.toMatch(/\.$/)
    // A value needs a reader, a switch has neither.
    expect(flag.value === undefined).toBe(flag.read === undefined)
  })

  test('have names of their own', () => {
    for (const spec of specs) {
      const names = spec.flags.flatMap(({ name, short }) => [name, ...(short ? [short] : [])])
      expect(new Set(names).size).toBe(names.length)
    }
  })
})
