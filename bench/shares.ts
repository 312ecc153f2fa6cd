/**
 * How two runs that know nothing of each other share an organisation's limits, in virtual time:
 *
 *     node bench/shares.ts [--seeds 1,2,3] [--only requests] [--half]
 *
 * A row of the table is one world; a cell is one seed: the larger share of what both sent in their
 * minutes 3 to 10, and how much of the limit they used together. `--half`: each is given
 * `--limit-fraction 0.5`.
 */

import { parseArgs } from 'node:util'
import { sharedWorlds, sharesOf } from '../test/world/shares.ts'
import { markdown } from './limit-use/tables.ts'

/** The larger share that is still taken for fair. */
const shareMax = 0.6

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1,2,3' },
    only: { type: 'string', default: '' },
    half: { type: 'boolean', default: false },
  },
})

const seeds = values.seeds.split(',').map(Number)
const rows: string[][] = []
for (const world of sharedWorlds.filter(({ bound }) => bound.includes(values.only))) {
  const { bound, latencyMs, gapMs } = world
  const cells: string[] = []
  let isFair = true
  for (const seed of seeds) {
    const shared = { ...world, seed, ...(values.half && { limitFraction: 0.5 }) }
    const [first = 0, second = 0] = await sharesOf(shared)
    const share = Math.max(first, second) / (first + second)
    isFair &&= share <= shareMax
    cells.push(`${share.toFixed(2)}; ${(first + second).toFixed(2)}`)
  }
  const when = gapMs === 0 ? 'at once' : `the second ${gapMs / 60_000} min later`
  rows.push([`${bound}-bound, ${latencyMs / 1000} s, ${when}`, ...cells, isFair ? 'ok' : 'MISSED'])
}
console.log(markdown(['', ...seeds.map((seed) => `seed ${seed}`), ''], rows))
