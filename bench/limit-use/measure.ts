/**
 * A scenario played, and set beside the oracle.
 */

import { defaultSettings } from '../../src/simulator/index.ts'
import { oracleTime, type OracleRow, type OracleTime } from './oracle.ts'
import { play } from './play.ts'
import { type Asked, maxTokens, type Played, type Scenario } from './stage.ts'
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
  /** Refused more than a tenth of a minute after the start and each event: in steady state. */
  readonly refusedSteady: number
  /** 429s in a thousand rows, in steady state. */
  readonly perThousand: number
  /** 429s around each event, the start included. */
  readonly perEvent: readonly number[]
  readonly failed: number
  readonly lowestOutput: number | undefined
  readonly target: number
  /** What was not reached, in words; empty when all was. */
  readonly missed: readonly string[]
}

/** Measures one. */
export async function measure(measured: Measured): Promise<LimitUse> {
  const played = await play(measured.scenario)
  return useOf(measured, played)
}

/** The figures of a play. */
export function useOf(measured: Measured, played: Played): LimitUse {
  const best = oracleOf(measured, played)
  const { asked, refusedAt, lowestOutput, lost } = played
  const { refusals } = measured
  const perEvent = [0, ...eventsOf(measured)].map(
    (from) => refusedAt.filter((at) => at >= from && at < from + aroundMs).length,
  )
  const refusedSteady = refusedAt.length - perEvent.reduce((a, b) => a + b, 0)
  const perThousand = (1000 * refusedSteady) / Math.max(1, asked.length)
  const ratio = best.endedAt / played.endedAt
  const missed = [
    ...(ratio < measured.target ? [`use < ${measured.target}`] : []),
    ...(perThousand > refusals.perThousand ? [`> ${refusals.perThousand} in 1,000`] : []),
    ...(Math.max(...perEvent) > refusals.perEvent ? [`> ${refusals.perEvent} at once`] : []),
    ...(lost > 0 ? ['rows failed'] : []),
  ]
  return {
    name: measured.scenario.name,
    rows: asked.length,
    minutes: played.endedAt / 60_000,
    ratio,
    ratioToLastStart: best.lastSentAt / played.lastSentAt,
    rampShare: best.rampMs / best.endedAt,
    refused: refusedAt.length,
    refusedSteady,
    perThousand,
    perEvent,
    failed: lost,
    lowestOutput,
    target: measured.target,
    missed,
  }
}

/** What is refused so soon after a change is put down to it. */
const aroundMs = 60_000

function eventsOf({ scenario }: Measured): readonly number[] {
  const { events = [], others } = scenario
  return [...events.map(([at]) => at), ...(others === undefined ? [] : [others.fromMs])]
}

/** Of several pools, the one that takes longest. */
export function oracleOf(
  { limits, holdsEstimate, scenario }: Pick<Measured, 'limits' | 'holdsEstimate' | 'scenario'>,
  played: Pick<Played, 'asked' | 'others'>,
): OracleTime {
  const { outputAssessment } = { ...defaultSettings, ...scenario.server }
  const pools = new Map<string, OracleRow[]>()
  const inOrder = played.asked.toSorted((a, b) => a.sentAt - b.sentAt)
  for (const { model, bytes, input, output, latencyMs } of inOrder) {
    const rows = pools.get(model) ?? []
    pools.set(model, rows)
    const firstByteMs = firstByteOf(scenario, { output, latencyMs })
    rows.push({
      held: holdsEstimate ? Math.ceil(bytes / 4) : input,
      input,
      output,
      reserved: outputAssessment === 'reserved' ? maxTokens : undefined,
      firstByteMs,
      productionMs: latencyMs - firstByteMs,
    })
  }
  const times = [...pools.values()].map((rows) =>
    oracleTime(rows, { ...limits, others: played.others }),
  )
  return times.reduce((a, b) => (a.endedAt > b.endedAt ? a : b))
}

/** When an answer began, ms after its request was sent: what its length leaves of the latency. */
export function firstByteOf(
  { server }: Scenario,
  { output, latencyMs }: Pick<Asked, 'output' | 'latencyMs'>,
): number {
  const { firstByteShare, outputTokens } = { ...defaultSettings, ...server }
  // The first byte does not wait for a long answer: production does.
  const productionParts = (1 - firstByteShare) * (output / outputTokens)
  return (latencyMs * firstByteShare) / (firstByteShare + productionParts)
}
