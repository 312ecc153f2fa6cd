import { describe, expect, test } from 'vitest'

import { Gate } from './gate.ts'

/** Numbered visitors, and the order in which they were let in. */
function visitors(insideMax: number): {
  readonly started: number[]
  readonly enter: (number: number) => void
  readonly leave: (number: number) => void
} {
  const gate = new Gate(insideMax)
  const keys = Array.from({ length: 5000 }, () => ({}))
  const started: number[] = []
  const key = (number: number): object => keys[number] ?? {}
  return {
    started,
    enter: (number) => gate.enter(key(number), () => started.push(number)),
    leave: (number) => gate.leave(key(number)),
  }
}

describe('Gate', () => {
  test('enter() starts as many as fit, and the rest in order as others leave', () => {
    const { started, enter, leave } = visitors(2)
    for (const number of [1, 2, 3, 4, 5]) enter(number)
    expect(started).toEqual([1, 2])
    leave(2)
    expect(started).toEqual([1, 2, 3])
    leave(1)
    leave(3)
    expect(started).toEqual([1, 2, 3, 4, 5])
  })

  test('leave() of one who waits gives up its place without letting another in', () => {
    const { started, enter, leave } = visitors(1)
    for (const number of [1, 2, 3]) enter(number)
    leave(2)
    expect(started).toEqual([1])
    leave(1)
    expect(started).toEqual([1, 3])
  })

  test('leave() twice lets one in, not two', () => {
    const { started, enter, leave } = visitors(1)
    for (const number of [1, 2, 3]) enter(number)
    leave(1)
    leave(1)
    expect(started).toEqual([1, 2])
  })

  test('enter() takes again one who has left', () => {
    const { started, enter, leave } = visitors(1)
    enter(1)
    leave(1)
    enter(1)
    expect(started).toEqual([1, 1])
  })

  test('a thousand that leave as soon as they start do not nest', () => {
    const gate = new Gate(1)
    const first = {}
    gate.enter(first, () => undefined)
    let started = 0
    for (let number = 0; number < 100_000; number++) {
      const who = {}
      gate.enter(who, () => {
        started++
        gate.leave(who)
      })
    }
    gate.leave(first)
    expect(started).toBe(100_000)
  })
})
