/**
 * The flags of `sluice run` by which others watch it, in the order of its help.
 */

import type { Flag } from './flag.ts'
import { readPort } from './values.ts'

const watching = 'Watching'

/** They are no part of the run. */
export const watchingFlags: readonly Flag[] = [
  {
    name: 'metrics-port',
    value: 'N',
    read: readPort,
    group: watching,
    about: 'serve metrics for Prometheus at this port of 127.0.0.1; 0 takes a free one',
    otherwise: 'no metrics',
  },
]
