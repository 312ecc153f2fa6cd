/**
 * What happens in a run, as metrics for Prometheus.
 *
 * An observer like any other: it folds events, and changes nothing. Calls are observed as they end
 * (calls.ts); all else is read from a snapshot when somebody asks (sampled.ts), so that a row costs
 * microseconds and a scrape nothing while nobody scrapes.
 *
 * Invariant: there are only so many series, whatever the file or the server says, and none has an
 * id of a row or of a request.
 */

import { Counter, Gauge, Registry } from 'prom-client'
import type { Clock } from '../clock.ts'
import type { RunEvent } from '../events.ts'
import type { Snapshot } from '../snapshot.ts'
import { Stats } from '../stats.ts'
import { version } from '../version.ts'
import { Calls } from './calls.ts'
import { Names } from './names.ts'
import { type Sampled, sampledMetrics } from './sampled.ts'

const poolsMax = 32

/** Folds events into metrics. Of a process with several runs, one after another, it is one. */
export class Metrics {
  readonly #clock: Clock
  readonly #registry = new Registry()
  readonly #calls: Calls
  readonly #pools = new Names(poolsMax)
  #stats: Stats | undefined
  /** When the run that was observed last ended; undefined while it is under way. */
  #endedAt: number | undefined
  /** How the earlier runs of the process ended. */
  readonly #before: Snapshot[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#calls = new Calls(this.#registry)
    for (const metric of sampledMetrics) this.#addSampled(metric)
    const help = 'Always 1; says which version of sluice this is.'
    const built = { name: 'sluice_build_info', help, labelNames: ['version'] }
    new Gauge({ ...built, registers: [this.#registry] }).set({ version }, 1)
  }

  observe(event: RunEvent): void {
    if (event.type === 'run_started') {
      this.#before.push(...this.#now())
      this.#stats = new Stats()
      this.#endedAt = undefined
    }
    this.#stats?.observe(event)
    this.#calls.observe(event)
  }

  /** The run is over: time passes no more, and the last values stay. */
  ended(): void {
    this.#endedAt ??= this.#clock.now()
  }

  /** All metrics in the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  /** The type of that text, for HTTP. */
  get contentType(): string {
    return this.#registry.contentType
  }

  #now(): readonly Snapshot[] {
    if (this.#stats === undefined) return []
    return [this.#stats.snapshot(this.#endedAt ?? this.#clock.now())]
  }

  #addSampled({ name, type, help, labels, samples }: Sampled): void {
    const pool = (text: string): string => this.#pools.of(text)
    const config = { name, help, labelNames: [...labels], registers: [this.#registry] }
    // Without labels a reset leaves a zero, which would be a lie where a value is not known.
    if (type === 'counter') {
      const collect = (): void => {
        counted.reset()
        if (labels.length === 0) counted.remove()
        for (const run of [...this.#before, ...this.#now()])
          for (const [values, value] of samples(run, pool)) counted.inc(values, value)
      }
      const counted = new Counter({ ...config, collect })
      return
    }
    const collect = (): void => {
      shown.reset()
      if (labels.length === 0) shown.remove()
      for (const run of this.#now())
        for (const [values, value] of samples(run, pool)) shown.set(values, value)
    }
    const shown = new Gauge({ ...config, collect })
  }
}
