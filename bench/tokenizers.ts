/**
 * Tokenizers to estimate against: three that differ in kind from one another and from the
 * simulator's, so that what is good for one alone shows.
 *
 *   pairs    byte pairs merged by frequency, as real tokenizers do, on a vocabulary of its own
 *   scripts  bytes at a rate by script, with no idea of words
 *   pieces   words cut into pieces of five, digits by three, marks one by one
 */

import { textTokens } from '../src/simulator/tokens.ts'

/** Counts the tokens of a text. */
export type Tokenizer = (text: string) => number

/** All of them; the byte pairs are merged as these texts have them. */
export function tokenizers(texts: readonly string[]): ReadonlyMap<string, Tokenizer> {
  return new Map<string, Tokenizer>([
    ['pairs', pairTokenizer(texts, 30_000)],
    ['scripts', scriptTokens],
    ['pieces', pieceTokens],
    ['simulator', textTokens],
  ])
}

const word = / ?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+/gu

/** Learns `merges` pairs from texts; what they never show stays bytes. */
function pairTokenizer(texts: readonly string[], merges: number): Tokenizer {
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const [part] of text.matchAll(word)) counts.set(part, (counts.get(part) ?? 0) + 1)
  }
  const words = [...counts].map(([part, count]) => ({ parts: bytesOf(part), count }))
  const ranks = new Map<string, number>()
  while (ranks.size < merges) {
    const pairs = new Map<string, number>()
    for (const { parts, count } of words) {
      for (let index = 1; index < parts.length; index++) {
        const pair = `${parts[index - 1]} ${parts[index]}`
        pairs.set(pair, (pairs.get(pair) ?? 0) + count)
      }
    }
    // The best of one count, as long as they do not touch, are merged in one go.
    const best = [...pairs].toSorted((a, b) => b[1] - a[1]).slice(0, 150)
    if (best.length === 0 || (best[0]?.[1] ?? 0) < 2) break
    for (const [pair] of best) ranks.set(pair, ranks.size)
    for (const entry of words) entry.parts = merge(entry.parts, ranks)
  }
  const known = new Map<string, number>()
  return (text) => {
    let tokens = 0
    for (const [part] of text.matchAll(word)) {
      let size = known.get(part)
      if (size === undefined) known.set(part, (size = merge(bytesOf(part), ranks).length))
      tokens += size
    }
    return tokens
  }
}

function bytesOf(text: string): readonly string[] {
  return [...Buffer.from(text)].map((byte) => byte.toString(16).padStart(2, '0'))
}

/** Merges the pair of the lowest rank until there is none. */
function merge(given: readonly string[], ranks: ReadonlyMap<string, number>): readonly string[] {
  let parts = given
  for (;;) {
    let [lowest, found] = [Infinity, -1]
    for (let index = 1; index < parts.length; index++) {
      const rank = ranks.get(`${parts[index - 1]} ${parts[index]}`) ?? Infinity
      if (rank < lowest) [lowest, found] = [rank, index]
    }
    if (found < 0) return parts
    const merged = `${parts[found - 1]}${parts[found]}`
    parts = [...parts.slice(0, found - 1), merged, ...parts.slice(found + 1)]
  }
}

function scriptTokens(text: string): number {
  let tokens = 0
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (code < 0x80) tokens += 1 / 3.7
    else if (code < 0x250) tokens += 0.6
    else if (code < 0x2000) tokens += 1 / 1.9
    else tokens += code < 0x10000 ? 0.85 : 2.6
  }
  return Math.ceil(tokens)
}

function pieceTokens(text: string): number {
  let tokens = 0
  for (const [part] of text.matchAll(/[A-Za-z]+|\p{L}+|\p{N}+|[^\s\p{L}\p{N}]|\n[ \t]*/gu)) {
    const code = part.codePointAt(0) ?? 0
    if (code === 10) tokens += 1
    else if (/^\p{N}/u.test(part)) tokens += Math.ceil(part.length / 3)
    else if (/^[A-Za-z]/.test(part)) tokens += Math.ceil(part.length / 5)
    else if (code >= 0x10000) tokens += 3
    else if (code >= 0x2e80) tokens += Math.ceil(part.length / 1.5)
    else tokens += Math.ceil(part.length / 2.2)
  }
  return tokens
}
