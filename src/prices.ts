/**
 * What the API charges, as a dated table. A user's override has the same form (price-override.ts).
 *
 * Figures are the page's own: US dollars a million tokens, as decimal text, so that a reader can
 * hold the table against the page and no figure passes through a float. A TypeScript table and
 * not a JSON file: the reasons stand beside the figures, the compiler checks the form, and the
 * package ships no file that a bundler must be told of.
 *
 * Sources: Anthropic's pricing page (read 2026-09-02) for models to that day; model pages and
 * release notes, up to 2026-11-12, for Opus 5.5, Sonnet 5.5, Haiku 5.5, Fable 5.2 and Mythos 5.2.
 * A model the pages give no price for (Mythos Preview, and all that are retired) has none here:
 * its cost is said to be unknown.
 */

/** US dollars a million tokens, as decimal text. */
export interface TokenPrices {
  readonly input: string
  /** Written to the 5-minute cache. */
  readonly write5m: string
  /** Written to the 1-hour cache. */
  readonly write1h: string
  /** Read from the cache. */
  readonly read: string
  readonly output: string
}

/** What one model costs at one time. */
export interface Rates extends TokenPrices {
  /**
   * Prices of the whole request, output too, when its prompt (input, writes and reads together)
   * is longer than `promptTokens`.
   * @default none: one price for every length
   */
  readonly above?: TokenPrices & { readonly promptTokens: number }
  /**
   * Prices of an answer given at `speed: "fast"`, whatever the prompt's length.
   * @default none: the cost of such an answer is unknown
   */
  readonly fast?: TokenPrices
}

/** What one model costs now, and what it cost before. */
export interface ModelPrices extends Rates {
  /**
   * Multiplies token prices when `inference_geo` is `us`.
   * @default '1': models before 4.6 always bill the standard price
   */
  readonly usFactor?: string
  /**
   * Prices that held before 00:00 UTC of a day, earliest day first.
   * @default none
   */
  readonly earlier?: readonly (Rates & { readonly before: string })[]
}

/** A whole price list. */
export interface PriceTable {
  /** The UTC day of the newest source. */
  readonly date: string
  /** Multiplies token prices of an answer that came by Message Batches; searches cost the same. */
  readonly batchFactor: string
  /** US dollars a thousand web searches; no factor touches them. */
  readonly webSearchUsdPerThousand: string
  /** By model id; a dated id is found through the model it names. */
  readonly models: Readonly<Record<string, ModelPrices>>
}

// The page's rows, each in its column order.
const opus55 = { input: '4', write5m: '5', write1h: '8', read: '0.20', output: '20' }
const opus5 = { input: '5', write5m: '6.25', write1h: '10', read: '0.50', output: '25' }
// The page gives fast input and output; the cache multipliers apply on top of fast prices.
const opus5Fast = { input: '10', write5m: '12.50', write1h: '20', read: '1', output: '50' }
const fable51 = { input: '10', write5m: '12.50', write1h: '20', read: '0.25', output: '50' }
const fable5 = { input: '10', write5m: '12.50', write1h: '20', read: '1', output: '50' }
const fable52 = { input: '8', write5m: '10', write1h: '16', read: '0.20', output: '40' }
const sonnet5 = { input: '2', write5m: '2.50', write1h: '4', read: '0.20', output: '10' }
const sonnet4 = { input: '3', write5m: '3.75', write1h: '6', read: '0.30', output: '15' }
const haiku55 = { input: '0.10', write5m: '0.125', write1h: '0.20', read: '0.01', output: '0.50' }
const haiku55Above = {
  input: '0.50',
  write5m: '0.625',
  write1h: '1',
  read: '0.05',
  output: '2.50',
}
// From 4.6 on a request pinned to the United States costs a tenth more, in every token category.
const us = { usFactor: '1.1' }

/** The shipped price list. */
export const priceTable: PriceTable = {
  date: '2026-11-12',
  batchFactor: '0.5',
  webSearchUsdPerThousand: '10',
  models: {
    'claude-fable-5-2': { ...fable52, ...us },
    'claude-fable-5-1': { ...fable51, ...us },
    'claude-fable-5': { ...fable5, ...us },
    'claude-mythos-5-2': { ...fable52, ...us },
    'claude-mythos-5-1': { ...fable51, ...us },
    'claude-mythos-5': { ...fable5, ...us },
    'claude-opus-5-5': {
      ...opus55,
      fast: { input: '8', write5m: '10', write1h: '16', read: '0.40', output: '40' },
      ...us,
    },
    'claude-opus-5': { ...opus5, fast: opus5Fast, ...us },
    'claude-opus-4-8': { ...opus5, fast: opus5Fast, ...us },
    // 4.7 refuses fast mode.
    'claude-opus-4-7': { ...opus5, ...us },
    // 4.6 takes the parameter, runs at standard speed, and bills the standard price.
    'claude-opus-4-6': { ...opus5, fast: opus5, ...us },
    'claude-opus-4-5': opus5,
    'claude-sonnet-5-5': {
      ...sonnet5,
      read: '0.10',
      earlier: [{ before: '2026-10-07', ...sonnet5 }],
      ...us,
    },
    'claude-sonnet-5': { ...sonnet5, ...us },
    'claude-sonnet-4-6': { ...sonnet4, ...us },
    'claude-sonnet-4-5': sonnet4,
    'claude-haiku-5-5': {
      ...haiku55,
      above: { promptTokens: 100_000, ...haiku55Above },
      ...us,
    },
    'claude-haiku-4-5': { input: '1', write5m: '1.25', write1h: '2', read: '0.10', output: '5' },
  },
}
