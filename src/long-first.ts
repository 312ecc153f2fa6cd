/**
 * At the end of a run, long answers are asked for first: else the last row to start may be one, and
 * the run waits for it alone.
 *
 * Before the end the order makes no difference to when a run is over, so it is left as it is. The
 * end is when all input is read and what waits will have started before a slow answer is there, by
 * the rate of answers and by what the limits gain; so no row waits longer for it than one such
 * answer takes.
 */

import type { First } from './kind-queue.ts'
import type { Cost } from './meter.ts'
import { units } from './taken.ts'
import type { Refills } from './wait.ts'
import type { Work } from './work.ts'

/** Expectations that differ by less are alike. */
const longerFactor = 2

/** What waits in a pool, and how fast it goes. */
export interface Ending {
  /** The row whose turn it is. */
  readonly head: Work
  /** The first new row of each kind, and how many there are. */
  readonly firsts: readonly First[]
  /** Rows that wait, new or not, and how many are answered a second. */
  readonly rows: number
  readonly perSecond: number
  /** How long a slow answer takes; undefined: not known. */
  readonly slowMs: number | undefined
  readonly costOf: (work: Work) => Cost
  readonly refillsOf: (cost: Cost) => Refills
}

/** The row that starts next: the head, or at the end one with a far longer answer. */
export function longestFirst(ending: Ending): Work {
  const { head, firsts, rows, perSecond, slowMs = 0, costOf } = ending
  // One that was asked before has waited already.
  if ((rows * 1000) / perSecond >= slowMs || head.lastAttempt !== undefined) return head
  let longest = head
  let most = longerFactor * costOf(head).output
  for (const { work } of firsts) {
    const { output } = costOf(work)
    if (work.lastAttempt !== undefined || output < most) continue
    if (output === most && longest !== head) continue
    longest = work
    most = output
  }
  return longest === head || refillMs(ending) >= slowMs ? head : longest
}

/** How long the limits take to gain what all that waits takes; of the slowest limit. */
function refillMs({ firsts, costOf, refillsOf }: Ending): number {
  const kinds = firsts.map(({ work, rows }) => ({ refills: refillsOf(costOf(work)), rows }))
  return Math.max(
    ...units.map((unit) =>
      kinds.reduce((sum, { refills, rows }) => sum + (refills[unit]?.ms ?? 0) * rows, 0),
    ),
  )
}
