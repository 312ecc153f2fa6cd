import { describe, expect, test } from 'vitest'
import { answered, drive, failed, refused, replying, rowOf, rowsOf } from '../test/world/drive.ts'
import { Leader } from './leader.ts'
import type { Usage } from './outcome.ts'
import type { Attempt } from './work.ts'

const options = { cache: 'marked' } as const

describe('with a leader', () => {
  test('the first row goes alone and streamed, and the rest at its first byte', () => {
    const answer = replying(() => ({ headAfterMs: 1500, afterMs: 9000, outcome: answered() }))
    const { starts, settled, binds } = drive({ rows: rowsOf(20), options, answer })
    expect(starts.map(({ at }) => at)).toEqual([0, ...Array.from({ length: 19 }, () => 1500)])
    expect(starts[0]?.attempt.stream).toBe(true)
    expect([...settled.values()].every(({ how }) => how === 'succeed')).toBe(true)
    expect(binds).toContain('leader')
  })

  test('without, none waits', () => {
    const answer = replying(() => ({ headAfterMs: 1500, afterMs: 9000, outcome: answered() }))
    const { starts } = drive({ rows: rowsOf(2), answer })
    expect(starts.map(({ at }) => at)).toEqual([0, 0])
  })

  // A row that broke waits before it is asked again; meanwhile the next one leads.
  test.each([
    ['refused', refused({ retryAfterMs: 1000 }), 0],
    ['broken', failed('broken'), 1],
  ])('after one that is %s, another try leads, streamed', (_how, outcome, leader) => {
    const answer = replying((attempt) =>
      attempt.number === 1
        ? { afterMs: 100, outcome }
        : { headAfterMs: 700, afterMs: 5000, outcome: answered() },
    )
    const { starts, settled } = drive({ rows: rowsOf(5), options, answer })
    const [first, second, ...rest] = starts
    expect(second?.attempt.work.sequence).toBe(leader)
    expect(second?.attempt.stream).toBe(true)
    // What waits for its retry comes later still.
    expect(Math.min(...rest.map(({ at }) => at))).toBe((second?.at ?? 0) + 700)
    expect((second?.at ?? 0) > (first?.at ?? 0)).toBe(true)
    expect(settled.size).toBe(5)
  })

  test('one that hangs is ended, and all rows are answered', () => {
    const answer = replying((attempt) =>
      attempt.number === 1 ? {} : { headAfterMs: 700, afterMs: 5000, outcome: answered() },
    )
    const { settled, aborts } = drive({ rows: rowsOf(5), options, answer })
    expect(aborts.map(({ reason }) => reason)).toEqual(['first_byte_timeout'])
    expect([...settled.values()].filter(({ how }) => how === 'succeed')).toHaveLength(5)
  })

  test('one that breaks after its first byte leads no more', () => {
    const answer = replying((attempt) =>
      attempt.number === 1
        ? { headAfterMs: 500, afterMs: 2000, outcome: failed('broken') }
        : { headAfterMs: 700, afterMs: 5000, outcome: answered() },
    )
    const { starts } = drive({ rows: rowsOf(5), options, answer })
    expect(starts.slice(1, 5).map(({ at }) => at)).toEqual([500, 500, 500, 500])
  })
})

describe('finding()', () => {
  const none: Usage = {
    inputTokens: 5,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    cacheReadTokens: 0,
    outputTokens: 1,
    webSearches: 0,
    serviceTier: null,
    speed: null,
    inferenceGeo: null,
  }
  const marked = '{"system":[{"text":"x","cache_control":{"type":"ephemeral"}}]}'
  const cases: readonly (readonly [what: string, usage: Usage, body: string, finding: RegExp])[] = [
    ['written', { ...none, cacheWrite1hTokens: 70 }, marked, /took 70 tokens of line 3/],
    ['read', { ...none, cacheReadTokens: 70 }, marked, /has 70 tokens of line 3 already/],
    ['not marked', none, '{}', /line 3 has no cache_control/],
    ['too short', none, marked, /line 3 marks is shorter .*4096 tokens for claude-haiku-4-5/],
  ]
  test.each(cases)('%s', (_what, usage, body, finding) => {
    const work = rowOf(2, { model: 'claude-haiku-4-5' })
    work.body = Buffer.from(body)
    // Of a try only its identity and its row are looked at.
    const attempt = { work } as Attempt
    const leader = new Leader(true)
    leader.started(attempt)
    expect(leader.finding(attempt, usage)).toMatch(finding)
    expect(leader.finding({ work } as Attempt, usage)).toBeUndefined()
  })
})
