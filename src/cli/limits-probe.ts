/**
 * What the headers of a reply show: one request of one token to a model, which is billed.
 */

import type { Clock } from '../clock.ts'
import type { MeterUnit } from '../meter.ts'
import type { LimitReadings, Outcome } from '../outcome.ts'
import type { Exchange, Transport } from '../transport.ts'
import { headerTypes, type ShownLimit } from './limits-text.ts'

/** What a model's reply showed, or why it showed nothing. */
export type Probed =
  | { readonly limits: readonly ShownLimit[] }
  | { readonly failure: string; readonly outcome: Outcome }

const replyMsMax = 60_000
const units: readonly MeterUnit[] = ['requests', 'input', 'output', 'tokens']

/** Asks the model; resolves when its reply is complete. */
export function probe(clock: Clock, transport: Transport, model: string): Promise<Probed> {
  const messages = [{ role: 'user', content: 'Hi' }]
  const body = Buffer.from(JSON.stringify({ model, max_tokens: 1, messages }))
  return new Promise((resolve) => {
    let exchange: Exchange | undefined
    const cancel = clock.after(replyMsMax, () => exchange?.abort('attempt_timeout'))
    const listener = {
      sent: (): void => {},
      head: (): void => {},
      bytes: (): void => {},
      outcome: (outcome: Outcome): void => {
        cancel()
        resolve(readProbe(clock.wallTime(), outcome))
      },
    }
    exchange = transport.send({ body, stream: false, model }, listener)
  })
}

/** A refusal for a rate has headers too: what it shows is what was asked for. */
function readProbe(now: number, outcome: Outcome): Probed {
  const limits = shownLimits(now, outcome.limits ?? {})
  if (limits.length > 0 && (outcome.kind === 'answered' || outcome.kind === 'refused')) {
    return { limits }
  }
  if (outcome.kind === 'answered') {
    return { failure: 'its reply carries no rate limit headers', outcome }
  }
  const { error, status } = outcome
  const reply = status === 0 ? error.type : `${status} ${error.type}`
  return { failure: `${reply}: ${error.message}`, outcome }
}

function shownLimits(now: number, readings: LimitReadings): readonly ShownLimit[] {
  const { input, output, tokens, serverAt = now } = readings
  // Repeated, the sum of the others is no limit of its own.
  const isSum = tokens?.limit === (input?.limit ?? 0) + (output?.limit ?? 0)
  return units.flatMap((unit) => {
    const reading = readings[unit]
    if (reading === undefined || (unit === 'tokens' && isSum)) return []
    const { limit, remaining, resetAt } = reading
    const fullInMs = remaining >= limit ? 0 : Math.max(0, resetAt - serverAt)
    return [{ type: headerTypes[unit], value: limit, remaining, fullInMs }]
  })
}
