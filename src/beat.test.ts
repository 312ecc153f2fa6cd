import { expect, test } from 'vitest'
import { SimClock } from '../test/world/sim-clock.ts'
import { Beat } from './beat.ts'
import { RunError } from './errors.ts'

class Heart {
  readonly clock = new SimClock(0)
  readonly beats: number[] = []
  readonly told: string[] = []
  thrown: Error | undefined
  inFlight = 0
  readonly beat: Beat

  constructor() {
    const { beats } = this
    this.beat = new Beat({
      clock: this.clock,
      books: {
        beat: (count) => {
          if (this.thrown !== undefined) throw this.thrown
          beats.push(count)
        },
      },
      inFlight: () => this.inFlight,
      failed: (error) => this.told.push(error.code),
      bug: (error) => this.told.push((error as Error).name),
    })
  }

  async pass(ms: number): Promise<void> {
    const { clock } = this
    await clock.runUntil(new Promise<void>((resolve) => clock.after(ms, resolve)))
  }
}

test('beats every two seconds, with what is under way, until it is ended', async () => {
  const heart = new Heart()
  heart.inFlight = 3
  await heart.pass(4500)
  heart.beat.end()
  await heart.pass(10_000)
  expect(heart.beats).toEqual([3, 3])
})

test.each([
  ['a lock that is lost', new RunError('LOCK_LOST', 'gone'), 'LOCK_LOST'],
  ['a bug', new TypeError('a bug'), 'TypeError'],
])('beats no more after %s, and tells it once', async (_, thrown, told) => {
  const heart = new Heart()
  heart.thrown = thrown
  await heart.pass(20_000)
  expect(heart.told).toEqual([told])
  expect(heart.beats).toEqual([])
})
