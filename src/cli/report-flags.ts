/**
 * The flags of `sluice report`, in the order of its help.
 */

import type { Flag } from './flag.ts'
import { runFlags } from './run-flags.ts'
import { readText } from './values.ts'
import { watchingFlags } from './watching-flags.ts'

const group = 'Report'
const shared = ['prices', 'progress', 'color', 'env-file', 'config']

/** All flags of `report`. */
export const reportFlags: readonly Flag[] = [
  {
    name: 'output',
    short: 'o',
    value: 'PATH',
    read: readText,
    group,
    about: 'where the report goes; "-" is stdout',
    otherwise: 'RESULTS with .report.html',
    variable: null,
    inConfig: false,
  },
  ...watchingFlags
    .filter(({ name }) => name === 'show-content')
    .map((flag) => ({ ...flag, group })),
  ...shared.flatMap((name) => runFlags.filter((flag) => flag.name === name)),
]

/**
 * What variables, `.env` and config files may hold beside the command line: they are those of a
 * run.
 */
export const reportSurroundings: readonly Flag[] = runFlags
