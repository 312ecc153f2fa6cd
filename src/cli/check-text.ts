/**
 * What a check found, as lines for people: pure, from the report.
 *
 *   2 faults in 2 of 1,000 rows: the API would refuse these
 *
 *     2  max_tokens is beyond what it may be
 *        line 17 (film-17): max_tokens = 200000
 *          is more than the 64,000 that claude-haiku-4-5 can produce
 *          fix: write at most 64000
 *
 * No line is longer than the terminal is wide. The last say what to do next.
 */

import type { CheckProgress } from '../check.ts'
import type { CheckReport, FoundKind } from '../check-report.ts'
import type { Finding, FindingLevel } from '../finding.ts'
import type { PrefixGroup, PrefixReport } from '../prefix-savings.ts'
import { type Field, fitFields } from './paint.ts'
import { formatCost, formatCount, plural } from '../figures.ts'
import { displayWidth, printable, truncate } from './text.ts'
import { type ProgressSheet, readFields, type Sheet } from './watched.ts'
import { joinParts, nextCommand, wrap } from './wrapped.ts'

/** All of it. */
export function checkLines(report: CheckReport, sheet: Sheet): readonly string[] {
  const { prefixes } = report
  const parts = [
    levelLines(report, 'fault', sheet),
    levelLines(report, 'warning', sheet),
    prefixes === null ? [] : prefixLines(prefixes, sheet),
    endLines(report, sheet),
  ]
  return joinParts(parts)
}

/** How far a check has come, on one line. */
export function checkProgressLine(progress: CheckProgress, sheet: ProgressSheet): string {
  const { faults, warnings } = progress
  const fields: Field[] = [
    ...readFields('checking', progress, sheet),
    { text: plural(faults, 'fault'), tone: faults > 0 ? 'bad' : 'plain' },
    { text: plural(warnings, 'warning'), rank: 1 },
  ]
  return fitFields(fields, sheet)
}

const indent = '  '

function levelLines(report: CheckReport, level: FindingLevel, sheet: Sheet): readonly string[] {
  const kinds = report.kinds.filter((kind) => kind.level === level)
  if (kinds.length === 0) return []
  const { paint } = sheet
  const { checked, atFault } = report.rows
  const head =
    level === 'fault'
      ? `${plural(report.faults, 'fault')} in ${formatCount(atFault)} of ` +
        `${plural(checked, 'row')}: the API would refuse ${atFault === 1 ? 'it' : 'these'}`
      : `${plural(report.warnings, 'warning')}: accepted, but perhaps not what was meant`
  const width = Math.max(...kinds.map(({ count }) => formatCount(count).length))
  const lines = [paint(level === 'fault' ? 'bad' : 'warn', truncate(head, sheet.columns))]
  for (const kind of kinds) lines.push('', ...kindLines(report, kind, { ...sheet, width }))
  return lines
}

function kindLines(
  { findings }: CheckReport,
  { level, kind, title, count, firstLine }: FoundKind,
  { columns, paint, width }: Sheet & { readonly width: number },
): readonly string[] {
  const first = `${indent}${formatCount(count).padStart(width)}  `
  const margin = ' '.repeat(first.length)
  const lines = [`${first}${paint('strong', truncate(title, columns - first.length))}`]
  const shown = findings.filter((each) => each.level === level && each.kind === kind)
  for (const finding of shown) {
    lines.push(truncate(`${margin}${placeOf(finding)}`, columns))
    lines.push(...wrap(finding.problem, `${margin}${indent}`, columns))
    const [fix = '', ...rest] = wrap(`fix: ${finding.fix}`, `${margin}${indent}`, columns)
    lines.push(fix, ...rest)
  }
  const left = count - shown.length
  if (left === 0) return lines
  const from = shown.length === 0 ? `, the first in line ${formatCount(firstLine)}` : ''
  return [...lines, paint('quiet', `${margin}… and ${formatCount(left)} more${from}`)]
}

function placeOf({ line, id, field, value }: Finding): string {
  const name = id === null || id === `line-${line}` ? '' : ` (${truncate(id, 24)})`
  const thing = field ?? ''
  const shown = value === null ? thing : field === null ? value : `${field} = ${value}`
  return printable(`line ${formatCount(line)}${name}${shown === '' ? '' : `: ${shown}`}`)
}

const levelNames = { tools: 'tools', system: 'system', messages: 'messages' } as const
const modelColumnsMax = 22

interface Column {
  readonly head: string
  readonly right: boolean
  readonly cell: (group: PrefixGroup) => string
}

const prefixColumns: readonly Column[] = [
  { head: 'rows', right: true, cell: ({ rows }) => formatCount(rows) },
  { head: 'tokens', right: true, cell: ({ tokens }) => formatCount(tokens) },
  { head: 'model', right: false, cell: ({ model }) => truncate(printable(model), modelColumnsMax) },
  { head: 'ends in', right: false, cell: ({ level }) => levelNames[level] },
  { head: 'marked', right: false, cell: ({ isMarked }) => markNames[isMarked] },
  { head: 'saved', right: true, cell: ({ saved }) => costText(saved) },
  { head: 'line', right: true, cell: ({ firstLine }) => formatCount(firstLine) },
]
const markNames = { all: 'yes', some: 'in part', none: 'no' } as const

/** Saved, or lost where the life of an entry costs more than its reads save. */
function costText(nanoUsd: number | null): string {
  if (nanoUsd === null) return 'unknown'
  return nanoUsd < 0 ? `-${formatCost(-nanoUsd)}` : formatCost(nanoUsd)
}

function prefixLines(report: PrefixReport, { columns, paint }: Sheet): readonly string[] {
  const { groups, groupCount, saved, savedByMarks } = report
  const head = groupCount === 0 ? 'no rows share a prefix that could be cached' : ''
  const lines = [
    paint(
      'strong',
      head === '' ? `${plural(groupCount, 'prefix').replace(/xs$/, 'xes')} shared` : head,
    ),
  ]
  if (groups.length > 0) {
    const cells = groups.map((group) => prefixColumns.map(({ cell }) => cell(group)))
    const widths = prefixColumns.map(({ head: title }, at) =>
      Math.max(title.length, ...cells.map((row) => displayWidth(row[at] ?? ''))),
    )
    const row = (texts: readonly string[]): string =>
      texts
        .map((text, at) => {
          const pad = ' '.repeat(Math.max(0, (widths[at] ?? 0) - displayWidth(text)))
          return prefixColumns[at]?.right === true ? pad + text : text + pad
        })
        .join('  ')
    const heads = row(prefixColumns.map(({ head: title }) => title))
    lines.push('', paint('quiet', truncate(`${indent}${heads}`, columns)))
    lines.push(...cells.map((texts) => truncate(`${indent}${row(texts)}`, columns)))
    const left = groupCount - groups.length
    if (left > 0) lines.push(paint('quiet', `${indent}… and ${formatCount(left)} more`))
    lines.push(
      '',
      ...wrap(
        `caching saves about ${costText(saved)} with --cache auto, ${costText(savedByMarks)} ` +
          'with the marks there are, if one row writes each and the others read it; ' +
          'tokens are estimates',
        indent,
        columns,
      ),
    )
  }
  return [...lines, ...prefixNotes(report).flatMap((note) => wrap(note, indent, columns))]
}

function prefixNotes(report: PrefixReport): readonly string[] {
  const { unsharedMarks, wasted, shortMarks, unpricedModels, fullAtLine } = report
  const notes: string[] = []
  if (unsharedMarks > 0) {
    notes.push(
      `${plural(unsharedMarks, 'mark')} nobody else shares: ${costText(wasted)} for writing what ` +
        'no row reads',
    )
  }
  if (shortMarks > 0) {
    notes.push(`${plural(shortMarks, 'row')} marked only where it is too short to be cached`)
  }
  if (unpricedModels.length > 0) {
    notes.push(`no price is known of ${unpricedModels.join(', ')}: its saving is not counted`)
  }
  if (fullAtLine !== null) {
    notes.push(
      `the index was full at line ${formatCount(fullAtLine)}: prefixes that came later are not ` +
        'counted, so more may be shared than is said here',
    )
  }
  return notes
}

/** How it stands, and what to do next. */
function endLines(report: CheckReport, sheet: Sheet): readonly string[] {
  const { rows, faults, warnings, isWhole } = report
  const { columns, paint } = sheet
  const sound = rows.checked - rows.atFault
  const state =
    faults === 0
      ? `${plural(rows.checked, 'row')} checked, no fault`
      : `${plural(rows.checked, 'row')} checked: ${formatCount(sound)} without a fault, ` +
        `${formatCount(rows.atFault)} at fault`
  const warned = warnings === 0 ? '' : `, ${plural(warnings, 'warning')}`
  const stopped = isWhole ? '' : '; stopped as asked, the rest was not looked at'
  const tone = faults > 0 ? 'bad' : 'good'
  const lines = wrap(`${state}${warned}${stopped}`, '', columns).map((line) => paint(tone, line))
  return [...lines, ...nextLines(report, sheet)]
}

function nextLines(
  { rows, faults, isWhole, prefixes }: CheckReport,
  { columns, name, runFlags = '' }: Sheet,
): readonly string[] {
  if (!isWhole) return nextCommand(`sluice check ${name}`, columns)
  if (rows.checked === 0) return ['next: give a file with a request on each line']
  const gains = prefixes !== null && prefixes.saved > prefixes.savedByMarks
  const run = `sluice run ${name}${runFlags}${gains ? ' --cache auto' : ''}`
  if (faults === 0) return nextCommand(run, columns)
  return [
    ...wrap('next: mend these rows, and check again; or leave them:', '', columns),
    `  ${run}`,
    ...wrap(
      'asks all rows; what is refused costs nothing and goes to its failed file',
      '',
      columns,
    ),
  ]
}
