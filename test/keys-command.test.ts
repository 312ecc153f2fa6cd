/**
 * The built command on a real terminal: keys, signals, jobs, and the modes it leaves behind.
 */

import { describe, expect, test } from 'vitest'
import { folder, idsIn, read, rows, simulate, wanted, write } from './spawned.ts'
import { type OnTerminal, TestTerminal } from './terminal.ts'

/** More rows than any of these tests waits for, and so few that it does. */
const many = 50_000
const few = 200
/** Whose answers no test waits for. */
const slow = 10
const latenciesMs = new Map([
  [few, 1000],
  [slow, 600_000],
])
const limits = {
  requestsPerMinute: 60_000,
  inputTokensPerMinute: 100_000_000,
  outputTokensPerMinute: 100_000_000,
}

interface Scene {
  readonly terminal: TestTerminal
  readonly cwd: string
}

/** A run on a terminal of its own. */
async function running(
  count: number,
  flags: readonly string[] = [],
  more: Partial<OnTerminal> = {},
): Promise<Scene> {
  const cwd = folder()
  write(cwd, 'in.jsonl', rows(count))
  const args = ['run', more.stdin === undefined ? 'in.jsonl' : '-', '-o', 'out.jsonl']
  const url = await simulate({ ...limits, latencyMs: latenciesMs.get(count) ?? 100 })
  const terminal = new TestTerminal([...args, '--base-url', url, ...flags], { ...more, cwd })
  return { terminal, cwd }
}

/** One that takes keys by now. */
async function listening(...args: Parameters<typeof running>): Promise<Scene> {
  const scene = await running(...args)
  await scene.terminal.says('? keys')
  return scene
}

/** What the log says of commands, and of sends: nothing is told apart but that there were some. */
function logged(cwd: string): readonly string[] {
  const lines = read(cwd, 'log.jsonl').trimEnd().split('\n')
  const told = lines.flatMap((line) => {
    const { event, command } = JSON.parse(line) as { event: string; command?: string }
    if (event === 'commanded') return [String(command)]
    return event === 'attempt_started' ? ['sends'] : []
  })
  return told.filter((each, index) => each !== told[index - 1])
}

// There is no such terminal on Windows, and no keys are taken there.
describe.skipIf(process.platform === 'win32').concurrent('on a terminal', () => {
  test('p pauses and goes on, - bounds, d drains; all of it is in the log', async () => {
    const log = ['--log-file', 'log.jsonl', '--log-level', 'trace']
    const { terminal, cwd } = await listening(many, log)
    terminal.type('p')
    await terminal.says('paused')
    await terminal.says('in flight 0')
    terminal.type(' ')
    await terminal.says('sluice')
    terminal.type('-')
    await terminal.says('of at most')
    terminal.type('d')
    await terminal.says('draining')
    expect(await terminal.ended()).toEqual({ ended: 3, same: true })
    // Between two keys there may be no time to send anything; where nothing may be, nothing is.
    const [first, ...rest] = logged(cwd).join(' ').split(' pause ')
    expect(first).toBe('sends')
    expect(rest.join(' pause ')).toMatch(/^resume( sends)? concurrency( sends)? drain$/)
    expect(terminal.shown).toContain('to go on:')
  })

  test('what is typed is not shown, and at the end all is as it was', async () => {
    const { terminal, cwd } = await listening(few)
    terminal.type('qqqq')
    terminal.type('?')
    await terminal.says('keys:')
    expect(await terminal.modes()).toBe('raw')
    expect(await terminal.ended()).toEqual({ ended: 0, same: true })
    expect(terminal.shown).not.toContain('qqqq')
    expect(idsIn(read(cwd, 'out.jsonl')).toSorted()).toEqual(wanted(few))
  })

  test('rows may come from standard input', async () => {
    const cwd = folder()
    write(cwd, 'rows.jsonl', rows(many))
    const { terminal } = await listening(0, [], { stdin: `${cwd}/rows.jsonl` })
    terminal.type('d')
    expect(await terminal.ended()).toEqual({ ended: 3, same: true })
  })

  test('^C finishes what is under way', async () => {
    const { terminal } = await listening(many)
    terminal.type('\u0003')
    await terminal.says('^C again to exit at once')
    expect(await terminal.ended()).toEqual({ ended: 3, same: true })
  })

  test('^C a second time ends it at once', async () => {
    const { terminal } = await listening(slow)
    terminal.type('\u0003')
    await terminal.says('^C again to exit at once')
    // Two that come together are taken for one.
    const again = setInterval(() => terminal.type('\u0003'), 50)
    expect(await terminal.ended()).toEqual({ ended: 130, same: true })
    clearInterval(again)
  })

  test.each([
    ['SIGTERM', 3],
    ['SIGHUP', 3],
    ['SIGUSR2', 70],
    ['SIGQUIT', -3],
  ] as const)('after %s, which ends it with %i, all is as it was', async (signal, code) => {
    const crash = 'process.on("SIGUSR2",()=>{throw new Error("broken on purpose")})'
    const { terminal } = await listening(many, [], {
      nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(crash)}`],
    })
    terminal.signal(signal)
    expect(await terminal.ended()).toEqual({ ended: code, same: true })
  })

  test('^\\ ends it as it would anything', async () => {
    const { terminal } = await listening(many)
    terminal.type('\u001c')
    expect(await terminal.ended()).toEqual({ ended: -3, same: true })
  })

  test('^Z stops it, and it goes on in the foreground with its keys', async () => {
    const { terminal } = await listening(many)
    terminal.type('\u001a')
    expect(await terminal.stopped()).toEqual({ stopped: 'SIGTSTP', same: true })
    terminal.job('fg')
    await terminal.says('? keys')
    terminal.type('d')
    expect(await terminal.ended()).toEqual({ ended: 3, same: true })
  })

  test('it goes on in the background to its end, and touches the terminal no more', async () => {
    const { terminal, cwd } = await listening(few)
    terminal.type('\u001a')
    expect(await terminal.stopped()).toEqual({ stopped: 'SIGTSTP', same: true })
    terminal.job('bg')
    expect(await terminal.ended()).toEqual({ ended: 0, same: true })
    expect(terminal.wasStopped).toBe(false)
    expect(idsIn(read(cwd, 'out.jsonl'))).toHaveLength(few)
  })

  test('what stops it unasked, SIGSTOP, keeps no row from being asked', async () => {
    const { terminal } = await listening(few)
    terminal.signal('SIGSTOP')
    expect(await terminal.stopped()).toMatchObject({ stopped: 'SIGSTOP' })
    terminal.job('bg')
    await terminal.says(`done ${few}`)
    // Only its very end waits for the terminal, whose modes it had no time to set back.
    expect(await terminal.stopped()).toMatchObject({ stopped: 'SIGTTOU' })
    terminal.job('fg')
    expect(await terminal.ended()).toEqual({ ended: 0, same: true })
  })

  test('started in the background it takes no keys, and is not stopped', async () => {
    const { terminal } = await running(few, [], { background: true })
    expect(await terminal.ended()).toEqual({ ended: 0, same: true })
    expect(terminal.wasStopped).toBe(false)
    expect(terminal.shown).not.toContain('? keys')
  })

  test.each([
    ['--no-keys', [['--no-keys'], {}]],
    ['a terminal that can do nothing', [[], { env: { TERM: 'dumb' } }]],
  ] as const)('with %s it is left as it is', async (_what, [flags, more]) => {
    const { terminal } = await running(many, flags, more)
    await terminal.says('rows')
    expect(await terminal.modes()).toBe('cooked')
    terminal.type('\u0003')
    expect(await terminal.ended()).toEqual({ ended: 3, same: true })
    expect(terminal.shown).not.toContain('? keys')
  })

  test('is drawn in ASCII where the locale is not UTF-8', async () => {
    const { terminal } = await listening(many, [], { env: { LC_ALL: 'C' } })
    await terminal.says('requests #')
    terminal.type('d')
    await terminal.ended()
    expect(terminal.raw).toBe(Buffer.from(terminal.raw, 'ascii').toString('ascii'))
  })

  test('is drawn without colours where none are wanted', async () => {
    const colour = `${String.fromCodePoint(27)}[2m`
    const shown = async (env: Readonly<Record<string, string>>): Promise<string> => {
      const { terminal } = await listening(many, [], { env })
      await terminal.says('requests ▏·')
      terminal.type('d')
      await terminal.ended()
      return terminal.raw
    }
    expect(await shown({})).toContain(colour)
    expect(await shown({ NO_COLOR: '1' })).not.toContain(colour)
  })
})
