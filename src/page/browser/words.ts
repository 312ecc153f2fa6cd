/**
 * Words of the page for what a view names by a key, and figures in sentences.
 */

import { formatCost, formatDuration } from '../../figures.ts'
import type { MeterName, RunState, TokenKind } from '../view.ts'

/** States, as a heading says them. */
export const stateWords: Readonly<Record<RunState, string>> = {
  running: 'Running',
  paused: 'Paused',
  stopping: 'Stopping',
  ended: 'Ended',
  stopped: 'Stopped',
  unknown: 'Not ended',
}

/** Limits. */
export const meterWords: Readonly<Record<MeterName, string>> = {
  requests: 'Requests',
  input: 'Input tokens',
  output: 'Output tokens',
  tokens: 'Tokens',
}

/** Kinds of tokens. */
export const kindWords: Readonly<Record<TokenKind, string>> = {
  input: 'Input',
  cacheWrite5m: 'Cache writes, 5 min',
  cacheWrite1h: 'Cache writes, 1 h',
  cacheRead: 'Cache reads',
  output: 'Output',
}

/** Whether it may still change by itself. */
export function isUnderWay(state: RunState): boolean {
  return state === 'running' || state === 'paused' || state === 'stopping'
}

const dayFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' })
const clockFormat = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

/** The time of day, where the reader is. */
export function formatClock(at: number): string {
  return clockFormat.format(at)
}

/** Day and time, where the reader is. */
export function formatInstant(at: number): string {
  return `${dayFormat.format(at)}, ${clockFormat.format(at)}`
}

/**
 * How long one answer took.
 *
 * @example
 * ```ts
 * formatLatency(840) // => '840 ms'
 * formatLatency(1234) // => '1.23 s'
 * formatLatency(90_000) // => '1 min 30 s'
 * ```
 */
export function formatLatency(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 9995) return `${Number((ms / 1000).toFixed(2))} s`
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))} s`
  return formatDuration(ms)
}

/**
 * A share that may be small.
 *
 * @example
 * ```ts
 * formatPercent(0.0234) // => '2.3 %'
 * formatPercent(0.41) // => '41 %'
 * ```
 */
export function formatPercent(share: number): string {
  const percent = 100 * share
  return `${percent < 9.95 ? Number(percent.toFixed(1)) : Math.round(percent)} %`
}

/** Money, or the words for a price nobody knows. */
export function costOrUnknown(nanoUsd: number | null): string {
  return nanoUsd === null ? 'price unknown' : formatCost(nanoUsd)
}
