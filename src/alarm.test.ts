import { expect, test } from 'vitest'
import { SimClock } from '../test/world/sim-clock.ts'
import { Alarm } from './alarm.ts'

/** What an alarm does, with the milliseconds since the start. */
function watched(clock: SimClock): { alarm: Alarm; heard: string[]; startAt: number } {
  const heard: string[] = []
  const startAt = clock.now()
  const alarm = new Alarm(clock, {
    wake: () => heard.push(`wake ${clock.now() - startAt}`),
    slept: (before, ms) => heard.push(`slept ${ms} at ${before - startAt}`),
  })
  return { alarm, heard, startAt }
}

async function pass(clock: SimClock, ms: number): Promise<void> {
  await clock.runUntil(new Promise<void>((resolve) => clock.after(ms, resolve)))
}

test('wakes once, at the earliest instant it was armed for', async () => {
  const clock = new SimClock()
  const { alarm, heard, startAt } = watched(clock)
  alarm.arm(startAt + 900)
  alarm.arm(startAt + 300)
  alarm.arm(startAt + 600)
  alarm.arm(Infinity)
  await pass(clock, 2000)
  expect(heard).toEqual(['wake 300'])
})

test('does not wake before its instant, nor at once', async () => {
  const clock = new SimClock()
  const { alarm, heard, startAt } = watched(clock)
  alarm.arm(startAt + 0.4)
  await pass(clock, 10)
  expect(heard).toEqual(['wake 1'])
})

test('does not wake when it is cancelled', async () => {
  const clock = new SimClock()
  const { alarm, heard, startAt } = watched(clock)
  alarm.arm(startAt + 10)
  alarm.cancel()
  await pass(clock, 100)
  expect(heard).toEqual([])
})

test('says that the machine slept when it is very late, before anything else', () => {
  const heard: string[] = []
  let now = 0
  const late = { now: () => now, wallTime: () => 0, after: () => () => {} }
  const alarm = new Alarm(late, {
    wake: () => heard.push('wake'),
    slept: (_, ms) => heard.push(`slept ${ms}`),
  })
  alarm.arm(1000)
  now = 5999
  alarm.noticeSleep()
  expect(heard).toEqual([])
  now = 61_000
  alarm.noticeSleep()
  alarm.noticeSleep()
  expect(heard).toEqual(['slept 60000'])
})
