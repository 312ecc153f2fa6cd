import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Stepper } from '../test/interleaving.ts'
import { SimFiles } from '../test/sim-files.ts'
import { SimClock } from '../test/world/sim-clock.ts'
import { sleep, SystemClock } from './clock.ts'
import { RunError } from './errors.ts'
import type { Files } from './files.ts'
import { systemHost } from './host.ts'
import type { Host, ProcessState } from './host.ts'
import { takeLock } from './lock.ts'
import type { Lock } from './lock.ts'
import { Random } from './random.ts'

const output = '/w/out'
const folder = '/w/out.sluice'
const lockPath = `${folder}/lock`

/** A host where process 1 is dead, process 2 cannot be told, and all others live. */
function hostOf(pid: number, name = 'here', bootId = 'boot'): Host {
  const states: Readonly<Record<number, ProcessState>> = { 1: 'dead', 2: 'unknown' }
  return {
    name,
    bootId,
    pid,
    startedAt: `s${pid}`,
    processState: (other) => states[other] ?? 'alive',
  }
}

interface Held {
  readonly pid?: number
  readonly host?: string
  readonly bootId?: string
  /** How long ago the heartbeat was. */
  readonly silentMs?: number
}

class Bench {
  readonly clock = new SimClock()
  readonly files = new SimFiles(() => this.clock.wallTime())

  constructor(text?: string) {
    this.files.makeFolder('/w')
    if (text !== undefined) this.files.put(lockPath, text)
  }

  /** Puts a lock there whose holder had seven requests in flight. */
  hold({ pid = 1, host = 'here', bootId = 'boot', silentMs = 1000 }: Held): void {
    const now = this.clock.wallTime()
    const process = { host, boot_id: bootId, pid, started_at: `s${pid}`, nonce: `n${pid}` }
    const life = { taken_at: now - 3_600_000, heartbeat_at: now - silentMs, in_flight: 7 }
    this.files.put(lockPath, JSON.stringify({ ...process, ...life }))
  }

  take(pid = 50, nonce = `n${pid}`): Promise<Lock> {
    const { files, clock } = this
    return this.clock.runUntil(takeLock({ files, clock, host: hostOf(pid), output, nonce }))
  }

  get content(): unknown {
    return JSON.parse(this.files.readText(lockPath))
  }
}

describe('takeLock()', () => {
  test('of a free output writes who holds it', async () => {
    const bench = new Bench()
    const now = bench.clock.wallTime()
    const lock = await bench.take()
    expect(lock.previous).toBeUndefined()
    const process = { host: 'here', boot_id: 'boot', pid: 50, started_at: 's50', nonce: 'n50' }
    const life = { taken_at: now, heartbeat_at: now, in_flight: 0 }
    expect(bench.content).toEqual({ ...process, ...life })
    expect(bench.files.list(folder)).toEqual(['lock'])
  })

  test('of one that is held says by whom, since when, and what to do', async () => {
    const bench = new Bench()
    bench.hold({ pid: 42, silentMs: 1000 })
    await expect(bench.take()).rejects.toMatchObject({
      code: 'OUTPUT_LOCKED',
      message:
        'Cannot write /w/out: process 42 on host "here" has been writing it for 60 min ' +
        '(last sign of life 1 s ago)',
      hint: 'wait until it ends, stop it with "kill 42", or name another output with -o',
    })
    expect(bench.files.list(folder)).toEqual(['lock'])
  })

  test.each<[string, Held, 'taken' | 'taken after 6 s' | 'locked']>([
    ['a process that is gone', { pid: 1 }, 'taken'],
    ['a process that lives', { pid: 42, silentMs: 3_600_000 }, 'locked'],
    ['a process nobody can tell', { pid: 2, silentMs: 590_000 }, 'locked'],
    ['the same, silent for 10 min', { pid: 2, silentMs: 610_000 }, 'taken after 6 s'],
    ['another boot', { pid: 42, bootId: 'last', silentMs: 11_000 }, 'taken'],
    ['another boot a moment ago', { pid: 42, bootId: 'last', silentMs: 9000 }, 'taken after 6 s'],
    [
      'another boot, clock set back',
      { pid: 42, bootId: 'last', silentMs: -1e9 },
      'taken after 6 s',
    ],
    ['another host', { pid: 1, host: 'there', silentMs: 590_000 }, 'locked'],
    ['another host, silent for 10 min', { host: 'there', silentMs: 610_000 }, 'taken after 6 s'],
    ['another host, clock ahead', { host: 'there', silentMs: -610_000 }, 'locked'],
  ])('of one held by %s', async (_, held, expected) => {
    const bench = new Bench()
    bench.hold(held)
    const before = bench.clock.now()
    const result = await bench.take().then(
      (lock) => `taken, ${lock.previous?.inFlight} in flight`,
      (error: unknown) => error instanceof RunError && error.code,
    )
    const waited = bench.clock.now() - before
    expect(result).toBe(expected === 'locked' ? 'OUTPUT_LOCKED' : 'taken, 7 in flight')
    expect(waited).toBe(expected === 'taken after 6 s' ? 6000 : 0)
    expect(bench.files.list(folder)).toEqual(['lock'])
  })

  test('presumes nobody dead who writes meanwhile', async () => {
    const bench = new Bench()
    bench.hold({ host: 'there', silentMs: 610_000 })
    bench.clock.after(5999, () => bench.hold({ host: 'there', silentMs: 609_000 }))
    await expect(bench.take()).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' })
  })

  test.each(['', '{"host":"here"', '[]', '\0\0\0'])(
    'of one that is damaged (%j) waits until it is old',
    async (text) => {
      const bench = new Bench(text)
      await expect(bench.take()).rejects.toMatchObject({
        code: 'OUTPUT_LOCKED',
        message: 'Cannot write /w/out: another run is just taking it',
      })
      await bench.clock.runUntil(sleep(bench.clock, 10_001))
      const lock = await bench.take()
      lock.beat(0)
      expect(bench.content).toMatchObject({ nonce: 'n50' })
      expect(bench.files.list(folder).filter((name) => !name.endsWith('.aside'))).toEqual(['lock'])
    },
  )

  test('adds up what dead holders left, and removes what dead takers had prepared', async () => {
    const bench = new Bench()
    bench.hold({ pid: 1 })
    const dead = bench.files.readText(lockPath)
    bench.files.put(`${lockPath}.x.aside`, dead.replace('"in_flight":7', '"in_flight":5'))
    bench.files.put(`${lockPath}.y`, dead)
    bench.hold({ pid: 42 })
    bench.files.put(`${lockPath}.z`, bench.files.readText(lockPath))
    bench.hold({ pid: 1 })
    expect((await bench.take()).previous).toEqual({ inFlight: 12 })
    expect(bench.files.list(folder)).toEqual(['lock', 'lock.z'])
  })

  test('works where there are no hard links', async () => {
    const bench = new Bench()
    bench.files.onOperation = (operation) => {
      if (operation === 'link') throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
    }
    bench.hold({ pid: 1 })
    const lock = await bench.take()
    expect(lock.previous).toEqual({ inFlight: 7 })
    await expect(bench.take(51)).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' })
    lock.beat(3)
    expect(bench.content).toMatchObject({ nonce: 'n50', in_flight: 3 })
    lock.release()
    expect(bench.files.paths()).toEqual([])
  })

  test('says so when there can be no lock', async () => {
    const bench = new Bench()
    bench.files.onOperation = (operation) => {
      if (operation === 'makeFolder') throw Object.assign(new Error('EROFS'), { code: 'EROFS' })
    }
    await expect(bench.take()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
  })
})

describe('a lock that is held', () => {
  test('beat() says that its holder lives, and what is in flight', async () => {
    const bench = new Bench()
    const lock = await bench.take()
    await bench.clock.runUntil(sleep(bench.clock, 2000))
    lock.beat(1234)
    const now = bench.clock.wallTime()
    expect(bench.content).toMatchObject({
      heartbeat_at: now,
      taken_at: now - 2000,
      in_flight: 1234,
    })
    await expect(bench.take(51)).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' })
  })

  test('beat() throws when another holds the lock, and leaves it to that one', async () => {
    const bench = new Bench()
    const lock = await bench.take()
    bench.files.remove(lockPath)
    await bench.take(51)
    expect(() => lock.beat(0)).toThrow('process 51 on host "here" has taken it over')
    expect(() => lock.beat(0)).toThrow(RunError)
    lock.release()
    expect(bench.content).toMatchObject({ nonce: 'n51' })
  })

  test('beat() takes the lock again that nobody has', async () => {
    const bench = new Bench()
    const lock = await bench.take()
    bench.files.removeFolder(folder)
    lock.beat(5)
    lock.beat(6)
    expect(bench.content).toMatchObject({ nonce: 'n50', in_flight: 6 })
    expect(bench.files.list(folder)).toEqual(['lock'])
  })

  test.each(['with a lock', 'without one'])('beat() on a full disk goes on, %s', async (what) => {
    const bench = new Bench()
    const lock = await bench.take()
    if (what === 'without one') bench.files.remove(lockPath)
    bench.files.failWrites('ENOSPC')
    lock.beat(5)
    bench.files.failWrites(undefined)
    lock.beat(6)
    expect(bench.content).toMatchObject({ nonce: 'n50', in_flight: 6 })
  })

  test('release() frees the output and removes an empty folder', async () => {
    const bench = new Bench()
    const lock = await bench.take()
    lock.release()
    lock.release()
    lock.beat(0)
    expect(bench.files.list('/w')).toEqual([])
    const next = await bench.take(51)
    bench.files.put(`${folder}/other`, '')
    next.release()
    expect(bench.files.list(folder)).toEqual(['other'])
  })
})

/** A taker that takes the lock and then shows that it lives. */
function taker(pid: number): (files: Files) => Promise<Lock> {
  return async (files) => {
    const clock = new SimClock()
    const lock = await takeLock({ files, clock, host: hostOf(pid), output, nonce: `n${pid}` })
    lock.beat(0)
    return lock
  }
}

interface Race {
  readonly bench: Bench
  readonly takers: readonly Stepper<Lock>[]
}

/** Replays a race: the numbers say which taker does the next operation. */
async function race(schedule: readonly number[], pids: readonly number[]): Promise<Race> {
  const bench = new Bench()
  bench.hold({ pid: 1 })
  const takers = pids.map((pid) => new Stepper(bench.files, taker(pid)))
  for (const turn of schedule) await takers[turn]?.step()
  return { bench, takers }
}

function runningIn({ takers }: Race): number[] {
  return takers.flatMap(({ end }, index) => (end === undefined ? [index] : []))
}

function checkOneWinner({ bench, takers }: Race): void {
  const winners = takers.flatMap(({ end }) => (end?.ok === true ? [end.value] : []))
  const codes = takers.flatMap(({ end }) => (end?.ok === false ? [codeOf(end.error)] : []))
  expect(winners).toHaveLength(1)
  expect(codes).toEqual(['OUTPUT_LOCKED'])
  expect(winners[0]?.previous).toEqual({ inFlight: 7 })
  winners[0]?.beat(1)
  winners[0]?.release()
  expect(bench.files.paths()).toEqual([])
}

function stateOf({ bench, takers }: Race): string {
  const disk = bench.files.paths().map((name) => name + bench.files.readText(name))
  return [...disk, ...takers.map(({ history }) => history)].join('\n\n')
}

describe('takers at once', () => {
  test('two, in every order of their operations: one wins, nothing is left behind', async () => {
    const seen = new Set<string>()
    const schedules: number[][] = [[]]
    let ends = 0
    for (let schedule = schedules.pop(); schedule !== undefined; schedule = schedules.pop()) {
      const at = await race(schedule, [50, 51])
      // On with one of them; what the other could do instead is for later.
      for (let running = runningIn(at); ; running = runningIn(at)) {
        const [index] = running
        if (index === undefined) {
          ends++
          checkOneWinner(at)
          break
        }
        const state = stateOf(at)
        if (seen.has(state)) break
        seen.add(state)
        for (const other of running.slice(1)) schedules.push([...schedule, other])
        schedule = [...schedule, index]
        await at.takers[index]?.step()
      }
    }
    // Fewer would mean that takers did not meet at all.
    expect(seen.size).toBeGreaterThan(1000)
    expect(ends).toBeGreaterThan(50)
  })

  test('four, in orders drawn by chance: when all have looked again, one holds it', async () => {
    const random = new Random(4)
    for (let round = 0; round < 150; round++) {
      const { takers } = await race([], [50, 51, 52, 53])
      while (takers.some(({ end }) => end === undefined)) {
        // Bursts, so that one is often far behind the others.
        const taker = takers[random.integer(0, 3)]
        for (let left = random.integer(1, 12); left > 0; left--) {
          if (taker?.end === undefined) await taker?.step()
        }
      }
      const believers = takers.flatMap(({ end }) => (end?.ok === true ? [end.value] : []))
      expect(believers.length).toBeGreaterThan(0)
      const looks = believers.map((lock) => {
        try {
          lock.beat(1)
          return 'held'
        } catch (error) {
          return codeOf(error)
        }
      })
      expect(looks.filter((look) => look === 'held')).toHaveLength(1)
      expect(looks.every((look) => look === 'held' || look === 'LOCK_LOST')).toBe(true)
    }
  })

  test('eight processes, with the lock of a dead one: exactly one wins', async () => {
    const root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'sluice-lock-')))
    const target = `${root}/out`
    const clock = new SystemClock()
    const host = systemHost(clock)
    const gone = spawn(process.execPath, ['-e', ''])
    await once(gone, 'exit')
    const now = clock.wallTime()
    fs.mkdirSync(`${target}.sluice`)
    const { name, bootId } = host
    const dead = { host: name, boot_id: bootId, pid: gone.pid, started_at: '1', nonce: 'x' }
    const life = { taken_at: now - 60_000, heartbeat_at: now - 1000, in_flight: 7 }
    fs.writeFileSync(`${target}.sluice/lock`, JSON.stringify({ ...dead, ...life }))

    const children = Array.from({ length: 8 }, () => startChild(target))
    try {
      for (const { next } of children) expect(await next()).toBe('ready')
      for (const { say } of children) say()
      const first = await Promise.all(children.map(({ next }) => next()))
      // Those who took it look again; in a meeting of more than two that may be more than one.
      for (const { say } of children) say()
      const last = await Promise.all(
        children.map(async ({ next }, index) => {
          const text = first[index] ?? ''
          return text.startsWith('taken') ? next() : text
        }),
      )
      expect(last.filter((text) => text === 'held')).toHaveLength(1)
      expect(last.filter((text) => text === 'OUTPUT_LOCKED' || text === 'LOCK_LOST')).toHaveLength(
        7,
      )
      expect(first.filter((text) => text === 'taken from 7').length).toBeGreaterThan(0)
    } finally {
      for (const { child } of children) child.kill()
      fs.rmSync(root, { recursive: true })
    }
  })
})

function startChild(target: string): {
  child: ChildProcess
  next: () => Promise<string>
  say: () => void
} {
  const script = fileURLToPath(new URL('../test/lock-child.ts', import.meta.url))
  const child = spawn(process.execPath, [script, target], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => String((await lines.next()).value)
  return { child, next, say: () => child.stdin.write('\n') }
}

function codeOf(error: unknown): string {
  return error instanceof RunError ? error.code : String(error)
}
