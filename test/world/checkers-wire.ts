/**
 * What must be true of the wire: the user's bounds, the server's windows, and when all must be
 * done. Windows are counted here anew, from what was sent and what its replies said.
 */

import type { RunEvent } from '../../src/events.ts'
import type { Sent } from './witness.ts'

const minuteMs = 60_000

/** No 60 s of one life hold more sends than its bound. */
export function checkWindow(sends: readonly number[], perMinute: number): readonly string[] {
  for (let last = 0, first = 0; last < sends.length; last++) {
    while ((sends[first] ?? 0) <= (sends[last] ?? 0) - minuteMs) first += 1
    const count = last - first + 1
    if (count > perMinute)
      return [`${count} sends in the 60 s to ${sends[last]}, bound ${perMinute}`]
  }
  return []
}

/**
 * The user's bounds on tokens, as far as usage is known: no try starts while what the last 60 s are
 * known to have used is above the bound, and whenever an answer tells of more than was expected,
 * the minute to that instant holds no more than the bound and the excess that the summary admits.
 */
export function checkTokenWindow(
  sends: readonly Sent[],
  kind: 'input' | 'output',
  { perMinute, excess }: { readonly perMinute: number; readonly excess: number },
): readonly string[] {
  const used = (at: number, isKnown: (endedAt: number) => boolean): number =>
    sends.reduce((sum, { at: sentAt, endedAt = Infinity, reply }) => {
      const counts = sentAt > at - minuteMs && sentAt <= at && isKnown(endedAt)
      return counts && reply?.type === 'answer' ? sum + reply.usage[kind] : sum
    }, 0)
  const problems: string[] = []
  const told = (sum: number, at: number): string => `${sum} ${kind} tokens in the 60 s to ${at}`
  for (const { at, endedAt } of sends) {
    // Of several that end at one instant, some are read after the next was started.
    const before = used(at, (end) => end < at)
    if (before > perMinute) problems.push(`${told(before, at)}, and a send: bound ${perMinute}`)
    const after = endedAt === undefined ? 0 : used(endedAt, (end) => end <= endedAt)
    if (after > perMinute + excess + 1)
      problems.push(`${told(after, endedAt ?? 0)}: bound ${perMinute}, stated excess ${excess}`)
  }
  return problems.slice(0, 1)
}

/** Never more under way than the user allows; a body larger than the whole bound goes alone. */
export function checkUnderWay(
  sends: readonly Sent[],
  { maxConcurrency = Infinity, maxInFlightBytes = Infinity },
  events: readonly RunEvent[],
): readonly string[] {
  const problems: string[] = []
  const commands = events.filter((event) => event.type === 'commanded')
  for (const { at, inFlight } of sends) {
    const before = commands.findLast((each) => each.at < at)
    // Of one instant the order is not known here.
    const bounds = [...(before ? [before] : []), ...commands.filter((each) => each.at === at)]
    const told = bounds.map((each) => each.maxConcurrency ?? Infinity)
    const most = Math.max(...told, ...(before ? [] : [maxConcurrency]))
    if (inFlight > most) problems.push(`${inFlight} in flight at ${at}, bound ${most}`)
  }
  const over = sends.find(
    ({ inFlight, inFlightBytes }) => inFlight > 1 && inFlightBytes > maxInFlightBytes,
  )
  if (over) problems.push(`${over.inFlightBytes} bytes in flight, bound ${maxInFlightBytes}`)
  return problems
}

/** What the server's limits are, when its headers show all there is to know of them. */
export interface KnownLimits {
  readonly requestsPerMinute: number | null
  readonly inputTokensPerMinute: number | null
  readonly outputTokensPerMinute: number | null
}

/**
 * Once a pool's limits are known, its windows are kept: of the requests that reached the limiter
 * no 60 s hold more than a full bucket and a minute's refill, and told of a refusal the client is
 * hardly ever refused again. Each failure on the way leaves it to guess what that cost, and may
 * cost it a few refusals.
 */
export function checkServerWindows(sends: readonly Sent[], limits: KnownLimits): readonly string[] {
  const problems: string[] = []
  for (const model of new Set(sends.map((sent) => sent.model))) {
    const own = sends.filter((sent) => sent.model === model)
    const knownAt = Math.min(...own.map(({ headAt = Infinity }) => headAt))
    const counted = own.filter(({ at, admitted, refused }) => at > knownAt && (admitted || refused))
    const { requestsPerMinute } = limits
    if (requestsPerMinute !== null) {
      const arrivals = counted.map(({ arrivedAt = 0 }) => arrivedAt).toSorted((a, b) => a - b)
      problems.push(...checkWindow(arrivals, 2 * requestsPerMinute + 1))
    }
    const refused = counted.filter((sent) => sent.refused)
    const others = own.filter(({ reply }) => reply?.type !== 'answer').length - refused.length
    const allowed = refusalsPerEvent * (1 + others) + counted.length * refusalShare
    const count = episodes(refused)
    if (count > allowed)
      problems.push(`${model} refused ${count} times (${refused.length} tries), limits known`)
  }
  return problems
}

/** What was under way together and refused together is refused once. */
function episodes(refused: readonly Sent[]): number {
  let count = 0
  let toldAt = -Infinity
  for (const { at, endedAt = Infinity } of refused) {
    if (at < toldAt) continue
    count += 1
    toldAt = endedAt
  }
  return count
}

const refusalsPerEvent = 6
/** Lengths of answers are guessed: where few answers make a minute, a wrong guess is a refusal. */
const refusalShare = 0.05

/** What a history's pace depends on. */
export interface Pace extends KnownLimits {
  readonly reserved: boolean
  readonly rampPerSecond: number | null
  readonly maxRequestsPerMinute: number | undefined
  readonly maxInputTokensPerMinute: number | undefined
  readonly maxOutputTokensPerMinute: number | undefined
  readonly maxConcurrency: number | undefined
  readonly maxInFlightBytes: number | undefined
}

/** The time these tries need at least, by what limits and bounds let through. */
export function leastMs(sends: readonly Sent[], pace: Pace): number {
  const minutes = (amount: number, perMinute: number | null | undefined): number =>
    perMinute === null || perMinute === undefined ? 0 : amount / perMinute
  const sum = (tries: readonly Sent[], of: (sent: Sent) => number): number =>
    tries.reduce((total, sent) => total + of(sent), 0)
  const usage = ({ reply }: Sent): { input: number; output: number } =>
    reply?.type === 'answer' ? reply.usage : { input: 0, output: 0 }
  // A server may hold an estimate of the input, and reserve all the output there may be.
  const input = (sent: Sent): number => Math.max(usage(sent).input, sent.bytes / 4)
  const output = (sent: Sent): number => (pace.reserved ? sent.maxTokens : usage(sent).output)
  const duration = ({ at, endedAt = at }: Sent): number => endedAt - at
  const pools = [...new Set(sends.map(({ model }) => model))].map((model) => {
    const own = sends.filter((sent) => sent.model === model)
    return Math.max(
      minutes(own.length, pace.requestsPerMinute),
      minutes(sum(own, input), pace.inputTokensPerMinute),
      minutes(sum(own, output), pace.outputTokensPerMinute),
      minutes(own.length, pace.rampPerSecond === null ? null : 60 * pace.rampPerSecond),
    )
  })
  const bytesMax = pace.maxInFlightBytes ?? Infinity
  const shared = Math.max(
    minutes(sends.length, pace.maxRequestsPerMinute),
    minutes(sum(sends, input), pace.maxInputTokensPerMinute),
    // The user's bound is held on estimates, which may be as high as `max_tokens` at first.
    minutes(sum(sends, output), pace.maxOutputTokensPerMinute),
    sum(sends, duration) / (pace.maxConcurrency ?? Infinity) / minuteMs,
    sum(sends, (sent) => duration(sent) * Math.min(1, sent.bytes / bytesMax)) / minuteMs,
  )
  return minuteMs * Math.max(shared, ...pools, 0) + Math.max(0, ...sends.map(duration))
}
