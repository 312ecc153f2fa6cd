import { describe, expect, test } from 'vitest'
import type { Batch } from '../batches/batch-api.ts'
import type { Intent } from '../batches/intents.ts'
import {
  batchesJson,
  batchesTable,
  batchesTotal,
  type ShownBatch,
  type ShownBatches,
} from './batches-text.ts'
import { painter } from './paint.ts'

// 2026-11-23T12:00:00Z.
const now = (20_780 * 24 + 12) * 3_600_000
const minute = 60_000
const day = 24 * 60 * minute
const id = 'msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d'

const intent: Intent = {
  nonce: 'n',
  rows: 40_000,
  bytes: 91_000_000,
  input: 'requests.jsonl',
  firstSentAt: now - 13 * minute,
  sentAt: now - 12 * minute,
  batch: { id, createdAt: now - 12 * minute, expiresAt: now - 12 * minute + day },
  notOurs: [],
  lostSends: 0,
  mostNanoUsd: null,
}

const counts = { processing: 40_000, succeeded: 0, errored: 0, canceled: 0, expired: 0 }
const running = {
  id,
  status: 'in_progress',
  requests: 40_000,
  counts,
  createdAt: now - 12 * minute,
  expiresAt: now - 12 * minute + day,
  hasResults: false,
} as Batch
const over = { ...counts, processing: 0, succeeded: 39_990, errored: 4, expired: 6 }
const ended: Batch = { ...running, status: 'ended', counts: over, hasResults: true }

const plain = { columns: 80, paint: painter(false) }

function shown(...batches: readonly ShownBatch[]): ShownBatches {
  return { results: '/data/out.jsonl', now, batches }
}

function of(batch: Batch): ShownBatch {
  return { intent, found: { kind: 'batch', batch } }
}

describe('batchesTable()', () => {
  test('of records alone has no status', () => {
    expect(batchesTable(shown({ intent, found: undefined }), plain)).toEqual([
      'batch                                rows  expires',
      `${id}  40,000  in 23 h 48 min`,
      '  created 2026-11-23 11:48:00 UTC, 12 min ago; 91MB from requests.jsonl',
    ])
  })

  test('shows what the API says of each', () => {
    const gone = { ...ended, hasResults: false }
    const lost: ShownBatch = { intent, found: { kind: 'missing' } }
    const failed: ShownBatch = { intent, found: { kind: 'failed', message: 'api_error: no\nday' } }
    const lines = batchesTable(shown(of(running), of(ended), of(gone), lost, failed), plain)
    expect(lines.filter((line) => !line.startsWith('  created'))).toEqual([
      'batch                                rows  status        expires',
      `${id}  40,000  in progress   in 23 h 48 min`,
      `${id}  40,000  ended`,
      '  39,990 succeeded, 4 errored, 6 expired',
      `${id}  40,000  results gone`,
      '  39,990 succeeded, 4 errored, 6 expired',
      `${id}  40,000  not there     in 23 h 48 min`,
      `${id}  40,000  not known     in 23 h 48 min`,
      '  api_error: no day',
    ])
  })

  test('says of a lost reply since when, and what becomes of it', () => {
    const unresolved = { ...intent, batch: undefined }
    expect(batchesTable(shown({ intent: unresolved, found: undefined }), plain)).toEqual([
      'batch         rows  expires',
      'unresolved  40,000',
      '  sent 2026-11-23 11:47:00 UTC, 13 min ago; 91MB from requests.jsonl',
      '  no reply came: the next run, or collect, looks whether it is there',
    ])
  })

  test.each([80, 60, 40])('no line is longer than %i columns', (columns) => {
    const long = { ...intent, input: `${'folder/'.repeat(20)}in.jsonl` }
    const all = shown(of(ended), { ...of(running), intent: long })
    for (const line of batchesTable(all, { ...plain, columns })) {
      expect(line.length).toBeLessThanOrEqual(columns)
    }
  })
})

test('batchesTotal() says what there is, and what can be had', () => {
  expect(batchesTotal(shown(of(running)))).toBe('1 batch, 40,000 rows')
  expect(batchesTotal(shown(of(running), of(ended)))).toBe(
    '2 batches, 80,000 rows; 1 ended, to be collected',
  )
})

test('batchesJson() has every figure, and null for what is not known', () => {
  const unresolved = { intent: { ...intent, batch: undefined }, found: undefined }
  expect(JSON.parse(batchesJson(shown(of(ended), unresolved)))).toEqual({
    results: '/data/out.jsonl',
    batches: [
      {
        id,
        rows: 40_000,
        bytes: 91_000_000,
        input: 'requests.jsonl',
        sent_at: '2026-11-23T11:48:00.000Z',
        created_at: '2026-11-23T11:48:00.000Z',
        expires_at: '2026-11-24T11:48:00.000Z',
        age_ms: 720_000,
        processing_status: 'ended',
        request_counts: over,
        has_results: true,
        error: null,
      },
      {
        id: null,
        rows: 40_000,
        bytes: 91_000_000,
        input: 'requests.jsonl',
        sent_at: '2026-11-23T11:48:00.000Z',
        created_at: null,
        expires_at: null,
        age_ms: 780_000,
      },
    ],
  })
})
