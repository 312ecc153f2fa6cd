/**
 * Limits as a table, and as JSON: pure, from what was found.
 *
 *   pool              limit                at most       left    full
 *   claude-haiku-4-5  requests/min           1,000        999  in 1 s
 *                     input tokens/min   2,000,000  2,000,000     now
 *     models: claude-haiku-4-5, claude-haiku-4-5-20251001
 *
 * Columns that have nothing to say are left out, and no line is longer than the terminal is wide.
 */

import { unitsOfTypes } from '../ceilings.ts'
import type { MeterUnit } from '../meter.ts'
import { unitNames } from './bind-names.ts'
import type { Paint } from './paint.ts'
import { formatCount, formatDuration } from '../figures.ts'
import { displayWidth, printable, truncate } from './text.ts'

/** One limit, as far as it is known. */
export interface ShownLimit {
  /** As the API names it. */
  readonly type: string
  readonly value: number
  /** What the organisation has, where the workspace has its own. */
  readonly organizationValue?: number
  /** What is left, of headers; tokens to the nearest thousand. */
  readonly remaining?: number
  /** Milliseconds until all of it is there again. */
  readonly fullInMs?: number
}

/** The limits that some models share. */
export interface ShownPool {
  readonly name: string
  /** `model_group`, `batch`… */
  readonly type: string
  readonly models: readonly string[] | null
  readonly limits: readonly ShownLimit[]
}

/** What a model that was asked said instead. */
export interface FailedModel {
  readonly model: string
  readonly message: string
}

/** All that was found. */
export interface ShownLimits {
  readonly workspace: string | undefined
  readonly pools: readonly ShownPool[]
  readonly failed: readonly FailedModel[]
}

/** What people call the limits that are none of a run's meters. */
const typeNames: Readonly<Record<string, string>> = {
  input_tokens_per_minute: 'input, reads too/min',
  tokens_per_minute: 'tokens/min',
  tokens_per_day: 'tokens/day',
  enqueued_batch_requests: 'queued requests',
  tool_uses_per_second: 'uses/s',
  fast_itpmca: 'fast input/min',
  fast_otpm: 'fast output/min',
}

/** Groups that are of no model. */
const groupNames: Readonly<Record<string, string>> = {
  batch: 'Message Batches',
  token_count: 'token counting',
  files: 'Files',
  skills: 'Skills',
  web_search: 'web search',
}

/** The types that headers show, by their units. */
export const headerTypes: Readonly<Record<MeterUnit, string>> = {
  requests: 'requests_per_minute',
  input: 'input_tokens_per_minute_cache_aware',
  output: 'output_tokens_per_minute',
  tokens: 'tokens_per_minute',
}

const poolColumnsMax = 24
const gap = '  '

type Column = {
  readonly head: string
  readonly right: boolean
  readonly cell: (limit: ShownLimit) => string
}

/** The table, to be read by people. */
export function limitsTable(
  { pools }: ShownLimits,
  { columns, paint }: { readonly columns: number; readonly paint: Paint },
): readonly string[] {
  const all = pools.flatMap(({ limits }) => limits)
  const shown = columnsOf(all)
  const names = pools.map((pool) => truncate(nameOf(pool), poolColumnsMax))
  const widths = [
    Math.max(4, ...names.map(displayWidth)),
    ...shown.map(({ head, cell }) =>
      Math.max(head.length, ...all.map((each) => cell(each).length)),
    ),
  ]
  const row = (cells: readonly string[]): string =>
    cells
      .map((text, index) => {
        const pad = ' '.repeat(Math.max(0, (widths[index] ?? 0) - displayWidth(text)))
        return shown[index - 1]?.right === true ? pad + text : text + pad
      })
      .join(gap)
      .trimEnd()
  const heads = ['pool', ...shown.map(({ head }) => head)]
  const lines = [paint('quiet', truncate(row(heads), columns))]
  for (const [index, pool] of pools.entries()) {
    for (const [place, limit] of pool.limits.entries()) {
      const name = place === 0 ? (names[index] ?? '') : ''
      lines.push(truncate(row([name, ...shown.map(({ cell }) => cell(limit))]), columns))
    }
    lines.push(...modelLines(pool, columns).map((line) => paint('quiet', line)))
  }
  return lines
}

function columnsOf(limits: readonly ShownLimit[]): readonly Column[] {
  const optional = (isThere: boolean, column: Column): readonly Column[] =>
    isThere ? [column] : []
  return [
    { head: 'limit', right: false, cell: ({ type }) => limitName(type) },
    { head: 'at most', right: true, cell: ({ value }) => formatCount(value) },
    ...optional(
      limits.some((limit) => limit.remaining !== undefined),
      { head: 'left', right: true, cell: ({ remaining }) => countOrNone(remaining) },
    ),
    ...optional(
      limits.some(({ fullInMs }) => fullInMs !== undefined),
      { head: 'full', right: true, cell: ({ fullInMs }) => fullText(fullInMs) },
    ),
    ...optional(
      limits.some(({ organizationValue, value }) => (organizationValue ?? value) !== value),
      {
        head: 'organisation',
        right: true,
        cell: ({ organizationValue }) => countOrNone(organizationValue),
      },
    ),
  ]
}

function countOrNone(count: number | undefined): string {
  return count === undefined ? '' : formatCount(count)
}

function fullText(fullInMs: number | undefined): string {
  if (fullInMs === undefined) return ''
  return fullInMs <= 0 ? 'now' : `in ${formatDuration(fullInMs)}`
}

function nameOf({ name, type }: ShownPool): string {
  return printable(groupNames[type] ?? name)
}

/** `requests/min`, `input tokens/min`…; of what is not known, the API's own word. */
function limitName(type: string): string {
  const known = typeNames[type]
  if (known !== undefined) return known
  const unit = unitsOfTypes[type]
  return unit === undefined ? printable(type) : `${unitNames[unit]}/min`
}

/** The models, on as many lines as they take. */
function modelLines({ models }: ShownPool, columns: number): readonly string[] {
  if (models === null || models.length === 0) return []
  const lines: string[] = []
  let line = '  models:'
  for (const [index, model] of models.entries()) {
    const word = ` ${printable(model)}${index < models.length - 1 ? ',' : ''}`
    if (displayWidth(line + word) > columns && line.trim() !== '') {
      lines.push(line)
      line = '         '
    }
    line += word
  }
  return [...lines, line].map((each) => truncate(each, columns))
}

/** One object on one line. */
export function limitsJson({ workspace, pools, failed }: ShownLimits): string {
  return JSON.stringify({
    workspace: workspace ?? null,
    pools: pools.map(({ name, type, models, limits }) => ({
      name,
      group_type: type,
      models,
      limits: limits.map((limit) => ({
        type: limit.type,
        value: limit.value,
        org_limit: limit.organizationValue ?? null,
        remaining: limit.remaining ?? null,
        full_in_ms: limit.fullInMs ?? null,
      })),
    })),
    failed,
  })
}
