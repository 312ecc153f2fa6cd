/**
 * sluice as a library: `run` takes what the command takes, and tells what the command shows;
 * `stream` takes and gives objects; `check` tells what the API would refuse, and `forecast` what a
 * run would cost: neither sends anything.
 */

export type * from './api-types.ts'
export { check } from './check.ts'
export type { CheckHooks, CheckProgress } from './check.ts'
export type { CheckOptions } from './check-options.ts'
export type { CheckReport, FoundKind } from './check-report.ts'
export { RunControl } from './control.ts'
export type { Command } from './control.ts'
export { RunError } from './errors.ts'
export type { ErrorCode } from './errors.ts'
export type {
  AttemptFailed,
  AttemptStarted,
  BatchCollected,
  BatchCut,
  BatchLost,
  BatchSubmitted,
  BindingChanged,
  Commanded,
  DeadlineJudged,
  InputEnded,
  LimitsRead,
  Notice,
  Observer,
  OutputBlocked,
  RowFailed,
  RowLeft,
  RowsRead,
  RowsAgain,
  RowSucceeded,
  RunEvent,
  RunStarted,
  RunStopping,
  SplitPlanned,
} from './events.ts'
export { forecast } from './forecast.ts'
export type { ForecastHooks } from './forecast.ts'
export type { ForecastProgress } from './forecast-survey.ts'
export type { HitShares, Way } from './forecast-cost.ts'
export type { CountTokens } from './forecast-known.ts'
export type { CountedRows } from './forecast-learning.ts'
export type { ForecastOptions } from './forecast-options.ts'
export type { BudgetForecast, Forecast, WayForecast } from './forecast-report.ts'
export type { ModelSum, Range } from './forecast-sums.ts'
export type { Duration } from './forecast-time.ts'
export type { Finding, FindingKind, FindingLevel } from './finding.ts'
export type { CacheMode, RunOptions } from './settings.ts'
export type { ApiError, LimitReading, LimitReadings, Usage } from './outcome.ts'
export type { PrefixGroup, PrefixReport } from './prefix-savings.ts'
export type { Producer } from './object-source.ts'
export type { Errored, Result, ResultRun, Succeeded } from './result.ts'
export { run } from './run.ts'
export type { RunHooks } from './run.ts'
export type { PoolSnapshot } from './pool-stats.ts'
export type { Snapshot, TokenTotals } from './snapshot.ts'
export type { BatchTimes } from './batch-times.ts'
export type { SplitForecast } from './split-forecast.ts'
export { stream } from './stream.ts'
export type { ResultStream } from './stream.ts'
export type { StreamOptions } from './stream-options.ts'
export type { RunSummary, Stopped } from './summary.ts'
