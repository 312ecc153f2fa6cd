/**
 * A process that tries to take the lock of the output named on its command line, for lock.test.ts.
 *
 * Says `ready`, waits for a line on its standard input, tries, and says how that ended; holds on
 * until the next line, and says whether it still holds the lock.
 */

import { once } from 'node:events'
import { SystemClock } from '../src/clock.ts'
import { RunError } from '../src/errors.ts'
import { NodeFiles } from '../src/files.ts'
import { systemHost } from '../src/host.ts'
import { takeLock } from '../src/lock.ts'

const [output = ''] = process.argv.slice(2)
const clock = new SystemClock()

process.stdout.write('ready\n')
await once(process.stdin, 'data')
try {
  const lock = await takeLock({ files: new NodeFiles(), clock, host: systemHost(clock), output })
  process.stdout.write(`taken from ${lock.previous?.inFlight ?? 'nobody'}\n`)
  await once(process.stdin, 'data')
  lock.beat(1)
  process.stdout.write('held\n')
} catch (error) {
  process.stdout.write(`${error instanceof RunError ? error.code : String(error)}\n`)
}
process.stdin.destroy()
