/**
 * Plays of several seeds as tables: of each scenario what was worst.
 */

import type { LimitUse } from './measure.ts'
import type { Result } from './worker.ts'

/** All seeds of one play: the worst of them. */
interface Worst {
  readonly uses: readonly LimitUse[]
  readonly first: LimitUse
  readonly ratio: number
  /** What any of them missed. */
  readonly missed: readonly string[]
}

/** Every scenario as ours, a row each. */
export function oursTable(results: readonly Result[]): string {
  const ours = worstByName(results.filter(({ job }) => job.contender === undefined))
  const rows = [...ours.values()].map(({ uses, first, ratio, missed }) => {
    const least = (of: (use: LimitUse) => number): number => Math.min(...uses.map(of))
    const most = (of: (use: LimitUse) => number): number => Math.max(...uses.map(of))
    const events = first.perEvent.map((_, index) => most(({ perEvent }) => perEvent[index] ?? 0))
    const lowest = least((use) => use.lowestOutput ?? Infinity)
    return [
      first.name,
      count(first.rows),
      least(({ minutes }) => minutes).toFixed(1),
      ratio.toFixed(3),
      least(({ ratioToLastStart }) => ratioToLastStart).toFixed(3),
      `${(100 * most(({ rampShare }) => rampShare)).toFixed(1)} %`,
      most(({ perThousand }) => perThousand).toFixed(1),
      events.join(' + '),
      Number.isFinite(lowest) ? count(Math.round(lowest)) : '',
      String(most(({ failed }) => failed)),
      missed.length === 0 ? 'ok' : `MISSED: ${missed.join(', ')}`,
    ]
  })
  const heads = [
    'scenario',
    'rows',
    'minutes',
    'limit use',
    'to last start',
    'ramp',
    '429s per 1,000',
    'at start + events',
    'lowest output level',
    'failed rows',
    '',
  ]
  return markdown(heads, rows)
}

/** The compared scenarios, a row each; a column for everyone who played them. */
export function peersTable(results: readonly Result[]): string {
  const names = [...new Set(results.flatMap(({ job }) => (job.contender ? [job.name] : [])))]
  // A cap of starts in an interval is named by its figures, which are of the organisation.
  const players = [...new Set(results.map(({ job }) => job.contender?.name ?? 'sluice'))]
  const rows = names.map((name) => {
    const cells = players.map((player) => {
      const own = results.filter(
        ({ job }) => job.name === name && (job.contender?.name ?? 'sluice') === player,
      )
      const worst = worstByName(own).get(name)
      return worst === undefined ? '' : cellOf(worst)
    })
    return [name, ...cells]
  })
  return markdown(['scenario', ...players], rows)
}

/** A few of them for those in a hurry: limit use, beside the best and the worst of the others. */
export function headTable(results: readonly Result[]): string {
  const named = (name: string): readonly Result[] => results.filter(({ job }) => job.name === name)
  const names = [...new Set(results.flatMap(({ job }) => (job.contender ? [job.name] : [])))]
  const rows = names.map((name) => {
    const all = named(name)
    const cell = (isPlayer: (player: string) => boolean): string => {
      const own = all.filter(({ job }) => isPlayer(job.contender?.name ?? 'sluice'))
      const worst = worstByName(own).get(name)
      if (worst === undefined) return ''
      // Who gives rows up has no time in which all were answered.
      const [first = '', ...rest] = cellOf(worst).split('; ')
      return [first, ...(first.endsWith('lost**') ? rest.slice(1) : rest)].join('; ')
    }
    return [
      name,
      cell((player) => player === 'sluice'),
      cell((player) => player.includes('p-limit 100, maxRetries 2')),
      cell((player) => player.includes('per 1 s')),
    ]
  })
  return markdown(['', 'sluice', 'SDK, p-limit 100', 'SDK, p-queue at the limit'], rows)
}

/** Rows lost, if any; limit use; 429s in a thousand rows. */
function cellOf({ uses, ratio, first }: Worst): string {
  const most = (of: (use: LimitUse) => number): number => Math.max(...uses.map(of))
  const refused = most((use) => (1000 * use.refused) / (use.rows + use.failed))
  const lost = most((use) => use.failed) / (first.rows + first.failed)
  const cells = [ratio.toFixed(2), `${count(Math.round(refused))} 429s`]
  return [...(lost === 0 ? [] : [`**${percent(lost)} lost**`]), ...cells].join('; ')
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.01 ? 2 : 0)} %`
}

function worstByName(results: readonly Result[]): ReadonlyMap<string, Worst> {
  const worst = new Map<string, Worst>()
  for (const [name, group] of Map.groupBy(results, ({ job }) => job.name)) {
    const uses = group.map(({ use }) => use)
    const [first] = uses
    if (first === undefined) continue
    const ratio = Math.min(...uses.map((use) => use.ratio))
    const missed = [...new Set(uses.flatMap((use) => use.missed))]
    worst.set(name, { uses, first, ratio, missed })
  }
  return worst
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** A Markdown table. */
export function markdown(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = `|${heads.map(() => '---').join('|')}|`
  return [line(heads), rule, ...rows.map(line)].join('\n')
}
