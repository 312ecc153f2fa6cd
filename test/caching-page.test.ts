/**
 * The figures of docs/caching.md against the price list and the models: a price that changes makes
 * the page wrong.
 */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { modelFacts } from '../src/models.ts'
import { formatUsd } from '../src/money.ts'
import { priceTable, type TokenPrices } from '../src/prices.ts'

const page = readFileSync(new URL('../docs/caching.md', import.meta.url), 'utf8')

/** The cells of the rows of the table under a heading of these columns. */
function tableOf(heading: string): readonly (readonly string[])[] {
  const [, table = ''] = page.split(`${heading}\n`)
  const rows = /^\|[-|]+\|\n((?:\|.*\n)+)/.exec(table)?.[1] ?? ''
  const lines = rows.split('\n').filter((line) => line !== '')
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** `Fable 5, 5.1; Opus 5` → `claude-fable-5`, `claude-fable-5-1`, `claude-opus-5`. */
function idsOf(cell: string): readonly string[] {
  return cell.split('; ').flatMap((family) => {
    const [, name = '', versions = ''] = /^(\w+) (.*)$/.exec(family) ?? []
    const stem = `claude-${name.toLowerCase()}`
    return versions.split(', ').map((each) => `${stem}-${each.replace('.', '-').toLowerCase()}`)
  })
}

/** Nano-dollars a token, from dollars a million. */
function nano(price: string): number {
  return Math.round(Number(price) * 1000)
}

/** What a prefix costs that is written once and read by all but one of the rows. */
function cached(tokens: number, rows: number, write: string, read: string): number {
  return tokens * (nano(write) + (rows - 1) * nano(read))
}

function paysFrom({ input, read }: TokenPrices, write: string): number {
  let rows = 1
  while (cached(1000, rows, write, read) >= 1000 * rows * nano(input)) rows += 1
  return rows
}

describe('when a mark pays', () => {
  const heading =
    '| models | input | 5 min write | 1 h write | read | 5 min from | 1 h from ' +
    '| uncached | 5 min | 1 h |'
  const rows = tableOf(heading)

  test.each(rows)('%s', (models = '', ...cells) => {
    const [family = '', isAbove] = models.split(' above ')
    for (const id of idsOf(family)) {
      const known = priceTable.models[id]
      const rates = isAbove === undefined ? known : known?.above
      if (rates === undefined) throw new Error(`There is no price of ${id}`)
      const { input, write5m, write1h, read } = rates
      const costs = [
        20 * 10_000 * nano(input),
        cached(10_000, 20, write5m, read),
        cached(10_000, 20, write1h, read),
      ]
      expect(cells).toEqual([
        input,
        write5m,
        write1h,
        read,
        String(paysFrom(rates, write5m)),
        String(paysFrom(rates, write1h)),
        ...costs.map(formatUsd),
      ])
    }
  })

  test('every model with a price has its row', () => {
    const listed = rows.filter(([models]) => models?.includes(' above ') === false)
    expect(listed.flatMap(([models = '']) => idsOf(models)).toSorted()).toEqual(
      Object.keys(priceTable.models).toSorted(),
    )
  })

  test('from two rows on for 5 minutes, and from three on for an hour, at every price', () => {
    for (const prices of Object.values(priceTable.models)) {
      const all = [prices, prices.above, prices.fast].filter((rates) => rates !== undefined)
      for (const rates of all) {
        const from = [paysFrom(rates, rates.write5m), paysFrom(rates, rates.write1h)]
        expect(from).toEqual([2, 3])
      }
    }
  })
})

test('what is too short is what the models cache at least', () => {
  const listed = tableOf('| tokens | models |').flatMap(([tokens = '', models = '']) =>
    idsOf(models).map((id) => `${id} ${tokens.replace(',', '')}`),
  )
  const facts = modelFacts.map(({ id, cacheTokensMin }) => `${id} ${cacheTokensMin}`)
  expect(listed.toSorted()).toEqual(facts.toSorted())
})
