/**
 * What the prefixes that rows share are worth, in whole nano-dollars: one row writes a prefix to
 * the cache, the others read it while it lives.
 *
 * Prefixes nest. Each is charged for what it has beyond the longest one before it that is a
 * group of its own, so that sums count nothing twice. A prefix that all rows of a longer one
 * have, and no other, is a part of that one.
 *
 * Saved is what the same tokens cost uncached, less one write and the reads of the rest. Tokens
 * are estimates, and so is the money.
 */

import type { Prices } from './money.ts'
import { noUsage } from './outcome.ts'
import type { PrefixEntry, SharedPrefixes } from './shared-prefixes.ts'

/** Rows that begin alike. */
export interface PrefixGroup {
  readonly rows: number
  readonly model: string
  /** All tokens of what they share, about. */
  readonly tokens: number
  /** In which part of the prompt that ends. */
  readonly level: 'tools' | 'system' | 'messages'
  /** All of these rows mark it, some do, or none. */
  readonly isMarked: 'all' | 'some' | 'none'
  /** The first of the rows. */
  readonly firstLine: number
  /** With `--cache auto`, in nano-dollars; null where a price is not known. */
  readonly saved: number | null
  /** With the marks there are. */
  readonly savedByMarks: number | null
}

/** What the rows of a file share. */
export interface PrefixReport {
  /** Those worth most, first. */
  readonly groups: readonly PrefixGroup[]
  readonly groupCount: number
  /** Rows looked at. */
  readonly rows: number
  /** All groups together, as far as prices are known. */
  readonly saved: number
  readonly savedByMarks: number
  /** Marked prefixes that no other row has, and what writing them costs more than not to. */
  readonly unsharedMarks: number
  readonly wasted: number
  /** Rows all of whose marks are on what is too short to be cached. */
  readonly shortMarks: number
  /** Models of groups whose prices are not known. */
  readonly unpricedModels: readonly string[]
  /** From this line on prefixes that were new were not taken in; null where all were. */
  readonly fullAtLine: number | null
}

/** How prefixes are priced, and how many groups are told. */
export interface SavingsOptions {
  /** Wall time, ms since the epoch. */
  readonly at: number
  readonly via: 'live' | 'batches'
  readonly show: number
}

/** Adds up what is shared. */
export function reportPrefixes(
  shared: SharedPrefixes,
  prices: Prices,
  rows: number,
  options: SavingsOptions,
): PrefixReport {
  const top = new TopGroups(options.show)
  const unpriced = new Set<string>()
  const sums = { groupCount: 0, saved: 0, savedByMarks: 0, unsharedMarks: 0, wasted: 0 }
  for (const { entry, tokens } of cacheableParts(shared)) {
    const costs = costsOf(entry, tokens, prices, options)
    if (costs === null) unpriced.add(entry.model)
    if (entry.rows < 2) {
      sums.unsharedMarks += 1
      sums.wasted += costs === null ? 0 : costs.write - costs.input
      continue
    }
    const saved = costs === null ? null : savedBy(entry.rows, costs)
    const savedByMarks = costs === null ? null : savedBy(entry.marked, costs)
    sums.groupCount += 1
    sums.saved += saved ?? 0
    sums.savedByMarks += savedByMarks ?? 0
    top.add(groupOf(entry, saved, savedByMarks))
  }
  return {
    ...sums,
    groups: top.groups(),
    rows,
    shortMarks: shared.shortMarks,
    unpricedModels: [...unpriced].toSorted(),
    fullAtLine: shared.fullAtLine ?? null,
  }
}

/** A prefix that rows share or that a row marks, and the tokens it has beyond those before it. */
export interface CacheablePart {
  readonly entry: PrefixEntry
  readonly tokens: number
}

/** All there is to be written to the cache, and nothing twice. */
export function* cacheableParts(shared: SharedPrefixes): Generator<CacheablePart> {
  const covered = coveredEntries(shared)
  for (let index = 0; index < shared.size; index++) {
    const entry = shared.entry(index)
    if (covered[index] === 1 || (entry.rows < 2 && entry.marked === 0)) continue
    yield { entry, tokens: ownTokens(shared, entry) }
  }
}

/** For each entry 1 where it is a part of a longer one of the very same rows. */
function coveredEntries(shared: SharedPrefixes): Uint8Array {
  const covered = new Uint8Array(shared.size)
  for (let index = 0; index < shared.size; index++) {
    const entry = shared.entry(index)
    if (entry.before === undefined || entry.rows < 2) continue
    if (haveSameRows(entry, shared.entry(entry.before))) covered[entry.before] = 1
  }
  return covered
}

function haveSameRows(entry: PrefixEntry, shorter: PrefixEntry): boolean {
  return entry.rows > 1 && shorter.rows === entry.rows && shorter.marked === entry.marked
}

/** What a prefix has beyond the one before it that other rows have too. */
function ownTokens(shared: SharedPrefixes, entry: PrefixEntry): number {
  let { before } = entry
  while (before !== undefined) {
    const shorter = shared.entry(before)
    if (!haveSameRows(entry, shorter)) return Math.max(0, entry.tokens - shorter.tokens)
    ;({ before } = shorter)
  }
  return entry.tokens
}

/** Nano-dollars of the same tokens, as one row has them. */
interface Costs {
  readonly input: number
  readonly write: number
  readonly read: number
}

function costsOf(
  { model, isHour }: PrefixEntry,
  tokens: number,
  prices: Prices,
  { at, via }: SavingsOptions,
): Costs | null {
  const usage = { ...noUsage, serviceTier: via === 'batches' ? 'batch' : null }
  const life = isHour ? 'cacheWrite1hTokens' : 'cacheWrite5mTokens'
  const input = prices.costNanoUsd(model, { ...usage, inputTokens: tokens }, { at })
  const write = prices.costNanoUsd(model, { ...usage, [life]: tokens }, { at })
  const read = prices.costNanoUsd(model, { ...usage, cacheReadTokens: tokens }, { at })
  return input === null || write === null || read === null ? null : { input, write, read }
}

/** Of so many rows one writes, and the others read. */
function savedBy(rows: number, { input, write, read }: Costs): number {
  return rows === 0 ? 0 : rows * input - write - (rows - 1) * read
}

function groupOf(
  { rows, marked, model, tokens, level, firstLine }: PrefixEntry,
  saved: number | null,
  savedByMarks: number | null,
): PrefixGroup {
  const isMarked = marked === 0 ? 'none' : marked === rows ? 'all' : 'some'
  return { rows, model, tokens, level, isMarked, firstLine, saved, savedByMarks }
}

/** The groups worth most, of any number, in the memory of those that are told. */
class TopGroups {
  readonly #most: number
  #groups: PrefixGroup[] = []

  constructor(most: number) {
    this.#most = most
  }

  add(group: PrefixGroup): void {
    this.#groups.push(group)
    // Sorted now and then, and not for each group.
    if (this.#groups.length > 2 * this.#most + 1000) this.#groups = [...this.groups()]
  }

  groups(): readonly PrefixGroup[] {
    const worth = ({ saved, rows, tokens }: PrefixGroup): number => saved ?? -1 / (rows * tokens)
    return this.#groups
      .toSorted((left, right) => worth(right) - worth(left) || left.firstLine - right.firstLine)
      .slice(0, this.#most)
  }
}
