import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digest } from './hash.ts'
import { type Held, Plan, type Planned } from './plan.ts'
import type { Holding } from './plan.ts'
import type { Line } from './lines.ts'

/** A bag of keys, as the files of a run are. */
class Bag implements Held {
  readonly succeeded: string[]
  readonly failed: string[]

  constructor(succeeded: readonly string[] = [], failed: readonly string[] = []) {
    this.succeeded = [...succeeded]
    this.failed = [...failed]
  }

  take(key: string): Holding | undefined {
    for (const as of ['succeeded', 'failed'] as const) {
      const index = this[as].indexOf(key)
      if (index === -1) continue
      this[as].splice(index, 1)
      return as
    }
    return undefined
  }
}

function linesOf(texts: readonly (string | Uint8Array)[]): readonly Line[] {
  let offset = 0
  return texts.map((text, index) => {
    const bytes = Buffer.from(text)
    const line = { number: index + 1, offset, bytes }
    offset += bytes.length + 1
    return line
  })
}

function plan(
  texts: readonly (string | Uint8Array)[],
  held: Held = new Bag(),
  retryFailed = false,
): readonly Planned[] {
  const planning = new Plan(held, { sendUserId: true, retryFailed })
  return linesOf(texts).map((line) => planning.next(line))
}

/** What became of the lines, in one word each. */
function words(planned: readonly Planned[]): readonly string[] {
  return planned.map((each) => {
    if (each.type === 'held') return each.as
    return each.type === 'work' ? (each.work.retriesFailed ? 'asked again' : 'asked') : 'fault'
  })
}

/** A request of this text. */
function bare(text: string, members = ''): string {
  return `{${members}"model":"m","max_tokens":5,"messages":[{"role":"user","content":"${text}"}]}`
}

const withId = (id: string, text: string): string =>
  bare(text, `"custom_id":${JSON.stringify(id)},`)

/** A run over the lines: which are held after it. `isDone`: what was settled before it ended. */
function run(
  texts: readonly string[],
  held: Bag,
  how: {
    retryFailed?: boolean
    isDone?: (line: number) => boolean
    fails?: (line: number) => boolean
  } = {},
): { held: Bag; asked: readonly number[]; failed: readonly number[] } {
  const { retryFailed = false, isDone = () => true, fails = () => false } = how
  const after = new Bag(held.succeeded, held.failed)
  const asked: number[] = []
  const failed: number[] = []
  const dropOld = (key: string): void => {
    if (after.failed.includes(key)) after.failed.splice(after.failed.indexOf(key), 1)
  }
  for (const [index, planned] of plan(
    texts,
    new Bag(held.succeeded, held.failed),
    retryFailed,
  ).entries()) {
    if (planned.type === 'held' || planned.type === 'resolved' || planned.type === 'twin') continue
    const key = planned.type === 'work' ? planned.work.row.key : planned.fault.key
    if (planned.type === 'work') asked.push(index)
    if (!isDone(index)) continue
    const again = planned.type === 'work' ? planned.work.retriesFailed : planned.retriesFailed
    if (again) dropOld(key)
    if (planned.type === 'work' && !fails(index)) after.succeeded.push(key)
    else {
      after.failed.push(key)
      failed.push(index)
    }
  }
  return { held: after, asked, failed }
}

describe('Plan', () => {
  test('makes work of a request: its body, pool, place and id', () => {
    const text =
      '{"model":"claude-opus-4-5","max_tokens":7,"messages":[{"role":"user","content":"hi"}]}'
    const [planned] = plan([text])
    expect(planned).toMatchObject({
      type: 'work',
      work: {
        sequence: 0,
        pool: 'claude-opus-4.x',
        bodyBytes: text.length,
        retriesFailed: false,
        attempts: 0,
        unknownAttempts: 0,
        row: {
          id: 'line-1',
          lineNumber: 1,
          model: 'claude-opus-4-5',
          maxTokens: 7,
          key: digest(Buffer.from(text)),
        },
      },
    })
    if (planned?.type !== 'work') throw new Error('No work')
    expect(Buffer.from(planned.work.body ?? []).toString()).toBe(text)
    expect('body' in planned.work.row).toBe(false)
  })

  test('counts every line, whatever it is, and numbers them in order', () => {
    const planning = new Plan(new Bag([digest(Buffer.from(bare('b')))]), {
      sendUserId: true,
      retryFailed: false,
    })
    const planned = linesOf([bare('a'), bare('b'), '{', bare('c')]).map((line) =>
      planning.next(line),
    )
    expect(words(planned)).toEqual(['asked', 'succeeded', 'fault', 'asked'])
    expect(planning.count).toBe(4)
    expect(
      planned.map((each) =>
        each.type === 'work' ? each.work.sequence : each.type === 'fault' ? each.sequence : 1,
      ),
    ).toEqual([0, 1, 2, 3])
  })

  test('a model given for all rows is that of the row and its pool', () => {
    const planning = new Plan(new Bag(), {
      sendUserId: true,
      retryFailed: false,
      model: 'claude-haiku-5-5',
    })
    const planned = linesOf([bare('a')]).map((line) => planning.next(line))
    expect(planned[0]).toMatchObject({
      work: { pool: 'claude-haiku-5-5', row: { model: 'claude-haiku-5-5' } },
    })
  })

  test('a line too long to be kept is a fault, and held as one', () => {
    const line: Line = { number: 1, offset: 0, bytes: Buffer.from('{"x'), truncated: 1e9 }
    const [first] = [new Plan(new Bag(), { sendUserId: true, retryFailed: false }).next(line)]
    if (first?.type !== 'fault') throw new Error('No fault')
    const again = new Plan(new Bag([], [first.fault.key]), {
      sendUserId: true,
      retryFailed: false,
    }).next(line)
    expect(again).toEqual({ type: 'held', as: 'failed', key: first.fault.key })
  })
})

describe('identical rows', () => {
  const [a, b] = [bare('a'), bare('b')]

  test('are distinct work, each of which takes one holder of their key', () => {
    const key = digest(Buffer.from(a))
    expect(words(plan([a, a, a]))).toEqual(['asked', 'asked', 'asked'])
    expect(words(plan([a, b, a, a], new Bag([key, key])))).toEqual([
      'succeeded',
      'asked',
      'succeeded',
      'asked',
    ])
    expect(words(plan([a, a, a], new Bag([key], [key])))).toEqual(['succeeded', 'failed', 'asked'])
  })

  test('asked again, an answer before a failure', () => {
    const key = digest(Buffer.from(a))
    expect(words(plan([a, a, a], new Bag([], [key, key]), true))).toEqual([
      'asked again',
      'asked again',
      'asked',
    ])
    expect(words(plan([a, a, a], new Bag([key], [key]), true))).toEqual([
      'succeeded',
      'asked again',
      'asked',
    ])
  })
})

describe('ids', () => {
  test('the second holder of one fails, naming both lines', () => {
    const planned = plan([withId('x', 'one'), bare('two'), withId('x', 'three')])
    expect(words(planned)).toEqual(['asked', 'asked', 'fault'])
    expect(planned[2]).toMatchObject({
      fault: {
        lineNumber: 3,
        id: 'x',
        error: { message: '"custom_id" "x" is that of line 1 already; ids must differ' },
      },
    })
  })

  test.each([false, true])(
    'of three lines alike, byte for byte, two fail: now and when resumed (--retry-failed %j)',
    (retryFailed) => {
      const texts = [withId('x', 'one'), withId('x', 'one'), withId('x', 'one')]
      const first = run(texts, new Bag())
      expect([first.asked, first.failed]).toEqual([[0], [1, 2]])
      expect(words(plan(texts, new Bag(first.held.succeeded, first.held.failed)))).toEqual([
        'succeeded',
        'failed',
        'failed',
      ])
      const again = run(texts, first.held, { retryFailed })
      expect(again.asked).toEqual([])
      expect([again.held.succeeded.length, again.held.failed.length]).toEqual([1, 2])
    },
  )

  test('the second fails also when the first was answered by an earlier run, or failed', () => {
    const one = withId('x', 'one')
    const key = digest(Buffer.from(one))
    for (const held of [new Bag([key]), new Bag([], [key])]) {
      expect(words(plan([one, withId('x', 'two')], held))[1]).toBe('fault')
    }
  })

  test('the first is asked though the failure of the second is held: that has a key of its own', () => {
    const texts = [withId('x', 'one'), withId('x', 'one')]
    const { held } = run(texts, new Bag(), { isDone: (line) => line === 1 })
    expect(words(plan(texts, held))).toEqual(['asked', 'failed'])
  })

  test('a row that failed and now repeats an id fails anew, and its old line goes', () => {
    const old = withId('x', 'old')
    const planned = plan([withId('x', 'new'), old], new Bag([], [digest(Buffer.from(old))]), true)
    expect(words(planned)).toEqual(['asked', 'fault'])
    expect(planned[1]).toMatchObject({ retriesFailed: true })
  })

  test('a fault claims the id it gives, and keeps another from it', () => {
    const texts = [
      '{"custom_id":"x","model":"m","max_tokens":0.5,"messages":[{}]}',
      withId('x', 'two'),
    ]
    expect(words(plan(texts))).toEqual(['fault', 'fault'])
  })

  test('a line that is no JSON gives none, now and when it is held', () => {
    const texts = ['{"custom_id":"x","model', withId('x', 'two')]
    expect(words(plan(texts))).toEqual(['fault', 'asked'])
    // Killed before the second was settled.
    const { held } = run(texts, new Bag(), { isDone: (line) => line === 0 })
    expect(words(plan(texts, held))).toEqual(['failed', 'asked'])
  })

  test.each<[string, string, string]>([
    ['first', withId('x', 'one'), 'x'],
    ['later', bare('one', '"metadata":{"a":1},"custom_id":"x",'), 'x'],
    ['with an escape', bare('one', String.raw`"custom_id":"a\"b",`), 'a"b'],
    ['with its name escaped', bare('one', String.raw`"custom\u005fid":"x",`), 'x'],
    ['twice, of which the last counts', bare('one', '"custom_id":"y","custom_id":"x",'), 'x'],
    ['in an envelope', `{"params":${bare('one')},"custom_id":"x"}`, 'x'],
  ])('an id given %s is claimed by a held line as by any other', (_, text, id) => {
    const held = new Bag([digest(Buffer.from(text))])
    expect(words(plan([text, withId(id, 'two')], held))).toEqual(['succeeded', 'fault'])
  })

  test('a name of the kind in the text of a held line claims nothing', () => {
    const texts = [bare('say \\"custom_id\\":\\"x\\"'), withId('x', 'two')]
    expect(words(plan(texts, new Bag([digest(Buffer.from(texts[0] ?? ''))])))).toEqual([
      'succeeded',
      'asked',
    ])
  })

  test('default ids are no claims: rows without an id never clash', () => {
    expect(words(plan([bare('a'), withId('line-2', 'b'), bare('c')]))).toEqual([
      'asked',
      'asked',
      'asked',
    ])
  })
})

/** A line of a failed file, of the row that stood in this line. */
function failedLine(line: number, text: string, id = `line-${line}`): string {
  const error =
    '{"type":"errored","error":{"type":"error","error":{"type":"api_error","message":"no"},"request_id":null}}'
  return `{"custom_id":"${id}","result":${error},"params":${bare(text)},"run":{"line":${line},"key":"k","attempts":5}}`
}

describe('a failed file as input', () => {
  test('keeps the ids of the lines its rows came from', () => {
    const planned = plan([failedLine(7, 'a'), failedLine(2, 'b'), failedLine(3, 'c')])
    expect(planned.map((each) => each.type === 'work' && each.work.row.id)).toEqual([
      'line-7',
      'line-2',
      'line-3',
    ])
  })

  test('is held when it is run again: its key leaves the result out', () => {
    const texts = [failedLine(7, 'a'), failedLine(2, 'b', 'mine')]
    const { held } = run(texts, new Bag())
    expect(words(plan(texts, held))).toEqual(['succeeded', 'succeeded'])
    const later = texts.map((text) => text.replace('"attempts":5', '"attempts":6'))
    expect(words(plan(later, new Bag(run(texts, new Bag()).held.succeeded)))).toEqual([
      'succeeded',
      'succeeded',
    ])
  })

  test('followed by rows without an id, whose default one it has borrowed, keeps it', () => {
    const planned = plan([failedLine(3, 'a'), bare('b'), bare('c')])
    expect(words(planned)).toEqual(['asked', 'asked', 'fault'])
    expect(planned[2]).toMatchObject({
      fault: {
        error: { message: '"custom_id" "line-3" is that of line 1 already; ids must differ' },
      },
    })
  })

  test('after rows without an id, may not have the default id of one of them', () => {
    expect(words(plan([bare('a'), bare('b'), failedLine(2, 'c'), failedLine(9, 'd')]))).toEqual([
      'asked',
      'asked',
      'fault',
      'asked',
    ])
  })
})

describe('held rows', () => {
  const texts = [bare('a'), withId('x', 'b'), '{"broken', bare('d')]

  test('are not asked, and faults not told again', () => {
    const { held } = run(texts, new Bag(), { fails: (line) => line === 3 })
    expect(words(plan(texts, held))).toEqual(['succeeded', 'succeeded', 'failed', 'failed'])
  })

  test('that failed are asked again with --retry-failed; what is no request fails again', () => {
    const { held } = run(texts, new Bag(), { fails: (line) => line === 3 })
    const planned = plan(texts, held, true)
    expect(words(planned)).toEqual(['succeeded', 'succeeded', 'fault', 'asked again'])
    expect(planned[2]).toMatchObject({ retriesFailed: true })
  })

  test('spooled are held as such', () => {
    const held: Held = { take: () => 'spooled' }
    expect(plan([bare('a')], held, true)).toEqual([
      { type: 'held', as: 'spooled', key: digest(Buffer.from(bare('a'))) },
    ])
  })
})

describe('a run that is resumed', () => {
  const texts = ['a', 'b', 'c', 'd', 'e'].map((text) => bare(text))

  test.each<[string, readonly string[], readonly number[]]>([
    ['the same', texts, []],
    ['one line more at the top', [bare('new'), ...texts], [0]],
    ['one line less', texts.toSpliced(1, 1), []],
    ['one edited', texts.toSpliced(2, 1, bare('edited')), [2]],
    ['two swapped', [1, 0, 2, 3, 4].map((index) => texts[index] ?? ''), []],
    ['one doubled', [...texts, texts[0] ?? ''], [5]],
    ['all backwards', texts.toReversed(), []],
  ])('asks only what is new: %s', (_, later, asked) => {
    const { held } = run(texts, new Bag())
    expect(run(later, held).asked).toEqual(asked)
  })

  test('asks no row twice and forgets none, however often it is killed and its input edited', () => {
    // Few texts and ids, so that many lines are alike.
    const line = fc
      .tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(undefined, undefined, 'x', 'y'))
      .map(([text, id]) => (id ? withId(id, text) : bare(text)))
    const attempt = fc.record({
      lines: fc.array(line, { maxLength: 8 }),
      killedAt: fc.nat({ max: 8 }),
      retryFailed: fc.boolean(),
      failing: fc.nat({ max: 8 }),
    })
    fc.assert(
      fc.property(fc.array(attempt, { minLength: 1, maxLength: 4 }), (attempts) => {
        let held = new Bag()
        for (const { lines, killedAt, retryFailed, failing } of attempts) {
          held = run(lines, held, {
            retryFailed,
            isDone: (index) => index < killedAt,
            fails: (index) => index === failing,
          }).held
        }
        // The last input, to its end: then again, when nothing may be left to do.
        const last = attempts.at(-1)?.lines ?? []
        const whole = run(last, held)
        expect(run(last, whole.held).asked).toEqual([])
        // Never more answers of a text than there ever were lines of it in one input and one before.
        const after = run(last, run(last, new Bag()).held)
        expect(after.asked).toEqual([])
        const fresh = run(last, new Bag())
        expect(whole.asked.length).toBeLessThanOrEqual(last.length)
        // What a fresh run would ask is asked or held; what it would not ask is not.
        for (const index of whole.asked) expect(fresh.asked.concat(fresh.failed)).toContain(index)
      }),
      { numRuns: 300 },
    )
  })
})
