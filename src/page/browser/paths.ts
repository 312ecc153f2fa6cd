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
export function linePath({ from, to }: TimeAxis, values: readonly number[], top: number): string {
  if (values.length === 0) return ''
  let path = `M${from[0] ?? 0} ${height(values[0] ?? 0, top)}`
  // By index, as are all loops here: outlines are made anew for every view of a live page.
  for (let index = 0; index < values.length; index += 1) {
    const middle = ((from[index] ?? 0) + (to[index] ?? 0)) >> 1
    path += `L${middle} ${height(values[index] ?? 0, top)}`
  }
  return `${path}H${to[values.length - 1] ?? 0}`
}

/** What lies below such a line. */
export function areaPath(line: string, { from }: TimeAxis): string {
  return line === '' ? '' : `${line}V${heightUnits}H${from[0] ?? 0}Z`
}

/** What lies between two lines; nothing where they are one. */
export function bandPath(
  axis: TimeAxis,
  [lower, upper]: readonly [readonly number[], readonly number[]],
  top: number,
): string {
  let path = ''
  for (let index = 0; index < upper.length; index += 1) {
    const value = upper[index] ?? 0
    const base = lower[index] ?? 0
    if (value <= base) continue
    const ground = height(base, top)
    const begin = `M${axis.from[index] ?? 0} ${ground}V${height(value, top)}`
    path += `${begin}H${axis.to[index] ?? 0}V${ground}Z`
  }
  return path
}

/** A line in steps, interrupted where there is no value. */
export function stepPath(axis: TimeAxis, values: readonly (number | null)[], top: number): string {
  let path = ''
  let last: number | null = null
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? null
    if (value !== null && value !== last) {
      const y = height(value, top)
      path += last === null ? `M${axis.from[index] ?? 0} ${y}` : `V${y}`
    }
    if (value !== null && values[index + 1] !== value) path += `H${axis.to[index] ?? 0}`
    last = value
  }
  return path
}
