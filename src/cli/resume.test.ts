import { describe, expect, test } from 'vitest'
import { programName, resumeCommand, sameApi, withBudget } from './resume.ts'

function command(...args: readonly string[]): string {
  return resumeCommand('sluice', args)
}

describe('resumeCommand()', () => {
  test.each([
    [['run', 'in.jsonl', '--rpm', '50'], 'sluice run in.jsonl --rpm 50'],
    [['run', 'my file.jsonl'], "sluice run 'my file.jsonl'"],
    [['run', "it's", '$HOME', '*'], String.raw`sluice run 'it'\''s' '$HOME' '*'`],
    [['run', ''], "sluice run ''"],
    [['run', 'x', '--api-key', 'sk-1', '-q'], 'sluice run x -q'],
    [['run', 'x', '--api-key=sk-1', '-q'], 'sluice run x -q'],
    [['run', 'x', '--overwrite', '--yes', '-y'], 'sluice run x'],
    [['run', 'x', '--retry-failed'], 'sluice run x --retry-failed'],
    [['run', 'x', '-H', 'x-team: a b'], "sluice run x -H 'x-team: a b'"],
    [['run', 'x', '-H', 'x-api-key: sk-1'], "sluice run x -H 'x-api-key: …'"],
    [['run', 'x', '--header=Authorization: Bearer t'], "sluice run x '--header=Authorization: …'"],
    [['run', 'x', '-HCookie: c'], "sluice run x '-HCookie: …'"],
  ])('of %j is %s', (args, text) => {
    expect(command(...args)).toBe(text)
  })

  test('quotes as Windows does there', () => {
    expect(resumeCommand('sluice', ['run', 'my file.jsonl'], 'win32')).toBe(
      'sluice run "my file.jsonl"',
    )
  })
})

describe('programName()', () => {
  test.each([
    ['/usr/local/bin/sluice', {}, 'sluice'],
    ['/x/node_modules/.bin/sluice', {}, 'sluice'],
    ['/x/node_modules/.bin/sluice', { npm_command: 'exec' }, 'npx sluice'],
    ['/clone/bin/sluice.js', {}, 'node /clone/bin/sluice.js'],
    [undefined, {}, 'sluice'],
  ])('of %s with %j is %s', (script, variables, name) => {
    expect(programName(script, variables)).toBe(name)
  })
})

describe('withBudget()', () => {
  const flag = '--max-budget-usd'
  test.each([
    [
      ['run', 'x', '--budget', '2'],
      ['run', 'x', flag, '4'],
    ],
    [
      ['run', 'x', '--max-budget-usd=2', '-q'],
      ['run', 'x', '-q', flag, '4'],
    ],
    // It came from a variable or a file.
    [
      ['run', 'x'],
      ['run', 'x', flag, '4'],
    ],
    [
      ['run', '--max-total-tokens', '9', 'x'],
      ['run', '--max-total-tokens', '9', 'x', flag, '4'],
    ],
  ])('%j', (given, wanted) => {
    expect(withBudget(given, flag, '4')).toEqual(wanted)
  })

  test('raises the tokens where they are used up', () => {
    const given = ['run', '--max-total-tokens', '9', '--budget', '1', 'x']
    const wanted = ['run', '--budget', '1', 'x', '--max-total-tokens', '18']
    expect(withBudget(given, '--max-total-tokens', '18')).toEqual(wanted)
  })
})

test.each([
  [['run', 'x', '--base-url=u', '--via', 'batches'], ['--base-url=u']],
  [
    ['run', 'x', '--api-key', 'k', '--env-file', '.e', '--detach'],
    ['--env-file', '.e'],
  ],
  [['run', 'x'], []],
])('sameApi() of %j', (args, expected) => {
  expect(sameApi(args)).toEqual(expected)
})
