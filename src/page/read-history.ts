/**
 * Reading a history (history.ts), line by line and leniently: it is a cache.
 */

import { z } from 'zod'
import type { Files } from '../files.ts'
import { parseJson } from '../json.ts'
import { type HistoryLine, historyPath } from './history.ts'

const count = z.number().min(0)
const meter = z.strictObject({ used: count, limit: z.number().nullable() })
const pool = z.strictObject({
  requests: meter.optional(),
  input: meter.optional(),
  output: meter.optional(),
  tokens: meter.optional(),
})
const interval = z.strictObject({
  type: z.literal('interval'),
  at: z.number(),
  ms: count,
  succeeded: count,
  failed: count,
  rateLimited: count,
  overloaded: count,
  broken: count,
  inFlight: count,
  costNanoUsd: count,
  cacheReadTokens: count,
  bound: z.record(z.string(), count),
  pools: z.record(z.string(), pool),
  errors: z
    .array(z.strictObject({ type: z.string(), status: count, tries: count, message: z.string() }))
    .optional(),
})
const start = z.strictObject({
  type: z.literal('start'),
  at: z.number(),
  version: z.string(),
  input: z.string(),
})
const end = z.strictObject({
  type: z.literal('end'),
  at: z.number(),
  rows: count,
  stopped: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  perhapsNanoUsd: z.number().nullable(),
  estimates: z
    .strictObject({ rows: count, bias: z.number(), median: z.number(), p95: z.number() })
    .nullable(),
})
const line = z.discriminatedUnion('type', [start, interval, end])

/** The lines that can be read: a torn one, or one of a later version, is none. */
export function readHistory(files: Files, output: string): readonly HistoryLine[] {
  const path = historyPath(output)
  if (files.stat(path)?.isFile !== true) return []
  return files
    .readText(path)
    .split('\n')
    .flatMap((text) => {
      const read = line.safeParse(parseJson(text))
      return read.success ? [read.data] : []
    })
}
