import { describe, expect, test } from 'vitest'
import { SimFiles } from '../../test/sim-files.ts'
import { SimClock } from '../../test/world/sim-clock.ts'
import type { CacheMode } from '../settings.ts'
import { workOf } from '../plan.ts'
import { parseLine } from '../request.ts'
import type { Work } from '../work.ts'
import { Intents } from './intents.ts'
import { indexOf, Pack, type PackBounds, wireId } from './pack.ts'
import { RowRecords } from './row-record.ts'

const nonce = 'abcdefghij'

function work(text: string, line: number, more: object = {}): Work {
  const messages = [{ role: 'user', content: [{ type: 'text', text, ...more }] }]
  const bytes = Buffer.from(JSON.stringify({ model: 'claude-haiku-4-5', max_tokens: 5, messages }))
  const options = { sendUserId: true, cachePoints: 'all' as const }
  const row = parseLine({ number: line, offset: 0, bytes }, options)
  if (row.kind !== 'row') throw new Error(row.error.message)
  return workOf(row, line, false)
}

function world(cache: CacheMode, bounds: PackBounds = { rowsMax: 10, bytesMax: 1e6 }) {
  const clock = new SimClock()
  const files = new SimFiles()
  const intents = new Intents(files, '/out.sluice')
  intents.prepare()
  const codes: (string | null)[] = []
  const onBlocked = (code: string | null): void => {
    codes.push(code)
  }
  // A token a word, as far as marks are concerned.
  const tokensOf = ({ bodyBytes }: Work): number => bodyBytes / 4
  const pack = new Pack(nonce, { files, clock, intents, cache, bounds, tokensOf, onBlocked })
  const body = (): Envelope => JSON.parse(files.readText(intents.bodyPath(nonce))) as Envelope
  return { clock, files, intents, pack, body, codes }
}

interface Envelope {
  readonly requests: readonly {
    readonly custom_id: string
    readonly params: { readonly messages: readonly { readonly content: readonly Block[] }[] }
  }[]
}

interface Block {
  readonly text: string
  readonly cache_control?: object
}

test('ids in a batch and back', () => {
  for (const index of [0, 35, 36, 99_999]) expect(indexOf(nonce, wireId(nonce, index))).toBe(index)
  expect(wireId(nonce, 99_999)).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
  for (const wire of [
    '',
    'other-1',
    `${nonce}-`,
    `${nonce}-01`,
    `${nonce}-Z`,
    `${nonce}--1`,
    nonce,
  ])
    expect(indexOf(nonce, wire), wire).toBeUndefined()
})

describe('a pack', () => {
  test('is a body of the API, in the bytes of the user', async () => {
    const { clock, pack, body, files, intents } = world('marked')
    for (const [index, text] of ['one', 'two', 'three'].entries())
      pack.add(work(text, index), undefined)
    const packed = await clock.runUntil(pack.finish())
    expect(packed).toMatchObject({ nonce, rows: 3 })
    expect(files.stat(intents.bodyPath(nonce))?.size).toBe(packed.bytes)
    const { requests } = body()
    expect(requests.map(({ custom_id: id }) => id)).toEqual(
      [0, 1, 2].map((at) => wireId(nonce, at)),
    )
    expect(requests.map(({ params }) => params.messages[0]?.content[0]?.text)).toEqual([
      'one',
      'two',
      'three',
    ])
    const records = new RowRecords(files, intents.rowsPath(nonce), 3)
    expect(records.get(2).key).toBe(work('three', 2).row.key)
    expect(files.list('/out.sluice/batches')).toHaveLength(2)
  })

  test('has room for so many rows and bytes, and always for one', () => {
    const { pack } = world('marked', { rowsMax: 2, bytesMax: 1000 })
    const large = work('x'.repeat(5000), 0)
    expect(pack.hasRoomFor(large)).toBe(true)
    pack.add(work('a', 0), undefined)
    expect(pack.hasRoomFor(large)).toBe(false)
    expect(pack.hasRoomFor(work('b', 1))).toBe(true)
    pack.add(work('b', 1), undefined)
    expect(pack.hasRoomFor(work('c', 2))).toBe(false)
  })

  test('with marks that pay stays within its bounds', async () => {
    const bytesMax = 60_000
    const { clock, pack, body } = world('auto', { rowsMax: 1000, bytesMax })
    const document = 'word '.repeat(6000)
    for (let index = 0; pack.hasRoomFor(work(document, index)); index++)
      pack.add(work(document, index), undefined)
    const { rows, bytes } = await clock.runUntil(pack.finish())
    expect(rows).toBeLessThan(3)
    expect(bytes).toBeLessThanOrEqual(bytesMax)
    expect(body().requests).toHaveLength(rows)
  })

  test('auto marks what three rows share, for an hour', async () => {
    const { clock, pack, body } = world('auto')
    const document = 'word '.repeat(6000)
    for (let index = 0; index < 3; index++) pack.add(work(document, index), undefined)
    await clock.runUntil(pack.finish())
    for (const { params } of body().requests)
      expect(params.messages[0]?.content[0]?.cache_control).toEqual({
        type: 'ephemeral',
        ttl: '1h',
      })
  })

  test('strip takes marks away', async () => {
    const { clock, pack, body } = world('strip')
    pack.add(work('a', 0, { cache_control: { type: 'ephemeral' } }), undefined)
    await clock.runUntil(pack.finish())
    expect(body().requests[0]?.params.messages[0]?.content[0]).toEqual({ type: 'text', text: 'a' })
  })

  test('waits for room on the disk, and loses nothing', async () => {
    const { clock, files, pack, body, codes } = world('marked')
    files.failWrites('ENOSPC', { after: 100 })
    pack.add(work('one', 0), undefined)
    expect(pack.isBlocked).toBe(true)
    clock.after(5000, () => files.failWrites(undefined))
    await clock.runUntil(pack.ready())
    expect(pack.isBlocked).toBe(false)
    await clock.runUntil(pack.finish())
    expect(body().requests).toHaveLength(1)
    expect(codes[0]).toBe('ENOSPC')
    expect(codes.at(-1)).toBe(null)
  })

  test('that is let go of while it waits rejects, and leaves nothing when it is discarded', async () => {
    const { clock, files, pack } = world('marked')
    files.failWrites('ENOSPC', { after: 100 })
    pack.add(work('one', 0), undefined)
    const finished = pack.finish()
    clock.after(1000, () => pack.close())
    await expect(clock.runUntil(finished)).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
    pack.discard()
    expect(files.list('/out.sluice/batches')).toEqual([])
  })

  test('on a disk that fails rejects', async () => {
    const { clock, files, pack } = world('marked')
    files.failWrites('EIO', { after: 10 })
    pack.add(work('one', 0), undefined)
    expect(pack.isBlocked).toBe(true)
    await expect(clock.runUntil(pack.ready())).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
  })
})
