import { describe, expect, test } from 'vitest'
import type { Batch } from './batch-api.ts'
import type { Intent } from './intents.ts'
import { candidatesFor, listedSince, resolve, type Search } from './unresolved.ts'

const minute = 60_000
const sentAt = 1_000_000_000
const intent: Intent = {
  nonce: 'abc',
  rows: 5,
  bytes: 100,
  input: '/in.jsonl',
  firstSentAt: sentAt,
  sentAt,
  batch: undefined,
  notOurs: ['theirs'],
  lostSends: 0,
  mostNanoUsd: 1,
}

function batch(more: Partial<Batch> = {}): Batch {
  return {
    id: 'batch',
    status: 'in_progress',
    requests: 5,
    counts: { processing: 5, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
    createdAt: sentAt,
    expiresAt: sentAt + 1440 * minute,
    hasResults: false,
    isArchived: false,
    ...more,
  }
}

function search(listed: readonly Batch[], more: Partial<Search> = {}): Search {
  return { now: sentAt + minute, skewMs: 0, listed, owned: new Set(), emptyLists: 0, ...more }
}

describe('which batches may be it', () => {
  test.each<[string, Partial<Batch>, Partial<Search>, boolean]>([
    ['of the same size and time', {}, {}, true],
    ['of another size', { requests: 6 }, {}, false],
    ['ten minutes before', { createdAt: sentAt - 10 * minute }, {}, true],
    ['longer before', { createdAt: sentAt - 10 * minute - 1 }, {}, false],
    ['ten minutes after', { createdAt: sentAt + 10 * minute }, {}, true],
    ['longer after', { createdAt: sentAt + 10 * minute + 1 }, {}, false],
    ['known as another', {}, { owned: new Set(['batch']) }, false],
    ['found to be of others', { id: 'theirs' }, {}, false],
    ['by a clock behind', { createdAt: sentAt + 70 * minute }, { skewMs: 60 * minute }, true],
    ['by a clock set since', { createdAt: sentAt }, { skewMs: 60 * minute }, true],
    ['by a clock ahead', { createdAt: sentAt - 70 * minute }, { skewMs: -60 * minute }, true],
    ['by neither reading', { createdAt: sentAt - 71 * minute }, { skewMs: -60 * minute }, false],
  ])('%s', (_, more, known, isOne) => {
    expect(candidatesFor(intent, search([batch(more)], known))).toHaveLength(isOne ? 1 : 0)
  })

  test('one sent twice may have been created by either', () => {
    const twice = { ...intent, sentAt: sentAt + 60 * minute }
    for (const at of [sentAt - 5 * minute, sentAt + 65 * minute]) {
      expect(candidatesFor(twice, search([batch({ createdAt: at })]))).toHaveLength(1)
    }
  })
})

describe('what is to be done', () => {
  const ended = batch({ id: 'ended', status: 'ended' })
  test.each<[string, Search, string]>([
    ['one runs', search([batch()]), 'wait'],
    ['one runs for long', search([batch()], { now: sentAt + 600 * minute, emptyLists: 9 }), 'wait'],
    ['one is being canceled', search([batch({ status: 'canceling' })]), 'wait'],
    ['one has ended', search([ended]), 'look'],
    ['one has ended, one runs', search([batch(), ended]), 'look'],
    ['the first empty list', search([], { now: sentAt + 600 * minute }), 'wait'],
    ['the second', search([], { now: sentAt + 600 * minute, emptyLists: 1 }), 'wait'],
    ['the third', search([], { now: sentAt + 600 * minute, emptyLists: 2 }), 'lost'],
    ['many in nine minutes', search([], { now: sentAt + 9 * minute, emptyLists: 9 }), 'wait'],
    ['many in ten', search([], { now: sentAt + 10 * minute, emptyLists: 9 }), 'lost'],
  ])('%s', (_, given, type) => {
    expect(resolve(intent, given).type).toBe(type)
  })

  test('of several only those that have ended are looked at', () => {
    expect(resolve(intent, search([batch(), ended]))).toEqual({ type: 'look', batches: [ended] })
  })
})

test('lists go back to the earliest that may be it', () => {
  expect(listedSince(intent, 0)).toBe(sentAt - 10 * minute)
  expect(listedSince(intent, -minute)).toBe(sentAt - 11 * minute)
  expect(listedSince(intent, minute)).toBe(sentAt - 10 * minute)
})
