import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandFor, type Key, keysIn } from './keys.ts'

describe('keysIn()', () => {
  test.each([
    ['p', ['pause']],
    [' ', ['pause']],
    ['P', ['pause']],
    ['d', ['drain']],
    ['+', ['more']],
    ['=', ['more']],
    ['-', ['fewer']],
    ['_', ['fewer']],
    ['?', ['help']],
    ['h', ['help']],
    ['\u0003', ['SIGINT']],
    ['\u001a', ['SIGTSTP']],
    ['\u001c', ['SIGQUIT']],
    ['---', ['fewer', 'fewer', 'fewer']],
    ['', []],
    ['x\r\n\t\u0004\u007f', []],
  ])('reads %j as %j', (typed, keys) => {
    expect(keysIn(typed)).toEqual({ keys, rest: '' })
  })

  test.each([
    ['an arrow', '\u001b[D'],
    ['an arrow of another kind', '\u001bOD'],
    ['F1', '\u001bOP'],
    ['F5 with Shift', '\u001b[15;2~'],
    ['an arrow with Shift of rxvt', '\u001b[d'],
    ['alt and d', '\u001bd'],
    ['a report of where the cursor is', '\u001b[12;40R'],
  ])('takes %s for nothing, whole and in two pieces', (_what, typed) => {
    expect(keysIn(typed)).toEqual({ keys: [], rest: '' })
    expect(keysIn(`${typed}p`).keys).toEqual(['pause'])
    for (let at = 1; at < typed.length; at++) {
      const first = keysIn(typed.slice(0, at))
      expect(first.keys).toEqual([])
      expect(keysIn(typed.slice(at), first.rest)).toEqual({ keys: [], rest: '' })
    }
  })

  test('takes a key behind one that was only Escape', () => {
    const { keys, rest } = keysIn('\u001b')
    expect(keys).toEqual([])
    // Nobody can tell it from the first half of a sequence.
    expect(keysIn('p', rest).keys).toEqual([])
    expect(keysIn('\u001b\u001b[Ap').keys).toEqual(['pause'])
  })

  test('takes no pasted text for commands, but what would be a signal', () => {
    expect(keysIn('please add more - quickly').keys).toEqual([])
    expect(keysIn('please\u0003').keys).toEqual(['SIGINT'])
    expect(keysIn('p+').keys).toEqual(['pause', 'more'])
  })

  test('holds a bounded part of what never ends', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary-ascii', maxLength: 40 }), { maxLength: 20 }),
        (pieces) => {
          let rest = ''
          for (const piece of pieces) ({ rest } = keysIn(piece, rest))
          expect(rest.length).toBeLessThanOrEqual(18)
        },
      ),
    )
  })
})

describe('commandFor()', () => {
  const steered = { paused: false, maxConcurrency: null, attempts: { inFlight: 40 } }

  test('pauses, and goes on when paused', () => {
    expect(commandFor('pause', steered)).toEqual({ type: 'pause' })
    expect(commandFor('pause', { ...steered, paused: true })).toEqual({ type: 'resume' })
  })

  test('drains', () => {
    expect(commandFor('drain', steered)).toEqual({ type: 'drain' })
  })

  test.each<[Key, number | null, number, number | undefined]>([
    ['fewer', 100, 40, 80],
    ['fewer', 3, 40, 2],
    ['fewer', 2, 40, 1],
    ['fewer', 1, 40, 1],
    ['fewer', null, 40, 32],
    ['fewer', null, 0, 1],
    ['more', 100, 40, 125],
    ['more', 1, 40, 2],
    ['more', null, 40, undefined],
  ])('%s with a bound of %j and %i in flight is %j', (key, maxConcurrency, inFlight, max) => {
    const expected = max === undefined ? undefined : { type: 'concurrency', max }
    expect(commandFor(key, { ...steered, maxConcurrency, attempts: { inFlight } })).toEqual(
      expected,
    )
  })

  test('asks for nothing when help is wanted', () => {
    expect(commandFor('help', steered)).toBeUndefined()
  })
})
