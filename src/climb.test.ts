import { expect, test } from 'vitest'
import { Climb } from './climb.ts'

test('alone, nothing is spared', () => {
  const climb = new Climb()
  climb.take(100)
  climb.observe({ gap: -3, takenSince: 40 })
  climb.take(200)
  expect(climb.spare).toBe(0)
})

test('others who took as much as we did are taken to go on as we do', () => {
  const climb = new Climb()
  climb.take(100)
  // By the reading we had taken 60, and so had they; 40 of ours are in none.
  climb.missing(60)
  climb.observe({ gap: 0, takenSince: 40 })
  expect(climb.spare).toBe(40)
  climb.take(10)
  expect(climb.spare).toBe(50)
  // It comes, and shows that they stood still.
  climb.observe({ gap: 0, takenSince: 10 })
  expect(climb.spare).toBeCloseTo(10 * (60 / 100))
})

test('what a reading shows to be missing though the level stays counts too', () => {
  const climb = new Climb()
  climb.take(100)
  climb.observe({ gap: 30, takenSince: 40 })
  expect(climb.spare).toBe(30 + 40 * (30 / 60))
})

test('they are never taken for more than nine times as many as we are', () => {
  const climb = new Climb()
  climb.take(10)
  climb.missing(500)
  climb.observe({ gap: 0, takenSince: 5 })
  expect(climb.spare).toBe(45)
})

test('when it is over, the level says all', () => {
  const climb = new Climb()
  climb.take(100)
  climb.missing(60)
  climb.observe({ gap: 0, takenSince: 40 })
  climb.over()
  expect(climb.spare).toBe(0)
  climb.take(20)
  expect(climb.spare).toBe(0)
})
