/**
 * Numbers, durations and money as people read them, in the terminal and on the page alike.
 *
 * All pure, and the same in every locale: a figure in a log must not depend on whose
 * machine wrote it. Exact figures belong to the JSON forms; these are for the eye. Browsers run
 * this file too, so it imports nothing.
 */

/**
 * A whole number with thousands separators.
 *
 * @example
 * ```ts
 * formatCount(1234567) // => '1,234,567'
 * ```
 */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/**
 * Three digits and a letter, for figures that move.
 *
 * @example
 * ```ts
 * formatShort(81234) // => '81.2k'
 * formatShort(2000000) // => '2M'
 * ```
 */
export function formatShort(count: number): string {
  const rounded = Math.round(count)
  if (rounded < 1000) return String(rounded)
  // 999,950 would round to 1000k: a figure moves to the next letter once it shows as one.
  if (rounded < 999_500) return `${threeDigits(rounded / 1e3)}k`
  if (rounded < 999_500_000) return `${threeDigits(rounded / 1e6)}M`
  return `${threeDigits(rounded / 1e9)}G`
}

function threeDigits(value: number): string {
  const places = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
  const text = value.toFixed(places)
  return places === 0 ? text : text.replace(/\.?0+$/, '')
}

/**
 * A length of time, to the two largest units that matter.
 *
 * @example
 * ```ts
 * formatDuration(160_000) // => '2 min 40 s'
 * formatDuration(3_840_000) // => '1 h 04 min'
 * ```
 */
export function formatDuration(ms: number): string {
  if (ms < 9950) return `${Number((ms / 1000).toFixed(1))} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return join(minutes, 'min', seconds % 60, 's')
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return join(hours, 'h', minutes % 60, 'min')
  return join(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function join(large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = small === 0 ? '' : ` ${String(small).padStart(2, '0')} ${smallUnit}`
  return `${large} ${largeUnit}${rest}`
}

const units = [
  { name: 's', ms: 1000, most: 120 },
  { name: 'min', ms: 60_000, most: 120 },
  { name: 'h', ms: 3_600_000, most: 48 },
  { name: 'd', ms: 86_400_000, most: Infinity },
] as const
const steps = [0.5, 1, 2, 5, 10, 20, 30]

/**
 * A length of time that is only known to lie between two: in one unit, rounded outwards to what
 * the width of the range allows to be said.
 *
 * @example
 * ```ts
 * formatSpan([130_000, 170_000]) // => '2–3 min'
 * formatSpan([97_000, 107_000]) // => '80–120 s'
 * formatSpan([900, 4100]) // => 'under 6 s'
 * ```
 */
export function formatSpan([leastMs, mostMs]: readonly [number, number], to = '–'): string {
  const unit = units.find(({ ms, most }) => mostMs <= most * ms) ?? units[3]
  const [least, most] = [leastMs / unit.ms, mostMs / unit.ms]
  const coarse = Math.max((most - least) / 2, most / 10)
  const isFine = (step: number): boolean => step >= 1 || unit.name !== 's'
  const step = steps.find((each) => each >= coarse && isFine(each)) ?? Math.ceil(coarse)
  const from = Math.floor(least / step) * step
  const until = Math.ceil(most / step) * step
  if (until === 0) return `under 1 ${unit.name}`
  return from === 0 ? `under ${until} ${unit.name}` : `${from}${to}${until} ${unit.name}`
}

/**
 * How much of the whole: rounded down, so that 100 % means all of it.
 *
 * @example
 * ```ts
 * formatShare(1999, 2000) // => '99 %'
 * ```
 */
export function formatShare(part: number, whole: number): string {
  return `${whole <= 0 ? 0 : Math.floor((100 * part) / whole)} %`
}

/** `12.3 rows/s`; by the minute when there is less than one a second. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 100) return `${formatCount(perSecond)} rows/s`
  if (perSecond >= 0.95) return `${perSecond.toFixed(1)} rows/s`
  return `${formatShort(perSecond * 60)} rows/min`
}

/**
 * Nano-dollars, rounded to cents, or to a hundredth of a cent below a dollar.
 *
 * @example
 * ```ts
 * formatCost(12_345_678) // => '$0.0123'
 * formatCost(1_234_567_000_000) // => '$1,234.57'
 * ```
 */
export function formatCost(nanoUsd: number): string {
  if (nanoUsd < 999_950_000) {
    const text = (nanoUsd / 1e9).toFixed(4)
    // Something that was paid for is never shown as free.
    return nanoUsd > 0 && Number(text) === 0 ? 'under $0.0001' : `$${text.replace(/00$/, '')}`
  }
  const cents = Math.round(nanoUsd / 1e7)
  return `$${formatCount(Math.floor(cents / 100))}.${String(cents % 100).padStart(2, '0')}`
}

/**
 * Nano-dollars that are a guess: two digits.
 *
 * @example
 * ```ts
 * formatCostAbout(32_123_456) // => '$0.032'
 * formatCostAbout(1_264_567_000_000) // => '$1,300'
 * ```
 */
export function formatCostAbout(nanoUsd: number): string {
  const usd = Number((nanoUsd / 1e9).toPrecision(2))
  if (usd < 0.0001) return formatCost(nanoUsd)
  if (usd < 1) return `$${usd}`
  return usd < 10 ? `$${usd.toFixed(2)}` : `$${formatCount(usd)}`
}

/**
 * A count and its noun.
 *
 * @example
 * ```ts
 * plural(1, 'row') // => '1 row'
 * plural(2000, 'row') // => '2,000 rows'
 * ```
 */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

/**
 * So many batches.
 *
 * @example
 * ```ts
 * pluralBatches(1) // => '1 batch'
 * pluralBatches(1200) // => '1,200 batches'
 * ```
 */
export function pluralBatches(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'batch' : 'batches'}`
}
