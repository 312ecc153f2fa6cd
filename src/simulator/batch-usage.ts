/**
 * What batches were billed for, apart from Messages because it costs half.
 */

/** What the requests of batches that succeeded took together. */
export interface BatchUsage {
  readonly billedRequests: number
  readonly inputTokens: number
  readonly cacheReadTokens: number
  readonly cacheWrite5mTokens: number
  readonly cacheWrite1hTokens: number
  readonly outputTokens: number
}

/** Of no requests. */
export const noUsage: BatchUsage = {
  billedRequests: 0,
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  outputTokens: 0,
}

/** Both together. */
export function addUsages(one: BatchUsage, other: BatchUsage): BatchUsage {
  return {
    billedRequests: one.billedRequests + other.billedRequests,
    inputTokens: one.inputTokens + other.inputTokens,
    cacheReadTokens: one.cacheReadTokens + other.cacheReadTokens,
    cacheWrite5mTokens: one.cacheWrite5mTokens + other.cacheWrite5mTokens,
    cacheWrite1hTokens: one.cacheWrite1hTokens + other.cacheWrite1hTokens,
    outputTokens: one.outputTokens + other.outputTokens,
  }
}
