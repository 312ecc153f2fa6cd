/**
 * The log: run events as JSON lines, for whoever has to find out afterwards.
 *
 * Lines hold ids and what the server said of a fault; no prompts, answers or keys. They are
 * written at once, so that none is missing when the process ends in whatever way. pino is
 * loaded only when a log is asked for.
 */

import { closeSync, openSync, writeSync } from 'node:fs'
import type { Level, Logger } from 'pino'
import type { RunEvent } from '../events.ts'
import type { Redact } from './redact.ts'

/** Takes the lines of a log. */
export interface LogSink {
  write(line: string): void
  close?(): void
}

/** A log that is written to. */
export interface Log {
  observe(event: RunEvent): void
  /** Something that is no event of a run: its start, its end, a fault of ours. */
  say(level: Level, fields: Readonly<Record<string, unknown>>, message: string): void
  close(): void
}

/** No log: takes everything and keeps nothing. */
export const noLog: Log = { observe: () => {}, say: () => {}, close: () => {} }

/** Opens a log at a level; `sink` takes its lines, which are redacted first. */
export async function openLog(level: string, sink: LogSink, redact: Redact): Promise<Log> {
  const { pino, stdTimeFunctions } = await import('pino')
  const destination = { write: (line: string) => sink.write(redact(line)) }
  const logger = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  )
  return {
    observe: (event) => logEvent(logger, event),
    say: (at, fields, message) => logger[at](fields, message),
    close: () => sink.close?.(),
  }
}

/** A file that is appended to. Throws as Node does when it cannot be opened. */
export class FileSink implements LogSink {
  readonly #lost: (error: unknown) => void
  #descriptor: number | undefined

  /** Once a line cannot be written the file is given up, and `lost` told: a log stops no run. */
  constructor(file: string, lost: (error: unknown) => void) {
    this.#descriptor = openSync(file, 'a')
    this.#lost = lost
  }

  write(line: string): void {
    if (this.#descriptor === undefined) return
    try {
      writeSync(this.#descriptor, line)
    } catch (error) {
      this.close()
      this.#lost(error)
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }
}

function logEvent(logger: Logger, event: RunEvent): void {
  // Refusals for a rate are how limits are found: they are nobody's fault.
  const isRefusal = event.type === 'attempt_failed' && event.kind === 'refused'
  const level = isRefusal ? 'info' : levels[event.type]
  if (logger.isLevelEnabled(level)) logger[level](fieldsOf(event))
}

const levels: Readonly<Record<RunEvent['type'], Level>> = {
  run_started: 'info',
  rows_read: 'trace',
  input_ended: 'debug',
  attempt_started: 'trace',
  attempt_failed: 'warn',
  row_succeeded: 'debug',
  row_asked_again: 'info',
  row_failed: 'error',
  row_left: 'debug',
  row_copied: 'debug',
  rows_again: 'info',
  batch_submitted: 'info',
  batch_collected: 'info',
  batch_lost: 'warn',
  batch_cut: 'info',
  split_planned: 'info',
  deadline_judged: 'info',
  limits_read: 'trace',
  binding_changed: 'debug',
  budget_used: 'debug',
  commanded: 'info',
  output_blocked: 'error',
  run_stopping: 'error',
  notice: 'info',
}

function fieldsOf(event: RunEvent): Record<string, unknown> {
  if (event.type === 'attempt_failed') {
    const { line, id, status, error, requestId, waitMs, attempt, kind, latencyMs } = event
    return {
      event: event.type,
      line,
      id,
      attempt,
      kind,
      status,
      type: error.type,
      ...(error.code !== undefined && { error_code: error.code }),
      error: error.message,
      request_id: requestId,
      wait_ms: rounded(waitMs),
      latency_ms: rounded(latencyMs),
      maybe_billed: event.unknown !== null,
    }
  }
  if (event.type === 'row_failed') {
    const { line, id, status, error, requestId, attempts } = event
    return {
      event: event.type,
      line,
      id,
      status,
      type: error.type,
      error: error.message,
      request_id: requestId,
      attempts,
    }
  }
  const { at: _at, type, ...rest } = event
  const fields = Object.entries(rest).map(([name, value]) => [snakeCase(name), value])
  return { event: type, ...Object.fromEntries(fields) }
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms)
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
