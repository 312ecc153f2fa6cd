/**
 * The pace of a run without faults, judged from the server's own levels: as long as rows wait, some
 * limit is used up. What a limit has left, less what the tries under way are still to take of it,
 * may be used by the row that is next; were it never used, the limit would fill up to its brim and
 * what is refilled be lost.
 *
 * How much may be left over, and why:
 *
 *   requests  2 × the least that headers leave open (one request, a tenth of a second of refill), as
 *             the level is held to within them, and a second of refill
 *   tokens    a tenth of the limit, as estimates are off; twice the largest row, as rows are no
 *             fractions and the next may be one of them; a second of refill; and the input of what
 *             is under way, as headers leave open whether it has been counted
 *   all       four seconds of refill, which are kept back for others
 */

import { type Play, type Sample, sampleMs, type Try } from './play.ts'

/** What a row may take of each limit. */
export interface RowCost {
  /** Input tokens that the server holds before it has counted them: a quarter of the bytes. */
  readonly held: number
  readonly input: number
  readonly output: number
}

/** A history, and between which instants it is judged. */
export interface Judged {
  readonly tries: readonly Try[]
  readonly samples: readonly Sample[]
  /** What the rows of the input cost, by number; of those without an answer, what they may. */
  readonly costs: readonly RowCost[]
  readonly fromMs: number
  readonly untilMs: number
}

const tokenMargin = 0.1

interface Rows {
  readonly costs: readonly RowCost[]
  readonly largest: { readonly input: number; readonly output: number }
}

/** The share of each limit that is left over, beyond what may be; the least of them. */
function leftOver(sample: Sample, underWay: readonly Try[], rows: Rows): number {
  const { costs, largest } = rows
  let [held, output] = [0, 0]
  for (const { row, at, endedAt = Infinity, ...tried } of underWay) {
    const cost = costs[row]
    if (cost === undefined) continue
    // The run hears of a correction when the answer is there, the server makes it before.
    held += Math.max(cost.held, cost.input)
    const left = endedAt === Infinity ? 1 : (endedAt - sample.at) / (endedAt - at)
    output += left * (tried.kind === 'under way' ? cost.output : tried.output)
  }
  const shares = [sample.requests, sample.input, sample.output].map((own, unit) => {
    if (own === undefined) return Infinity
    const { level, perMinute } = own
    // One, and the four that are kept back.
    const seconds = (5 * perMinute) / 60
    if (unit === 0) return (level - 2 * (1 + perMinute / 600) - seconds) / perMinute
    const taken = unit === 1 ? held : output
    const row = unit === 1 ? largest.input : largest.output
    return (level - taken - tokenMargin * perMinute - 2 * row - seconds) / perMinute
  })
  return Math.min(...shares)
}

/** Longest times in which more than that was left over, in ms, with what was left at most. */
export function idleTimes(judged: Judged): readonly { from: number; ms: number; most: number }[] {
  const { fromMs, untilMs, samples, tries, costs } = judged
  const largest = {
    input: Math.max(...costs.map(({ held, input }) => Math.max(held, input))),
    output: Math.max(...costs.map(({ output }) => output)),
  }
  const times: { from: number; ms: number; most: number }[] = []
  let isIdle = false
  let underWay: Try[] = []
  let next = 0
  for (const sample of samples) {
    for (let tried = tries[next]; tried && tried.at <= sample.at; tried = tries[++next]) {
      underWay.push(tried)
    }
    underWay = underWay.filter(({ endedAt = Infinity }) => endedAt > sample.at)
    if (sample.at < fromMs || sample.at >= untilMs) continue
    const share = leftOver(sample, underWay, { costs, largest })
    const last = times.at(-1)
    if (share <= 0) isIdle = false
    else if (isIdle && last !== undefined) {
      last.ms += sampleMs
      last.most = Math.max(last.most, share)
    } else {
      isIdle = true
      times.push({ from: sample.at, ms: sampleMs, most: share })
    }
  }
  return times.toSorted((a, b) => b.ms - a.ms)
}

/** No time so long in which more than that was left over. */
export function checkBusy(judged: Judged, idleMsMax: number): readonly string[] {
  return idleTimes(judged)
    .filter(({ ms }) => ms > idleMsMax)
    .slice(0, 3)
    .map(({ from, ms, most }) => {
      const share = `${(100 * most).toFixed(1)} % of every limit beyond what may be`
      return `rows waited at ${from} for ${ms} ms with ${share} left over`
    })
}

/** The same play with the rows behind one of them left out. */
export function upTo(play: Play, row: number): Play {
  const runs = play.runs.map((own) => {
    const lines = own.input.split('\n').slice(0, row + 1)
    return { ...own, input: `${lines.join('\n')}\n` }
  })
  return { ...play, runs }
}

/** When the rows of a run were first sent. */
function startsOf(tries: readonly Try[]): ReadonlyMap<number, number> {
  const starts = new Map<number, number>()
  for (const { row, at } of tries) if (!starts.has(row)) starts.set(row, at)
  return starts
}

/** A head's wait may be longer by so much than it is alone, and the clock's grain. */
const waitFactorMax = 1.05
const grainMs = 20

/**
 * A row waits no longer for those behind it: its wait at the head of its queue, beside what it is
 * where nobody comes after it. `before` is the row that was the head until then. Both plays are
 * one history until the row is the head.
 */
export function checkHead(
  { row, before }: { readonly row: number; readonly before: number },
  tries: readonly Try[],
  alone: readonly Try[],
): readonly string[] {
  const [full, cut] = [startsOf(tries), startsOf(alone)]
  const headAt = full.get(before) ?? Infinity
  const waitMs = (full.get(row) ?? Infinity) - headAt
  const aloneMs = (cut.get(row) ?? Infinity) - headAt
  if (waitMs <= waitFactorMax * aloneMs + grainMs) return []
  return [`row ${row} waited ${waitMs} ms at the head of its queue, alone it is ${aloneMs} ms`]
}
