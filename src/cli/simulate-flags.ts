/**
 * The flags of `sluice simulate`, in the order of its help.
 */

import { faultNames } from '../simulator/options.ts'
import type { Flag } from './flag.ts'
import {
  readDuration,
  readFaultRate,
  readInteger,
  readLimit,
  readOneOf,
  readPort,
  readPositive,
  readText,
} from './values.ts'

const server = 'Server'
const limits = 'Limits of every pool of models'
const behaviour = 'Behaviour'

/** All flags of `simulate`. */
export const simulateFlags: readonly Flag[] = [
  {
    name: 'port',
    value: 'N',
    read: readPort,
    group: server,
    about: 'the port on 127.0.0.1; 0 takes a free one',
    otherwise: '4010',
  },
  {
    name: 'rpm',
    value: 'N',
    read: readLimit,
    group: limits,
    about: 'requests per minute, or none',
    otherwise: '1000',
  },
  {
    name: 'itpm',
    value: 'N',
    read: readLimit,
    group: limits,
    about: 'input tokens per minute, or none',
    otherwise: '2000000',
  },
  {
    name: 'otpm',
    value: 'N',
    read: readLimit,
    group: limits,
    about: 'output tokens per minute, or none',
    otherwise: '400000',
  },
  {
    name: 'slice',
    value: 'KIND',
    read: readOneOf('hidden', 'shown', 'none'),
    group: limits,
    about: 'enforce the limits over a shorter time too, and say so in headers or not',
    otherwise: 'none',
  },
  {
    name: 'burst-seconds',
    value: 'N',
    read: readPositive,
    group: limits,
    about: 'how long that shorter time is',
    otherwise: '60',
  },
  {
    name: 'latency',
    value: 'DURATION',
    read: readDuration,
    group: behaviour,
    about: 'mean time of a whole answer; 0 answers at once',
    otherwise: '700ms',
  },
  {
    name: 'fault',
    value: 'NAME=RATE',
    read: readFaultRate,
    repeatable: true,
    group: behaviour,
    about: `the share of requests, 0 to 1, that a fault befalls: ${faultNames.join(', ')}`,
    otherwise: 'no faults',
  },
  {
    name: 'respond',
    value: 'FILE.mjs',
    read: readText,
    group: behaviour,
    about: 'a module whose default export decides the answer to each request',
    otherwise: 'invented prose',
  },
  {
    name: 'models',
    value: 'KIND',
    read: readOneOf('current', 'any'),
    group: behaviour,
    about: 'current: the published ones, others are 404; any: whatever is asked for',
    otherwise: 'current',
  },
  {
    name: 'seed',
    value: 'N',
    read: readInteger,
    group: behaviour,
    about: 'everything that is drawn comes from it',
    otherwise: '1',
  },
]
