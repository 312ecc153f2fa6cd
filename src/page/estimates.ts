/**
 * How far estimates of input tokens were off, as the page shows it.
 */

import type { RunSummary } from '../summary.ts'
import type { EstimatesView } from './view.ts'

/** Of a run that is over; null when nothing was estimated. */
export function estimatesOf(
  summary: Pick<RunSummary, 'estimateErrors' | 'estimateErrorPercent' | 'snapshot'>,
): EstimatesView | null {
  const { input } = summary.estimateErrors
  if (input === null || summary.estimateErrorPercent === null) return null
  return {
    rows: summary.snapshot.rows.succeeded,
    bias: summary.estimateErrorPercent / 100,
    median: input.medianPercent / 100,
    p95: input.p95Percent / 100,
  }
}
