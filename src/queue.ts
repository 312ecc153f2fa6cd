/**
 * A queue with two ends: new rows join at the back, returning ones at the front.
 *
 * A ring that doubles when full, so that taking from a long queue moves nothing.
 */
export class Queue<T> {
  #ring: (T | undefined)[] = Array.from({ length: 16 })
  #first = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  peek(): T | undefined {
    return this.#ring[this.#first]
  }

  pushBack(item: T): void {
    this.#grow()
    this.#ring[(this.#first + this.#size) % this.#ring.length] = item
    this.#size += 1
  }

  pushFront(item: T): void {
    this.#grow()
    this.#first = (this.#first + this.#ring.length - 1) % this.#ring.length
    this.#ring[this.#first] = item
    this.#size += 1
  }

  popFront(): T | undefined {
    if (this.#size === 0) return undefined
    const item = this.#ring[this.#first]
    this.#ring[this.#first] = undefined
    this.#first = (this.#first + 1) % this.#ring.length
    this.#size -= 1
    return item
  }

  #grow(): void {
    if (this.#size < this.#ring.length) return
    const ring = Array.from<T | undefined>({ length: this.#ring.length * 2 })
    for (let index = 0; index < this.#size; index++) {
      ring[index] = this.#ring[(this.#first + index) % this.#ring.length]
    }
    this.#ring = ring
    this.#first = 0
  }
}
