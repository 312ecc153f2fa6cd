import { expect, test } from 'vitest'
import { RefusalWait } from './refusal-wait.ts'

const said = { isFirst: true, saidMs: 5000, jitter: 1 }
const unsaid = { isFirst: true, saidMs: 0, jitter: 1 }

test('waits as long as the server says, from its last word on', () => {
  const wait = new RefusalWait()
  expect([wait.delay(0), wait.lastAt]).toEqual([0, -Infinity])
  wait.refused(100, said)
  wait.refused(200, { ...said, isFirst: false, saidMs: 1000 })
  expect([wait.delay(200), wait.lastAt]).toEqual([4900, 100])
  expect([wait.delay(5100), wait.delay(5099)]).toEqual([0, 1])
})

test('a word that did not hold twice is doubled from the third on, with jitter', () => {
  const wait = new RefusalWait()
  for (const now of [0, 10_000, 20_000]) wait.refused(now, { ...said, saidMs: 1000 })
  expect(wait.delay(20_000)).toBe(4000)
  wait.refused(30_000, { ...said, saidMs: 1000, jitter: 0 })
  expect(wait.delay(30_000)).toBe(4000)
})

test('no word at all: a second, doubled up to a minute', () => {
  const wait = new RefusalWait()
  const delays = [0, 1e6, 2e6, 3e6, 4e6, 5e6, 6e6, 7e6].map((now) => {
    wait.refused(now, unsaid)
    return wait.delay(now)
  })
  expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
})

test('is over with an answer to what was sent after the refusal before the last', () => {
  const wait = new RefusalWait()
  wait.refused(1000, unsaid)
  wait.refused(5000, unsaid)
  wait.answered(900)
  wait.refused(10_000, unsaid)
  expect(wait.delay(10_000)).toBe(4000)
  wait.answered(6000)
  wait.refused(20_000, unsaid)
  expect(wait.delay(20_000)).toBe(1000)
})

test('forget() waits no more', () => {
  const wait = new RefusalWait()
  wait.refused(0, said)
  wait.forget(1)
  expect(wait.delay(1)).toBe(0)
})
