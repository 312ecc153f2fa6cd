/**
 * What the benchmarks in virtual time have in common: their flags, and how they say what was taken.
 */

import { parseArgs } from 'node:util'
import { machineLine } from './figures.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    peers: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

/** The flags; what is published has the peers in it. */
export const flags = {
  seeds: values.seeds.split(',').map(Number),
  only: values.only,
  peers: values.peers || values.write,
  threads: Number(values.jobs),
  json: values.json,
  write: values.write,
}

const startedAt = performance.now()

/** Of which seeds, where, and how long it has taken until now. */
export function takenLine(): string {
  const { seeds } = flags
  const said = seeds.length === 1 ? `Seed ${seeds[0]}` : `Seeds ${seeds.join(', ')}, the worst`
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1)
  return `${said}. Taken in ${minutes} minutes on ${machineLine()}.`
}
