/**
 * Whether two sequences of keys are the same, in sixteen bytes.
 *
 * `--ordered` must know whether the answers the output holds stand in the order in which the rows
 * of the input took them: the user may have moved rows since. Both sides are folded as they go by.
 */

/**
 * A sequence of keys (hexadecimal), told from another in 64 bits.
 *
 * @example
 * ```ts
 * const [a, b] = ['00112233445566778899aabbccddeeff', 'ffeeddccbbaa99887766554433221100']
 * const one = new KeySequence()
 * const other = new KeySequence()
 * for (const key of [a, b]) one.add(key)
 * for (const key of [b, a]) other.add(key)
 * one.equals(other) // => false
 * ```
 */
export class KeySequence {
  #a = 0x9e3779b9
  #b = 0x243f6a88

  add(key: string): void {
    // Each key changes a state that all keys before it made, so their order matters.
    this.#a = mixed(this.#a ^ Number.parseInt(key.slice(0, 8), 16))
    this.#b = mixed((this.#b + this.#a) ^ Number.parseInt(key.slice(8, 16), 16))
  }

  equals(other: KeySequence): boolean {
    return this.#a === other.#a && this.#b === other.#b
  }
}

/** Spreads every bit over all bits, one to one. */
function mixed(word: number): number {
  let bits = word | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x45d9f3b)
  bits = Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d)
  return bits ^ (bits >>> 16)
}
