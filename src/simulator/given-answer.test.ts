/**
 * Given answers: what is read, what it counts, and where it is cut.
 */

import * as fc from 'fast-check'
import { assert, describe, expect, test } from 'vitest'

import { Random } from '../random.ts'
import type { Work } from './answer.ts'
import { givenWork, readGivenAnswer, type GivenAnswer } from './given-answer.ts'
import { findSimulatedModel } from './model-rules.ts'
import { textTokens } from './tokens.ts'

const older = findSimulatedModel(0, 'claude-haiku-4-5', 'current')
const newer = findSimulatedModel(0, 'claude-opus-5', 'current')

/** It belongs to a word that does not come, and so costs nothing. */
const space = { type: 'text', text: ' ' } as const

function drawn(): Work {
  return {
    outputTokens: 200,
    isCapped: false,
    firstByteMs: 100,
    productionMs: 400,
    refusing: undefined,
    isPaused: false,
    isInvalid: false,
    random: new Random(1),
  }
}

function give(answer: GivenAnswer, maxTokens = 1000, model = older): Work {
  const content = readGivenAnswer(answer)
  assert(content !== undefined && model !== undefined, 'an answer was given')
  return givenWork(drawn(), content, model, maxTokens)
}

describe('readGivenAnswer()', () => {
  test('leaves undefined to the simulator', () => {
    expect(readGivenAnswer(undefined)).toBeUndefined()
  })

  test.each([
    ['a text', 'end_turn', null],
    [{ content: 'a text' }, 'end_turn', null],
    [{ content: [] }, 'end_turn', null],
    [{ content: 'a text', stop_reason: 'refusal' }, 'refusal', null],
    [{ content: 'a text', stop_sequence: '###' }, 'stop_sequence', '###'],
    [{ content: [{ type: 'tool_use', name: 'gauge', input: {} }] }, 'tool_use', null],
  ])('%j stops with %s', (answer, stopReason, stopSequence) => {
    expect(readGivenAnswer(answer)).toMatchObject({ stopReason, stopSequence })
  })

  test.each([
    [null, 'must return a string, parts of a Message or undefined, got null'],
    [42, 'got number'],
    [['a text'], 'got a list'],
    [{}, '"content"'],
    [{ content: [{ type: 'text' }] }, '"content"'],
    [{ content: [{ type: 'image', source: {} }] }, '"content"'],
    [{ content: [{ type: 'tool_use', name: 'gauge', input: '{}' }] }, '"content"'],
    [{ content: [{ type: 'thinking', thinking: 'hm', signature: 1 }] }, '"content"'],
    [{ content: 'a text', usage: {} }, 'cannot set "usage"'],
    [{ content: 'a text', stop_reason: 'bored' }, 'stop reasons, got "bored"'],
    [{ content: 'a text', stop_sequence: 3 }, '"stop_sequence"'],
  ])('refuses %j', (value, message) => {
    expect(() => readGivenAnswer(value)).toThrow(message)
  })
})

describe('givenWork()', () => {
  test('counts by the tokenizer of the model, and takes its time', () => {
    // Ten words of one token each.
    const text = Array.from({ length: 10 }, () => 'gate').join(' ')
    expect(give(text)).toMatchObject({ outputTokens: 10, productionMs: 20, firstByteMs: 100 })
    expect(give(text, 1000, newer).outputTokens).toBe(13)
  })

  test('an answer of nothing costs a token', () => {
    expect(give({ content: [] })).toMatchObject({
      outputTokens: 1,
      given: { content: [], stop_reason: 'end_turn' },
    })
  })

  test('makes up the ids and the signature that are left out', () => {
    const blocks = [
      { type: 'thinking', thinking: 'How deep?' },
      { type: 'tool_use', name: 'gauge', input: { at: 'the lower gate' } },
      { type: 'tool_use', id: 'toolu_mine', name: 'gauge', input: {} },
    ] as const
    const { given, outputTokens } = give({ content: blocks })
    const caller = { type: 'direct' }
    expect(given?.content).toEqual([
      { ...blocks[0], signature: expect.stringMatching(/^\w{96}$/) as string },
      { ...blocks[1], id: expect.stringMatching(/^toolu_01\w{22}$/) as string, caller },
      { ...blocks[2], caller },
    ])
    // "How", "deep" and the question mark.
    expect(given?.thinkingTokens).toBe(3)
    expect(outputTokens).toBeGreaterThan(3)
  })

  test('ends at max_tokens, in the middle of a block, without those behind it', () => {
    const text = Array.from({ length: 10 }, () => 'gate').join(' ')
    const block = { type: 'text', text } as const
    const work = give({ content: [block, block, block], stop_sequence: '###' }, 15)
    expect(work).toMatchObject({ outputTokens: 15, isCapped: true })
    expect(work.given).toMatchObject({ stop_reason: 'max_tokens', stop_sequence: null })
    expect(work.given?.content).toEqual([
      block,
      // The space belongs to the word behind it, and costs nothing.
      { type: 'text', text: 'gate gate gate gate gate ' },
    ])
  })

  test('what follows a cut is dropped, however little it costs', () => {
    const { given } = give({ content: [{ type: 'text', text: 'gate gate gate' }, space] }, 2)
    expect(given).toMatchObject({
      content: [{ type: 'text', text: 'gate gate ' }],
      stop_reason: 'max_tokens',
    })
    expect(give({ content: [space, space] }).given?.content).toEqual([space, space])
  })

  test('a cut counts the tokens of the model', () => {
    const text = Array.from({ length: 20 }, () => 'gate').join(' ')
    // Ten words are 13 tokens of the newer tokenizer.
    const work = give(text, 13, newer)
    expect(work.outputTokens).toBe(13)
    expect(work.given?.content).toEqual([{ type: 'text', text: 'gate '.repeat(10) }])
  })

  test('the input of a tool that is cut is empty', () => {
    const input = { words: 'gate '.repeat(50) }
    const tool = { type: 'tool_use', id: 't', name: 'gauge', input } as const
    const { given } = give({ content: [tool] }, 5)
    expect(given?.content).toEqual([{ ...tool, input: {}, caller: { type: 'direct' } }])
    expect(given?.stop_reason).toBe('max_tokens')
  })

  test('never gives more than max_tokens, nor half a character', () => {
    const parts = fc.array(fc.constantFrom('gate ', '水門', '🚢', '1847', 'é', '\n', ', '))
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 40 }), (words, maxTokens) => {
        const text = words.join('')
        const { outputTokens, isCapped, given } = give(text, maxTokens)
        const [block] = given?.content ?? []
        const taken = block?.type === 'text' ? block.text : ''
        expect(outputTokens).toBeLessThanOrEqual(maxTokens)
        expect(textTokens(taken)).toBeLessThanOrEqual(maxTokens)
        expect(text.startsWith(taken)).toBe(true)
        expect(isCapped).toBe(textTokens(text) > maxTokens)
        expect(taken.isWellFormed()).toBe(true)
        if (!isCapped) expect(taken).toBe(text)
      }),
    )
  })
})
