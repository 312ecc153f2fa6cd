/**
 * What a check found: counts, and of each kind of finding the first few; and its JSON.
 *
 * Findings are dealt out: of those shown each kind has its first, then its second, until there are
 * as many as were asked for. A million rows with one fault hide no other.
 */

import { type Finding, type FindingKind, type FindingLevel, findingTitles } from './finding.ts'
import { usdNumber } from './money.ts'
import type { PrefixReport } from './prefix-savings.ts'

/** How often something was found. */
export interface FoundKind {
  readonly level: FindingLevel
  readonly kind: FindingKind
  readonly title: string
  readonly count: number
  /** The line where it was found first. */
  readonly firstLine: number
}

/** What `check` found. */
export interface CheckReport {
  /** The path of the input; `-` for a stream. */
  readonly input: string
  /** All rows were looked at: it was not stopped. */
  readonly isWhole: boolean
  /** Rows; those at fault and those with warnings alone are apart. */
  readonly rows: {
    readonly checked: number
    readonly atFault: number
    readonly warned: number
  }
  /** What the API would refuse; a row may have several. */
  readonly faults: number
  /** What it would take, but is perhaps not what was meant. */
  readonly warnings: number
  /** Faults first, then the most frequent. */
  readonly kinds: readonly FoundKind[]
  /** The first of each kind, in the order of `kinds`. */
  readonly findings: readonly Finding[]
  /** What rows share; null where it was not asked for. */
  readonly prefixes: PrefixReport | null
}

interface Tally {
  readonly level: FindingLevel
  readonly kind: FindingKind
  readonly first: Finding[]
  readonly firstLine: number
  count: number
}

/** Counts findings, row by row. */
export class FindingFold {
  readonly #keptMax: number
  readonly #tallies = new Map<string, Tally>()
  #rows = 0
  #atFault = 0
  #warned = 0
  /** The worst of the row under way. */
  #level: FindingLevel | undefined
  #faults = 0
  #warnings = 0

  constructor(keptMax: number) {
    this.#keptMax = keptMax
  }

  get rows(): number {
    return this.#rows
  }

  get faults(): number {
    return this.#faults
  }

  get warnings(): number {
    return this.#warnings
  }

  /** The findings from now on are of the next row. */
  begin(): void {
    this.#rows += 1
    this.#level = undefined
  }

  take(finding: Finding): void {
    const { level, kind, line } = finding
    if (level === 'fault') this.#takeFault()
    else this.#takeWarning()
    const name = `${level} ${kind}`
    let tally = this.#tallies.get(name)
    if (tally === undefined) {
      tally = { level, kind, count: 0, first: [], firstLine: line }
      this.#tallies.set(name, tally)
    }
    tally.count += 1
    if (tally.first.length < this.#keptMax) tally.first.push(finding)
  }

  /** All but what is of the whole input; `shown` findings at most. */
  report(shown: number): Omit<CheckReport, 'input' | 'isWhole' | 'prefixes'> {
    const tallies = [...this.#tallies.values()].toSorted(
      (left, right) =>
        Number(left.level === 'warning') - Number(right.level === 'warning') ||
        right.count - left.count ||
        left.firstLine - right.firstLine,
    )
    return {
      rows: { checked: this.#rows, atFault: this.#atFault, warned: this.#warned },
      faults: this.#faults,
      warnings: this.#warnings,
      kinds: tallies.map(({ level, kind, count, firstLine }) => {
        return { level, kind, title: findingTitles[kind], count, firstLine }
      }),
      findings: deal(tallies, shown),
    }
  }

  #takeFault(): void {
    this.#faults += 1
    if (this.#level === 'fault') return
    if (this.#level === 'warning') this.#warned -= 1
    this.#atFault += 1
    this.#level = 'fault'
  }

  #takeWarning(): void {
    this.#warnings += 1
    if (this.#level !== undefined) return
    this.#warned += 1
    this.#level = 'warning'
  }
}

/** The first of each kind, then the second of each, until there are enough. */
function deal(tallies: readonly Tally[], shown: number): readonly Finding[] {
  const taken = tallies.map(() => 0)
  let left = shown
  for (let round = 0; left > 0; round++) {
    const before = left
    for (const [index, { first }] of tallies.entries()) {
      if (left === 0 || first.length <= round) continue
      taken[index] = round + 1
      left -= 1
    }
    if (left === before) break
  }
  return tallies.flatMap(({ first }, index) => first.slice(0, taken[index]))
}

/** What ended a check before there was anything to tell. */
export interface CheckStopped {
  readonly code: string
  readonly message: string
  readonly hint: string | null
}

/** One object on one line. */
export function checkJson(exitCode: number, report: CheckReport): string {
  const { input, isWhole, rows, faults, warnings, kinds, findings, prefixes } = report
  const head = JSON.stringify({
    exit_code: exitCode,
    stopped: null,
    input,
    whole: isWhole,
    rows: { checked: rows.checked, at_fault: rows.atFault, warned: rows.warned },
    faults,
    warnings,
    kinds: kinds.map(({ firstLine, ...kind }) => ({ ...kind, first_line: firstLine })),
    findings,
  })
  return `${head.slice(0, -1)},"prefixes":${prefixes === null ? 'null' : prefixesJson(prefixes)}}`
}

/** The same of a check that did not come about. */
export function checkErrorJson(exitCode: number, stopped: CheckStopped): string {
  const nothing = { input: null, whole: null, rows: null, faults: null, warnings: null }
  const lists = { kinds: null, findings: null, prefixes: null }
  return JSON.stringify({ exit_code: exitCode, stopped, ...nothing, ...lists })
}

/** Money is printed digit for digit, which JSON.stringify might not do. */
function prefixesJson(report: PrefixReport): string {
  const groups = report.groups.map((group) => {
    const { saved, savedByMarks, firstLine, isMarked, ...rest } = group
    const text = JSON.stringify({ ...rest, first_line: firstLine, marked: isMarked })
    const money = `"saved_usd":${usdNumber(saved)},"saved_by_marks_usd":${usdNumber(savedByMarks)}`
    return `${text.slice(0, -1)},${money}}`
  })
  const { saved, savedByMarks, wasted } = report
  const counts = JSON.stringify({
    group_count: report.groupCount,
    rows: report.rows,
    unshared_marks: report.unsharedMarks,
    short_marks: report.shortMarks,
    unpriced_models: report.unpricedModels,
    full_at_line: report.fullAtLine,
  })
  const money = [
    `"saved_usd":${usdNumber(saved)}`,
    `"saved_by_marks_usd":${usdNumber(savedByMarks)}`,
    `"wasted_usd":${usdNumber(wasted)}`,
  ]
  return `${counts.slice(0, -1)},${money.join(',')},"groups":[${groups.join(',')}]}`
}
