/**
 * A simulator's model, called at instants, for tests of Message Batches.
 */

import { assert } from 'vitest'
import type { MessageBatch, SimulatorOptions, Step } from '../src/simulator/index.ts'
import { SimulatorModel } from '../src/simulator/index.ts'

// 2026-11-22T10:00:00Z.
export const wallAtZero = (20_779 * 24 + 10) * 3_600_000
export const batchesPath = '/v1/messages/batches'

/** Every batch takes ten minutes. */
const steady = { batchDurationMs: 600_000, batchDurationSigma: 0 }

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  readonly isReset: boolean
  readonly fault: string | undefined
}

export interface Line {
  readonly custom_id: string
  readonly result: {
    readonly type: string
    readonly message?: Record<string, unknown> & { readonly usage: Record<string, unknown> }
    readonly error?: { type: string; error: { type: string; message: string }; request_id: string }
  }
}

const goodHeaders = { 'x-api-key': 'sk-ant-test', 'anthropic-version': '2023-06-01' }

/** A model, called at instants. */
export class Api {
  readonly model: SimulatorModel

  constructor(options: SimulatorOptions = {}) {
    this.model = new SimulatorModel({ ...steady, ...options })
  }

  call(now: number, method: string, path: string, body?: unknown, headers = {}): Answer {
    const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
    const received = this.model.receive(now, wallAtZero + now, {
      method,
      path,
      headers: { ...goodHeaders, ...headers },
      body: new TextEncoder().encode(text),
    })
    const actions = [...received.step.actions]
    for (let step: Step = received.step; step.nextAt !== undefined;) {
      step = this.model.advance(step.nextAt, wallAtZero + step.nextAt, received.id)
      actions.push(...step.actions)
    }
    const head = actions.find((action) => action.type === 'head')
    const data = actions.flatMap((action) => (action.type === 'data' ? [action.bytes] : []))
    return {
      status: head?.status ?? 0,
      headers: Object.fromEntries(head?.headers ?? []),
      text: Buffer.concat(data).toString(),
      isReset: actions.at(-1)?.type === 'reset',
      fault: received.fault,
    }
  }

  create(now: number, requests: readonly object[], headers = {}): MessageBatch {
    return parse(this.call(now, 'POST', batchesPath, { requests }, headers))
  }

  get(now: number, id: string): MessageBatch {
    return parse(this.call(now, 'GET', `${batchesPath}/${id}`))
  }

  cancel(now: number, id: string): MessageBatch {
    return parse(this.call(now, 'POST', `${batchesPath}/${id}/cancel`))
  }

  results(now: number, id: string): readonly Line[] {
    const { status, text, isReset } = this.call(now, 'GET', `${batchesPath}/${id}/results`)
    assert(status === 200 && !isReset, `results: ${status} ${text}`)
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line)
  }
}

/** What an answer that went well holds. */
export function parse({ status, text }: Answer): ReturnType<typeof JSON.parse> {
  assert(status === 200, `${status} ${text}`)
  return JSON.parse(text)
}

export function errorOf({ status, text }: Answer): object {
  const { type, error } = JSON.parse(text) as { type: string; error: object }
  return { status, form: type, ...error }
}

export function paramsOf(question: string, members: object = {}): object {
  const messages = [{ role: 'user', content: question }]
  return { model: 'claude-opus-5', max_tokens: 300, messages, ...members }
}

export function requestsOf(
  count: number,
  members: object = {},
): { custom_id: string; params: object }[] {
  return Array.from({ length: count }, (_, index) => ({
    custom_id: `r${index}`,
    params: paramsOf(`How deep is lock ${index}?`, members),
  }))
}
