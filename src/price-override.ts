/**
 * A user's price file: negotiated prices, and models the shipped table does not know.
 *
 * ```json
 * { "models": { "claude-opus-5": {
 *     "input": "4.5", "write5m": "5.625", "write1h": "9", "read": "0.45", "output": "22.5" } } }
 * ```
 *
 * It is laid over the shipped table a model at a time: an entry replaces all prices of its model,
 * so that no cost is ever half old prices and half new. Only the factor for the United States is
 * kept when the entry names none, since it is the API's rule and not a price.
 *
 * Every fault of the file is reported at once, with its place and value.
 */

import { z } from 'zod'
import { RunError } from './errors.ts'
import { findModel } from './models.ts'
import { type ModelPrices, type PriceTable, priceTable } from './prices.ts'

/**
 * The shipped prices with `override`, the parsed content of a price file, laid over them.
 * Throws `RunError` PRICES_INVALID, naming `place`, if it is no price file.
 */
export function mergePrices(override: unknown, place: string): PriceTable {
  const parsed = priceFile.safeParse(override)
  if (!parsed.success) throw invalidPrices(place, parsed.error.issues.map(faultOf))
  const { models: entries = {}, ...rest } = parsed.data
  const models: Record<string, ModelPrices> = { ...priceTable.models }
  const keyById = new Map<string, string>()
  const faults: string[] = []
  for (const [key, entry] of Object.entries(entries)) {
    // Answers carry the dated id, files mostly the alias: both must find the entry.
    const id = findModel(key)?.id ?? key
    const earlierKey = keyById.get(id)
    if (earlierKey !== undefined) {
      faults.push(`models.${key} is the same model as models.${earlierKey}`)
    }
    keyById.set(id, key)
    const usFactor = entry.usFactor ?? priceTable.models[id]?.usFactor
    models[id] = usFactor === undefined ? entry : { ...entry, usFactor }
  }
  if (faults.length > 0) throw invalidPrices(place, faults)
  return { ...priceTable, ...rest, models }
}

function invalidPrices(place: string, faults: readonly string[]): RunError {
  return new RunError('PRICES_INVALID', `Cannot use ${place}: ${faults.join('; ')}`, {
    hint: 'give each model input, write5m, write1h, read, output: US dollars a million tokens',
  })
}

function faultOf(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String).join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}

function mustBe(what: string): { error: z.core.$ZodErrorMap } {
  return {
    error: ({ code, input }) => {
      if (code === 'unrecognized_keys') return undefined
      return input === undefined ? 'is missing' : `must be ${what}, got ${JSON.stringify(input)}`
    },
  }
}

/** A number or text such as 0.125, kept as text; further decimal places would not be exact. */
function decimal(places: number): z.ZodType<string> {
  const pattern = new RegExp(`^\\d{1,4}(\\.\\d{1,${places}})?$`)
  const message = mustBe(`a decimal below 10000 with at most ${places} decimal places`)
  // The shortest text of a JSON number is what was written, trailing zeros and exponents aside.
  const text = z.union([z.string(), z.number()], message).transform(String)
  return text.refine((value) => pattern.test(value), message)
}

const anObject = mustBe('an object')

const usd = decimal(6)
const factor = decimal(4)

const tokenPrices = { input: usd, write5m: usd, write1h: usd, read: usd, output: usd }

const above = z.strictObject(
  {
    promptTokens: z.int(mustBe('a whole number')).nonnegative(mustBe('0 or more')),
    ...tokenPrices,
  },
  anObject,
)

const rates = {
  ...tokenPrices,
  above: above.exactOptional(),
  fast: z.strictObject(tokenPrices, anObject).exactOptional(),
}

const earlier = z.strictObject(
  { before: z.iso.date(mustBe('a day, YYYY-MM-DD')), ...rates },
  anObject,
)

const modelPrices = z.strictObject(
  {
    ...rates,
    usFactor: factor.exactOptional(),
    earlier: z.array(earlier, mustBe('an array')).exactOptional(),
  },
  anObject,
)

const priceFile = z.strictObject(
  {
    date: z.iso.date(mustBe('a day, YYYY-MM-DD')).exactOptional(),
    batchFactor: factor.exactOptional(),
    webSearchUsdPerThousand: usd.exactOptional(),
    models: z.record(z.string(), modelPrices, anObject).exactOptional(),
  },
  anObject,
)
