/**
 * Outlines of charts as SVG path data, in whole units: charts are stretched to their place, so
 * a unit is far smaller than a pixel and figures stay short.
 */

import type { TimeAxis } from './time-axis.ts'

/** Units of a chart from bottom to top. */
export const heightUnits = 1000

/** The height of a value, from the top. */
function height(value: number, top: number): number {
  return Math.round(heightUnits * (1 - Math.min(1, Math.max(0, value / top))))
}

/** A line through the middles of the intervals, from the first's begin to the last's end. */
export function linePath(axis: TimeAxis, values: readonly number[], top: number): string {
  let path = ''
  for (const [index, value] of values.entries()) {
    const [from, to, y] = [axis.from[index] ?? 0, axis.to[index] ?? 0, height(value, top)]
    if (index === 0) path = `M${from} ${y}`
    path += `L${(from + to) >> 1} ${y}`
    if (index === values.length - 1) path += `H${to}`
  }
  return path
}

/** What lies below such a line. */
export function areaPath(axis: TimeAxis, values: readonly number[], top: number): string {
  if (values.length === 0) return ''
  return `${linePath(axis, values, top)}V${heightUnits}H${axis.from[0] ?? 0}Z`
}

/** What lies between two lines; nothing where they are one. */
export function bandPath(
  axis: TimeAxis,
  [lower, upper]: readonly [readonly number[], readonly number[]],
  top: number,
): string {
  let path = ''
  for (const [index, value] of upper.entries()) {
    const base = lower[index] ?? 0
    if (value <= base) continue
    const [from, to] = [axis.from[index] ?? 0, axis.to[index] ?? 0]
    path += `M${from} ${height(base, top)}V${height(value, top)}H${to}V${height(base, top)}Z`
  }
  return path
}

/** A line in steps, interrupted where there is no value. */
export function stepPath(axis: TimeAxis, values: readonly (number | null)[], top: number): string {
  let path = ''
  let last: number | null = null
  for (const [index, value] of values.entries()) {
    if (value !== null && value !== last) {
      const y = height(value, top)
      path += last === null ? `M${axis.from[index] ?? 0} ${y}` : `V${y}`
    }
    if (value !== null && values[index + 1] !== value) path += `H${axis.to[index] ?? 0}`
    last = value
  }
  return path
}
