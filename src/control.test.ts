import { expect, test } from 'vitest'
import { requests, StreamWorld } from '../test/stream-world.ts'
import type { RunContext } from './context.ts'
import { type Command, RunControl } from './control.ts'
import type { RunEvent } from './events.ts'
import { run } from './run.ts'
import type { RunOptions } from './settings.ts'
import type { RunSummary } from './summary.ts'

const options = { input: '/in.jsonl', output: '/out.jsonl', apiKey: 'sk-ant-run' }

/** A run of rows that are answered in a second each, and what it is told when. */
async function told(
  commands: readonly (readonly [atMs: number, command: Command])[],
  { rows = 60, more = {} }: { rows?: number; more?: Partial<RunOptions> } = {},
): Promise<{ world: StreamWorld; summary: RunSummary; events: readonly RunEvent[] }> {
  const world = new StreamWorld()
  const lines = requests(rows).map((each) => `${JSON.stringify(each)}\n`)
  world.files.put('/in.jsonl', Buffer.from(lines.join('')))
  const control = new RunControl()
  for (const [atMs, command] of commands) world.clock.after(atMs, () => control.send(command))
  const events: RunEvent[] = []
  const observers = [(event: RunEvent) => void events.push(event)]
  const hooks = { control, observers }
  const running = run({ ...options, maxConcurrency: 4, ...more }, hooks, world.context)
  return { world, summary: await world.until(running), events }
}

/** The world's clock when it begins. */
const startedAt = new StreamWorld().clock.now()

/** Sends in an interval of time since the start. */
function sentIn({ sentAt }: StreamWorld, from: number, to: number): number {
  return sentAt.filter((at) => at >= startedAt + from && at < startedAt + to).length
}

test('a run that is paused starts nothing, ends what is under way, and goes on when told', async () => {
  const { world, summary } = await told([
    [3500, { type: 'pause' }],
    [60_000, { type: 'resume' }],
  ])
  expect(sentIn(world, 0, 3500)).toBeGreaterThan(4)
  expect(sentIn(world, 3500, 60_000)).toBe(0)
  expect(sentIn(world, 60_000, 61_000)).toBeGreaterThan(0)
  expect(summary).toMatchObject({ exitCode: 0, rows: { succeeded: 60 } })
})

test('a pause longer than the patience of a run does not end it', async () => {
  const { summary } = await told(
    [
      [3500, { type: 'pause' }],
      [3_600_000, { type: 'resume' }],
    ],
    { more: { patienceMs: 60_000 } },
  )
  expect(summary).toMatchObject({ exitCode: 0, stopped: null, rows: { succeeded: 60 } })
})

test('a bound on requests at once holds from then on, lower and higher than at first', async () => {
  const { world } = await told(
    [
      [3500, { type: 'concurrency', max: 1 }],
      [20_500, { type: 'concurrency', max: 12 }],
    ],
    { rows: 120 },
  )
  // One a second, when those that were under way have ended.
  expect(sentIn(world, 5000, 20_000)).toBeGreaterThanOrEqual(14)
  expect(sentIn(world, 5000, 20_000)).toBeLessThanOrEqual(16)
  // More than the four it was started with.
  expect(sentIn(world, 22_000, 27_000)).toBeGreaterThan(5 * 8)
})

test.each([
  ['of one that can be told so', { control: new RunControl() }, 10_000],
  ['of one that cannot', {}, 4],
])('connections %s', async (_what, hooks, connections) => {
  const world = new StreamWorld()
  world.files.put('/in.jsonl', Buffer.from(`${JSON.stringify(requests(1)[0])}\n`))
  const bounds: number[] = []
  const context: RunContext = {
    ...world.context,
    transport: (settings) => {
      bounds.push(settings.maxConcurrency)
      return world.context.transport(settings)
    },
  }
  await world.until(run({ ...options, maxConcurrency: 4 }, hooks, context))
  expect(bounds).toEqual([connections])
})

test('a run that is to end waits for what is under way, however long its grace', async () => {
  const { world, summary } = await told([[3500, { type: 'drain' }]], { more: { graceMs: 1 } })
  expect(summary).toMatchObject({ exitCode: 3, stopped: { code: 'INTERRUPTED' } })
  expect(world.inFlight).toBe(0)
  expect(summary.rows.succeeded).toBe(world.sentAt.length)
  expect(sentIn(world, 3500, Infinity)).toBe(0)
  expect(summary.snapshot.possiblyBilledTwice.rows).toBe(0)
})

test('a paused run can be ended', async () => {
  const { summary } = await told([
    [3500, { type: 'pause' }],
    [9000, { type: 'drain' }],
  ])
  expect(summary).toMatchObject({ exitCode: 3, stopped: { code: 'INTERRUPTED' } })
})

test('observers are told of each command before what comes of it', async () => {
  const { events } = await told([
    [3500, { type: 'pause' }],
    [5500, { type: 'concurrency', max: 9 }],
    [6000, { type: 'resume' }],
  ])
  const heard = events.flatMap((event) =>
    event.type === 'commanded' ? [[event.command, event.maxConcurrency]] : [],
  )
  expect(heard).toEqual([
    ['pause', 4],
    ['concurrency', 9],
    ['resume', 9],
  ])
  const isResumed = (event: RunEvent): boolean =>
    event.type === 'commanded' && event.command === 'resume'
  const next = events
    .slice(events.findIndex(isResumed))
    .find(({ type }) => type === 'attempt_started')
  expect(next?.at).toBe(startedAt + 6000)
})

test('without a bound but that of sockets the command says so', async () => {
  const { events } = await told([[500, { type: 'resume' }]], { more: { maxConcurrency: 10_000 } })
  const [heard] = events.filter(({ type }) => type === 'commanded')
  expect(heard).toMatchObject({ command: 'resume', maxConcurrency: null })
})

test.each([0, -1, 1.5, Number.NaN, 10_001])('a bound of %d is refused', (max) => {
  const control = new RunControl()
  expect(() => control.send({ type: 'concurrency', max })).toThrow(/must be 1 to 10000/)
})
