import { zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { requests, StreamWorld } from '../test/stream-world.ts'
import { bounds } from './bounds.ts'
import type { RunEvent } from './events.ts'
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

test('run() tells of a compressed input how much of the file was read', async () => {
  const world = worldWith(0)
  const lines = requests(20)
    .map((each) => JSON.stringify(each))
    .join('\n')
  const data = zstdCompressSync(lines)
  expect(data.length).toBeLessThan(lines.length / 2)
  world.files.put('/in.jsonl', data)
  const told: (number | null)[] = []
  const observers = [
    (event: RunEvent) => {
      if (event.type === 'run_started') told.push(event.inputBytes)
      if (event.type === 'rows_read') told.push(event.bytes)
    },
  ]
  const { rows } = await world.until(run(options, { observers }, world.context))
  expect(rows.succeeded).toBe(20)
  expect(new Set(told)).toEqual(new Set([data.length]))
})

/** Rows of half a megabyte, of which less than half may wait in memory. */
function largeRows(): StreamWorld {
  const world = new StreamWorld()
  const text = 'word '.repeat(100_000)
  const rows = requests(80).map((each) => {
    const messages = [{ role: 'user', content: `${each.metadata.number} ${text}` }]
    return `${JSON.stringify({ ...each, messages })}\n`
  })
  world.files.put('/in.jsonl', Buffer.from(rows.join('')))
  return world
}

const twoAtOnce = { ...options, maxConcurrency: 2 }

test('run() asks rows whose bodies were let go of with the bytes of the file', async () => {
  const world = largeRows()
  let reads = 0
  world.files.onOperation = (operation, path) => {
    if (operation === 'read' && path === '/in.jsonl') reads += 1
  }
  const { rows } = await world.until(run(twoAtOnce, {}, world.context))
  expect(rows.succeeded).toBe(80)
  const chunks = world.files.bytes('/in.jsonl').length / bounds.readChunkBytes
  expect(reads - chunks).toBeGreaterThan(30)
  const numbers = world.bodies.map((body) => Number(/"content":"(\d+) /.exec(body)?.[1]))
  expect(numbers).toEqual(Array.from({ length: 80 }, (_, number) => number))
})

test('run() stops when such a row is no longer in the file, and goes on later', async () => {
  const world = largeRows()
  const first = run(twoAtOnce, {}, world.context)
  await world.pass(3500)
  const text = Buffer.from(world.files.bytes('/in.jsonl'))
  // In place: of a file that is renamed over the old one the run would know nothing.
  world.files.open('/in.jsonl', 'append').writeAt(Buffer.from('X'), text.lastIndexOf('word'))
  const summary = await world.until(first)
  expect(summary).toMatchObject({ exitCode: 3, stopped: { code: 'INPUT_CHANGED' } })
  expect(summary.rows.left).toBe(1)
  const second = await world.until(run(twoAtOnce, {}, world.context))
  expect(second).toMatchObject({ exitCode: 0, rows: { succeeded: 80 } })
  expect(world.bodies).toHaveLength(80)
})

const asTheScript = { outputFormat: 'tuple', sendUserId: false } as const
const mark = { cache_control: { type: 'ephemeral' } }
const system = [{ type: 'text', text: 'word '.repeat(6000), ...mark }]

/** Six rows, with what else is in each. */
function sixWith(more: object): StreamWorld {
  const world = new StreamWorld()
  const rows = requests(6).map((each) => JSON.stringify({ ...each, ...more }))
  world.files.put('/in.jsonl', Buffer.from(`${rows.join('\n')}\n`))
  return world
}

test.each([
  ['without marks', {}, {}, 2],
  ['without marks, as the script with --use_caching', {}, { ...asTheScript, cache: 'marked' }, 2],
  ['with marks', { system }, {}, 1],
  ['with marks, as the script', { system }, { ...asTheScript, cache: 'off' }, 2],
  ['with marks, as the script with it', { system }, { ...asTheScript, cache: 'marked' }, 1],
] as const)('run() starts as many rows at once, %s', async (_what, row, more, count) => {
  const world = sixWith(row)
  await world.until(run({ ...options, ...more }, {}, world.context))
  const [first] = world.sentAt
  // Two ask for the limits; of rows without marks, none waits for another.
  expect(world.sentAt.filter((at) => at === first)).toHaveLength(count)
  expect(world.sentAt).toHaveLength(6)
})

test.each([
  ['who asked for marks', {}, { cache: 'marked' }, true],
  ['who asked for nothing', {}, {}, false],
  ['who has marks', { system }, { cache: 'marked' }, false],
  ['who asked for what rows share', {}, { cache: 'auto' }, false],
] as const)('run() says that no row has a mark to a user %s', async (_who, row, more, isSaid) => {
  const world = sixWith(row)
  const notices: string[] = []
  const observers = [
    (event: RunEvent) => void (event.type === 'notice' && notices.push(event.message)),
  ]
  await world.until(run({ ...options, ...more }, { observers }, world.context))
  expect(notices.some((text) => text.includes('nothing is cached: no row'))).toBe(isSaid)
})

test('run() says what the prompt cache saved', async () => {
  const world = new StreamWorld()
  const marked = { type: 'text', text: 'word '.repeat(6000), cache_control: { type: 'ephemeral' } }
  const rows = requests(5).map((each) => JSON.stringify({ ...each, system: [marked] }))
  world.files.put('/in.jsonl', Buffer.from(`${rows.join('\n')}\n`))
  // One after the other: the first writes, the others read.
  const oneByOne = { ...options, model: 'claude-haiku-4-5', maxConcurrency: 1 }
  const { snapshot } = await world.until(run(oneByOne, {}, world.context))
  const { cacheWrite5m, cacheRead } = snapshot.tokens
  expect(cacheWrite5m).toBeGreaterThan(4096)
  expect(cacheRead).toBe(4 * cacheWrite5m)
  // A token is 1,000 nano-dollars of input, 1,250 to write and 100 to read.
  expect(snapshot.cacheSavedNanoUsd).toBe(cacheRead * 900 - cacheWrite5m * 250)
})

/** Rows that begin alike, each marked in a way that only its own bytes have, or not. */
function worldAlike(mark: string): { readonly world: StreamWorld; readonly lines: string[] } {
  const world = new StreamWorld()
  const system = `[{"type": "text", "text": "${'word '.repeat(6000)}"${mark}}]`
  const lines = requests(8).map((each) => {
    const { metadata: _metadata, ...plain } = each
    return `{"temperature":1.0,"system": ${system},${JSON.stringify(plain).slice(1)}`
  })
  world.files.put('/in.jsonl', Buffer.from(lines.map((line) => `${line}\n`).join('')))
  return { world, lines }
}

const ownMark = ', "cache_control" : {"type" : "ephemeral"}'
const markOf = (body: string): string => /"cache_control"\s*:\s*\{[^}]*\}/.exec(body)?.[0] ?? ''

test('a run sends the marks of the user as they stand', async () => {
  for (const cache of ['off', 'marked', 'auto'] as const) {
    const { world } = worldAlike(ownMark)
    await world.until(run({ ...options, cache }, {}, world.context))
    expect(world.bodies.map(markOf)).toEqual(world.bodies.map(() => ownMark.slice(2)))
    expect(world.bodies).toHaveLength(8)
  }
})

test('a run that strips marks sends none, and all else as it stands', async () => {
  const [marked, plain] = [worldAlike(ownMark), worldAlike('')]
  await marked.world.until(run({ ...options, cache: 'strip' }, {}, marked.world.context))
  await plain.world.until(run({ ...options, cache: 'off' }, {}, plain.world.context))
  expect(marked.world.bodies.map(markOf)).toEqual(marked.world.bodies.map(() => ''))
  expect(marked.world.bodies.toSorted()).toEqual(plain.world.bodies.toSorted())
})

test.each([
  ['off', 0],
  ['marked', 0],
  ['auto', 8],
] as const)('of rows that begin alike, a run with cache %s marks %i', async (cache, count) => {
  const { world } = worldAlike('')
  const { snapshot } = await world.until(run({ ...options, cache }, {}, world.context))
  const marks = world.bodies.map(markOf).filter((mark) => mark !== '')
  // All of them: the first waits until it is seen that others begin like it.
  expect(marks).toEqual(Array.from({ length: count }, () => '"cache_control":{"type":"ephemeral"}'))
  const { cacheWrite5m, cacheRead } = snapshot.tokens
  expect(cacheRead).toBe(count === 0 ? 0 : cacheWrite5m * (count - 1))
})
