/**
 * docs/watching.md names every metric with its type and labels, and none that is not there.
 */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { RunEvent } from '../src/events.ts'
import { Metrics } from '../src/metrics/metrics.ts'
import { noUsage } from '../src/outcome.ts'
import type { SplitPlanned } from '../src/events.ts'
import { readMetrics } from './prometheus-text.ts'

const page = readFileSync(new URL('../docs/watching.md', import.meta.url), 'utf8')

const documented = [...page.matchAll(/^\| `(\w+)` \| (\w+) \|([^|]*)\| (.+) \|$/gm)].map(
  ([, name = '', type = '', labels = '']) => {
    const named = [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label)
    return { name, type, labels: named.toSorted() }
  },
)

const shared = /^gen_ai_(operation_name|provider_name|(request|response)_model)$|^le$/

const base = { at: 1, line: 1, id: 'a', model: 'm', pool: 'p', requestId: null }
const limit = { limit: 1, remaining: 1, resetAt: 0 }
const budget = { limit: 1, spent: 0, unknown: 0, reserved: 0, overshootMax: 0 }

/** A run in which there is everything to tell. */
const events: readonly RunEvent[] = [
  {
    type: 'run_started',
    at: 0,
    wallAt: 0,
    input: 'in',
    output: 'out',
    failedOutput: 'failed',
    inputBytes: 9,
    held: { succeeded: 0, failed: 0 },
    killedInFlight: 0,
  },
  { type: 'rows_read', at: 1, count: 2, heldSucceeded: 0, heldFailed: 0, bytes: 9 },
  { type: 'input_ended', at: 1 },
  { type: 'attempt_started', ...base, attempt: 1, stream: false },
  {
    type: 'attempt_failed',
    ...base,
    attempt: 1,
    kind: 'broken',
    status: 0,
    error: { type: 'connection_error', message: '' },
    latencyMs: 1,
    unknown: { costNanoUsdMax: 1 },
    waitMs: 1,
  },
  { type: 'attempt_started', ...base, attempt: 2, stream: false },
  {
    type: 'row_succeeded',
    ...base,
    usage: noUsage,
    costNanoUsd: 1,
    cacheSavedNanoUsd: 1,
    stopReason: null,
    latencyMs: 1,
    attempts: 2,
  },
  { type: 'limits_read', at: 1, pool: 'p', limits: { requests: limit } },
  { type: 'budget_used', at: 1, mode: 'strict', usd: budget, tokens: budget },
  {
    type: 'split_planned',
    at: 1,
    deadlineAt: 1,
    plan: { isGuaranteed: true } as SplitPlanned['plan'],
  },
]

test('every metric is on the page with its type and labels, and no other', async () => {
  const metrics = new Metrics({ now: () => 2, wallTime: () => 2, after: () => () => {} })
  for (const event of events) metrics.observe(event)
  const { types, labelsOf } = readMetrics(await metrics.text())
  const there = [...types].map(([name, type]) => {
    const labels = labelsOf(name).filter((label) => !shared.test(label))
    return { name, type, labels: labels.toSorted() }
  })
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1)
  expect(documented.toSorted(byName)).toEqual(there.toSorted(byName))
})

test('queries of the page name metrics that are there', () => {
  const queries = [...page.matchAll(/^```promql\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)
  const named = queries.flatMap((text) => text.match(/\b(?:sluice|gen_ai_client)_\w+/g) ?? [])
  expect(named.length).toBeGreaterThan(4)
  const known = new Set(documented.map(({ name }) => name))
  for (const name of named) expect(known).toContain(name.replace(/_bucket$/, ''))
})
