/**
 * The least that a file's input can cost, from the file alone: what is written to the prompt cache,
 * what is read from it, and what is best left uncached, were every entry there when it is wanted.
 *
 * Prompts that begin alike make a tree; a node is a prefix that ends with a block, and `n` rows go
 * through it. With prices in units of the input price, `w` for a write and `r` for a read, a token
 * of the node costs all its rows `n` uncached, and w + r (n - 1) cached: one of them writes, the
 * others read. So a node pays if w + r (n - 1) < n.
 *
 *   5 minutes  w = 1.25, r = 0.1   pays from n = 2 on (1.35 < 2)
 *   1 hour     w = 2, r = 0.1      pays from n = 3 on (2.2 < 3; two would pay 2.1)
 *
 * Each node is judged alone: with `n` what caching saves only grows, and no node has more rows
 * than the one above it, so above a node that pays all do. An entry at the node itself is never
 * dearer than entries below it, each of which would write the node's tokens anew. A node shorter
 * than the model caches holds no entry: its tokens go with those of the next node down.
 *
 * A row may write four entries. A prefix shared by the same rows as the one below it needs none of
 * its own, so what counts is how often a path through the tree branches; more than four times
 * is refused, for there the least is not this.
 *
 * It shares nothing with the planner or the simulator's cache.
 */

/** One row's prompt. */
export interface Prompt {
  /** A name for the prefix that ends with each block; the same in rows that begin alike. */
  readonly prefixes: readonly string[]
  /** Tokens of each of these prefixes. */
  readonly tokens: readonly number[]
  /** All input tokens of the row. */
  readonly inputTokens: number
}

/** What a token of input costs, in any unit. */
export interface InputRates {
  readonly uncached: number
  /** At the life an entry is given. */
  readonly write: number
  readonly read: number
}

/** Input tokens, by what is paid for them. */
export interface InputParts {
  readonly uncached: number
  readonly written: number
  readonly read: number
}

const entriesMax = 4

/** What each row pays for, in the order given: of rows alike the first one writes. */
export function leastCost(
  rows: readonly Prompt[],
  { rates, cacheTokensMin }: { readonly rates: InputRates; readonly cacheTokensMin: number },
): readonly InputParts[] {
  const counts = new Map<string, number>()
  for (const { prefixes } of rows) {
    for (const prefix of prefixes) counts.set(prefix, (counts.get(prefix) ?? 0) + 1)
  }
  const pays = (count: number): boolean =>
    rates.write + rates.read * (count - 1) < rates.uncached * count
  const written = new Set<string>()
  return rows.map(({ prefixes, tokens, inputTokens }) => {
    let [readTo, writeTo] = [0, 0]
    const entries = new Set<number>()
    for (const [index, prefix] of prefixes.entries()) {
      const [count = 0, end = 0] = [counts.get(prefix), tokens[index]]
      if (!pays(count)) break
      if (end < cacheTokensMin) continue
      entries.add(count)
      writeTo = end
      if (written.has(prefix)) readTo = end
      written.add(prefix)
    }
    if (entries.size > entriesMax) {
      throw new Error(`A row has ${entries.size} shared prefixes, and can write ${entriesMax}`)
    }
    return { uncached: inputTokens - writeTo, written: writeTo - readTo, read: readTo }
  })
}

/** The sum of what rows pay for. */
export function sumOf(parts: readonly InputParts[]): InputParts {
  const sum = { uncached: 0, written: 0, read: 0 }
  for (const { uncached, written, read } of parts) {
    sum.uncached += uncached
    sum.written += written
    sum.read += read
  }
  return sum
}

/** What it costs, in the unit of the rates. */
export function costOf({ uncached, written, read }: InputParts, rates: InputRates): number {
  return uncached * rates.uncached + written * rates.write + read * rates.read
}
