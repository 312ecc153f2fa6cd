/**
 * Round places on axes: of amounts, of lengths of time, and of latencies by their logarithm.
 */

/**
 * Equal round steps from zero to a value or just above it.
 *
 * @example
 * ```ts
 * amountTicks(43, 4) // => [0, 20, 40, 60]
 * amountTicks(0, 2) // => [0, 1]
 * ```
 */
export function amountTicks(value: number, most: number): number[] {
  if (!(value > 0)) return [0, 1]
  const power = 10 ** Math.floor(Math.log10(value / most))
  // The tolerance is for quotients that are whole but for their last bit.
  const fits = (factor: number): boolean => value <= factor * power * most * (1 + 1e-9)
  const step = ([1, 2, 2.5, 5].find(fits) ?? 10) * power
  const count = Math.ceil(value / step - 1e-9)
  return Array.from({ length: count + 1 }, (_, index) => index * step)
}

const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000]
const timeSteps = [
  ...[1, 2, 5, 10, 15, 20, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 15, 20, 30].map((count) => count * minute),
  ...[1, 2, 3, 6, 12].map((count) => count * hour),
]

/** Round instants from zero up to the total, at most so many after zero. */
export function timeTicks(totalMs: number, most: number): number[] {
  if (!(totalMs > 0)) return []
  const least = totalMs / most
  const step = timeSteps.find((length) => length >= least) ?? Math.ceil(least / day) * day
  return Array.from({ length: Math.floor(totalMs / step) + 1 }, (_, index) => index * step)
}

/** 1, 2 and 5 times the powers of ten from one bound to the other, thinned to the powers. */
export function logTicks(from: number, to: number, most: number): number[] {
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(from)); 10 ** power <= to; power += 1) {
    ticks.push(...[1, 2, 5].map((factor) => factor * 10 ** power))
  }
  const within = ticks.filter((tick) => tick >= from && tick <= to)
  if (within.length <= most) return within
  return within.filter((tick) => Number.isInteger(Math.log10(tick)))
}
