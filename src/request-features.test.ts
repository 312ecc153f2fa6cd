import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { columns, featuresOf } from './request-features.ts'
import type { JsonObject } from './json.ts'

type Column = keyof typeof columns

function ask(content: unknown, rest: JsonObject = {}): JsonObject {
  return { model: 'm', max_tokens: 100, messages: [{ role: 'user', content }], ...rest }
}

/** What is counted of a request, but for what is 0. */
function countsOf(request: JsonObject, model = 'm'): Partial<Record<Column, number>> {
  const { counts } = featuresOf(request, model)
  const names = Object.keys(columns) as Column[]
  const pairs = names.map((name) => [name, counts[columns[name]]] as const)
  return Object.fromEntries(pairs.filter(([, count]) => count !== 0))
}

const form = { requests: 1, blocks: 1 }

describe('featuresOf()', () => {
  test.each<[text: string, counts: Partial<Record<Column, number>>]>([
    ['', {}],
    ['two words', { words: 2, letters: 8 }],
    // The last of several capitals is not told from the first of a word.
    ['aVeryLong HTTPGet', { words: 4, letters: 16, capitals: 4 }],
    ['incomprehensible', { words: 1, letters: 16, longLetters: 9 }],
    ['Incomprehensible', { words: 1, letters: 16, longLetters: 9 }],
    ['12 345', { numbers: 2, digits: 5 }],
    ['a, (b)!?', { words: 2, letters: 2, markRuns: 3, marks: 5 }],
    ['a\n\n    b\r\nc', { words: 3, letters: 3, lines: 2, blanks: 3 }],
    ['déjà', { words: 2, letters: 2, accented: 2 }],
    ['привет мир', { otherScripts: 9 }],
    ['日本語のテキスト', { ideographs: 8 }],
    ['😀😀', { surrogates: 4 }],
  ])('counts %j', (text, counts) => {
    expect(countsOf(ask(text))).toEqual({ ...form, ...counts })
  })

  test('counts an escape as what it stands for', () => {
    const plain = ask('日本\n"quoted"')
    const escaped = JSON.parse(
      JSON.stringify(plain).replace('日', String.raw`\u65e5`),
    ) as JsonObject
    expect(featuresOf(escaped, 'm')).toEqual(featuresOf(plain, 'm'))
  })

  test('takes a text for what it is, as a string or as a block', () => {
    const blocks = ask([{ type: 'text', text: 'a text', cache_control: null }])
    expect(countsOf(blocks)).toEqual(countsOf(ask('a text')))
  })

  test('counts system, every message and every block', () => {
    const messages = [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'one' },
          { type: 'text', text: 'two' },
        ],
      },
      { role: 'assistant', content: 'three' },
    ]
    expect(countsOf({ system: 'four', messages })).toMatchObject({ blocks: 4, words: 4 })
  })

  test('counts tools and what they are called with by their names too', () => {
    const tool = { name: 'get', input_schema: { type: 'object', properties: { city: {} } } }
    const counts = countsOf(ask('x', { tools: [tool] }))
    // name, input_schema, properties, city.
    expect(counts.members).toBe(4)
    expect(counts.toolPrompt).toBe(286)
    const forced = countsOf(ask('x', { tools: [tool], tool_choice: { type: 'any' } }))
    expect(forced.toolPrompt).toBe(406)
    const use = [{ type: 'tool_use', id: 'toolu_1', name: 'get', input: { city: 'Rome' } }]
    expect(countsOf(ask(use))).toMatchObject({ members: 3, words: 5 })
    expect(countsOf(ask('x', { tools: [] })).toolPrompt).toBeUndefined()
  })

  test('never looks through base64', () => {
    const data = 'QUJD'.repeat(10_000)
    const picture = { type: 'image', source: { type: 'base64', media_type: 'image/png', data } }
    // What is no picture costs what the largest does.
    expect(countsOf(ask([picture]))).toEqual({ ...form, pictures: 4784 })
    expect(countsOf(ask([picture]), 'claude-haiku-4-5')).toEqual({ ...form, pictures: 1568 })
    const pdf = { type: 'document', source: { type: 'base64', data } }
    // 30,000 bytes are about a page.
    expect(countsOf(ask([pdf]))).toEqual({ ...form, documents: 3500 })
  })

  test('reads a document that is text', () => {
    const document = { type: 'document', source: { type: 'text', data: 'three plain words' } }
    expect(countsOf(ask([document]))).toMatchObject({ words: 3 })
  })

  test('looks no deeper than a prompt goes', () => {
    let deep: unknown = 'x'
    for (let depth = 0; depth < 100_000; depth++) deep = { a: deep }
    expect(() => featuresOf(ask([{ type: 'tool_use', input: deep }]), 'm')).not.toThrow()
  })

  test('takes any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (system, tools, content) => {
        const { counts } = featuresOf({ system, tools, messages: [{ content }] }, 'm')
        expect(counts.every((count) => Number.isFinite(count) && count >= 0)).toBe(true)
      }),
    )
  })

  test('counts every character once', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const counts = countsOf(ask(text))
        const { letters = 0, digits = 0, marks = 0, accented = 0, otherScripts = 0 } = counts
        const { ideographs = 0, surrogates = 0 } = counts
        const blank = text.match(/[ \t\r\n]/g)?.length ?? 0
        const counted = letters + digits + marks + accented + otherScripts + ideographs + surrogates
        expect(counted + blank).toBe(text.length)
      }),
    )
  })
})

describe('the shape', () => {
  const shapeOf = (rest: JsonObject, content = 'x'): number => {
    return featuresOf(ask(content, rest), 'm').shape
  }

  test('is one for all that is asked alike', () => {
    expect(shapeOf({ system: 'Be brief.' }, 'one')).toBe(shapeOf({ system: 'Be brief.' }, 'two'))
  })

  test('differs with system, tools, format, thinking and the cap', () => {
    const shapes = [
      shapeOf({}),
      shapeOf({ system: 'Be brief.' }),
      shapeOf({ tools: [{ name: 'get' }] }),
      shapeOf({ output_config: { format: { type: 'json_schema', schema: { a: 1 } } } }),
      shapeOf({ thinking: { type: 'adaptive' } }),
      shapeOf({ max_tokens: 1000 }),
    ]
    expect(new Set(shapes).size).toBe(shapes.length)
  })
})
