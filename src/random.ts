/**
 * Chance, as a parameter. The only core file that draws from the system's entropy.
 *
 * `Random` is seeded, so that a run's jitter, and the simulator's latencies and
 * faults, replay. It is not for secrets; `randomToken` is.
 */

import { randomBytes } from 'node:crypto'

/**
 * A seeded stream of numbers (sfc32: small, fast, period about 2^128, passes PractRand).
 *
 * @example
 * ```ts
 * new Random(7).float() === new Random(7).float() // => true
 * ```
 */
export class Random {
  readonly #seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#seed = seed
    this.#a = 0x9e3779b9 ^ (seed | 0)
    this.#b = 0x243f6a88 ^ (Math.floor(seed / 2 ** 32) | 0)
    this.#c = 0xb7e15162
    // Twelve rounds mix the seed into all of the state before the first draw.
    for (let round = 0; round < 12; round++) this.uint32()
  }

  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + sum) | 0
    return sum >>> 0
  }

  /** A number from 0 up to but not including 1. */
  float(): number {
    return this.uint32() / 2 ** 32
  }

  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.float() * (max - min + 1))
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.float() < probability
  }

  /** A draw from the standard normal distribution (Box-Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.float())) * Math.cos(2 * Math.PI * this.float())
  }

  /** A draw from the log-normal distribution with this mean; `sigma` is that of the logarithm. */
  logNormal(mean: number, sigma: number): number {
    return mean * Math.exp(sigma * this.normal() - (sigma * sigma) / 2)
  }

  /** One of the items. */
  pick<T>(items: readonly [T, ...(readonly T[])]): T {
    return items[this.integer(0, items.length - 1)] ?? items[0]
  }

  /** An independent stream, named so that adding one does not shift the others. */
  fork(name: string): Random {
    let hash = 2166136261
    for (let index = 0; index < name.length; index++) {
      hash = Math.imul(hash ^ name.charCodeAt(index), 16777619)
    }
    const low = (hash ^ Math.imul(this.#seed | 0, 0x9e3779b1)) >>> 0
    // A seed has up to 53 bits, and two that differ in the upper ones differ in their forks.
    return new Random((Math.floor(this.#seed / 2 ** 32) & 0x1fffff) * 2 ** 32 + low)
  }
}

/** An unguessable name: `bytes` random bytes as hexadecimal. */
export function randomToken(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

/** A seed for a run that was given none. */
export function entropySeed(): number {
  return randomBytes(4).readUInt32LE()
}
