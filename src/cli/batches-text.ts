/**
 * Batches that are outstanding as a table, and as JSON: pure, from what was found.
 *
 *   batch                                rows  status       expires
 *   msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d  40,000  in progress  in 23 h 48 min
 *     created 2026-11-23 03:28:36 UTC, 12 min ago; 91MB from requests.jsonl
 *
 * No line is longer than the terminal is wide.
 */

import type { Batch } from '../batches/batch-api.ts'
import type { Intent } from '../batches/intents.ts'
import type { DataSurface } from './api-command.ts'
import { formatCount, formatDuration, formatShort, plural } from '../figures.ts'
import { displayWidth, printable, truncate } from './text.ts'

/** What the API says of a batch: what it is, that there is none, or why that is not known. */
export type Found =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly message: string }

/** A batch of ours, and what the API says of it, if it was asked. */
export interface ShownBatch {
  readonly intent: Intent
  readonly found: Found | undefined
}

/** All of one output. `now` is wall time. */
export interface ShownBatches {
  readonly results: string
  readonly now: number
  readonly batches: readonly ShownBatch[]
}

/** What stands for the id of a batch whose creation was not answered. */
const unresolved = 'unresolved'
const gap = '  '

/** The table, to be read by people. */
export function batchesTable(
  { batches, now }: ShownBatches,
  { columns, paint }: DataSurface,
): readonly string[] {
  const heads = ['batch', 'rows', 'status', 'expires']
  const wasAsked = batches.some(({ found }) => found !== undefined)
  const kept = (cells: readonly string[]): readonly string[] =>
    wasAsked ? cells : cells.filter((_, index) => index !== 2)
  const rows = batches.map(({ intent, found }) =>
    kept([
      printable(intent.batch?.id ?? unresolved),
      formatCount(intent.rows),
      intent.batch === undefined ? '' : statusText(found),
      hasEnded(found) ? '' : expiresText(intent, now),
    ]),
  )
  const widths = kept(heads).map((head, column) =>
    Math.max(head.length, ...rows.map((cells) => displayWidth(cells[column] ?? ''))),
  )
  const line = (cells: readonly string[]): string => {
    const padded = cells.map((text, column) => {
      const pad = ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(text)))
      return column === 1 ? pad + text : text + pad
    })
    return truncate(padded.join(gap).trimEnd(), columns)
  }
  return [
    paint('quiet', line(kept(heads))),
    ...batches.flatMap((each, index) => [
      line(rows[index] ?? []),
      ...detailsOf(each, now).map((text) => paint('quiet', truncate(`  ${text}`, columns))),
    ]),
  ]
}

function statusText(found: Found | undefined): string {
  if (found === undefined) return ''
  if (found.kind === 'missing') return 'not there'
  if (found.kind === 'failed') return 'not known'
  const { status, hasResults } = found.batch
  if (status === 'ended' && !hasResults) return 'results gone'
  return status.replace('_', ' ')
}

function hasEnded(found: Found | undefined): boolean {
  return found?.kind === 'batch' && found.batch.status === 'ended'
}

function expiresText({ batch }: Intent, now: number): string {
  if (batch === undefined || batch.expiresAt === Infinity) return ''
  const leftMs = batch.expiresAt - now
  return leftMs > 0 ? `in ${formatDuration(leftMs)}` : `${formatDuration(-leftMs)} ago`
}

function detailsOf({ intent, found }: ShownBatch, now: number): readonly string[] {
  const { batch, bytes, input, firstSentAt } = intent
  const what = `${formatShort(bytes)}B from ${printable(input)}`
  const lines = [
    `${sinceText(batch?.createdAt ?? firstSentAt, batch ? 'created' : 'sent', now)}; ${what}`,
  ]
  if (batch === undefined) {
    lines.push('no reply came: the next run, or collect, looks whether it is there')
  }
  if (found?.kind === 'failed') lines.push(printable(found.message))
  if (found?.kind === 'batch' && hasEnded(found)) lines.push(countsText(found.batch))
  return lines
}

function sinceText(at: number, what: string, now: number): string {
  return `${what} ${formatInstant(at)}, ${formatDuration(Math.max(0, now - at))} ago`
}

/** Wall time to the second. */
function formatInstant(at: number): string {
  return `${isoOf(at)?.slice(0, 19).replace('T', ' ')} UTC`
}

function countsText({ counts }: Batch): string {
  const parts = Object.entries({ ...counts })
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${formatCount(count)} ${name}`)
  return parts.length === 0 ? 'no row of it was done' : parts.join(', ')
}

/** What stands below the table: what can be done, in a few words. */
export function batchesTotal({ batches }: ShownBatches): string {
  const rows = batches.reduce((sum, { intent }) => sum + intent.rows, 0)
  const ended = batches.filter(({ found }) => hasEnded(found))
  const of = batches.length === 1 ? '1 batch' : `${formatCount(batches.length)} batches`
  const done = ended.length === 0 ? '' : `; ${formatCount(ended.length)} ended, to be collected`
  return `${of}, ${plural(rows, 'row')}${done}`
}

/** One object on one line. */
export function batchesJson({ results, now, batches }: ShownBatches): string {
  return JSON.stringify({
    results,
    batches: batches.map(({ intent, found }) => ({
      id: intent.batch?.id ?? null,
      rows: intent.rows,
      bytes: intent.bytes,
      input: intent.input,
      sent_at: isoOf(intent.sentAt),
      created_at: isoOf(intent.batch?.createdAt),
      expires_at: isoOf(intent.batch?.expiresAt),
      age_ms: Math.round(now - (intent.batch?.createdAt ?? intent.firstSentAt)),
      ...(found !== undefined && foundJson(found)),
    })),
  })
}

function foundJson(found: Found): object {
  const batch = found.kind === 'batch' ? found.batch : undefined
  return {
    processing_status: batch?.status ?? null,
    request_counts: batch?.counts ?? null,
    has_results: batch?.hasResults ?? null,
    error: found.kind === 'failed' ? found.message : null,
  }
}

function isoOf(at: number | undefined): string | null {
  return at === undefined || at === Infinity ? null : new Date(at).toISOString()
}
