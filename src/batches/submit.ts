/**
 * Submitting a batch: the intent first, then the request, as often as it takes.
 *
 * Whatever the API says for certain (429, 529, no connection) leaves nothing behind, and the same
 * batch is sent again. A reply that never came may have created it: then it is not sent again here,
 * but looked for (unresolved.ts).
 */

import type { CallBody } from '../api-calls.ts'
import { RunError } from '../errors.ts'
import { systemErrorCode } from '../files.ts'
import type { Batch, Called } from './batch-api.ts'
import { unwritable } from './disk-file.ts'
import type { Intent } from './intents.ts'
import type { OutstandingBatch } from './outstanding.ts'
import { againMs, checkPatience, type Shared } from './round-parts.ts'

const chunkBytes = 2 ** 18
const fullDiskRetryMs = 1000

/** How it went. `unresolved`: it may have been created. */
export type Submitted = 'created' | 'unresolved' | 'not sent'

/** Sends a batch until it is known what became of it, or the run is stopped. */
export async function submit(shared: Shared, batch: OutstandingBatch): Promise<Submitted> {
  batch.isSending = true
  try {
    return await send(shared, batch)
  } finally {
    batch.isSending = false
    shared.pauses.wake()
  }
}

async function send(shared: Shared, batch: OutstandingBatch): Promise<Submitted> {
  const { context, api, pauses, observe } = shared
  // What was before says nothing of how long this one has been waiting.
  shared.success.at = Math.max(shared.success.at, context.clock.now())
  for (let tries = 0; shared.stopping() === undefined && !batch.isCut; tries++) {
    const sentAt = context.clock.wallTime()
    const isFirst = batch.intent.firstSentAt === 0
    batch.intent = { ...batch.intent, sentAt, ...(isFirst && { firstSentAt: sentAt }) }
    await writeIntent(shared, batch.intent)
    if (shared.stopping() !== undefined) return notSent(shared, batch)
    const called = await api.create(bodyOf(shared, batch.intent))
    if (called.kind === 'done') {
      shared.success.at = context.clock.now()
      await created(shared, batch, called.value)
      return 'created'
    }
    if (called.kind === 'failed' && called.mayBeDone) {
      shared.notice(lostNotice(called.error.message))
      return 'unresolved'
    }
    notSent(shared, batch)
    const delayMs = delayAfter(shared, called, tries)
    if (delayMs === undefined) break
    observe({ type: 'binding_changed', at: context.clock.now(), binds: bindsOf(called) })
    await pauses.wait(delayMs)
    // By a deadline its rows are asked live, whatever the queue is like.
    const { deadlineAt = Infinity } = shared.split ?? {}
    if (called.kind === 'refused' && deadlineAt < Infinity) shared.success.at = context.clock.now()
    // Others that are polled succeed meanwhile: a queue that they fill is no outage.
    checkPatience(shared)
  }
  return 'not sent'
}

/** It was refused for certain; one that is never sent must not be looked for. */
function notSent({ intents }: Shared, { intent }: OutstandingBatch): Submitted {
  if (intent.lostSends === 0) intents.forget(intent.nonce)
  return 'not sent'
}

/** The batch of an intent is known. */
export async function created(
  shared: Shared,
  batch: OutstandingBatch,
  { id, createdAt, expiresAt }: Batch,
): Promise<void> {
  const { context, intents, observe } = shared
  batch.intent = { ...batch.intent, batch: { id, createdAt, expiresAt } }
  const { nonce, rows } = batch.intent
  observe({ type: 'batch_submitted', at: context.clock.now(), id, rows, isEarlier: false })
  await writeIntent(shared, batch.intent)
  intents.removeBody(nonce)
}

/** Writes it, and waits where the disk is full. @throws {RunError} `OUTPUT_UNWRITABLE` */
export async function writeIntent(shared: Shared, intent: Intent): Promise<void> {
  const { intents, pauses, hold } = shared
  let isBlocked = false
  try {
    for (;;) {
      try {
        return intents.write(intent)
      } catch (error) {
        const code = systemErrorCode(error)
        if (code === undefined) throw error
        const mayWait = code === 'ENOSPC' || code === 'EDQUOT'
        const path = intents.path(intent.nonce)
        if (!mayWait || shared.stopping() !== undefined) throw unwritable(path, error)
        if (!isBlocked) hold('intent', code)
        isBlocked = true
        await pauses.wait(fullDiskRetryMs)
      }
    }
  } finally {
    if (isBlocked) hold('intent', null)
  }
}

/** How long to wait before it is sent again; undefined: it is not. */
function delayAfter(
  shared: Shared,
  called: Exclude<Called<Batch>, { kind: 'done' }>,
  tries: number,
): number | undefined {
  switch (called.kind) {
    case 'refused':
      return againMs(tries, shared.random, called.retryAfterMs)
    case 'failed':
      return againMs(tries, shared.random)
    case 'stop':
      shared.stop(called.error)
      return undefined
    case 'missing':
    case 'invalid':
      shared.stop(refusedError(called.error.message))
      return undefined
    default:
      return called satisfies never
  }
}

function bindsOf(called: Called<Batch>): string {
  return called.kind === 'refused' ? 'batch queue' : 'outage'
}

/** What is sent, read from the disk while it is. */
function bodyOf({ context, intents }: Shared, { nonce, bytes }: Intent): CallBody {
  const { files } = context
  return {
    length: bytes,
    async *chunks() {
      const file = files.open(intents.bodyPath(nonce), 'read')
      try {
        for (let at = 0; at < bytes;) {
          // A chunk may be held by the socket, so each has memory of its own.
          const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, bytes - at))
          const count = await file.read(buffer, buffer.length, at)
          if (count === 0) return
          at += count
          yield buffer.subarray(0, count)
        }
      } finally {
        file.close()
      }
    },
  }
}

function lostNotice(message: string): string {
  const what = 'a batch was sent and no reply came'
  return `${what} (${message}): it is looked for before its rows are sent again`
}

function refusedError(message: string): RunError {
  const hint = 'no row was failed for it; sluice check tells what batches do not take'
  return new RunError('BATCH_REFUSED', `Stopped as the API refused a batch: ${message}`, { hint })
}
