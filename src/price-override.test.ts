import { describe, expect, test } from 'vitest'
import { RunError } from './errors.ts'
import { mergePrices } from './price-override.ts'
import { priceTable } from './prices.ts'

const aPrice = 'must be a decimal below 10000 with at most 6 decimal places'

const entry = { input: '4.5', write5m: '5.625', write1h: '9', read: '0.45', output: '22.5' }

/** The error code and the faults reported for a file. */
function refusalOf(file: unknown): { code: string; faults: readonly string[] } {
  try {
    mergePrices(file, 'my.json')
    return { code: 'none', faults: [] }
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    const faults = error.message.replace('Cannot use my.json: ', '').split('; ')
    return { code: error.code, faults }
  }
}

function withModel(model: unknown): unknown {
  return { models: { x: model } }
}

describe('mergePrices()', () => {
  test('leaves the shipped table as it is for an empty file', () => {
    expect(mergePrices({}, 'my.json')).toEqual(priceTable)
    expect(mergePrices({ models: {} }, 'my.json')).toEqual(priceTable)
  })

  test('replaces a model as a whole and keeps its factor and every other model', () => {
    const { models } = mergePrices({ models: { 'claude-opus-5': entry } }, 'my.json')
    // No `fast` is left over from the shipped entry.
    expect(models['claude-opus-5']).toEqual({ ...entry, usFactor: '1.1' })
    const { 'claude-opus-5': ours, ...others } = models
    const { 'claude-opus-5': shipped, ...shippedOthers } = priceTable.models
    expect(ours).not.toEqual(shipped)
    expect(others).toEqual(shippedOthers)
  })

  test('lets an entry name its own factor', () => {
    const file = { models: { 'claude-opus-5': { ...entry, usFactor: 1.05 } } }
    expect(mergePrices(file, 'my.json').models['claude-opus-5']?.usFactor).toBe('1.05')
  })

  test('lays an entry for a dated id over its model, so that both names find it', () => {
    const file = { models: { 'claude-haiku-4-5-20251001': entry } }
    const { models } = mergePrices(file, 'my.json')
    expect(models['claude-haiku-4-5']).toEqual(entry)
    expect(models['claude-haiku-4-5-20251001']).toBeUndefined()
  })

  test('adds a model the table does not know', () => {
    const whole = {
      ...entry,
      above: { promptTokens: 200_000, ...entry },
      fast: entry,
      earlier: [{ before: '2026-02-28', ...entry, fast: entry }],
    }
    expect(mergePrices(withModel(whole), 'my.json').models['x']).toEqual(whole)
  })

  test('takes numbers as they are written', () => {
    const file = { webSearchUsdPerThousand: 8.5, batchFactor: 0.4, date: '2026-12-01' }
    expect(mergePrices(file, 'my.json')).toEqual({
      ...priceTable,
      webSearchUsdPerThousand: '8.5',
      batchFactor: '0.4',
      date: '2026-12-01',
    })
    const numbers = { input: 0.1, write5m: 0.125, write1h: 2, read: 0.000001, output: 9999 }
    expect(mergePrices(withModel(numbers), 'my.json').models['x']).toEqual({
      input: '0.1',
      write5m: '0.125',
      write1h: '2',
      read: '0.000001',
      output: '9999',
    })
  })

  test.each([
    ['no object', [], ['must be an object, got []']],
    ['null', null, ['must be an object, got null']],
    ['an unknown key', { model: {} }, ['Unrecognized key: "model"']],
    [
      'an unknown key of a model',
      withModel({ ...entry, batch: 1 }),
      ['models.x: Unrecognized key: "batch"'],
    ],
    ['a word', withModel({ ...entry, input: 'free' }), [`models.x.input: ${aPrice}, got "free"`]],
    ['a negative', withModel({ ...entry, read: -1 }), [`models.x.read: ${aPrice}, got "-1"`]],
    [
      'more decimals than are exact',
      withModel({ ...entry, read: '0.1234567' }),
      [`models.x.read: ${aPrice}, got "0.1234567"`],
    ],
    ['an exponent', withModel({ ...entry, read: 1e-7 }), [`models.x.read: ${aPrice}, got "1e-7"`]],
    [
      'a price past all sense',
      withModel({ ...entry, output: 10_000 }),
      [`models.x.output: ${aPrice}, got "10000"`],
    ],
    [
      'a day that is none',
      withModel({ ...entry, earlier: [{ ...entry, before: '2026-02-29' }] }),
      ['models.x.earlier.0.before: must be a day, YYYY-MM-DD, got "2026-02-29"'],
    ],
    [
      'half a token',
      withModel({ ...entry, above: { ...entry, promptTokens: 0.5 } }),
      ['models.x.above.promptTokens: must be a whole number, got 0.5'],
    ],
    [
      'several faults',
      { batchFactor: true, models: { x: { ...entry, fast: 3, read: undefined } } },
      [
        'batchFactor: must be a decimal below 10000 with at most 4 decimal places, got true',
        'models.x.read: is missing',
        'models.x.fast: must be an object, got 3',
      ],
    ],
    [
      'one model twice',
      { models: { 'claude-haiku-4-5': entry, 'claude-haiku-4-5-20251001': entry } },
      ['models.claude-haiku-4-5-20251001 is the same model as models.claude-haiku-4-5'],
    ],
  ])('reports %s', (_name, file, faults) => {
    expect(refusalOf(file)).toEqual({ code: 'PRICES_INVALID', faults })
  })
})
