/**
 * What must be true of every history. Apart from the code: windows, keys and orders are counted
 * here anew, from what crossed the wire and what stands in the files.
 */

import { keyOf, type WorldRow } from './input.ts'
import type { UsageJson } from './witness.ts'

/** A line of the output or the failed file, as a user would read it. */
export interface Line {
  readonly custom_id: string
  readonly result: {
    readonly type: string
    readonly message?: {
      readonly id: string
      readonly model: string
      readonly usage: UsageJson
    }
    readonly error?: { readonly error: { readonly type: string; readonly message: string } }
  }
  readonly run: {
    readonly key: string
    readonly cost_usd: number | null
    readonly request_id: string | null
  }
}

export function readLines(bytes: Uint8Array): readonly Line[] {
  const text = Buffer.from(bytes).toString()
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

/**
 * The whole lines there are, of a file whose process or power may just have died: of the last one
 * the line feed may be missing, or NUL bytes stand in its place.
 */
export function readWholeLines(bytes: Uint8Array): readonly Line[] {
  const text = Buffer.from(bytes).toString()
  return text.split('\n').flatMap((line) => {
    try {
      const value: Line | null = JSON.parse(line.replace(/\0+$/, ''))
      return value === null || typeof value !== 'object' ? [] : [value]
    } catch {
      return []
    }
  })
}

/** What says that the account, the key or the server is at fault, and never the row. */
const runLevel =
  /spend|usage limits|credit balance|authentication_error|invalid x-api-key|billing_error/

/** No row is failed for what would befall any other. */
export function checkFailures(failed: readonly Line[]): readonly string[] {
  const wrong = failed.filter(({ result: { error } }) =>
    runLevel.test(`${error?.error.type}: ${error?.error.message}`),
  )
  if (wrong.length === 0) return []
  const { type, message } = wrong[0]?.result.error?.error ?? {}
  return [`${wrong.length} rows failed for the run's error: ${type}: ${message}`]
}

/** Every row of the input has exactly one line; answers for those that can be answered. */
export function checkCountedOut(
  rows: readonly WorldRow[],
  everHeld: ReadonlyMap<string, number>,
  { output, failed }: { output: readonly Line[]; failed: readonly Line[] },
): readonly string[] {
  const problems: string[] = []
  const wanted = new Map<string, { answers: number; failures: number }>()
  for (const { line, poison } of rows) {
    const want = wanted.get(keyOf(line)) ?? { answers: 0, failures: 0 }
    if (poison) want.failures += 1
    else want.answers += 1
    wanted.set(keyOf(line), want)
  }
  const count = (lines: readonly Line[], key: string): number =>
    lines.filter(({ run }) => run.key === key).length
  for (const [key, { answers, failures }] of wanted) {
    const found = count(output, key)
    const foundFailed = count(failed, key)
    // A row that is no longer in the input may have left its answer there; nothing paid for is removed.
    const most = answers === 0 ? 0 : Math.max(answers, everHeld.get(key) ?? 0)
    if (found < answers || found > most)
      problems.push(`key ${key} has ${found} answers, not ${answers}`)
    if (foundFailed !== failures)
      problems.push(`key ${key} has ${foundFailed} failures, not ${failures}`)
  }
  const strangers = failed.filter(({ run }) => !wanted.has(run.key))
  if (strangers.length > 0) problems.push(`${strangers.length} failures of rows that are gone`)
  return problems
}

/** Answers stand in the order of the input; those of rows that are gone come last. */
export function checkOrder(rows: readonly WorldRow[], output: readonly Line[]): readonly string[] {
  const position = new Map(rows.map(({ line }, index) => [keyOf(line), index]))
  // Of more answers than there are rows left of their key, the last ones have no row.
  const left = new Map<string, number>()
  for (const { line } of rows) left.set(keyOf(line), (left.get(keyOf(line)) ?? 0) + 1)
  const known = output.map(({ run: { key } }) => {
    const count = left.get(key) ?? 0
    left.set(key, count - 1)
    return count > 0 ? position.get(key) : undefined
  })
  const firstGone = known.indexOf(undefined)
  const there = known.filter((index) => index !== undefined)
  const problems: string[] = []
  // Rows alike to the byte have one key, and so one position: their answers may stand anywhere.
  const alike = new Set(
    rows.map(({ line }) => line).filter((line, index, all) => all.indexOf(line) !== index),
  )
  const ranks = there.filter((index) => !alike.has(rows[index]?.line ?? ''))
  if (ranks.some((rank, index) => index > 0 && rank < (ranks[index - 1] ?? 0))) {
    problems.push('answers are not in the order of the input')
  }
  if (firstGone !== -1 && known.slice(firstGone).some((index) => index !== undefined)) {
    problems.push('an answer without a row stands before one with')
  }
  return problems
}
