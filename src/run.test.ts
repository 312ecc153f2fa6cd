import { expect, test } from 'vitest'
import { requests, StreamWorld } from '../test/stream-world.ts'
import { run } from './run.ts'

const options = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'sk-ant-run' }

function worldWith(rows: number): StreamWorld {
  const world = new StreamWorld()
  const text = requests(rows).map((each) => `${JSON.stringify(each)}\n`)
  world.files.put('/in.jsonl', Buffer.from(text.join('')))
  return world
}

test('run() ends at once when its signal was aborted before it began', async () => {
  const world = worldWith(3)
  const startedAt = world.clock.now()
  const summary = await world.until(run(options, { signal: AbortSignal.abort() }, world.context))
  expect(summary).toMatchObject({ exitCode: 3, stopped: { code: 'INTERRUPTED' } })
  expect(world.clock.now()).toBe(startedAt)
  expect(world.sentAt).toEqual([])
})

test('run() leaves no timer behind when it was stopped', async () => {
  const world = worldWith(50)
  const stop = new AbortController()
  const ended = run({ ...options, maxConcurrency: 3 }, { signal: stop.signal }, world.context)
  await world.pass(2500)
  stop.abort()
  const { rows } = await world.until(ended)
  expect(rows.left).toBeGreaterThan(0)
  // What the server does of itself is over soon; the grace of 25 s would not be.
  const nothing = new Promise<never>(() => {})
  await expect(world.until(nothing)).rejects.toThrow(/Nothing is left/)
  expect(world.clock.now()).toBeLessThan(10_000)
})
