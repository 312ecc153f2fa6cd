/**
 * What befalls the whole world for a while: an outage, a refused key, a full or failing disk, other
 * limits, a clock that is set, a machine that sleeps. Drawn per seed, each left out by most.
 *
 * All but the limits is over by `endAt`; what is tallied is what happened while a process lived.
 */

import type { Random } from '../../src/random.ts'
import type { FaultName, SimulatorModel, SimulatorOptions } from '../../src/simulator/index.ts'
import type { SimFiles } from '../sim-files.ts'
import type { SimClock } from './sim-clock.ts'

interface Window {
  readonly at: number
  readonly forMs: number
}

/** Instants are the world's, durations in ms. */
export interface Troubles {
  /** Every request breaks, in this way. */
  readonly outage: (Window & { readonly kind: FaultName }) | undefined
  /** The key is refused. */
  readonly keyRefused: Window | undefined
  readonly diskFull: Window | undefined
  /** Writes, or syncs, fail with EIO: of a file that is open, for good. */
  readonly brokenDisk: (Window & { readonly on: 'write' | 'sync' }) | undefined
  /** Limits are multiplied by this. */
  readonly limitChanges: readonly { readonly at: number; readonly factor: number }[]
  readonly wallSteps: readonly { readonly at: number; readonly ms: number }[]
  readonly sleep: Window | undefined
  /** By then all is over. */
  readonly endAt: number
}

const outages: readonly [FaultName, ...FaultName[]] = [
  'overloaded',
  'server-error',
  'reset-before',
  'reset-after',
  'gateway-timeout',
  'hang-head',
]
const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** Early, since a life may be over in seconds. */
function early(random: Random): number {
  return 1000 + random.integer(0, random.pick([3000, 20_000, 120_000]))
}

export function drawTroubles(
  random: Random,
  { diskFullMs, sleepMs }: { readonly diskFullMs: number; readonly sleepMs: number },
): Troubles {
  const window = (...lengths: [number, ...number[]]): Window => ({
    at: early(random),
    forMs: random.pick(lengths),
  })
  const maybe = <T>(chance: number, make: () => T): T | undefined => {
    const made = make()
    return random.chance(chance) ? made : undefined
  }
  const outage = maybe(0.25, () => ({
    ...window(20_000, 3 * minuteMs, 12 * minuteMs, 25 * minuteMs),
    kind: random.pick(outages),
  }))
  const keyRefused = maybe(0.15, () => window(5000, minuteMs, 10 * minuteMs))
  const brokenDisk = maybe(0.15, () => ({
    ...window(1, 3000, minuteMs),
    on: random.pick(['write', 'sync'] as const),
  }))
  const limitChanges = maybe(0.25, () =>
    Array.from({ length: random.integer(1, 2) }, () => ({
      at: early(random),
      factor: random.pick([0.2, 0.5, 2, 5]),
    })),
  )
  const wallSteps = maybe(0.25, () =>
    Array.from({ length: random.integer(1, 3) }, () => ({
      at: early(random),
      ms: random.pick([-5 * hourMs, -3000, -400, 700, 5000, 3 * hourMs]),
    })),
  )
  const diskFull = diskFullMs > 0 ? { at: early(random), forMs: diskFullMs } : undefined
  const sleep = sleepMs > 0 ? { at: early(random), forMs: sleepMs } : undefined
  const windows = [outage, keyRefused, diskFull, brokenDisk, sleep]
  return {
    outage,
    keyRefused,
    diskFull,
    brokenDisk,
    limitChanges: limitChanges ?? [],
    wallSteps: wallSteps ?? [],
    sleep,
    endAt: Math.max(0, ...windows.map((each) => (each ? each.at + each.forMs + 2000 : 0))),
  }
}

/** What troubles act on. */
export interface Scene {
  readonly clock: SimClock
  readonly disk: SimFiles
  readonly model: SimulatorModel
  readonly server: SimulatorOptions
  readonly random: Random
  /** Counts one that struck, if anybody lives to feel it. */
  readonly tally: (name: string) => void
}

/** Which windows are open. */
export class Weather {
  readonly #scene: Scene
  readonly #open = new Set<string>()
  /** The limits as they are now, relative to those first drawn; and the least they ever were. */
  limitFactor = 1
  leastLimitFactor = 1
  /** So many windows have opened, and limits and clocks changed. */
  changes = 0

  constructor(scene: Scene, troubles: Troubles) {
    this.#scene = scene
    const { outage, keyRefused, diskFull, brokenDisk, sleep } = troubles
    const { clock, disk, model, server, random } = scene
    if (outage) {
      const { kind } = outage
      this.#window('outage', outage, {
        begin: () => model.setFaults({ [kind]: 1 }),
        end: () => model.setFaults(server.faults ?? {}),
      })
    }
    if (keyRefused) this.#window('key refused', keyRefused, {})
    if (diskFull) {
      this.#window('disk full', diskFull, {
        begin: () => disk.failWrites('ENOSPC', { after: random.integer(0, 3000) }),
        end: () => disk.failWrites(undefined),
      })
    }
    if (brokenDisk?.on === 'write') {
      this.#window('EIO on write', brokenDisk, {
        begin: () => disk.failWrites('EIO', { after: random.integer(0, 3000) }),
        end: () => disk.failWrites(undefined),
      })
    } else if (brokenDisk) {
      this.#window('EIO on sync', brokenDisk, {
        begin: () => disk.failSyncs('EIO'),
        end: () => disk.failSyncs(undefined),
      })
    }
    for (const { at, factor } of troubles.limitChanges) {
      clock.after(at, () => this.#changeLimits(factor))
    }
    for (const { at, ms } of troubles.wallSteps) {
      clock.after(at, () => {
        this.#strike('clock step')
        clock.stepWall(ms)
      })
    }
    if (sleep) this.#window('machine sleep', sleep, { begin: () => clock.sleep(sleep.forMs) })
  }

  isOpen(name: string): boolean {
    return this.#open.has(name)
  }

  /** Nothing is wrong but what befalls single requests. */
  get isCalm(): boolean {
    return this.#open.size === 0
  }

  get isDiskBad(): boolean {
    return ['disk full', 'EIO on write', 'EIO on sync'].some((name) => this.#open.has(name))
  }

  #window(
    name: string,
    { at, forMs }: Window,
    { begin, end }: { readonly begin?: () => void; readonly end?: () => void },
  ): void {
    const { clock } = this.#scene
    clock.after(at, () => {
      this.#strike(name)
      this.#open.add(name)
      begin?.()
    })
    // Not counted from when it began: the machine may sleep through it.
    clock.after(at + forMs, () => {
      this.#open.delete(name)
      end?.()
    })
  }

  #changeLimits(factor: number): void {
    const { clock, model, server } = this.#scene
    this.#strike(factor < 1 ? 'limits dropped' : 'limits raised')
    this.limitFactor *= factor
    this.leastLimitFactor = Math.min(this.leastLimitFactor, this.limitFactor)
    const scaled = (limit: number | null | undefined): number | null =>
      typeof limit === 'number' ? Math.max(1, Math.round(limit * this.limitFactor)) : null
    model.setLimits(clock.now(), {
      requestsPerMinute: scaled(server.requestsPerMinute),
      inputTokensPerMinute: scaled(server.inputTokensPerMinute),
      outputTokensPerMinute: scaled(server.outputTokensPerMinute),
    })
  }

  #strike(name: string): void {
    this.changes += 1
    this.#scene.tally(name)
  }
}
