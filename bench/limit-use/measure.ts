/**
 * A scenario played, and set beside the oracle.
 */

import { oracleTime, type OracleRow, type OracleTime } from './oracle.ts'
import { play, type Played } from './play.ts'
import type { Measured } from './scenarios.ts'

/** What came of a scenario. */
export interface LimitUse {
  readonly name: string
  readonly rows: number
  readonly minutes: number
  /** The oracle's time over ours, to the last answer and to the last start. */
  readonly ratio: number
  readonly ratioToLastStart: number
  readonly rampShare: number
  readonly refused: number
  readonly perThousand: number
  readonly failed: number
  readonly lowestOutput: number | undefined
  readonly target: number
  readonly played: Played
}

/** Measures one. */
export async function measure(measured: Measured): Promise<LimitUse> {
  const played = await play(measured.scenario)
  const best = oracleOf(measured, played)
  const { asked, refusedAt, levels, summary } = played
  const outputs = levels.flatMap(({ output }) => (output === undefined ? [] : [output]))
  return {
    name: measured.scenario.name,
    rows: asked.length,
    minutes: played.endedAt / 60_000,
    ratio: best.endedAt / played.endedAt,
    ratioToLastStart: best.lastSentAt / played.lastSentAt,
    rampShare: best.rampMs / best.endedAt,
    refused: refusedAt.length,
    perThousand: (1000 * refusedAt.length) / asked.length,
    failed: summary.rows.failed + summary.rows.left,
    lowestOutput: outputs.length === 0 ? undefined : outputs.reduce((a, b) => Math.min(a, b)),
    target: measured.target,
    played,
  }
}

/** Of several pools, the one that takes longest. */
function oracleOf({ limits, holdsEstimate, scenario }: Measured, played: Played): OracleTime {
  const { firstByteShare = 0.3 } = scenario.server
  const pools = new Map<string, OracleRow[]>()
  const inOrder = played.asked.toSorted((a, b) => a.sentAt - b.sentAt)
  for (const { model, bytes, input, output, latencyMs } of inOrder) {
    const rows = pools.get(model) ?? []
    pools.set(model, rows)
    rows.push({
      held: holdsEstimate ? Math.ceil(bytes / 4) : input,
      input,
      output,
      firstByteMs: latencyMs * firstByteShare,
      productionMs: latencyMs * (1 - firstByteShare),
    })
  }
  const times = [...pools.values()].map((rows) =>
    oracleTime(rows, { ...limits, others: played.others }),
  )
  return times.reduce((a, b) => (a.endedAt > b.endedAt ? a : b))
}
