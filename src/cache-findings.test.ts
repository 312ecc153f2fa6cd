import { describe, expect, test } from 'vitest'
import { attemptOf, rowOf, usageOf } from '../test/world/drive.ts'
import { CacheFindings } from './cache-findings.ts'
import { Prefix } from './prefix.ts'

const none = usageOf(5, 1)
const nothing = { tokens: 0, wasThere: false, unusedMs: 0 }
const attempt = attemptOf(rowOf(2, { model: 'claude-haiku-4-5' }))

function prefixOf(key: number, unreadTokens: number, reads = 0): Prefix {
  const prefix = new Prefix(key, 'm', { msMax: Infinity })
  prefix.unreadTokens = unreadTokens
  prefix.reads = reads
  return prefix
}

describe('of the first answer is said', () => {
  test.each([
    [
      'what was written',
      { ...none, cacheWrite5mTokens: 30, cacheWrite1hTokens: 40 },
      /took 70 .*line 3/,
    ],
    [
      'what was read',
      { ...none, cacheReadTokens: 70 },
      /line 3 read 70 tokens from the prompt cache/,
    ],
    ['both as written', { ...none, cacheReadTokens: 70, cacheWrite5mTokens: 9 }, /took 9 tokens/],
    ['nothing', none, /what line 3 marks is shorter .*\(4096 tokens for claude-haiku-4-5\)/],
  ])('%s', (_what, usage, said) => {
    const findings = new CacheFindings()
    findings.answered(attempt, usage, nothing)
    expect(findings.take()).toEqual([expect.stringMatching(said)])
    // Once, whatever comes.
    findings.answered(attempt, usage, nothing)
    expect(findings.take()).toEqual([])
  })

  test('the least of a model that nobody knows is not named', () => {
    const findings = new CacheFindings()
    findings.answered(attemptOf(rowOf(0)), none, nothing)
    expect(findings.take()).toEqual([expect.stringMatching(/than the model caches$/)])
  })
})

test('what was written again is said once, and counted each time', () => {
  const findings = new CacheFindings()
  findings.answered(attempt, { ...none, cacheReadTokens: 70 }, nothing)
  findings.take()
  for (const tokens of [70, 80]) {
    const usage = { ...none, cacheWrite5mTokens: tokens }
    findings.answered(attempt, usage, { tokens, wasThere: true, unusedMs: 9500 })
  }
  const said = /^line 3 wrote 70 tokens again: they had left .* 10 s after they were used last/
  expect(findings.take()).toEqual([expect.stringMatching(said)])
  expect(findings.missedTokens).toBe(150)
})

test('what was taken to be gone was not read in time, or was written by two', () => {
  const findings = new CacheFindings()
  const usage = { ...none, cacheWrite5mTokens: 70 }
  findings.answered(attempt, usage, { tokens: 70, wasThere: false, unusedMs: 0 })
  expect(findings.take().at(-1)).toMatch(/70 tokens again: nobody had read them before/)
})

describe('of what nobody read is said at the end', () => {
  test.each([
    ['nothing, if all was read', [prefixOf(1, 0, 3), prefixOf(2, 0, 1)], undefined],
    ['nothing, if it was read before', [prefixOf(1, 500, 1)], undefined],
    ['nothing, if nothing was written', [prefixOf(1, 0)], undefined],
    ['how much', [prefixOf(1, 500), prefixOf(2, 0, 1), prefixOf(3, 700)], /2 .*prefixes, 1200 /],
  ])('%s', (_what, prefixes, said) => {
    const findings = new CacheFindings()
    const ending = findings.ending(prefixes, false)
    if (said === undefined) expect(ending).toBeUndefined()
    else expect(ending).toMatch(said)
  })

  test('those forgotten meanwhile included', () => {
    const findings = new CacheFindings()
    findings.unread(prefixOf(1, 500))
    expect(findings.ending([prefixOf(2, 100)], false)).toMatch(/2 .*prefixes, 600 tokens/)
  })
})
