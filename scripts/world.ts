/**
 * `npm run world -- --seed N [--count M] [--table]`: plays histories of the simulated world and
 * says what they drew.
 *
 * One seed prints its whole history; several print those that went wrong. `--table` adds what
 * befell them: how many seeds met each trouble, and how often it happened.
 */

import { parseArgs } from 'node:util'
import { tableOf } from '../test/world/table.ts'
import { type History, runWorld } from '../test/world/world.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string' },
    table: { type: 'boolean', default: false },
  },
})
const first = Number(values.seed ?? 1)
const count = Number(values.count ?? 1)
const histories: Pick<History, 'drawn' | 'tally' | 'lives' | 'requests' | 'judged'>[] = []
let failures = 0
let pace = 0
for (let seed = first; seed < first + count; seed++) {
  const history = await runWorld(seed)
  const { drawn, problems, log, lives, requests, tally, judged } = history
  histories.push({ drawn, tally, lives, requests, judged })
  pace = Math.max(pace, history.pace)
  if (problems.length > 0) failures += 1
  if (count === 1) process.stdout.write(`${JSON.stringify(drawn, null, 2)}\n${log.join('\n')}\n`)
  if (count > 1 && problems.length === 0) continue
  process.stdout.write(
    `seed ${seed}: ${lives} lives, ${requests} requests, ${problems.length} problems\n`,
  )
  for (const problem of problems) process.stdout.write(`  ${problem}\n`)
}
if (values.table) process.stdout.write(`${tableOf(histories)}\n`)
process.stdout.write(
  `${count} seeds, ${failures} failed; slowest to heal ${pace.toFixed(1)} times the least\n`,
)
process.exitCode = failures > 0 ? 1 : 0
