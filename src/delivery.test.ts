import { describe, expect, test } from 'vitest'
import { bounds } from './bounds.ts'
import { Delivery } from './delivery.ts'
import type { Planned } from './plan.ts'

/** A row at fault whose line has about so many characters. */
function fault(lineNumber: number, chars = 0): Extract<Planned, { type: 'fault' }> {
  const error = { type: 'invalid_request_error', message: 'x'.repeat(chars) }
  const place = { lineNumber, offset: 0, byteLength: 1, id: `line-${lineNumber}`, idGiven: false }
  const request = { params: undefined, raw: '', rawEncoding: 'utf8', metadata: undefined } as const
  const row = { kind: 'fault', ...place, ...request, key: '0'.repeat(32), error } as const
  return { type: 'fault', fault: row, sequence: lineNumber - 1, retriesFailed: false }
}

function deliver() {
  const holds: boolean[] = []
  const delivery = new Delivery<string>({
    hold: (on) => holds.push(on),
    takeMetadata: (line) => (line === 2 ? 'mine' : undefined),
  })
  let written = 0
  const put = (line: number, chars?: number): void =>
    delivery.fault(fault(line, chars), () => {
      written += 1
    })
  return { delivery, holds, put, written: () => written }
}

describe('Delivery', () => {
  test('gives results in the order in which they came, with their metadata', async () => {
    const { delivery, put, written } = deliver()
    const early = delivery.next()
    put(2)
    put(1)
    expect(written()).toBe(2)
    expect((await early).value).toMatchObject({ custom_id: 'line-2', metadata: 'mine' })
    const { value } = await delivery.next()
    expect(value).toEqual({
      custom_id: 'line-1',
      result: {
        type: 'errored',
        error: {
          type: 'error',
          error: { type: 'invalid_request_error', message: '' },
          request_id: null,
        },
      },
      run: {
        line: 1,
        key: '0'.repeat(32),
        attempts: 0,
        request_id: null,
        latency_ms: 0,
        cost_usd: 0,
      },
    })
  })

  test('holds at its bound of results, and goes on at half of it', async () => {
    const { delivery, put, holds } = deliver()
    for (let line = 1; line < bounds.unreadResultsMax; line++) put(line)
    expect(holds).toEqual([])
    put(bounds.unreadResultsMax)
    put(bounds.unreadResultsMax + 1)
    expect(holds, 'said once').toEqual([true])
    expect(delivery.unreadCount).toBe(bounds.unreadResultsMax + 1)
    while (delivery.unreadCount > bounds.unreadResultsMax / 2 + 1) await delivery.next()
    expect(holds).toEqual([true])
    await delivery.next()
    expect(holds).toEqual([true, false])
  })

  test('holds at its bound of bytes, however few results they are', async () => {
    const { delivery, put, holds } = deliver()
    put(1, bounds.unreadBytesMax / 2)
    expect(holds).toEqual([])
    put(2, bounds.unreadBytesMax / 2)
    expect(holds).toEqual([true])
    await delivery.next()
    await delivery.next()
    expect(holds).toEqual([true, false])
  })

  test('gives what came before the end, then what was thrown, once', async () => {
    const { delivery, put } = deliver()
    put(1)
    delivery.end({ error: 'thrown' })
    expect(await delivery.next()).toMatchObject({ done: false })
    await expect(delivery.next()).rejects.toBe('thrown')
    expect(await delivery.next()).toEqual({ done: true, value: undefined })
  })

  test('tells the first of those who wait what was thrown, and the others that it is over', async () => {
    const { delivery } = deliver()
    const waiting = [delivery.next(), delivery.next()]
    delivery.end({ error: undefined })
    expect(await Promise.allSettled(waiting)).toEqual([
      { status: 'rejected', reason: undefined },
      { status: 'fulfilled', value: { done: true, value: undefined } },
    ])
  })

  test('keeps nothing once nobody takes anything', async () => {
    const { delivery, put, written } = deliver()
    put(1)
    delivery.discard()
    put(3)
    expect(written(), 'the row is counted out all the same').toBe(2)
    expect(delivery.unreadCount).toBe(0)
    delivery.end({ error: 'late' })
    expect(await delivery.next()).toEqual({ done: true, value: undefined })
  })
})
