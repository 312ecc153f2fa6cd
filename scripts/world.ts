/**
 * `npm run world -- --seed N [--count M]`: plays histories of the simulated world and says what they drew.
 *
 * One seed prints its whole history; several print those that went wrong.
 */

import { parseArgs } from 'node:util'
import { runWorld } from '../test/world/world.ts'

const { values } = parseArgs({ options: { seed: { type: 'string' }, count: { type: 'string' } } })
const first = Number(values.seed ?? 1)
const count = Number(values.count ?? 1)
let failures = 0
for (let seed = first; seed < first + count; seed++) {
  const { drawn, problems, log, lives, requests } = await runWorld(seed)
  if (problems.length > 0) failures += 1
  if (count === 1) process.stdout.write(`${JSON.stringify(drawn, null, 2)}\n${log.join('\n')}\n`)
  if (count > 1 && problems.length === 0) continue
  process.stdout.write(
    `seed ${seed}: ${lives} lives, ${requests} requests, ${problems.length} problems\n`,
  )
  for (const problem of problems) process.stdout.write(`  ${problem}\n`)
}
process.stdout.write(`${count} seeds, ${failures} failed\n`)
process.exitCode = failures > 0 ? 1 : 0
