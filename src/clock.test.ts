import { describe, expect, test } from 'vitest'
import { SimClock } from '../test/world/sim-clock.ts'
import { type Cancel, type Clock, sleep, SystemClock, inTime } from './clock.ts'

describe('SystemClock', () => {
  test('now() never steps back and wallTime() is of this century', () => {
    const clock = new SystemClock()
    const before = clock.now()
    expect(clock.now()).toBeGreaterThanOrEqual(before)
    expect(clock.wallTime()).toBeGreaterThan(Date.UTC(2026, 0))
    expect(clock.wallTime()).toBeLessThan(Date.UTC(2100, 0))
  })

  test.each([0, -5])('after(%i) calls in a later turn, not in this one', async (delayMs) => {
    const order: string[] = []
    const called = new Promise<void>((resolve) => {
      new SystemClock().after(delayMs, () => {
        order.push('timer')
        resolve()
      })
      order.push('this turn')
    })
    await called
    expect(order).toEqual(['this turn', 'timer'])
  })

  test('after() does not call once it is cancelled, and can be cancelled twice', async () => {
    const clock = new SystemClock()
    let calls = 0
    const cancel = clock.after(0, () => calls++)
    cancel()
    cancel()
    await sleep(clock, 3)
    expect(calls).toBe(0)
  })

  // setTimeout() takes 2^31 ms or more for 1 ms.
  test.each([2 ** 31, 2 ** 40, Infinity])('after(%d) does not call at once', async (delayMs) => {
    const clock = new SystemClock()
    let calls = 0
    const cancel = clock.after(delayMs, () => calls++)
    await sleep(clock, 4)
    cancel()
    expect(calls).toBe(0)
  })
})

/** Fires when told to. */
class HandClock implements Clock {
  readonly timers: { delayMs: number; callback: () => void; cancelled: boolean }[] = []

  now(): number {
    return 0
  }

  wallTime(): number {
    return 0
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer = { delayMs, callback, cancelled: false }
    this.timers.push(timer)
    return () => {
      timer.cancelled = true
    }
  }
}

describe('sleep()', () => {
  test('resolves when its timer fires', async () => {
    const clock = new HandClock()
    const slept = sleep(clock, 250)
    expect(clock.timers.map((timer) => timer.delayMs)).toEqual([250])
    clock.timers[0]?.callback()
    await slept
  })

  test('resolves at once and cancels its timer when aborted', async () => {
    const clock = new HandClock()
    const controller = new AbortController()
    const slept = sleep(clock, 250, controller.signal)
    controller.abort()
    await slept
    expect(clock.timers[0]?.cancelled).toBe(true)
  })

  test('sets no timer when it was aborted before', async () => {
    const clock = new HandClock()
    await sleep(clock, 250, AbortSignal.abort())
    expect(clock.timers).toEqual([])
  })
})

describe('inTime()', () => {
  const never = (signal: AbortSignal): Promise<never> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })

  test('gives what is there in time, and aborts nothing afterwards', async () => {
    const clock = new SimClock()
    let given: AbortSignal | undefined
    const work = (signal: AbortSignal) => {
      given = signal
      return Promise.resolve(7)
    }
    expect(await inTime(clock, 50, undefined, work)).toBe(7)
    await clock.runUntil(sleep(clock, 100))
    expect(given?.aborted).toBe(false)
  })

  test('says that what is late is late, whether it listens or not', async () => {
    const clock = new SimClock()
    const deaf = () => sleep(clock, 80).then(() => 7)
    for (const work of [never, deaf]) {
      await expect(clock.runUntil(inTime(clock, 50, undefined, work))).rejects.toThrow(
        'no answer came in time',
      )
    }
  })

  test('ends when it is ended from outside, for the reason given there', async () => {
    const clock = new SimClock()
    const startAt = clock.now()
    const ending = new AbortController()
    clock.after(20, () => ending.abort(new Error('stopped')))
    const ended = clock.runUntil(inTime(clock, 50, ending.signal, never))
    await expect(ended).rejects.toThrow('stopped')
    expect(clock.now() - startAt).toBe(20)
  })
})
