/**
 * The plan of a run that chooses between batches and live requests, in words.
 */

import type { SplitForecast } from '../split-forecast.ts'
import { unitNames } from './bind-names.ts'
import { limitsUnknown } from '../live-rates.ts'
import { formatCost, formatCount, formatDuration, plural, pluralBatches } from '../figures.ts'
import { printable } from './text.ts'

/** Paragraphs, the most important first. */
export function planTexts(plan: SplitForecast): readonly string[] {
  const { rows, deadlineMs } = plan
  if (rows === 0) return []
  if (deadlineMs === null) {
    return [`${plural(rows, 'row')} without a deadline: all into batches, at half the price`]
  }
  return [splitText(plan, deadlineMs), holdsText(plan), ...costText(plan), ...assumedText(plan)]
}

function isAllLive({ liveShare }: SplitForecast): boolean {
  return liveShare.low >= 1
}

function splitText(plan: SplitForecast, deadlineMs: number): string {
  const { rows, batches, firstCutMs } = plan
  const when =
    deadlineMs > 0 ? `within ${formatDuration(deadlineMs)}` : 'and the deadline has passed'
  const head = `${plural(rows, 'row')} ${when}`
  if (isAllLive(plan)) return `${head}: no time for batches, so all are asked live`
  const into = `${head}: into ${pluralBatches(batches)}, at half the price`
  if (firstCutMs === null) return into
  const cut =
    firstCutMs < 1000
      ? 'as many as must be are asked live from the beginning'
      : `what has not ended in ${formatDuration(firstCutMs)} is taken out, batch by batch`
  return `${into}; ${cut}${firstCutMs < 1000 ? '' : ', and asked live'}`
}

function holdsText({
  isGuaranteed,
  liveMs,
  binds,
  pool,
  chance,
  liveShare,
}: SplitForecast): string {
  const whose = pool === null ? 'a bound of yours' : `of ${printable(pool)}`
  const why = binds === null ? '' : `, by ${unitNames[binds]} a minute, ${whose}`
  const alone = `live requests alone take ${formatDuration(liveMs)} at most${why}`
  if (isGuaranteed) return `the deadline holds whatever batches do: ${alone}`
  const head = `THE DEADLINE IS NOT GUARANTEED: ${alone}`
  if (liveShare.low >= 1) return head
  return `${head}; that batches end in time is ${Math.round(100 * chance)} % likely, as assumed`
}

function costText({ cost, liveShare }: SplitForecast): readonly string[] {
  const share = Math.round(100 * liveShare.expected)
  if (cost === null) return [`cost: unknown; ${share} % of the rows live is expected`]
  const [low, expected, high] = [cost.low, cost.expected, cost.high].map(formatCost)
  return [`cost: ${expected} expected, ${low} to ${high}, with ${share} % of the rows asked live`]
}

function assumedText(plan: SplitForecast): readonly string[] {
  const { medianMs, p95Ms, drainMs } = plan.times
  const [half, most, drain] = [medianMs, p95Ms, drainMs].map(formatDuration)
  const times =
    `assumed: half of all batches end within ${half} (--batch-median), 95 % within ${most} ` +
    `(--batch-p95), and a canceled one within ${drain} (--batch-drain)`
  const { supposed } = plan
  const texts = isAllLive(plan) ? [] : [times]
  if (supposed.length === 0) return texts
  const { requests = 0, input = 0, output = 0 } = limitsUnknown
  const counts = `${formatCount(requests)} requests, ${formatCount(input)} input and`
  const least = `${counts} ${formatCount(output)} output tokens a minute`
  const names = supposed.map(printable).join(', ')
  return [
    ...texts,
    `the limits of ${names} are not known: ${least} are supposed, the least there is`,
  ]
}
