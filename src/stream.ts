/**
 * `stream`: request objects in, results out as they complete; `run` without files.
 *
 *   producer ─► ObjectSource ─► pipeline ─► Delivery ─► for await
 *
 * Both ends push back: the producer is pulled only while the look-ahead window has room, and
 * nothing is started while too many results wait to be taken. Nothing is written, so what
 * is not taken when the process ends is lost: for work that must survive, use `run`.
 */

/// <reference lib="esnext.disposable" preserve="true" />

import type { MetadataOf, RequestInput } from './api-types.ts'
import { type RunContext, systemContext } from './context.ts'
import { Delivery } from './delivery.ts'
import { RunError } from './errors.ts'
import { loadPrices } from './money.ts'
import { ObjectSource, type Producer } from './object-source.ts'
import { join, type Pipeline } from './pipeline.ts'
import type { Result } from './result.ts'
import type { RunHooks } from './run.ts'
import { readStreamOptions, type StreamOptions } from './stream-options.ts'
import { endedBy, type RunSummary, summarize } from './summary.ts'

/** Results as they complete. Iterate it once, to its end; leaving early ends what is under way. */
export interface ResultStream<Metadata = unknown> extends AsyncDisposable {
  /**
   * How it went, known when every request has its result, taken or not. Rejects only for bugs of
   * ours, and never as an unhandled rejection.
   */
  readonly summary: Promise<RunSummary>
  /** The next result. Rejects once, behind the last one, with what stopped the stream. */
  next(): Promise<IteratorResult<Result<Metadata>, undefined>>
  /** What `break` does: starts nothing more, ends what is under way, drops what was not taken. */
  return(): Promise<IteratorResult<Result<Metadata>, undefined>>
  [Symbol.asyncIterator](): ResultStream<Metadata>
}

/**
 * Asks every request, and hands over one result for each as it completes.
 *
 * A request that fails, is none, or repeats a `custom_id` is an errored result, and the others go
 * on. What stops the stream (a refused key, no credit, no answer for `patienceMs`, a model that
 * does not exist) is thrown to the iterator as a `RunError` behind the last result; so is the
 * signal's reason when it aborts and what the producer throws, after what was under way had
 * `graceMs` to finish. Asking begins at once, and pauses while 1,000 results (or 64 MB of them)
 * wait to be taken.
 *
 * Nothing is kept on disk: for work that must survive a crash, use `run` with an output file.
 *
 * @throws {RunError} when nothing was started: unusable options or prices
 * @example
 * ```ts
 * const simulator = await startSimulator({ latencyMs: 0 })
 * const messages = [{ role: 'user', content: 'Hi' }]
 * const request = { model: 'claude-haiku-4-5', max_tokens: 10, messages, metadata: { page: 7 } }
 * const results = stream([request], { apiKey: 'any', baseUrl: simulator.url })
 * for await (const { custom_id, result, metadata } of results) {
 *   custom_id // => 'line-1'
 *   result.type // => 'succeeded'
 *   metadata?.page // => 7
 * }
 * const { rows } = await results.summary
 * rows // => { selected: 1, succeeded: 1, failed: 0, left: 0 }
 * await simulator.close()
 * ```
 */
export function stream<Request extends RequestInput>(
  requests: Producer<Request>,
  options: StreamOptions,
  hooks: RunHooks = {},
  context: RunContext = systemContext(),
): ResultStream<MetadataOf<Request>> {
  const settings = readStreamOptions(options)
  const prices = loadPrices(settings.prices)
  const transport = context.transport(settings)
  /** What the caller is told in place of the error that stops the run. */
  const thrown = new Map<RunError, unknown>()
  const stopFor = (error: RunError, told: unknown): void => {
    thrown.set(error, told)
    pipeline.loop.stop(error, settings.graceMs)
  }
  const source = new ObjectSource<MetadataOf<Request>>(requests, (error) =>
    stopFor(unreadable(error), error),
  )
  const delivery = new Delivery<MetadataOf<Request>>({
    hold: (on) => pipeline.loop.awaitTaker(on),
    takeMetadata: (line) => source.takeMetadata(line),
  })
  const { observers = [], signal } = hooks
  const ends = { source, books: delivery, transport, prices, observers }
  const pipeline = join(context, settings, ends)
  const interrupt = (): void => stopFor(stopped('as asked'), signal?.reason)
  let end: { readonly error: unknown } | undefined
  const play = async (): Promise<RunSummary> => {
    // A producer may wish to look at what is returned below.
    await Promise.resolve()
    try {
      if (signal?.aborted === true) interrupt()
      signal?.addEventListener('abort', interrupt)
      const summary = await playThrough(pipeline, context)
      const error = endedBy(pipeline.scheduler)
      end = error && { error: thrown.has(error) ? thrown.get(error) : error }
      return summary
    } catch (error) {
      end = { error }
      throw error
    } finally {
      signal?.removeEventListener('abort', interrupt)
      pipeline.loop.close()
      source.close()
      try {
        await transport.close()
      } finally {
        delivery.end(end)
      }
    }
  }
  const summary = play()
  return new Results(delivery, summary, async (isPlaying) => {
    if (isPlaying) pipeline.loop.abandon(stopped('as nobody takes its results any more'))
    await summary.catch(() => {})
    await source.closed()
  })
}

class Results<M> implements ResultStream<M> {
  readonly summary: Promise<RunSummary>
  readonly #delivery: Delivery<M>
  readonly #leave: (isPlaying: boolean) => Promise<void>
  #isPlaying = true

  constructor(
    delivery: Delivery<M>,
    summary: Promise<RunSummary>,
    leave: (isPlaying: boolean) => Promise<void>,
  ) {
    this.#delivery = delivery
    this.#leave = leave
    this.summary = summary
    // Nobody need look at it: what went wrong is thrown to the iterator too.
    const over = (): void => {
      this.#isPlaying = false
    }
    summary.then(over, over)
  }

  next(): Promise<IteratorResult<Result<M>, undefined>> {
    return this.#delivery.next()
  }

  async return(): Promise<IteratorResult<Result<M>, undefined>> {
    this.#delivery.discard()
    const isPlaying = this.#isPlaying
    this.#isPlaying = false
    await this.#leave(isPlaying)
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}

/** Runs until every request has its result or was left, and counts them out. */
async function playThrough(pipeline: Pipeline, { clock }: RunContext): Promise<RunSummary> {
  const { loop, scheduler, stats, observe } = pipeline
  const noFiles = { input: noFile, output: noFile, failedOutput: noFile }
  observe({
    type: 'run_started',
    at: clock.now(),
    wallAt: clock.wallTime(),
    ...noFiles,
    inputBytes: null,
    held: { succeeded: 0, failed: 0 },
    killedInFlight: 0,
  })
  await loop.run()
  loop.countOut()
  return summarize(scheduler, 0, {
    ...noFiles,
    notInInput: null,
    snapshot: stats.snapshot(clock.now()),
  })
}

const noFile = '-'

function stopped(why: string): RunError {
  return new RunError('INTERRUPTED', `Stopped ${why}`)
}

function unreadable(cause: unknown): RunError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RunError('INPUT_UNREADABLE', `Cannot read the requests: ${reason}`, { cause })
}
