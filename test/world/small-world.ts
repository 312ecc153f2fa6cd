/**
 * A world of one's own: rows and a server as given, without chance, and a way to live in it.
 */

import type { RunEvent } from '../../src/events.ts'
import type { RunOptions } from '../../src/settings.ts'
import { Random } from '../../src/random.ts'
import { SimulatorModel, type SimulatorOptions } from '../../src/simulator/index.ts'
import type { RunSummary } from '../../src/summary.ts'
import { SimFiles } from '../sim-files.ts'
import { type Death, draw } from './draw.ts'
import { type Ending, Life, type Stage } from './life.ts'
import { SimClock } from './sim-clock.ts'

export const input = '/data/in.jsonl'
export const output = '/data/out.jsonl'

/** Its lives share files and server; see above. */
export class SmallWorld {
  readonly clock = new SimClock(0)
  readonly disk = new SimFiles(() => this.clock.wallTime())
  key = 'sk-ant-world'
  readonly model: SimulatorModel
  readonly #stage: Stage
  #lives = 0

  constructor(
    rows: readonly object[],
    server: SimulatorOptions | SimulatorModel = {},
    packBounds?: Stage['packBounds'],
  ) {
    this.disk.put(input, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    this.model = server instanceof SimulatorModel ? server : new SimulatorModel(smallServer(server))
    this.#stage = {
      drawn: { ...draw(1), networkMs: 10, stragglers: 0 },
      clock: this.clock,
      disk: this.disk,
      model: this.model,
      apiKey: () => this.key,
      tally: () => {},
      limitWrites: () => {},
      ...(packBounds && { packBounds }),
    }
  }

  async live(
    options: Partial<RunOptions> = {},
    death?: Death,
    heard: (event: RunEvent) => void = () => {},
  ): Promise<{ readonly life: Life; readonly summary: RunSummary }> {
    const { life, ending } = await this.try(options, death, heard)
    if (ending.type !== 'summary')
      throw new Error(`It ended by ${ending.type}`, {
        cause: 'error' in ending ? ending.error : undefined,
      })
    return { life, summary: ending.summary }
  }

  async try(
    options: Partial<RunOptions>,
    death?: Death,
    heard: (event: RunEvent) => void = () => {},
    born: (life: Life) => void = () => {},
  ): Promise<{ readonly life: Life; readonly ending: Ending }> {
    this.#lives += 1
    const life = new Life(this.#stage, {
      number: this.#lives,
      boot: 1,
      options: { input, output, apiKey: 'sk-ant-world', seed: 1, ...options },
      death,
      random: new Random(this.#lives),
    })
    life.heard = heard
    born(life)
    return { life, ending: await life.live() }
  }
}

/** A server without chance. */
export function smallServer(server: SimulatorOptions): SimulatorOptions {
  return { latencyMs: 1000, latencySigma: 0, ...server }
}

/** So many rows to ask, with what else is in each. */
export function rowsOf(count: number, more: object = {}): readonly object[] {
  return Array.from({ length: count }, (_, number) => ({
    model: 'claude-haiku-4-5',
    max_tokens: 100,
    messages: [{ role: 'user', content: `Row ${number}` }],
    ...more,
  }))
}

/** Rows that succeeded, failed and were left. */
export function counts({ rows }: RunSummary): readonly number[] {
  return [rows.succeeded, rows.failed, rows.left]
}
