/**
 * The world: the real `run`, under a virtual clock, on a disk in memory, against the simulator's
 * model, with a seed's worth of trouble. Then everything heals, and every row must be counted out.
 *
 * A history is a sequence of lives of the process (life.ts). Each ends by itself, by a kill, by a
 * power loss or by an interrupt, and the next is started with the same command. Same seed, same
 * history. What must be true of it is said by the checkers, and gathered by judge.ts.
 */

import { createHash } from 'node:crypto'
import { Random } from '../../src/random.ts'
import type { RunOptions } from '../../src/settings.ts'
import { SimFiles } from '../sim-files.ts'
import { BillingModel } from './billing.ts'
import { checkBudget, type Purse, raised } from './checkers-budget.ts'
import { drawCommands } from './commands.ts'
import { type Death, draw, type Drawn } from './draw.ts'
import { WorldInput } from './input.ts'
import { files, foreignText, Judge } from './judge.ts'
import { type Ending, Life, type Stage } from './life.ts'
import { SimClock } from './sim-clock.ts'
import { Weather } from './troubles.ts'

export interface History {
  readonly drawn: Drawn
  /** What was not as it must be; empty if all was well. */
  readonly problems: readonly string[]
  /** One line for each try, event and life, and digests of what the files held. */
  readonly log: readonly string[]
  readonly lives: number
  readonly requests: number
  /** How often each trouble happened. */
  readonly tally: ReadonlyMap<string, number>
  /** The virtual time it took after all was healed, by the least it could. */
  readonly pace: number
  /** Instants at which the checker of idleness could give a verdict. */
  readonly judged: number
}

const livesMax = 40
const startAgainMs = 20_000
const lookEveryMs = 250
/** By then the server has done all it was asked. */
const settledMs = 10 * 60_000
const lineFeed = 10
const lockPath = `${files.output}.sluice/lock`
const abandonedMs = 30 * 60_000

/** Plays the history of a seed. */
export async function runWorld(seed: number, kind: { budgeted?: boolean } = {}): Promise<History> {
  const world = new World(draw(seed, kind))
  await world.play()
  return world.history()
}

class World {
  readonly #drawn: Drawn
  readonly #random: Random
  readonly #clock = new SimClock()
  readonly #disk = new SimFiles(() => this.#clock.wallTime())
  readonly #model: BillingModel
  readonly #input: WorldInput
  readonly #weather: Weather
  readonly #judge: Judge
  readonly #shortWrites: Random
  readonly #log: string[] = []
  readonly #tally = new Map<string, number>()
  #life: Life | undefined
  #lives = 0
  #boots = 1
  #requests = 0
  #isOverwritten = false
  #budget: Purse | undefined

  constructor(drawn: Drawn) {
    this.#drawn = drawn
    this.#budget = drawn.budget
    this.#random = new Random(drawn.seed).fork('world')
    const { seed, healAt, server } = drawn
    this.#model = new BillingModel({ ...server, faultUntil: healAt })
    this.#input = new WorldInput(this.#random.fork('input'), drawn)
    this.#shortWrites = this.#random.fork('short writes')
    const scene = {
      clock: this.#clock,
      disk: this.#disk,
      model: this.#model,
      server,
      random: new Random(seed).fork('weather'),
      tally: (name: string) => this.#count(name),
    }
    this.#weather = new Weather(scene, drawn.troubles)
    this.#judge = new Judge(drawn, this.#disk, this.#input, this.#weather)
  }

  history(): History {
    return {
      drawn: this.#drawn,
      problems: this.#judge.problems,
      log: this.#log,
      lives: this.#lives,
      requests: this.#requests,
      tally: this.#tally,
      pace: this.#judge.pace,
      judged: this.#judge.judged,
    }
  }

  async play(): Promise<void> {
    const { deaths, edits, healAt, overwrite, syncMs } = this.#drawn
    if (syncMs > 0) this.#disk.delaySyncs(() => this.#after(syncMs))
    this.#disk.put(files.input, this.#input.text)
    if (overwrite) this.#disk.put(files.output, foreignText)
    this.#limitWrites()
    this.#clock.after(healAt, () => this.#limitWrites())
    for (const death of deaths) {
      await this.#nextLife(death)
      if (!edits) continue
      this.#input.edit()
      this.#count('input edited')
      this.#disk.put(files.input, this.#input.text)
    }
    // Safety has been seen to; from here on it must end.
    let refusals = 0
    let isAgain = false
    for (;;) {
      // The last life asks rows again that failed while things were broken.
      const healed = this.#isHealed
      const ending = await this.#nextLife(undefined)
      if (ending.type === 'bug') return
      const isDone = ending.type === 'summary' && ending.summary.exitCode <= 1
      if (isDone && healed && (isAgain || this.#judge.leftovers().length === 0)) break
      // What a taker of the lock left that died just now is cleared away by the next run.
      isAgain = isDone && healed
      if (isAgain) await this.#wait(startAgainMs)
      if (this.#lives >= livesMax) return this.#judge.fault(`not done after ${livesMax} lives`)
      // A clock that was set back makes an old lock look new: its user does what the hint says.
      if (ending.type === 'refused' && ending.error.code === 'OUTPUT_LOCKED' && healed)
        this.#disk.remove(lockPath)
      refusals = ending.type === 'refused' ? refusals + 1 : 0
      const leftMs = healAt - this.#clock.now()
      await this.#wait(refusals > 0 ? startAgainMs * 2 ** Math.min(refusals, 6) : leftMs)
    }
    if (this.#budget !== undefined) {
      await this.#wait(settledMs)
      for (const problem of checkBudget(this.#budget, this.#model.billed))
        this.#judge.fault(problem)
    }
    this.#judge.finish(this.#clock.now())
  }

  get #isHealed(): boolean {
    return this.#clock.now() >= this.#drawn.healAt
  }

  async #wait(delayMs: number): Promise<void> {
    if (delayMs > 0) await this.#clock.runUntil(this.#after(delayMs))
  }

  #after(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(delayMs, resolve)
    })
  }

  /** One process from its start to its end. */
  async #nextLife(death: Death | undefined): Promise<Ending> {
    await this.#wait(this.#clock.asleepUntil - this.#clock.now())
    this.#lives += 1
    this.#leaveLock()
    const options = this.#options(death)
    const plan = {
      number: this.#lives,
      boot: this.#boots,
      options,
      death,
      random: this.#random.fork(`life ${this.#lives}`),
      // The last lives are left alone, for their pace to be judged.
      commands: death && drawCommands(this.#random.fork(`commands ${this.#lives}`)),
    }
    const life = new Life(this.#stage(), plan)
    this.#life = life
    this.#write(`life ${this.#lives} at ${this.#clock.now()} ${death?.kind ?? 'to its end'}`)
    this.#judge.begin(life)
    this.#watch(life)
    const ending = await life.live()
    this.#life = undefined
    this.#requests += life.witness.sends.length
    if (ending.type === 'power') this.#boots += 1
    this.#countTraces(life)
    if (life.events.length > 0) this.#isOverwritten = true
    this.#judge.end(this.#clock.now(), ending)
    await this.#checkBudget(ending)
    this.#record(life, ending)
    return ending
  }

  /** The server bills no more than it was told; then its user may raise it. */
  async #checkBudget(ending: Ending): Promise<void> {
    const budget = this.#budget
    if (budget === undefined) return
    const isReached = ending.type === 'summary' && ending.summary.stopped?.code === 'BUDGET_REACHED'
    if (isReached) {
      this.#count('budget reached')
      // What is still at work for nobody is billed when it is done.
      await this.#wait(settledMs)
      this.#budget = raised(budget)
    }
    for (const problem of checkBudget(budget, this.#model.billed)) this.#judge.fault(problem)
  }

  #stage(): Stage {
    return {
      drawn: this.#drawn,
      clock: this.#clock,
      disk: this.#disk,
      model: this.#model,
      apiKey: () => (this.#weather.isOpen('key refused') ? 'xxx-revoked' : 'sk-ant-world'),
      tally: (name) => this.#count(name),
      limitWrites: () => this.#limitWrites(),
    }
  }

  #options(death: Death | undefined): RunOptions {
    const drawn = this.#drawn
    const { maxRequestsPerMinute, maxInputTokensPerMinute, maxOutputTokensPerMinute } = drawn
    const { maxConcurrency, maxInFlightBytes, ordered, fsync, cache, seed } = drawn
    const isGrowing = drawn.firstGrows && death !== undefined
    if (isGrowing) this.#count('first rows only')
    if (drawn.stream) this.#count('stream input')
    const isEarly = drawn.retryFailedEarly && !this.#isHealed
    if (isEarly) this.#count('failed rows asked again')
    const isOverwriting = drawn.overwrite && !this.#isOverwritten
    if (isOverwriting) this.#count('output moved aside')
    if (drawn.shared > 0) this.#count(`--cache ${cache}`)
    return {
      input: drawn.stream ? this.#stream() : files.input,
      output: files.output,
      apiKey: 'sk-ant-world',
      maxRequestsPerMinute,
      maxInputTokensPerMinute,
      maxOutputTokensPerMinute,
      maxConcurrency,
      maxInFlightBytes,
      ordered,
      fsync,
      cache,
      ...(this.#budget && {
        maxBudgetUsd: String(this.#budget.nanoUsd / 1e9),
        maxTotalTokens: this.#budget.tokens,
      }),
      patienceMs: this.#isHealed ? undefined : drawn.patienceMs,
      retryFailed: isEarly || (death === undefined && this.#isHealed),
      overwrite: isOverwriting,
      first: isGrowing ? this.#first() : undefined,
      seed,
    }
  }

  /** So many rows of the first, more in each life. */
  #first(): number {
    const { rows, deaths } = this.#drawn
    return Math.max(1, Math.floor((rows * this.#lives) / (deaths.length + 1)))
  }

  async *#stream(): AsyncGenerator<Uint8Array> {
    const bytes = Buffer.from(this.#input.text)
    const random = this.#random.fork('chunks')
    for (let from = 0; from < bytes.length;) {
      const to = from + random.integer(1, 20_000)
      yield Uint8Array.from(bytes.subarray(from, to))
      from = to
    }
  }

  /** Another process's lock stands there: torn, or of a machine that has long been silent. */
  #leaveLock(): void {
    const { lockLeft } = this.#drawn
    if (lockLeft?.life !== this.#lives) return
    if (this.#disk.stat(lockPath) !== undefined) return
    this.#count('lock left by another')
    const at = this.#clock.wallTime() - abandonedMs
    const holder = { host: 'elsewhere', boot_id: 'b', pid: 7, started_at: 's', nonce: 'n' }
    const text = JSON.stringify({ ...holder, taken_at: at, heartbeat_at: at, in_flight: 3 })
    this.#disk.put(lockPath, lockLeft.kind === 'torn' ? text.slice(0, 20) : text)
  }

  /** Looks at a life again and again while it lasts. */
  #watch(life: Life): void {
    this.#clock.after(lookEveryMs, () => {
      if (!life.isAlive) return
      this.#judge.look(this.#clock.now(), this.#model)
      this.#watch(life)
    })
  }

  #limitWrites(): void {
    const isLimited = this.#drawn.shortWrites && !this.#isHealed
    this.#disk.limitWrites(
      isLimited
        ? () => {
            this.#count('short write')
            return this.#shortWrites.integer(1, 4000)
          }
        : undefined,
    )
  }

  #count(name: string): void {
    const isFelt = this.#life?.isAlive === true || !felt.has(name)
    this.#tally.set(name, (this.#tally.get(name) ?? 0) + (isFelt ? 1 : 0))
  }

  /** What a life leaves that only its traces tell. */
  #countTraces(life: Life): void {
    const { sends } = life.witness
    for (const { reply } of sends) {
      if (reply?.type !== 'answer') continue
      if (reply.usage.written5m + reply.usage.written1h > 0) this.#count('prefix written')
      if (reply.usage.read > 0) this.#count('prefix read')
    }
    const ends = sends.flatMap(({ arrivedAt, endedAt }) =>
      arrivedAt === undefined || endedAt === undefined ? [] : [{ arrivedAt, endedAt }],
    )
    for (const [index, { arrivedAt }] of ends.entries()) {
      // It was sent later and had arrived sooner.
      if (index > 0 && arrivedAt < (ends[index - 1]?.arrivedAt ?? 0))
        this.#count('request overtook another')
    }
    for (const path of [files.output, files.failed]) {
      const last = this.#judge.read(path).at(-1)
      if (last !== undefined && last !== lineFeed) this.#count('torn line')
    }
    if (this.#disk.stat(lockPath) !== undefined && life.events.length > 0)
      this.#count('lock of a dead holder')
  }

  #record(life: Life, ending: Ending): void {
    for (const line of life.log) this.#write(line)
    for (const event of life.events) this.#write(JSON.stringify(event))
    if (ending.type === 'summary') this.#write(JSON.stringify(ending.summary))
    else if (ending.type === 'refused') this.#write(`${ending.error.code} ${ending.error.message}`)
    else this.#write(ending.type)
    for (const path of [files.output, files.failed]) {
      const digest = createHash('sha256').update(this.#judge.read(path)).digest('hex')
      this.#write(`${path} ${digest}`)
    }
  }

  #write(line: string): void {
    this.#log.push(line)
  }
}

/** What strikes only a process that lives. */
const felt: ReadonlySet<string> = new Set([
  'outage',
  'key refused',
  'disk full',
  'EIO on write',
  'EIO on sync',
  'clock step',
  'machine sleep',
])
