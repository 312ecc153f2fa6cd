/**
 * The flags of `sluice simulate`, in the order of its help.
 */

import { profileNames } from '../simulator/limit-profiles.ts'
import { batchFaultNames, faultNames } from '../simulator/options.ts'
import type { Flag } from './flag.ts'
import {
  readDuration,
  reader,
  readFaultRate,
  readInteger,
  readLimit,
  readOneOf,
  readPort,
  readPositive,
  readText,
  readShare,
} from './values.ts'

const server = 'Server'
const limits = 'Limits of every pool of models'
const refusals = 'Refusals and headers'
const caching = 'Prompt caching'
const batches = 'Message Batches'
const behaviour = 'Behaviour'

const readFault = reader(
  {
    ...readFaultRate.form,
    words: [...faultNames, ...batchFaultNames].map((name) => `${name}=`),
  },
  readFaultRate,
)

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
    name: 'profile',
    value: 'TIER',
    read: readOneOf(...profileNames),
    group: limits,
    about: 'the tier whose limits hold, pool by pool: start, build or scale',
    otherwise: 'start',
  },
  {
    name: 'rpm',
    value: 'N',
    read: readLimit,
    group: limits,
    about: 'requests per minute, or none',
    otherwise: "the profile's",
  },
  {
    name: 'itpm',
    value: 'N',
    read: readLimit,
    group: limits,
    about: 'input tokens per minute, or none',
    otherwise: "the profile's",
  },
  {
    name: 'otpm',
    value: 'N',
    read: readLimit,
    group: limits,
    about: 'output tokens per minute, or none',
    otherwise: "the profile's",
  },
  {
    name: 'tpm',
    value: 'N',
    read: readLimit,
    group: limits,
    about: 'input and output tokens together per minute, or none',
    otherwise: 'none',
  },
  {
    name: 'count-rpm',
    value: 'N',
    read: readLimit,
    group: limits,
    about: 'token counts per minute, or none',
    otherwise: "the profile's",
  },
  {
    name: 'ramp-per-second',
    value: 'N',
    read: readLimit,
    group: limits,
    about: 'acceleration limit: starts a second that are always allowed; beyond, they may double',
    otherwise: 'none',
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
    name: 'output-assessment',
    value: 'KIND',
    read: readOneOf('produced', 'reserved'),
    group: limits,
    about: 'output tokens count as they are produced, or max_tokens are reserved at the start',
    otherwise: 'produced',
  },
  {
    name: 'admission-estimate',
    negated: true,
    group: limits,
    about: 'take the true input at the start, not bytes/4 until the first byte',
  },
  {
    name: 'headers',
    negated: true,
    group: refusals,
    about: 'send no rate limit headers',
  },
  {
    name: 'retry-after',
    negated: true,
    group: refusals,
    about: 'send no retry-after with a 429',
  },
  {
    name: 'bare-refusals',
    group: refusals,
    about: 'send 429s with neither rate limit headers nor retry-after',
  },
  {
    name: 'refusals-cost-requests',
    group: refusals,
    about: 'a 429 takes from the requests limit too',
  },
  {
    name: 'edge-refuses-size',
    group: refusals,
    about: 'what is too large is refused with a page, as by a proxy, and not with JSON',
  },
  {
    name: 'cache',
    negated: true,
    group: caching,
    about: 'cache no prompt, whatever requests ask',
  },
  {
    name: 'cache-life-seconds',
    value: 'N',
    read: readPositive,
    group: caching,
    about: 'how long an entry of 5m lives after its last use',
    otherwise: '300',
  },
  {
    name: 'reads-count',
    group: caching,
    about: 'the input limit counts what is read from the cache too',
  },
  {
    name: 'batch-rpm',
    value: 'N',
    read: readLimit,
    group: batches,
    about: 'requests per minute to all endpoints of batches, or none',
    otherwise: "the profile's",
  },
  {
    name: 'batch-queue',
    value: 'N',
    read: readLimit,
    group: batches,
    about: 'requests that may wait in batches, or none',
    otherwise: "the profile's",
  },
  {
    name: 'batch-duration',
    value: 'DURATION',
    read: readDuration,
    group: batches,
    about: 'mean time from the creation of a batch to its end; 0 ends it at once',
    otherwise: '10m',
  },
  {
    name: 'batch-drain',
    value: 'DURATION',
    read: readDuration,
    group: batches,
    about: 'how long a batch goes on when it is canceled',
    otherwise: '10s',
  },
  {
    name: 'batch-expiry',
    value: 'DURATION',
    read: readDuration,
    group: batches,
    about: 'after this time, what a batch has not done expires',
    otherwise: '24h',
  },
  {
    name: 'batch-cache-hits',
    value: 'RATE',
    read: readShare,
    group: batches,
    about:
      'the share of requests, 0 to 1, that find a prefix which one before them in the batch wrote',
    otherwise: '0.7',
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
    read: readFault,
    repeatable: true,
    group: behaviour,
    about:
      `the share of requests, 0 to 1, that a fault befalls: ${faultNames.join(', ')};` +
      ` of batches: ${batchFaultNames.join(', ')}`,
    otherwise: 'no faults',
  },
  {
    name: 'refusal-rate',
    value: 'RATE',
    read: readShare,
    group: behaviour,
    about: 'the share of requests, 0 to 1, that the model declines (stop reason refusal)',
    otherwise: '0',
  },
  {
    name: 'pause-rate',
    value: 'RATE',
    read: readShare,
    group: behaviour,
    about: 'the share of requests with a tool of the server, 0 to 1, that are paused (pause_turn)',
    otherwise: '0',
  },
  {
    name: 'invalid-output-rate',
    value: 'RATE',
    read: readShare,
    group: behaviour,
    about: 'the share of outputs, 0 to 1, that do not conform to the schema they must follow',
    otherwise: '0',
  },
  {
    name: 'schema-compile',
    value: 'DURATION',
    read: readDuration,
    group: behaviour,
    about: 'how late an answer is whose schema was not asked for in the last 24 hours',
    otherwise: '1s',
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
    name: 'admin-shape',
    value: 'SHAPE',
    read: readOneOf('group', 'flat'),
    group: behaviour,
    about:
      'how the rate limits endpoint writes an entry: with its group, or flat as once documented',
    otherwise: 'group',
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
