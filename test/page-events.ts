/**
 * Events of a run as tests of its watchers need them: only what matters is said.
 */

import type { AttemptStarted, RowSucceeded, RunStarted } from '../src/events.ts'
import { noUsage } from '../src/outcome.ts'

/** A run begins, with nothing held. */
export function started(at: number, wallAt: number, output = '/out.jsonl'): RunStarted {
  return {
    type: 'run_started',
    at,
    wallAt,
    input: '/in.jsonl',
    output,
    failedOutput: '/out.failed.jsonl',
    inputBytes: 1000,
    held: { succeeded: 0, failed: 0 },
    killedInFlight: 0,
  }
}

/** The row of a line is asked. */
export function try_(at: number, line: number): AttemptStarted {
  return {
    type: 'attempt_started',
    at,
    attempt: line,
    line,
    id: `line-${line}`,
    model: 'claude-haiku-4-5',
    pool: 'haiku',
    stream: false,
  }
}

/** What an answer is, where that matters. */
export interface GivenAnswer {
  readonly input?: number
  readonly output?: number
  readonly cacheRead?: number
  readonly costNanoUsd?: number | null
  readonly latencyMs?: number
  readonly model?: string
  readonly batchId?: string
  readonly isEarlier?: boolean
}

/** The row of a line is answered. */
export function answer(at: number, line: number, given: GivenAnswer = {}): RowSucceeded {
  const { input = 0, output = 0, cacheRead = 0, costNanoUsd = 0, latencyMs = 100 } = given
  const { model = 'claude-haiku-4-5-20251001', batchId, isEarlier } = given
  const usage = { inputTokens: input, outputTokens: output, cacheReadTokens: cacheRead }
  return {
    type: 'row_succeeded',
    at,
    line,
    id: `line-${line}`,
    model,
    pool: 'haiku',
    usage: { ...noUsage, ...usage },
    costNanoUsd,
    cacheSavedNanoUsd: 0,
    stopReason: 'end_turn',
    latencyMs,
    attempts: 1,
    requestId: `req_${line}`,
    ...(batchId !== undefined && { batchId }),
    ...(isEarlier !== undefined && { isEarlier }),
  }
}
