/**
 * What a forecast found, as lines for people: pure, from the report.
 *
 *   3,201 rows to ask
 *
 *                            low  expected     high
 *     input tokens       310,000   477,000  644,000
 *     output tokens      128,040   384,120  384,120
 *
 *     cost                   low  expected     high  time, at least
 *     live, as it stands   $0.95     $2.40    $2.56     1 min 20 s
 *
 * No figure is cut. The notes say what each is made of, and the last lines what to do next.
 */

import type { BudgetForecast, Forecast, WayForecast } from '../forecast-report.ts'
import type { Range } from '../forecast-sums.ts'
import type { ForecastProgress } from '../forecast-survey.ts'
import { unitNames } from './bind-names.ts'
import { fitFields } from './paint.ts'
import { planTexts } from './split-text.ts'
import { formatCost, formatCount, formatDuration, plural } from '../figures.ts'
import { displayWidth, printable, truncate } from './text.ts'
import { type ProgressSheet, readFields, type Sheet } from './watched.ts'
import { joinParts, nextCommand, wrap } from './wrapped.ts'

/** Where a forecast is shown. */
export interface ForecastSheet extends Sheet {
  /** It is of the run that the same command would begin, or is in the midst of. @default neither */
  readonly of?: 'dry run' | 'pilot'
}

const indent = '  '
const modelsShown = 8
const modelColumnsMax = 24

/** All of it. */
export function forecastLines(found: Forecast, sheet: ForecastSheet): readonly string[] {
  const parts = [
    headLines(found, sheet),
    ...(found.rows.asked === 0
      ? []
      : [tokenLines(found, sheet), modelLines(found, sheet), wayLines(found, sheet)]),
    planLines(found, sheet),
    found.rows.asked === 0 ? [] : notesOf(found, sheet),
    nextLines(found, sheet),
  ]
  return joinParts(parts)
}

/** How far it has come, on one line. */
export function forecastProgressLine(progress: ForecastProgress, sheet: ProgressSheet): string {
  return fitFields(readFields('estimating', progress, sheet), sheet)
}

function headLines(found: Forecast, { columns, paint }: ForecastSheet): readonly string[] {
  const { rows, isWhole } = found
  const held = rows.held === 0 ? '' : `, ${formatCount(rows.held)} done already`
  const faults = rows.atFault === 0 ? '' : `, ${formatCount(rows.atFault)} at fault and not sent`
  const twins = twinsText(found)
  const stopped = isWhole ? '' : '; stopped as asked, the rest was not looked at'
  const text = `${plural(rows.asked, 'row')} to ask${held}${faults}${twins}${stopped}`
  return wrap(text, '', columns).map((line) => paint('strong', line))
}

function twinsText({ twins, isDeduped }: Forecast): string {
  if (twins === 0) return ''
  const count = formatCount(twins)
  return isDeduped
    ? `; ${count} more get copies of their answers`
    : `; ${count} of them ask the very same as others: --dedupe would not ask these`
}

/** Rows of cells, the first to the left and the others to the right. */
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { columns, paint }: ForecastSheet,
): readonly string[] {
  const widths = head.map((title, at) =>
    Math.max(displayWidth(title), ...rows.map((row) => displayWidth(row[at] ?? ''))),
  )
  const lineOf = (cells: readonly string[]): string => {
    const texts = cells.map((text, at) => {
      const pad = ' '.repeat(Math.max(0, (widths[at] ?? 0) - displayWidth(text)))
      return at === 0 ? text + pad : pad + text
    })
    return truncate(`${indent}${texts.join('  ')}`.trimEnd(), columns)
  }
  return [paint('quiet', lineOf(head)), ...rows.map(lineOf)]
}

function counts({ low, expected, high }: Range): readonly string[] {
  return [low, expected, high].map(formatCount)
}

function tokenLines(found: Forecast, sheet: ForecastSheet): readonly string[] {
  const { inputTokens, outputTokens, shared } = found
  const rows = [
    ['input tokens', ...counts(inputTokens)],
    ...(shared === null || shared === 0 ? [] : [['  of it shared', '', formatCount(shared), '']]),
    ['output tokens', ...counts(outputTokens)],
  ]
  return table(['', 'low', 'expected', 'high'], rows, sheet)
}

function modelLines({ models }: Forecast, sheet: ForecastSheet): readonly string[] {
  if (models.length < 2) return []
  const shown = models.slice(0, modelsShown)
  const rows = shown.map(({ model, rows: count, input, output }) => [
    truncate(printable(model), modelColumnsMax),
    ...[count, input.expected, output.expected].map(formatCount),
  ])
  const lines = table(['model', 'rows', 'input', 'output'], rows, sheet)
  const left = models.length - shown.length
  return left === 0 ? lines : [...lines, sheet.paint('quiet', `${indent}… and ${left} more`)]
}

function wayLines({ ways }: Forecast, sheet: ForecastSheet): readonly string[] {
  const rows = ways.map((way) => {
    const { cost, via, duration } = way
    const [low, expected, high] =
      cost === null
        ? ['unknown', 'unknown', 'unknown']
        : [cost.low, cost.expected, cost.high].map(formatCost)
    const time =
      via === 'batches'
        ? '24 h at most'
        : duration === null
          ? 'unknown'
          : formatDuration(duration.ms.expected)
    const label = sheet.of !== undefined && way.isRun ? `${wayName(way)} *` : wayName(way)
    return [label, String(low), String(expected), String(high), time]
  })
  return table(['cost', 'low', 'expected', 'high', 'time'], rows, sheet)
}

function wayName({ via, cache }: WayForecast): string {
  return `${via}, ${cache === 'marked' ? 'as it stands' : `--cache ${cache}`}`
}

/** Of a run that chooses between batches and live requests. */
function planLines({ plan }: Forecast, { columns, paint }: ForecastSheet): readonly string[] {
  const texts = plan === null ? [] : planTexts(plan)
  return texts.flatMap((text, index) => {
    const lines = wrap(index === 0 ? `plan: ${text}` : text, index === 0 ? '' : indent, columns)
    return index === 0 ? lines.map((line) => paint('strong', line)) : lines
  })
}

function notesOf(found: Forecast, sheet: ForecastSheet): readonly string[] {
  const notes = [
    ...dryRunNotes(found, sheet),
    ...found.budgets.map((budget) => budgetNote(budget)),
    ...priceNotes(found),
    inputNote(found),
    outputNote(found),
    ...cacheNotes(found),
    ...timeNotes(found),
  ]
  return notes.flatMap((note) => wrap(note, indent, sheet.columns))
}

function dryRunNotes({ plan }: Forecast, { of }: ForecastSheet): readonly string[] {
  const whose = plan === null ? ['* is this run'] : []
  const nothing = of === 'dry run' ? ['nothing was sent, and no file changed'] : []
  const all = of === undefined ? [] : [...whose, ...nothing]
  return all.length === 0 ? [] : [all.join('; ')]
}

function budgetNote({ unit, limit, spent, isEnough }: BudgetForecast): string {
  const text = (amount: number): string =>
    unit === 'usd' ? formatCost(amount) : `${formatCount(amount)} tokens`
  const earlier = spent === null || spent === 0 ? '' : `, ${text(spent)} of it spent already,`
  const head = `budget: ${text(limit)}${earlier}`
  if (isEnough === 'yes') return `${head} is enough, at the high end too`
  if (isEnough === 'expected') {
    return (
      `${head} is enough for what is expected, and not for the high end: ` +
      'the run may stop at it'
    )
  }
  if (isEnough === 'no') return `${head} is not enough: the run stops at it, and can be resumed`
  return `${head} cannot be held against a cost that is unknown`
}

function priceNotes({ models }: Forecast): readonly string[] {
  const unpriced = models.filter(({ isPriced }) => !isPriced).map(({ model }) => printable(model))
  if (unpriced.length === 0) return []
  const [first = '', ...rest] = unpriced.map((model) => truncate(model, modelColumnsMax))
  const more = rest.length === 0 ? '' : ` and ${plural(rest.length, 'other model')}`
  return [`prices: none is known of ${first}${more}, so no sum is; --prices FILE gives them`]
}

function inputNote({ answersLearned, counted, rows }: Forecast): string {
  if (counted !== null && counted.rows > 0) {
    const off = Math.round(100 * (counted.expectedTokens / counted.countedTokens - 1))
    const how =
      off === 0 ? 'within 1 % of it' : `${Math.abs(off)} % too ${off > 0 ? 'high' : 'low'}`
    const refused = counted.refused === 0 ? '' : ` (${formatCount(counted.refused)} it would not)`
    const many = `${plural(counted.rows, 'row')}${refused}`
    return `input: the API counted ${many}; the estimate of them was ${how}`
  }
  if (answersLearned > 0)
    return `input: learned from ${plural(answersLearned, 'answer')} in the output`
  return (
    'input: about four characters a token, off by a third at times; ' +
    `--exact ${Math.min(50, rows.asked)} has the API count some rows, for free`
  )
}

function outputNote({ answersLearned, models }: Forecast): string {
  if (answersLearned > 0) {
    const [first, ...rest] = models.filter(({ answers }) => answers === 0)
    const others = rest.length === 0 ? '' : ` and ${plural(rest.length, 'other model')}`
    const name = first === undefined ? '' : truncate(printable(first.model), modelColumnsMax)
    const none = first === undefined ? '' : `; of ${name}${others} there is none, and it is a guess`
    return `output: learned from ${plural(answersLearned, 'answer')}${none}`
  }
  return (
    'output: a guess, for no answer is known yet; the high end is max_tokens, ' +
    'which no answer exceeds'
  )
}

function cacheNotes({ shared, sharedFullAtLine, ways }: Forecast): readonly string[] {
  const full =
    sharedFullAtLine === null
      ? []
      : [`caching: the index was full at line ${formatCount(sharedFullAtLine)}: more may be shared`]
  if (shared === null || shared === 0) return full
  const [live] = ways.filter(({ via }) => via === 'live')
  const [batches] = ways.filter(({ via }) => via === 'batches')
  if (live === undefined || batches === undefined) return full
  return [
    `caching: one row writes what others share, and ${percents(live.hitShares)} of them are ` +
      `taken to read it; in batches ${percents(batches.hitShares)}, written for an hour`,
    ...full,
  ]
}

function percents({ low, high }: Range): string {
  return `${Math.round(low * 100)} to ${Math.round(high * 100)} %`
}

function timeNotes({ ways }: Forecast): readonly string[] {
  const live = ways.find(({ via, isRun }) => via === 'live' && isRun) ?? ways[0]
  const batches = 'most batches end within an hour, all within 24 hours'
  const duration = live?.duration ?? null
  if (duration === null) {
    return [
      'time: unknown without limits: give --rpm, --itpm and --otpm, or an admin key and ' +
        `--online; ${batches}`,
    ]
  }
  const { binds, pool } = duration
  const whose = pool === null ? 'a bound of yours' : `of the pool ${printable(pool)}`
  const why =
    binds === 'ramp' ? 'the start, which is gradual' : `${unitNames[binds]} a minute, ${whose}`
  return [`time: at the least; what binds is ${why}; ${batches}`]
}

function nextLines(found: Forecast, sheet: ForecastSheet): readonly string[] {
  const { rows, isWhole, answersLearned } = found
  const { columns, name, runFlags = '', of } = sheet
  if (!isWhole) return nextCommand(`sluice estimate ${name}${runFlags}`, columns)
  if (rows.asked === 0 && rows.held === 0) return ['next: give a file with a request on each line']
  if (rows.asked === 0) return ['nothing is left to ask']
  if (of === 'pilot') return []
  if (of === 'dry run') return ['next: the same command without --dry-run']
  const command = `sluice run ${name}${runFlags}`
  const isSample =
    answersLearned === 0 && rows.asked > 2 * sampleRows && !/ --first /.test(runFlags)
  if (!isSample) return nextCommand(`${command}${saves(found) ? ' --cache auto' : ''}`, columns)
  const lines = nextCommand(`${command} --pilot ${sampleRows}`, columns)
  const why = 'it asks some rows, tells all of this again by what they came to, and asks you'
  return [...lines, ...wrap(why, '', columns)]
}

/** Rows that say enough of the others. */
const sampleRows = 50

/** Whether marking what rows share is cheaper than the marks there are. */
function saves({ ways }: Forecast): boolean {
  const live = ways.filter(({ via }) => via === 'live')
  const auto = live.find(({ cache }) => cache === 'auto')?.cost
  const plain = live.find(({ cache, isRun }) => cache !== 'auto' && isRun)?.cost
  return auto != null && plain != null && auto.expected < plain.expected
}
