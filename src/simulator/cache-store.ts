/**
 * The prompt cache: which prefixes there are, until when, and what a request gets of them.
 *
 * A request looks when it starts and writes when its answer begins. So an entry can be read by
 * whoever starts after the writer's first byte, and twins that start before it all write, and all
 * pay. Both uses count an entry's life from the start of the request that wrote or read it.
 *
 *   look     for every breakpoint the longest entry among the 20 positions up to it
 *   refresh  the entries that were found live anew, each as long as it was written for
 *   write    an entry for every breakpoint beyond the longest that was found
 *
 * Where the documents leave room, this is the reading: a breakpoint asking for 1h reads an entry
 * of 5m like any other, and does not make it live longer; every breakpoint's find is refreshed;
 * within what is read nothing is written.
 *
 * Bounded: what has expired is swept whenever entries have doubled, and beyond `entriesMax` the
 * ones longest unused go. An entry takes some 200 bytes.
 */

import type { CacheTtl } from './cache-marks.ts'
import type { CachePlan } from './cache-prefix.ts'

/** What a request gets of the cache, and gives to it. */
export interface CacheUse {
  readonly readTokens: number
  readonly write5mTokens: number
  readonly write1hTokens: number
  /** Digests of the entries that were found. */
  readonly found: readonly string[]
  readonly writes: readonly { readonly digest: string; readonly ttl: CacheTtl }[]
}

/** Of a request that has nothing to do with the cache. */
export const noCacheUse: CacheUse = {
  readTokens: 0,
  write5mTokens: 0,
  write1hTokens: 0,
  found: [],
  writes: [],
}

/** How long entries live, and how many there may be. */
export interface CacheBounds {
  /** Milliseconds an entry of 5m lives. @default 300_000 */
  readonly shortLifeMs?: number
  /** @default 100_000 */
  readonly entriesMax?: number
}

interface Entry {
  readonly lifeMs: number
  /** The first instant at which a request that starts does not find it. */
  readonly expiresAt: number
}

const longLifeMs = 3_600_000
const sweepFrom = 1000

/** How many positions are looked at for a breakpoint, its own counted. */
const positionsMax = 20

/** All prefixes that are cached. */
export class CacheStore {
  /** By digest; the longest unused come first. */
  readonly #entries = new Map<string, Entry>()
  readonly #shortLifeMs: number
  readonly #entriesMax: number
  #sweepAt = sweepFrom

  constructor({ shortLifeMs = 300_000, entriesMax = 100_000 }: CacheBounds = {}) {
    this.#shortLifeMs = shortLifeMs
    this.#entriesMax = entriesMax
  }

  /** Entries, those included that have expired and are not swept yet. */
  get size(): number {
    return this.#entries.size
  }

  /** What a request that starts now would get. Changes nothing. */
  look(now: number, { digests, tokens, breakpoints }: CachePlan): CacheUse {
    const found = breakpoints.flatMap(({ at }) => this.#find(now, digests, at) ?? [])
    const foundAt = Math.max(-1, ...found)
    const beyond = breakpoints.filter(({ at }) => at > foundAt)
    const readTokens = tokens[foundAt] ?? 0
    const lastLong = beyond.findLast(({ ttl }) => ttl === '1h')
    const longEnd = lastLong === undefined ? readTokens : (tokens[lastLong.at] ?? 0)
    const end = beyond.length === 0 ? readTokens : (tokens[beyond.at(-1)?.at ?? 0] ?? 0)
    return {
      readTokens,
      write5mTokens: end - longEnd,
      write1hTokens: longEnd - readTokens,
      found: [...new Set(found)].map((at) => digests[at] ?? ''),
      writes: beyond.map(({ at, ttl }) => ({ digest: digests[at] ?? '', ttl })),
    }
  }

  /** The request starts now: what it found lives on. */
  refresh(now: number, { found }: CacheUse): void {
    for (const name of found) {
      const entry = this.#entries.get(name)
      if (entry !== undefined) this.#put(name, entry.lifeMs, now)
    }
  }

  /** Its answer begins now: what it writes can be read. */
  write(now: number, startedAt: number, { writes }: CacheUse): void {
    for (const { digest, ttl } of writes) {
      const lifeMs = ttl === '1h' ? longLifeMs : this.#shortLifeMs
      if (startedAt + lifeMs > now) this.#put(digest, lifeMs, startedAt)
    }
    if (this.#entries.size >= this.#sweepAt) this.#sweep(now)
    for (const name of this.#entries.keys()) {
      if (this.#entries.size <= this.#entriesMax) break
      this.#entries.delete(name)
    }
  }

  /** The position of the longest entry among those looked at for a breakpoint. */
  #find(now: number, digests: readonly string[], breakpoint: number): number | undefined {
    for (let at = breakpoint; at >= 0 && at > breakpoint - positionsMax; at--) {
      const entry = this.#entries.get(digests[at] ?? '')
      if (entry !== undefined && now < entry.expiresAt) return at
    }
    return undefined
  }

  #put(name: string, lifeMs: number, startedAt: number): void {
    const entry = this.#entries.get(name)
    const before = entry !== undefined && startedAt < entry.expiresAt ? entry : undefined
    // Deleted first, so that it comes last.
    this.#entries.delete(name)
    this.#entries.set(name, {
      lifeMs: Math.max(lifeMs, before?.lifeMs ?? 0),
      expiresAt: Math.max(startedAt + lifeMs, before?.expiresAt ?? 0),
    })
  }

  #sweep(now: number): void {
    for (const [name, { expiresAt }] of this.#entries) {
      if (expiresAt <= now) this.#entries.delete(name)
    }
    this.#sweepAt = Math.max(sweepFrom, 2 * this.#entries.size)
  }
}
