/**
 * A map from 128-bit digests to whole numbers, in as few bytes as it can be.
 *
 * It answers "how many lines of this key does the output hold?" for millions of
 * rows, where a `Map` of strings would take 150 bytes an entry. Think of 256 small
 * hash tables, chosen by the digest's first byte. A slot is three words: the next
 * 64 bits of the digest, and the value. So 72 bits tell keys apart: among n keys
 * the odds that any two are taken for one are about n² / 2^73, which is 1e-10 at a
 * million and 1e-8 at ten million.
 *
 * Memory: a table grows by a quarter when it is 7/8 full. The tables start at
 * staggered sizes, so that they grow one after another and the average load stays
 * the same at every size: 12 bytes × 1.28 = 15.4 bytes an entry, and what one
 * growing table needs for a moment is 1/256 of that.
 *
 * Invariant: an empty slot is all zeros, and a probe ends at the first empty slot.
 */

import { assert } from './assert.ts'

const shardCount = 256
const slotWords = 3
/**
 * Slots of the smallest first table. Small, since an index of few entries has them in many
 * tables.
 */
const firstSlots = 8
const growth = 1.25
const loadMax = 0.875
/** What V8 keeps for one typed array and its entry here, roughly; counted in `bytes`. */
const shardOverheadBytes = 200

interface Shard {
  words: Uint32Array<ArrayBuffer>
  slots: number
  /** Slots that are not empty, those with value 0 included. */
  used: number
}

/**
 * Counts per digest; see above.
 *
 * @example
 * ```ts
 * const counts = new Fingerprints()
 * counts.add('00112233445566778899aabbccddeeff', 2) // => 2
 * counts.get('00112233445566778899aabbccddeeff') // => 2
 * counts.get('ffffffffffffffffffffffffffffffff') // => 0
 * counts.size // => 1
 * ```
 */
export class Fingerprints {
  readonly #shards: (Shard | undefined)[] = Array.from({ length: shardCount })
  #size = 0

  /** Entries whose value is not 0. */
  get size(): number {
    return this.#size
  }

  /** Bytes of memory it holds. */
  get bytes(): number {
    let bytes = shardCount * 8
    for (const shard of this.#shards) {
      if (shard !== undefined) bytes += shardOverheadBytes + shard.words.byteLength
    }
    return bytes
  }

  /** The value of `key` (at least 18 hexadecimal characters); 0 when it was never set. */
  get(key: string): number {
    const shard = this.#shards[hexByte(key, 0)]
    if (shard === undefined) return 0
    const high = hexWord(key, 2)
    const low = lowWord(key, high)
    return shard.words[find(shard, high, low) + 2] ?? 0
  }

  /**
   * Adds `delta` (may be negative) to the value of `key`, and returns the sum; it may not fall
   * below 0.
   */
  add(key: string, delta: number): number {
    return this.#put(key, delta, true)
  }

  /** Makes `value` the value of `key`; 0 forgets it. */
  set(key: string, value: number): void {
    this.#put(key, value, false)
  }

  #put(key: string, amount: number, relative: boolean): number {
    const index = hexByte(key, 0)
    const high = hexWord(key, 2)
    const low = lowWord(key, high)
    const shard = (this.#shards[index] ??= emptyShard(index))
    const at = find(shard, high, low)
    const { words } = shard
    const before = words[at + 2] ?? 0
    const value = relative ? before + amount : amount
    const fits = Number.isInteger(value) && value >= 0 && value < 2 ** 32
    assert(fits, `A fingerprint's value must be a whole number below 2^32, got ${value}`)
    const isNew = words[at] === 0 && words[at + 1] === 0
    if (isNew && value === 0) return 0
    words[at] = high
    words[at + 1] = low
    words[at + 2] = value
    if (before === 0 && value > 0) this.#size++
    if (before > 0 && value === 0) this.#size--
    if (isNew && ++shard.used > shard.slots * loadMax) grow(shard)
    return value
  }
}

function emptyShard(index: number): Shard {
  const slots = Math.round(firstSlots * growth ** (index / shardCount))
  return { words: new Uint32Array(slots * slotWords), slots, used: 0 }
}

/** The index of the first word of the key's slot, or of the empty slot where it belongs. */
function find({ words, slots }: Shard, high: number, low: number): number {
  // The digest's own bits spread the keys evenly; a product scales them to any size of table.
  let at = Math.floor((high * slots) / 2 ** 32) * slotWords
  const end = words.length
  for (;;) {
    const found = words[at]
    if (found === high && words[at + 1] === low) return at
    if (found === 0 && words[at + 1] === 0) return at
    at += slotWords
    if (at === end) at = 0
  }
}

/** Makes room in a full table, and drops the keys whose value fell back to 0. */
function grow(shard: Shard): void {
  const old = shard.words
  let live = 0
  for (let at = 2; at < old.length; at += slotWords) if (old[at] !== 0) live++
  // When many were dropped, the same size will do.
  const isCrowded = live > shard.slots * (loadMax / growth)
  if (isCrowded) shard.slots = Math.max(shard.slots + 1, Math.round(shard.slots * growth))
  shard.words = new Uint32Array(shard.slots * slotWords)
  shard.used = live
  for (let from = 0; from < old.length; from += slotWords) {
    const value = old[from + 2] ?? 0
    if (value === 0) continue
    const high = old[from] ?? 0
    const low = old[from + 1] ?? 0
    const to = find(shard, high, low)
    shard.words[to] = high
    shard.words[to + 1] = low
    shard.words[to + 2] = value
  }
  // Frees the old table now. Left to the collector, the tables outgrown would add up.
  old.buffer.transfer(0)
}

/** All zeros marks an empty slot, so the one key that looks like it becomes its neighbour. */
function lowWord(key: string, high: number): number {
  const low = hexWord(key, 10)
  return high === 0 && low === 0 ? 1 : low
}

function hexWord(key: string, from: number): number {
  return (
    ((hexByte(key, from) << 24) |
      (hexByte(key, from + 2) << 16) |
      (hexByte(key, from + 4) << 8) |
      hexByte(key, from + 6)) >>>
    0
  )
}

/**
 * Two hexadecimal characters of either case; anything else gives some byte, which is harmless
 * here.
 */
function hexByte(key: string, from: number): number {
  const a = key.charCodeAt(from)
  const b = key.charCodeAt(from + 1)
  return ((((a & 15) + (a >> 6) * 9) << 4) | ((b & 15) + (b >> 6) * 9)) & 255
}
