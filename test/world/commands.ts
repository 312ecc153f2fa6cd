/**
 * What the user tells a run of the world while it goes on. Drawn per life, none for most worlds.
 *
 * Every pause ends: a life in which nothing starts for good would be none to learn from.
 */

import type { Command } from '../../src/control.ts'
import type { Random } from '../../src/random.ts'

/** One command, and when in a life it is given, in virtual milliseconds. */
export interface TimedCommand {
  readonly afterMs: number
  readonly command: Command
}

const worldsWithCommands = 0.25

/** The commands of one life. */
export function drawCommands(random: Random): readonly TimedCommand[] {
  if (!random.chance(worldsWithCommands)) return []
  const commands: TimedCommand[] = []
  let afterMs = 0
  for (let left = random.integer(1, 4); left > 0; left--) {
    afterMs += random.integer(0, random.pick([200, 3000, 30_000]))
    if (random.chance(0.5)) {
      const max = random.pick([1, 2, 5, 40])
      commands.push({ afterMs, command: { type: 'concurrency', max } })
      continue
    }
    commands.push({ afterMs, command: { type: 'pause' } })
    afterMs += random.integer(0, random.pick([500, 20_000]))
    commands.push({ afterMs, command: { type: 'resume' } })
  }
  return commands
}
