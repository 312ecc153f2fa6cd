/**
 * "Did you mean": the known name nearest to one that is not known.
 */

/**
 * Text to put behind an unknown name: `, did you mean "x"?`, or nothing when none is near.
 *
 * @example
 * ```ts
 * nearest('orderd', ['ordered', 'output']) // => ', did you mean "ordered"?'
 * nearest('zzz', ['ordered', 'output']) // => ''
 * ```
 */
export function nearest(name: string, known: readonly string[]): string {
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const distance = distanceTo(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best === undefined ? '' : `, did you mean "${best}"?`
}

/** A word of a longer name, such as `--concurrency` of `--max-concurrency`, is near to it. */
function distanceTo(name: string, candidate: string): number {
  const word = name.replace(/^-+/, '')
  const isPart = word.length >= 4 && candidate.includes(word)
  return Math.min(editDistance(name, candidate), isPart ? 2 : Infinity)
}

/**
 * The fewest single-character insertions, deletions, replacements, and swaps of neighbours,
 * where no stretch is changed twice (optimal string alignment).
 */
function editDistance(a: string, b: string): number {
  let beforePrevious: readonly number[] = []
  let previous: readonly number[] = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      const removed = (previous[column] ?? 0) + 1
      const inserted = (current[column - 1] ?? 0) + 1
      const isSwap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const swapped = isSwap ? (beforePrevious[column - 2] ?? Infinity) + 1 : Infinity
      current.push(Math.min(replaced, removed, inserted, swapped))
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length] ?? 0
}
