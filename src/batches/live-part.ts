/**
 * What a run by batches has besides where it may ask rows live: made and closed with each round.
 */

import type { Observer } from '../events.ts'
import type { Ledger } from '../ledger.ts'
import { RampMemory } from '../ramp-memory.ts'
import type { Source } from '../source.ts'
import type { Spending } from '../spending.ts'
import { Lane } from './lane.ts'
import type { Planned } from './planning.ts'
import type { LivePart } from './round-parts.ts'
import type { BatchRunParts, RoundGiven } from './run.ts'

/** A lane, and how to let go of it. */
export interface OpenLane {
  readonly lane: Lane
  readonly close: (isOver: boolean) => Promise<void>
}

/** The lane of a round in which rows are asked live beside the batches. */
export function openLane(
  { context, settings, prices, planned, stats, observe }: RoundGiven,
  ledger: Ledger,
  source: Source,
  spending: Spending | undefined,
): OpenLane | undefined {
  if (planned === undefined) return undefined
  const { folder } = ledger
  const ramps = folder === undefined ? undefined : new RampMemory(context.files, folder)
  if (ramps?.notice) observe({ type: 'notice', at: context.clock.now(), message: ramps.notice })
  const transport = context.transport(settings)
  const ends = { source, books: ledger, transport, prices, spending, ramps }
  const lane = new Lane({ ...ends, context, settings, stats, observe })
  const close = async (isOver: boolean): Promise<void> => {
    await transport.close()
    ramps?.close(isOver && settings.first === Number.MAX_SAFE_INTEGER)
  }
  return { lane, close }
}

/** What the round has of it. Samples are asked, and the plan is told, in the first round alone. */
export function livePartOf(
  { planned, number, observe }: RoundGiven,
  lane: Lane | undefined,
): LivePart | undefined {
  if (planned === undefined || lane === undefined) return undefined
  const { split, samples, tell } = planned
  const isFirst = number === 1
  const plan = (): void => {
    if (isFirst) tell(observe)
  }
  return { lane, split, samples: isFirst ? samples : [], plan }
}

/** Says whether the deadline was met, where that is known: all is answered, or it has passed. */
export function judgeDeadline(
  { context: { clock } }: BatchRunParts,
  { split }: Planned,
  isOver: boolean,
  observe: Observer,
): void {
  const leftMs = split.deadlineAt - clock.wallTime()
  if (leftMs === Infinity || (leftMs >= 0 && !isOver)) return
  observe({ type: 'deadline_judged', at: clock.now(), leftMs })
}
