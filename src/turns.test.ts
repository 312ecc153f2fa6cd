import { describe, expect, test } from 'vitest'
import {
  bodyBehind,
  costBehind,
  feedbackOf,
  joinedMessage,
  type Turn,
  type TurnAsk,
} from './turns.ts'

const body = Buffer.from(
  '{"model":"m","max_tokens": 10,"messages":[{"role":"user","content":"Hi \\u00e9"}],"n":1.0}',
)

function turn(why: Turn['why'], content: string, ask: TurnAsk = {}): Turn {
  const message = `{"id":"msg_1","content":${content},"stop_reason":"x"}`
  return { why, message, costNanoUsd: 5, requestId: null, ask }
}

const pause = (text: string): Turn =>
  turn('paused', `[{"type":"text","text":"${text}","n":1.0},{"type":"server_tool_use","id":"s"}]`)
const wrong = (text: string, said: string): Turn =>
  turn('invalid_output', `[{"type":"text","text":"${text}"}]`, { feedback: `"${said}"` })
const cut = (maxTokens: number): Turn =>
  turn('truncated', '[{"type":"text","text":"cu"}]', { maxTokens })

const sent = (...turns: Turn[]): string => String(bodyBehind(body, turns))

describe('what is sent behind', () => {
  test('nothing is the request itself', () => {
    expect(bodyBehind(body, [])).toBe(body)
  })

  test('an answer that was cut is the request with more room, by the byte', () => {
    expect(sent(cut(20))).toBe(String(body).replace('10', '20'))
    expect(sent(cut(20), cut(30))).toBe(String(body).replace('10', '30'))
  })

  test('a pause ends in what the assistant has said, by the byte, as one message', () => {
    const said =
      '{"type":"text","text":"a","n":1.0},{"type":"server_tool_use","id":"s"},' +
      '{"type":"text","text":"b","n":1.0},{"type":"server_tool_use","id":"s"}'
    const assistant = `{"role":"assistant","content":[${said}]}`
    expect(sent(pause('a'), pause('b'))).toBe(String(body).replace('}],', `},${assistant}],`))
  })

  test('an output that is wrong ends in it and its faults; only the last is shown', () => {
    const one = '{"role":"assistant","content":[{"type":"text","text":"2"}]}'
    const two = '{"role":"user","content":"no 2"}'
    expect(sent(wrong('1', 'no 1'), wrong('2', 'no 2'))).toBe(
      String(body).replace('}],', `},${one},${two}],`),
    )
  })

  test('a pause within an answer that is wrong belongs to it', () => {
    const { messages } = JSON.parse(sent(pause('a'), wrong('1', 'no'), pause('b'), cut(9)))
    expect(messages.map(({ role }: { role: string }) => role)).toEqual([
      'user',
      'assistant',
      'user',
      'assistant',
    ])
    expect(messages[1].content.map(({ text }: { text?: string }) => text)).toEqual([
      'a',
      undefined,
      '1',
    ])
    expect(messages[3].content.map(({ text }: { text?: string }) => text)).toEqual(['b', undefined])
  })

  test('texts of nothing, which the API refuses, are not sent back; nor a message of nothing', () => {
    const said = sent(turn('paused', '[{"type":"text","text":""},{"type":"text","text":"x"}]'))
    expect(JSON.parse(said).messages[1].content).toEqual([{ type: 'text', text: 'x' }])
    expect(sent(turn('paused', '[{"type":"text","text":""}]'))).toBe(String(body))
    const none = JSON.parse(sent(turn('invalid_output', '[]', { feedback: '"no"' })))
    expect(none.messages).toHaveLength(2)
  })
})

describe('the Message in the end', () => {
  const last = '{"id":"msg_9","usage":{"n":1.0},"content":[{"type":"text","text":"c"}]}'

  test('is the last, where none was paused', () => {
    expect(joinedMessage(last, [cut(20), wrong('1', 'no')])).toBe(last)
  })

  test('holds what was said before a pause, and is the last in all else', () => {
    expect(joinedMessage(last, [pause('a'), pause('b')])).toBe(
      '{"id":"msg_9","usage":{"n":1.0},"content":[{"type":"text","text":"a","n":1.0},' +
        '{"type":"server_tool_use","id":"s"},{"type":"text","text":"b","n":1.0},' +
        '{"type":"server_tool_use","id":"s"},{"type":"text","text":"c"}]}',
    )
  })

  test('holds nothing of an answer that was wrong', () => {
    expect(joinedMessage(last, [pause('a'), wrong('1', 'no')])).toBe(last)
  })
})

test('a row costs what all of its answers did; null where one has no price', () => {
  expect(costBehind([pause('a'), cut(3)], 7)).toBe(17)
  expect(costBehind([], 7)).toBe(7)
  expect(costBehind([pause('a')], null)).toBeNull()
  expect(costBehind([{ ...pause('a'), costNanoUsd: null }], 7)).toBeNull()
})

test('calls of tools are answered one by one, each with its own faults', () => {
  const message = '{"content":[{"type":"tool_use","id":"a"},{"type":"tool_use","id":"b"}]}'
  const said = JSON.parse(feedbackOf(message, [{ text: '/x must be integer', toolUse: 'b' }]))
  expect(said).toEqual([
    expect.objectContaining({ type: 'tool_result', tool_use_id: 'a', is_error: true }),
    expect.objectContaining({ type: 'tool_result', tool_use_id: 'b', is_error: true }),
  ])
  expect(said[0].content).not.toContain('/x')
  expect(said[1].content).toContain('- /x must be integer')
})
