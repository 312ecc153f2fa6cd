/**
 * The flags of `sluice run` by which others watch it, in the order of its help.
 */

import type { Flag } from './flag.ts'
import { readPort } from './values.ts'

const watching = 'Watching'

/** They are no part of the run. */
export const watchingFlags: readonly Flag[] = [
  {
    name: 'dashboard',
    group: watching,
    about: 'serve the page of this run on 127.0.0.1, for whoever has the address that is printed',
  },
  {
    name: 'dashboard-port',
    value: 'N',
    read: readPort,
    group: watching,
    about: 'the same at this port; 0 takes a free one',
    otherwise: '0',
  },
  {
    name: 'report',
    group: watching,
    about: 'write a report at the end, as sluice report does: OUTPUT with .report.html',
  },
  {
    name: 'show-content',
    group: watching,
    about: 'show prompts and answers of the rows that a report lists',
  },
  {
    name: 'metrics-port',
    value: 'N',
    read: readPort,
    group: watching,
    about: 'serve metrics for Prometheus at this port of 127.0.0.1; 0 takes a free one',
    otherwise: 'no metrics',
  },
  {
    name: 'history',
    negated: true,
    group: watching,
    about: 'keep no history in OUTPUT.sluice: a report has no charts over time then',
  },
]
