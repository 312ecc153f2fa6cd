/**
 * Limit use: how much of what an organisation's limits allow a run uses, beside an oracle.
 *
 *     node bench/limits.ts [--seed 1] [--only TEXT]
 */

import { parseArgs } from 'node:util'
import { measure } from './limit-use/measure.ts'
import { scenarios } from './limit-use/scenarios.ts'

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, only: { type: 'string', default: '' } },
})
for (const measured of scenarios(Number(values.seed))) {
  if (!measured.scenario.name.includes(values.only)) continue
  const started = performance.now()
  const use = await measure(measured)
  const wall = ((performance.now() - started) / 1000).toFixed(0)
  const cells = [
    use.name.padEnd(52),
    String(use.rows).padStart(6),
    `${use.minutes.toFixed(1)} min`.padStart(10),
    use.ratio.toFixed(3),
    use.ratioToLastStart.toFixed(3),
    `${(100 * use.rampShare).toFixed(1)} %`.padStart(7),
    `429 ${use.refused} (${use.perThousand.toFixed(1)}/k)`.padEnd(18),
    use.failed > 0 ? `failed ${use.failed}` : '',
    use.lowestOutput === undefined ? '' : `low ${Math.round(use.lowestOutput)}`,
    use.ratio >= use.target ? '' : 'MISSED',
    `${wall} s`,
  ]
  console.log(cells.join('  '))
}
