import { describe, expect, test } from 'vitest'
import { SimClock } from '../../test/world/sim-clock.ts'
import { Random } from '../random.ts'
import { againMs, Pauses } from './round-parts.ts'

function world() {
  const clock = new SimClock(0)
  const pauses = new Pauses({ clock })
  return { clock, pauses }
}

describe('a pause', () => {
  test('is as long as was asked, or until something happens', async () => {
    const { clock, pauses } = world()
    await clock.runUntil(pauses.wait(5000))
    expect(clock.now()).toBe(5000)
    clock.after(1000, () => pauses.wake())
    await clock.runUntil(pauses.wait(Infinity))
    expect(clock.now()).toBe(6000)
  })

  test('does not sleep through what happened since it was last looked', async () => {
    const { clock, pauses } = world()
    const { wakes } = pauses
    pauses.wake()
    await clock.runUntil(pauses.wait(Infinity, wakes))
    expect(clock.now()).toBe(0)
    clock.after(1000, () => pauses.wake())
    await clock.runUntil(pauses.wait(Infinity, pauses.wakes))
    expect(clock.now()).toBe(1000)
  })

  test('is none when all is over', async () => {
    const { clock, pauses } = world()
    const waiting = [pauses.wait(Infinity), pauses.wait(9000)]
    pauses.end()
    await clock.runUntil(Promise.all([...waiting, pauses.wait(Infinity)]))
    expect(clock.now()).toBe(0)
  })
})

test('looks are 5 s apart at first and 60 s in the end, jittered by a fifth', () => {
  const random = new Random(1)
  for (const [count, middle] of [
    [0, 5000],
    [1, 7500],
    [4, 25_312.5],
    [6, 56_953.125],
    [7, 60_000],
    [1000, 60_000],
  ] as const) {
    const drawn = Array.from({ length: 500 }, () => againMs(count, random))
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0.8 * middle)
    expect(Math.min(...drawn)).toBeLessThan(0.85 * middle)
    expect(Math.max(...drawn)).toBeLessThanOrEqual(1.2 * middle)
    expect(Math.max(...drawn)).toBeGreaterThan(1.15 * middle)
  }
  expect(againMs(0, random, 90_000)).toBe(90_000)
})
