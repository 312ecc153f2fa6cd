import { expect, test } from 'vitest'
import {
  type AnswerPolicies,
  type AnsweredRow,
  judgeAnswer,
  keepAll,
  mayAskAgain,
} from './answer-policy.ts'
import { noUsage } from './outcome.ts'
import { Schemas } from './output-rules.ts'
import type { Turn, TurnReason } from './turns.ts'

const schema = { type: 'object', properties: {}, additionalProperties: false }
const outputs = new Schemas().rulesOf({
  output_config: { format: { type: 'json_schema', schema } },
})

function turnsOf(...reasons: TurnReason[]): readonly Turn[] {
  const message = '{"content":[]}'
  return reasons.map((why) => ({ why, message, costNanoUsd: 1, requestId: null, ask: {} }))
}

function verdict(
  policies: Partial<AnswerPolicies>,
  stopReason: string,
  row: Partial<AnsweredRow> = {},
  text = '{}',
): string {
  const usage = { ...noUsage, outputTokens: 5 }
  const content = [{ type: 'text', text }]
  const message = JSON.stringify({
    content,
    stop_reason: stopReason,
    stop_details: { category: 'bio' },
  })
  const full = { maxTokens: 10, turns: [], ...row }
  const judged = judgeAnswer({ ...keepAll, ...policies }, full, { message, stopReason, usage })
  if (judged.type === 'keep') return judged.isInvalid ? 'keep, invalid' : 'keep'
  if (judged.type === 'fail') return `fail: ${judged.error.type}: ${judged.error.message}`
  return `again: ${judged.why} ${judged.ask.maxTokens ?? ''}`.trim()
}

const extend = { onTruncated: { extendTo: 20 } } as const
const retry = { onInvalidOutput: { retries: 2 } } as const
const goOn = { onPause: 'continue' } as const
const pauses = (count: number): readonly Turn[] =>
  turnsOf(...Array.from({ length: count }, () => 'paused' as const))

test.each<[string, string, string]>([
  ['an answer', verdict({ ...extend, ...retry, ...goOn, onRefusal: 'fail' }, 'end_turn'), 'keep'],
  ['cut', verdict({}, 'max_tokens'), 'keep'],
  [
    'cut, fail',
    verdict({ onTruncated: 'fail' }, 'max_tokens'),
    'fail: truncated: The answer was cut at max_tokens (10)',
  ],
  [
    'context, fail',
    verdict({ onTruncated: 'fail' }, 'model_context_window_exceeded'),
    'fail: truncated: The answer was cut at the context window',
  ],
  ['cut, extend', verdict(extend, 'max_tokens'), 'again: truncated 20'],
  ['cut at as much', verdict(extend, 'max_tokens', { maxTokens: 20 }), 'keep'],
  ['context, extend', verdict(extend, 'model_context_window_exceeded'), 'keep'],
  ['refused', verdict({}, 'refusal'), 'keep'],
  [
    'refused, fail',
    verdict({ onRefusal: 'fail' }, 'refusal'),
    'fail: refusal: The model refused to answer (bio)',
  ],
  ['paused', verdict({}, 'pause_turn'), 'keep'],
  ['paused, continue', verdict(goOn, 'pause_turn'), 'again: paused'],
  ['paused for the 20th time', verdict(goOn, 'pause_turn', { turns: pauses(19) }), 'again: paused'],
  ['paused for the 21st', verdict(goOn, 'pause_turn', { turns: pauses(20) }), 'keep'],
  ['conforms', verdict(retry, 'end_turn', { outputs }), 'keep'],
  ['wrong', verdict({}, 'end_turn', { outputs }, '{"x":1}'), 'keep, invalid'],
  [
    'wrong, fail',
    verdict({ onInvalidOutput: 'fail' }, 'end_turn', { outputs }, '[]'),
    'fail: invalid_output: The output does not match its schema: the output must be object',
  ],
  ['wrong, retry', verdict(retry, 'end_turn', { outputs }, '[]'), 'again: invalid_output'],
  [
    'wrong for the second time',
    verdict(retry, 'end_turn', { outputs, turns: turnsOf('invalid_output', 'paused') }, '[]'),
    'again: invalid_output',
  ],
  [
    'wrong for the third',
    verdict(
      retry,
      'end_turn',
      { outputs, turns: turnsOf('invalid_output', 'invalid_output') },
      '[]',
    ),
    'fail: invalid_output: The output does not match its schema: the output must be object',
  ],
  [
    'cut and wrong, retry',
    verdict(retry, 'max_tokens', { outputs }, '{'),
    'fail: invalid_output: The output does not match its schema: it was cut at max_tokens',
  ],
  [
    'cut and wrong, extend first',
    verdict({ ...retry, ...extend }, 'max_tokens', { outputs }, '{'),
    'again: truncated 20',
  ],
  ['cut and right', verdict(retry, 'max_tokens', { outputs }), 'keep'],
  [
    'refused, retry',
    verdict(retry, 'refusal', { outputs }, 'No.'),
    'fail: invalid_output: The output does not match its schema: the model refused',
  ],
  ['refused, no schema', verdict(retry, 'refusal', {}, 'No.'), 'keep'],
])('%s', (_, found, expected) => {
  expect(found).toBe(expected)
})

test('an answer that was to be none is not cut', () => {
  const answer = { message: '{"content":[]}', stopReason: 'max_tokens', usage: noUsage }
  const row = { maxTokens: 0, turns: [] }
  expect(judgeAnswer({ ...keepAll, onTruncated: 'fail' }, row, answer).type).toBe('keep')
})

test.each<[Partial<AnswerPolicies>, boolean]>([
  [{}, false],
  [{ onTruncated: 'fail', onRefusal: 'fail', onInvalidOutput: 'fail' }, false],
  [extend, true],
  [retry, true],
  [goOn, true],
])('%j may ask again: %s', (policies, expected) => {
  expect(mayAskAgain({ ...keepAll, ...policies })).toBe(expected)
})
