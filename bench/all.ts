/**
 * All benchmarks, one after the other, as one table: `npm run bench`. Takes about ten minutes.
 */

import { ceiling } from './ceiling.ts'
import { estimate } from './estimate.ts'
import { machineLine, printFigures } from './figures.ts'
import { memory } from './memory.ts'
import { overhead } from './overhead.ts'
import { start } from './start.ts'

console.log(`${machineLine()}\n`)
printFigures([
  ...(await overhead()),
  ...(await ceiling()),
  ...(await memory()),
  ...(await start()),
  ...estimate(),
])
