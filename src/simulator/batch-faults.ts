/**
 * What goes wrong with batches, and where. Besides these, every fault at the door (`faults.ts`)
 * befalls the calls of batches too.
 *
 *   create   batch-create-refused   500 or 529, and no batch
 *            batch-create-lost      the batch is created, then the connection is reset
 *            batch-late             the batch is created, and not found for some seconds
 *   look     batch-not-found        404, though there is such a batch, or such results
 *            batch-poll-error       500, 503 or 529
 *   results  batch-results-cut      reset in the middle of a line
 *   request  batch-request-error    errored for no fault of its own (api_error, overloaded_error);
 *                                   drawn for every request of a batch
 */

import type { Random } from '../random.ts'
import type { Problem } from './door.ts'
import { doorFault, drawFault, isDoorFault, problems, shouldRetry, type Door } from './faults.ts'
import { faultNames, type BatchFaultName, type FaultName, type FaultRates } from './options.ts'
import { errorReply, type ReplyContext } from './replies.ts'
import type { WireAction } from './wire.ts'

/** The calls of batches, by what can go wrong with them. */
export type BatchCall = 'create' | 'retrieve' | 'list' | 'results' | 'cancel' | 'delete'

const byCall: Readonly<Record<BatchCall, readonly BatchFaultName[]>> = {
  create: ['batch-create-refused', 'batch-create-lost', 'batch-late'],
  retrieve: ['batch-not-found', 'batch-poll-error'],
  list: ['batch-poll-error'],
  results: ['batch-not-found', 'batch-poll-error', 'batch-results-cut'],
  cancel: [],
  delete: [],
}

/** The fault that befalls a call, if one does. */
export function drawBatchFault(
  random: Random,
  rates: FaultRates,
  call: BatchCall,
): FaultName | undefined {
  return drawFault(random, rates, [...atDoor, ...byCall[call]])
}

/** The whole answer to a call that a fault befalls; undefined when it goes on. */
export function batchFaultReply(fault: FaultName, door: Door): readonly WireAction[] | undefined {
  const { context, random } = door
  const { 'server-error': failed, unavailable, overloaded } = problems
  if (fault === 'batch-create-refused') return refusal(context, random.pick([failed, overloaded]))
  if (fault === 'batch-poll-error') {
    return refusal(context, random.pick([failed, unavailable, overloaded]))
  }
  return doorFault(fault, door)
}

function refusal(context: ReplyContext, problem: Problem): readonly WireAction[] {
  return errorReply(context, problem, problem.status === 529 ? [shouldRetry] : [])
}

/** Those that are answered before any work. */
const atDoor: readonly FaultName[] = faultNames.filter(isDoorFault)
