/**
 * Writes docs/plots/*.svg: what a limit held, what its headers showed and what we thought, second by
 * second, from plays in virtual time (docs/how-limits-work.md shows them).
 *
 *   node scripts/plot-levels.ts [--only NAME]
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startRuns } from '../bench/limit-use/play.ts'
import { type Scenario, Stage, usualModel } from '../bench/limit-use/stage.ts'
import { Limiter } from '../src/limiter.ts'
import type { PoolLimiter } from '../src/pool-limiter.ts'
import { levelPlot, type LevelPlot, type Point } from './level-plot.ts'

/** One picture: what is played, and which limit is looked at. */
interface Picture {
  readonly name: string
  readonly title: string
  readonly unit: 'requests' | 'output'
  readonly seconds: number
  /** What is drawn begins here. @default 0 */
  readonly fromSeconds?: number
  readonly marks?: LevelPlot['marks']
  readonly scenario: Omit<Scenario, 'name' | 'seed' | 'words'>
}

const middle = {
  requestsPerMinute: 1000,
  inputTokensPerMinute: 450_000,
  outputTokensPerMinute: 16_000_000,
  outputTokens: 800,
  latencyMs: 700,
}

const pictures: readonly Picture[] = [
  {
    name: 'requests',
    title: '1,000 requests a minute, answers in 0.7 s',
    unit: 'requests',
    seconds: 60,
    scenario: { server: middle, rows: 2500 },
  },
  {
    name: 'output-slow',
    title: '90,000 output tokens a minute, answers in 15 s',
    unit: 'output',
    seconds: 300,
    scenario: {
      server: { ...middle, latencyMs: 15_000, outputTokensPerMinute: 90_000 },
      rows: 700,
      options: { timeoutMs: 3_600_000 },
    },
  },
  {
    name: 'hidden-slice',
    title: '1,000 requests a minute, enforced over each second, which no header says',
    unit: 'requests',
    seconds: 60,
    scenario: { server: { ...middle, slice: 'hidden', burstSeconds: 1 }, rows: 2000 },
  },
  {
    name: 'limit-dropped',
    title: '1,000 requests a minute become 500',
    unit: 'requests',
    seconds: 120,
    marks: [{ atSeconds: 60, text: '500 a minute from here on' }],
    scenario: {
      server: middle,
      rows: 3000,
      events: [[60_000, (model, now) => model.setLimits(now, { requestsPerMinute: 500 })]],
    },
  },
  {
    name: 'two-runs',
    title: '1,000 requests a minute, two runs that know nothing of each other',
    unit: 'requests',
    seconds: 120,
    scenario: { server: middle, rows: 1800, runs: 2 },
  },
]

/** The limits of the runs that are under way, as the runs see them. */
const pools = new Set<PoolLimiter>()

/** A run's limiter is its own affair: nobody is handed it. Here it is watched as it is made. */
function watchLimiters(): void {
  const name = 'pool'
  const made = Limiter.prototype[name]
  Object.assign(Limiter.prototype, {
    [name](this: Limiter, ...args: Parameters<typeof made>) {
      const pool = made.apply(this, args)
      pools.add(pool)
      return pool
    },
  })
}

async function draw(picture: Picture): Promise<string> {
  const { title, unit, seconds, marks = [] } = picture
  pools.clear()
  const server: Point[] = []
  const shown: Point[] = []
  const ours: Point[][] = []
  const starts = Array.from({ length: seconds }, () => 0)
  const refusedAt: number[] = []
  const since = (at: number): number => (at - 1000) / 1000
  const scenario: Scenario = { name: title, seed: 1, words: () => 45, ...picture.scenario }
  const stage = new Stage(scenario, {
    sent: (at) => {
      const second = Math.floor(since(at))
      if (second < seconds) starts[second] = (starts[second] ?? 0) + 1
    },
    refused: (at) => refusedAt.push(since(at)),
    head: (at, limits) => {
      const reading = limits[unit]
      if (reading !== undefined) shown.push([since(at), reading.remaining])
    },
  })
  const { clock, model } = stage
  const sample = (): void => {
    const at = since(clock.now())
    const level = model.levels(clock.now(), usualModel)?.[unit]?.level
    if (level !== undefined) server.push([at, level])
    for (const [index, pool] of [...pools].entries()) {
      const own = pool.levels(clock.now())[unit]?.level
      if (own !== undefined) (ours[index] ??= []).push([at, own])
    }
    if (at < seconds) clock.after(seconds * 2, sample)
  }
  sample()
  await stage.playUntil(startRuns(stage, scenario))
  const limit = unit === 'requests' ? 1000 : 90_000
  return levelPlot({ title, unit, seconds, limit, server, shown, ours, starts, refusedAt, marks })
}

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } })
const folder = fileURLToPath(new URL('../docs/plots/', import.meta.url))
mkdirSync(folder, { recursive: true })
watchLimiters()
for (const picture of pictures) {
  if (!picture.name.includes(values.only)) continue
  writeFileSync(`${folder}${picture.name}.svg`, await draw(picture))
}
