import { expect, test } from 'vitest'
import { rowOf } from '../test/world/drive.ts'
import { keepAll } from './answer-policy.ts'
import { goOnBehindKept, goOnFromKept } from './going-on.ts'
import { columns } from './request-features.ts'
import type { KeptTurn } from './turns.ts'
import type { Work } from './work.ts'

const body = Buffer.from(
  '{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"one two"}]}',
)

function work(): Work {
  return Object.assign(rowOf(0, { maxTokens: 10 }), { body, bodyBytes: body.length })
}

function kept(why: KeptTurn['why'], stop: string, text = 'three four five'): KeptTurn {
  const content = [{ type: 'text', text }]
  const usage = { input_tokens: 3, output_tokens: 4 }
  const message = JSON.stringify({ type: 'message', content, stop_reason: stop, usage, model: 'm' })
  return { why, message, costNanoUsd: 9, requestId: 'req_1' }
}

const extend = { ...keepAll, onTruncated: { extendTo: 20 } }
const goOn = { ...keepAll, onPause: 'continue' } as const

test('a row goes on with more room, and counts all that it keeps in memory', () => {
  const row = work()
  const turn = kept('truncated', 'max_tokens')
  expect(goOnFromKept(extend, row, [turn])).toBeUndefined()
  expect(row.row.maxTokens).toBe(20)
  expect(row.bodyBytes).toBe(body.length + turn.message.length)
  expect(row.body).toBe(body)
})

test('a row that goes on has a longer prompt', () => {
  const row = work()
  goOnFromKept(goOn, row, [kept('paused', 'pause_turn')])
  expect(row.row.features.counts[columns.words]).toBe(5)
})

test('an answer that is not to be gone on from is the result, counted by who bought it', () => {
  const row = work()
  const turns = [kept('paused', 'pause_turn'), kept('truncated', 'max_tokens')]
  const resolved = goOnFromKept(goOn, row, turns)
  expect(row.turns).toHaveLength(1)
  expect(resolved).toMatchObject({ costNanoUsd: 9, verdict: { type: 'keep', isInvalid: false } })
  expect(resolved?.outcome).toMatchObject({ requestId: 'req_1', usage: { outputTokens: 0 } })
})

test('an answer that is a failure by now fails the row', () => {
  const policies = { ...keepAll, onTruncated: 'fail' } as const
  const resolved = goOnFromKept(policies, work(), [kept('truncated', 'max_tokens')])
  expect(resolved?.verdict.type).toBe('fail')
})

test('what was asked behind an answer stays so, whatever the policies are', () => {
  const row = work()
  goOnBehindKept(keepAll, row, [kept('paused', 'pause_turn')])
  expect(row.turns).toHaveLength(1)
})

test('nothing on record is nothing', () => {
  const row = work()
  expect(goOnFromKept(goOn, row, [])).toBeUndefined()
  expect(row.turns).toEqual([])
})
