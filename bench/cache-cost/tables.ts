/**
 * Plays of several seeds as tables: of each scenario what was worst.
 */

import { markdown } from '../limit-use/tables.ts'
import type { CacheCost } from './measure.ts'
import type { CostResult } from './worker.ts'

/** Input may cost so much more than the least. */
const costMax = 1.02
/** And take the time that its tightest bound allows over this. */
const timeMin = 0.95
/** A file that shares nothing may take so much longer for being looked at. */
const unsharedMax = 1.02

/** Every scenario as ours, a row each. */
export function oursTable(results: readonly CostResult[]): string {
  const heads = [
    'scenario',
    'rows',
    'minutes',
    'cost ÷ least',
    'allowed ÷ time',
    'binds',
    'oracle ÷ time',
    'written',
    'read',
    'missed',
    'writes of a prefix',
    '429s',
    'failed',
    '',
  ]
  const shared = groupsOf(oursOf(results)).filter(([{ isUnshared }]) => !isUnshared)
  const rows = shared.map((costs) => {
    const { most, least } = ranges(costs)
    const [first] = costs
    const missed = missesOf(costs)
    return [
      first.name,
      count(most((cost) => cost.rows)),
      most((cost) => cost.minutes).toFixed(1),
      most((cost) => cost.cost).toFixed(2),
      least((cost) => cost.bound).toFixed(2),
      first.binds,
      least((cost) => cost.oracle).toFixed(2),
      thousands(most((cost) => cost.written)),
      thousands(least((cost) => cost.read)),
      thousands(most((cost) => cost.missed)),
      `${most((cost) => cost.writesMean).toFixed(1)}, at most ${most((cost) => cost.writesMost)}`,
      String(most((cost) => cost.refused)),
      String(most((cost) => cost.failed)),
      missed.length === 0 ? 'ok' : `MISSED: ${missed.join(', ')}`,
    ]
  })
  return markdown(heads, rows)
}

/** The compared scenarios, a row each; a column for everyone who played them. */
export function peersTable(results: readonly CostResult[]): string {
  const names = [...new Set(results.flatMap(({ job }) => (job.contender ? [job.name] : [])))]
  const players = [...new Set(results.map(({ job }) => job.contender?.name ?? 'sluice'))]
  const rows = names.map((name) => {
    const own = results.filter(({ job }) => job.name === name)
    const cells = players.map((player) => {
      const [costs] = groupsOf(
        own.filter(({ job }) => (job.contender?.name ?? 'sluice') === player),
      )
      return costs === undefined ? '' : peerCell(costs)
    })
    return [name, ...cells]
  })
  return markdown(['scenario', ...players], rows)
}

/** Files that share nothing: the time under each option beside that of none. */
export function unsharedTable(results: readonly CostResult[]): string {
  const groups = groupsOf(oursOf(results)).filter(([{ isUnshared }]) => isUnshared)
  const off = groups.find(([{ mode }]) => mode === 'off')
  if (off === undefined) return ''
  const rows = groups.map((costs) => {
    const [first] = costs
    const { most } = ranges(costs)
    // Seed for seed: their latencies are the same.
    const slower = Math.max(
      ...costs.map(({ minutes }, index) => minutes / (off[index]?.minutes ?? Number.NaN)),
    )
    const verdict = slower > unsharedMax ? `MISSED: > ${unsharedMax}` : 'ok'
    return [
      `--cache ${first.mode}`,
      most((cost) => cost.minutes).toFixed(2),
      slower.toFixed(3),
      most((cost) => cost.cost).toFixed(3),
      verdict,
    ]
  })
  return markdown(['nothing shared', 'minutes', 'time ÷ off', 'cost ÷ least', ''], rows)
}

function missesOf(costs: Costs): readonly string[] {
  const { most, least } = ranges(costs)
  const time = least(({ bound, oracle }) => Math.max(bound, oracle))
  return [
    ...(most((cost) => cost.cost) > costMax ? [`cost > ${costMax}`] : []),
    ...(time < timeMin ? [`time < ${timeMin}`] : []),
    ...(most((cost) => cost.failed) > 0 ? ['rows failed'] : []),
  ]
}

/** Rows lost, if any; cost; the oracle's time over theirs; 429s. */
function peerCell(costs: Costs): string {
  const { most, least } = ranges(costs)
  const failed = most((cost) => cost.failed / (cost.failed + cost.rows))
  const lost = failed === 0 ? [] : [`**${percent(failed)} lost**`]
  const cells = [
    `cost ${most((cost) => cost.cost).toFixed(2)}`,
    `time ${least((cost) => cost.oracle).toFixed(2)}`,
    `${count(most((cost) => cost.refused))} 429s`,
  ]
  return [...lost, ...cells].join('; ')
}

/** The plays of all seeds; there is at least one. */
type Costs = readonly [CacheCost, ...(readonly CacheCost[])]

function groupsOf(results: readonly CostResult[]): readonly Costs[] {
  const groups = [...Map.groupBy(results, ({ job }) => job.name).values()]
  return groups.flatMap((group) => {
    const [first, ...others] = group
      .toSorted((a, b) => a.job.seed - b.job.seed)
      .map(({ cost }) => cost)
    return first === undefined ? [] : [[first, ...others] as const]
  })
}

function oursOf(results: readonly CostResult[]): readonly CostResult[] {
  return results.filter(({ job }) => job.contender === undefined)
}

type Figure = (of: (cost: CacheCost) => number) => number

function ranges(costs: Costs): { readonly most: Figure; readonly least: Figure } {
  return {
    most: (of) => Math.max(...costs.map(of)),
    least: (of) => Math.min(...costs.map(of)),
  }
}

function thousands(tokens: number): string {
  return `${count(Math.round(tokens / 1000))}k`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.01 ? 2 : 0)} %`
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}
