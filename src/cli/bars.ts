/**
 * Bars and curves of text: numbers to cells, all pure.
 */

import type { Glyphs } from './glyphs.ts'
import type { Paint, Tone } from './paint.ts'

/** What a bar shows. Any unit, as long as it is one. */
export interface Shares {
  readonly ours: number
  readonly others: number
  readonly limit: number
}

/** Used of the limit from the left, then what others use of it, then what is free. */
export function bar(
  { ours, others, limit }: Shares,
  cells: number,
  { glyphs, paint, tone = 'plain' }: { glyphs: Glyphs; paint: Paint; tone?: Tone },
): string {
  const parts = glyphs.used.length
  const all = cells * parts
  // Rounded down, so that a full bar is a full limit; but something is never shown as nothing.
  const used = Math.min(all, ours > 0 ? Math.max(1, Math.floor((ours / limit) * all)) : 0)
  const whole = Math.floor(used / parts)
  const part = used % parts
  const taken = whole + (part > 0 ? 1 : 0)
  const end = Math.min(cells, Math.round(((ours + others) / limit) * cells))
  const shaded = others > 0 ? Math.min(cells - taken, Math.max(1, end - taken)) : 0
  const rest = Math.max(0, cells - taken - shaded)
  const full = glyphs.used.at(-1) ?? ''
  const text = full.repeat(whole) + (part > 0 ? (glyphs.used[part - 1] ?? '') : '')
  return (
    (text === '' ? '' : paint(tone, text)) +
    (shaded + rest === 0
      ? ''
      : paint('quiet', glyphs.others.repeat(shaded) + glyphs.free.repeat(rest)))
  )
}

/** Numbers of one second each, and how many seconds had passed when they were taken. */
export interface Seconds {
  readonly eachSecond: readonly number[]
  readonly elapsedMs: number
}

/**
 * So many cells for the last minute, the newest last; fewer in the first. A cell holds the same
 * seconds as long as it is seen, so that the curve moves by whole cells and does not tremble.
 *
 * @example
 * ```ts
 * sparkline({ eachSecond: [0, 0, 4, 4, 8, 8], elapsedMs: 6000 }, 30, unicode) // => '▁▅█'
 * ```
 */
export function sparkline(
  { eachSecond, elapsedMs }: Seconds,
  cells: number,
  { heights }: Glyphs,
): string {
  const top = heights.length - 1
  if (top < 0 || eachSecond.length === 0) return ''
  const seconds = 60 / cells
  const first = Math.floor(elapsedMs / 1000) - eachSecond.length
  const sums = new Map<number, { sum: number; count: number }>()
  for (const [index, value] of eachSecond.entries()) {
    const cell = Math.floor((first + index) / seconds)
    const { sum, count } = sums.get(cell) ?? { sum: 0, count: 0 }
    sums.set(cell, { sum: sum + value, count: count + 1 })
  }
  const means = [...sums.values()].slice(-cells).map(({ sum, count }) => sum / count)
  const most = Math.max(...means)
  const heightOf = (mean: number): number => (mean === 0 ? 0 : Math.ceil((mean / most) * top))
  return means.map((mean) => heights[heightOf(mean)] ?? '').join('')
}
