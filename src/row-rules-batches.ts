/**
 * What Message Batches refuse inside a request that the Messages API takes.
 *
 * Facts: Anthropic's page on batch processing. `stream` is no fault: sluice sends no row with it,
 * and decides itself how an answer is had.
 */

import type { Subject } from './row-rules.ts'

const refused = ['speed', 'fallbacks', 'thread', 'store'] as const

/** Looks at the fields that batches refuse. */
export function checkBatchFields({ request, findings }: Subject): void {
  for (const field of refused) {
    const value = request[field]
    if (value === undefined || value === null) continue
    const problem = 'is refused in batches'
    findings.fault('batches', { field, value, problem, fix: 'leave it out, or go --via live' })
  }
  if (request['max_tokens'] === 0) {
    findings.fault('batches', {
      field: 'max_tokens',
      value: 0,
      problem: 'must not be 0 in batches',
      fix: 'write how many tokens an answer may have',
    })
  }
  if (request['stream'] !== true) return
  findings.warn('batches', {
    field: 'stream',
    value: true,
    problem: 'is refused in batches; sluice leaves it out',
    fix: 'leave it out, if the file also goes another way',
  })
}
