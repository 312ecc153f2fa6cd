/**
 * A gate that lets at most so many be inside at once; the others wait in the order they came.
 *
 * Whoever enters is named by an object, which is also how it leaves, from inside or from the
 * queue: giving up a place is the same call wherever the place is.
 */

import { assert } from './assert.ts'

/**
 * Bounds how many are inside.
 *
 * @example
 * ```ts
 * const gate = new Gate(1)
 * const [a, b] = [{}, {}]
 * let started = ''
 * gate.enter(a, () => { started += 'a' })
 * gate.enter(b, () => { started += 'b' })
 * started // => 'a'
 * gate.leave(a)
 * started // => 'ab'
 * ```
 */
export class Gate {
  readonly #insideMax: number
  readonly #inside = new Set<object>()
  readonly #waiting = new Map<object, () => void>()
  #isAdmitting = false

  constructor(insideMax: number) {
    assert(insideMax >= 1, `A gate must let somebody in, got ${insideMax}`)
    this.#insideMax = insideMax
  }

  /** Calls `start` when `who` is inside: now, or when enough others have left. */
  enter(who: object, start: () => void): void {
    assert(!this.#inside.has(who) && !this.#waiting.has(who), 'Nobody enters a gate twice')
    this.#waiting.set(who, start)
    this.#admit()
  }

  /** Takes `who` out, from inside or from the queue; does nothing if it is in neither. */
  leave(who: object): void {
    this.#waiting.delete(who)
    if (this.#inside.delete(who)) this.#admit()
  }

  #admit(): void {
    // A start that leaves at once must not admit the next from within itself: a thousand of
    // them would be a thousand calls deep.
    if (this.#isAdmitting) return
    this.#isAdmitting = true
    try {
      for (const [who, start] of this.#waiting) {
        if (this.#inside.size >= this.#insideMax) break
        this.#waiting.delete(who)
        this.#inside.add(who)
        start()
      }
    } finally {
      this.#isAdmitting = false
    }
  }
}
