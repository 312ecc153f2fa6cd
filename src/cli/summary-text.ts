/**
 * What a run says of itself when it ends, for people: one block, and always the same last line.
 *
 *   rows      3,201: 3,200 answered, 1 failed
 *             1,000 of them by earlier runs
 *             12 cut at max_tokens, 3 refused by the model
 *   time      4 min 18 s, 12.4 rows/s
 *   batches   2 collected, 2,900 answers; 1 under way, 300 rows
 *   deadline  met, with 12 min left
 *   tokens    1.23M uncached input, 640k output
 *   cache     8.1M tokens read, 40k written: $21.52 saved
 *   cost      $4.12
 *   budget    $4.12 of $10.00 spent, $0.07 perhaps, $5.81 left
 *   tries     3,214: 429s 0, 2 overloaded, 11 broken
 *   bound by  requests 92 %, ramp 5 %
 *
 *   done 3,200, failed 1, cost $4.12, requests.results.jsonl
 *
 * Nothing is said of what did not happen, but for the failed rows and the 429s: that there
 * were none of those is news.
 */

import type { BudgetLine } from '../budget.ts'
import type { Snapshot, TokenTotals } from '../snapshot.ts'
import type { RunSummary } from '../summary.ts'
import { bindName, type Spellings } from './bind-names.ts'
import type { Paint } from './paint.ts'
import {
  formatCost,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  formatShort,
  plural,
} from '../figures.ts'
import { printable } from './text.ts'

const labelColumns = 10
/** Behind the label, on a terminal of the usual width. */
const textColumns = 80 - labelColumns
/** A share of the time below which nothing is said to have bound a run. */
const boundPercentMin = 1
const boundsShownMax = 4

/** The block, without its last line. */
export function summaryLines(
  summary: RunSummary,
  paint: Paint,
  spellings: Spellings = {},
): string[] {
  const parts: readonly (readonly [label: string, text: string])[] = [
    ['rows', rowsText(summary)],
    ['', heldText(summary)],
    ['', copiedText(summary)],
    ['', incompleteText(summary)],
    ['', invalidText(summary)],
    ['', askedAgainText(summary)],
    ['time', timeText(summary)],
    ['batches', batchesText(summary)],
    ['deadline', deadlineText(summary)],
    ['tokens', tokensText(summary)],
    ['cache', cacheText(summary)],
    ['', writtenText(summary)],
    ['', hitText(summary)],
    ['cost', costText(summary)],
    ['budget', budgetText(summary.snapshot.budget?.usd, formatCost)],
    [
      'budget',
      budgetText(summary.snapshot.budget?.tokens, (count) => `${formatShort(count)} tokens`),
    ],
    ['billed', possiblyBilledText(summary)],
    [summary.snapshot.possiblyBilledTwice.rows > 0 ? '' : 'billed', killedText(summary)],
    ['tries', triesText(summary)],
    ...labelled('bound by', boundTexts(summary, spellings)),
    ...labelled('excess', excessTexts(summary, spellings)),
    ['estimate', estimateText(summary)],
    ['failed', failedText(summary)],
    ['note', notInInputText(summary)],
  ]
  return parts
    .filter(([, text]) => text !== '')
    .map(([label, text]) => `${paint('quiet', label.padEnd(labelColumns))}${text}`)
}

/** The last line of every run: done, failed, cost, output path. */
export function lastLine({ rows, snapshot, output, exitCode }: RunSummary, paint: Paint): string {
  const done = paint(exitCode === 0 ? 'good' : 'strong', `done ${formatCount(rows.succeeded)}`)
  const failed = paint(rows.failed > 0 ? 'bad' : 'plain', `failed ${formatCount(rows.failed)}`)
  const left = rows.left > 0 ? `, ${paint('warn', `left ${formatCount(rows.left)}`)}` : ''
  const path = output === '-' ? 'stdout' : printable(output)
  const unknown = snapshot.unpriced > 0 ? ' + unknown' : ''
  const cost = `cost ${formatCost(snapshot.costNanoUsd)}${unknown}`
  return `${done}, ${failed}${left}, ${cost}, ${path}`
}

function rowsText({ rows }: RunSummary): string {
  const counts = [`${formatCount(rows.succeeded)} answered`, `${formatCount(rows.failed)} failed`]
  if (rows.left > 0) counts.push(`${formatCount(rows.left)} left`)
  return `${formatCount(rows.selected)}: ${counts.join(', ')}`
}

function heldText({ snapshot: { rows } }: RunSummary): string {
  const held = rows.heldSucceeded + rows.heldFailed
  return held === 0 ? '' : `${formatCount(held)} of them by earlier runs`
}

function copiedText({ snapshot: { rows } }: RunSummary): string {
  return rows.copied === 0 ? '' : `${formatCount(rows.copied)} copied from identical rows`
}

/** Answers that were paid for, and may be of no use. */
function incompleteText({ snapshot: { incomplete } }: RunSummary): string {
  const { truncated, refused, paused } = incomplete
  const parts: string[] = []
  if (truncated > 0) parts.push(`${formatCount(truncated)} cut at max_tokens`)
  if (refused > 0) parts.push(`${formatCount(refused)} refused by the model`)
  if (paused > 0) parts.push(`${formatCount(paused)} paused by tools`)
  return parts.join(', ')
}

function invalidText({ snapshot: { incomplete } }: RunSummary): string {
  const { invalid } = incomplete
  return invalid === 0 ? '' : `${formatCount(invalid)} outputs that do not match their schema`
}

/** Answers that were paid for, and are no results, as was asked for. */
function askedAgainText({ snapshot: { askedAgain } }: RunSummary): string {
  const { truncated, paused, invalid, costNanoUsd } = askedAgain
  if (truncated + paused + invalid === 0) return ''
  const parts: string[] = []
  if (truncated > 0) parts.push(`${formatCount(truncated)} cut`)
  if (paused > 0) parts.push(`${formatCount(paused)} paused`)
  if (invalid > 0) parts.push(`${formatCount(invalid)} invalid`)
  const cost = costNanoUsd === null ? '' : ` (${formatCost(costNanoUsd)})`
  return `asked again: ${parts.join(', ')}${cost}`
}

function timeText({ snapshot }: RunSummary): string {
  const settled = snapshot.rows.succeeded + snapshot.rows.failed
  const elapsed = formatDuration(snapshot.elapsedMs)
  if (settled === 0 || snapshot.elapsedMs <= 0) return elapsed
  return `${elapsed}, ${formatRate((settled * 1000) / snapshot.elapsedMs)}`
}

function batchesText({ snapshot: { batches } }: RunSummary): string {
  const { outstanding, rows, collected, answers, cut } = batches
  const parts: string[] = []
  if (collected + answers > 0) {
    parts.push(`${formatCount(collected)} collected, ${plural(answers, 'answer')}`)
  }
  if (outstanding > 0) parts.push(`${formatCount(outstanding)} under way, ${plural(rows, 'row')}`)
  if (cut > 0) parts.push(`${formatCount(cut)} canceled in time`)
  return parts.join('; ')
}

function deadlineText({ snapshot: { deadline } }: RunSummary): string {
  if (deadline === null) return ''
  const { leftMs, isJudged } = deadline
  const time = formatDuration(Math.abs(leftMs))
  if (leftMs < 0) return `missed by ${time}${deadline.isGuaranteed ? '' : ', as was feared'}`
  return isJudged ? `met, with ${time} left` : `${time} are left`
}

function tokensText({ snapshot: { tokens } }: RunSummary): string {
  const { input, cacheRead, output } = tokens
  const isCached = cacheRead + writtenTokens(tokens) > 0
  if (input + output === 0 && !isCached) return ''
  const inputs = `${formatShort(input)} ${isCached ? 'uncached input' : 'input'}`
  return `${inputs}, ${formatShort(output)} output`
}

/** What was read and written, and what that was worth, as against no cache at all. */
function cacheText({ snapshot }: RunSummary): string {
  const { tokens } = snapshot
  const written = writtenTokens(tokens)
  if (tokens.cacheRead + written === 0) return ''
  const text = `${formatShort(tokens.cacheRead)} tokens read, ${formatShort(written)} written`
  return `${text}: ${savedText(snapshot)}`
}

/** Of what was written, what cost more than it would have had to. */
function writtenText({ snapshot: { tokens } }: RunSummary): string {
  const { cacheWrite1h, cacheMissed } = tokens
  const parts: string[] = []
  if (cacheWrite1h > 0) parts.push(`${formatShort(cacheWrite1h)} for an hour`)
  if (cacheMissed > 0) parts.push(`${formatShort(cacheMissed)} again`)
  return parts.length === 0 ? '' : `of the written: ${parts.join(', ')}`
}

/** Within a batch the cache is found as it happens: how often is worth knowing. */
function hitText({ snapshot: { tokens, batches } }: RunSummary): string {
  const { input, cacheRead } = tokens
  const written = writtenTokens(tokens)
  if (batches.answers === 0 || cacheRead + written === 0) return ''
  return `${formatShare(cacheRead, input + cacheRead + written)} of all input was read from it`
}

function savedText({ cacheSavedNanoUsd: saved, cacheLostNanoUsd: lost }: Snapshot): string {
  if (saved === null || lost === null) return 'price unknown'
  if (saved < 0) return `${formatCost(-saved)} more than without`
  const most = lost > 0 ? ` of ${formatCost(saved + lost)} at best` : ''
  return `${formatCost(saved)} saved${most}`
}

function writtenTokens({ cacheWrite5m, cacheWrite1h }: TokenTotals): number {
  return cacheWrite5m + cacheWrite1h
}

function costText({ snapshot }: RunSummary): string {
  const { costNanoUsd, unpriced } = snapshot
  if (snapshot.rows.succeeded === 0) return ''
  if (unpriced === 0) return `${formatCost(costNanoUsd)}${halfText(snapshot)}`
  const without = `${plural(unpriced, 'answer')} at unknown prices`
  return costNanoUsd === 0 ? `unknown: ${without}` : `${formatCost(costNanoUsd)}, and ${without}`
}

/** The prices of batches are in it. */
function halfText({ rows, batches: { answers } }: Snapshot): string {
  if (answers === 0) return ''
  const which = answers < rows.succeeded ? `${plural(answers, 'answer')} ` : ''
  return `, ${which}at the half price of batches`
}

/** What earlier runs spent is in it, and what this one may have. */
function budgetText(
  line: BudgetLine | null | undefined,
  format: (amount: number) => string,
): string {
  if (line === null || line === undefined) return ''
  const { limit, spent, unknown } = line
  const left = limit - spent - unknown
  const parts = [`${format(spent)} of ${format(limit)} spent`]
  if (unknown > 0) parts.push(`${format(unknown)} perhaps`)
  parts.push(left < 0 ? `passed by ${format(-left)}` : `${format(left)} left`)
  return parts.join(', ')
}

function possiblyBilledText({ snapshot }: RunSummary): string {
  const { rows, costNanoUsdMax } = snapshot.possiblyBilledTwice
  if (rows === 0) return ''
  const most = costNanoUsdMax === null ? 'price unknown' : `at most ${formatCost(costNanoUsdMax)}`
  return `possibly twice: ${plural(rows, 'row')}, ${most}`
}

function killedText({ snapshot: { possiblyBilledTwice: unknown } }: RunSummary): string {
  if (unknown.killedInFlight === 0) return ''
  const most = `up to ${formatCount(unknown.killedInFlight)}`
  const rest = 'under way when an earlier run was killed'
  return unknown.rows === 0 ? `possibly twice: ${most}, ${rest}` : `${most} more, ${rest}`
}

function triesText({ snapshot: { attempts, batches } }: RunSummary): string {
  if (attempts.started === 0 && batches.outstanding + batches.collected > 0) return ''
  const parts = [`429s ${formatCount(attempts.refused)}`]
  if (attempts.overloaded > 0) parts.push(`overloaded ${formatCount(attempts.overloaded)}`)
  if (attempts.broken > 0) parts.push(`broken ${formatCount(attempts.broken)}`)
  return `${formatCount(attempts.started)}: ${parts.join(', ')}`
}

/** Several lines of one label. */
function labelled(label: string, texts: readonly string[]): (readonly [string, string])[] {
  return texts.map((text, index) => [index === 0 ? label : '', text])
}

/** What the run waited for, by its share of the time; on as many lines as it takes. */
function boundTexts({ snapshot }: RunSummary, spellings: Spellings): readonly string[] {
  const total = snapshot.bound.reduce((sum, [, ms]) => sum + ms, 0)
  if (total === 0 || snapshot.attempts.started === 0) return []
  const parts = snapshot.bound
    .map(([name, ms]) => ({ name, percent: Math.round((100 * ms) / total) }))
    .filter(({ percent }) => percent >= boundPercentMin)
    .slice(0, boundsShownMax)
    .map(({ name, percent }) => `${bindName(name, spellings)} ${percent} %`)
  const lines: string[] = []
  for (const part of parts) {
    const joined = lines.length === 0 ? part : `${lines.at(-1)}, ${part}`
    const fits = joined.length <= textColumns
    if (lines.length > 0 && fits) lines.pop()
    lines.push(fits ? joined : part)
  }
  return lines
}

function excessTexts({ boundExcess }: RunSummary, spellings: Spellings): readonly string[] {
  return Object.entries(boundExcess)
    .filter(([, excess]) => excess > 0)
    .map(
      ([flag, excess]) =>
        `${bindName(flag, spellings)} passed by ${formatCount(excess)} in one minute`,
    )
}

function estimateText({ estimateErrorPercent, estimateErrors: { input } }: RunSummary): string {
  if (estimateErrorPercent === null) return ''
  const percent = Math.abs(estimateErrorPercent)
  const side = estimateErrorPercent > 0 ? 'too high' : 'too low'
  const all = percent < 0.05 ? 'as estimated' : `${percent.toFixed(1)} % ${side}`
  return `input tokens ${all}${spreadText(input)}`
}

function spreadText(spread: RunSummary['estimateErrors']['input']): string {
  if (spread === null) return ''
  const { medianPercent, p95Percent } = spread
  return `; half within ${percentText(medianPercent)}, 95 % within ${percentText(p95Percent)}`
}

function percentText(percent: number): string {
  return percent < 10 ? `${percent.toFixed(1)} %` : `${percent.toFixed(0)} %`
}

/** Where the rows are that failed. */
function failedText({ rows, output, failedOutput }: RunSummary): string {
  if (rows.failed === 0) return ''
  if (failedOutput === '-') return 'on stdout, among the answers'
  return failedOutput === output ? 'in the same file, among the answers' : printable(failedOutput)
}

function notInInputText({ notInInput }: RunSummary): string {
  if (notInInput === null || notInInput === 0) return ''
  if (notInInput === 1) return '1 answer in the output is of a row no longer in the input'
  return `${formatCount(notInInput)} answers in the output are of rows no longer in the input`
}
