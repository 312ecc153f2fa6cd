/**
 * Watching: the CPU of a run with all that can watch it, beside one that nobody watches.
 *
 *     node bench/watching.ts [--rows 15000] [--pairs 3] [--only terminal,log,history,page,metrics]
 *
 * Both send 500 rows a second. Watched, the command draws its block on a terminal (a pseudo
 * terminal, which needs python3), writes a log of every failed try and its history, sends the page
 * to a reader as fast as it sends it at all, and is scraped every five seconds. CPU time is the
 * process's own, from its start to its end; the ratio is the median of pairs, taken in turns.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Figure, median, runAlone, say } from './figures.ts'
import { noted, sluicePath } from './measured.ts'
import { type Server, startServer } from './server-process.ts'
import { inFolder, removeOutput, writeInput } from './workspace.ts'

const target = 1.05
const perMinute = 30_000
const latencyMs = 300
const scrapeEveryMs = 5000
const kinds = ['terminal', 'log', 'history', 'page', 'metrics'] as const
type Kind = (typeof kinds)[number]

/** What python does: a terminal of 100 columns, of which what is shown goes to our pipe. */
const inTerminal = `
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 100, 0, 0))
while True:
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    if not data:
        break
    os.write(1, data)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

/** Measures watched and unwatched runs in turns. */
export async function watching(): Promise<readonly Figure[]> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '15000' },
      pairs: { type: 'string', default: '3' },
      only: { type: 'string' },
    },
    strict: false,
  })
  const rows = Number(values.rows)
  const only = typeof values.only === 'string' ? values.only.split(',') : kinds
  const on = kinds.filter((kind) => only.includes(kind))
  const ratios = await inFolder(async (folder) => {
    writeInput(folder, 'input.jsonl', { rows, rowBytes: 2048 })
    const server = await startServer({ latencyMs })
    const measured: number[] = []
    try {
      for (let pair = 1; pair <= Number(values.pairs); pair++) {
        const off = await runWatched(folder, server, [])
        const seen = await runWatched(folder, server, on)
        const perRow = (cpuMs: number): string => `${((cpuMs * 1000) / rows).toFixed(0)} µs a row`
        say(`pair ${pair}: watched ${perRow(seen)}, unwatched ${perRow(off)}`)
        measured.push(seen / off)
      }
    } finally {
      await server.close()
    }
    return measured
  })
  const ratio = median(ratios)
  return [
    {
      measure: 'watching',
      how: `CPU at 500 rows/s with ${on.join(', ')} ÷ without`,
      target: `≤ ${target}`,
      result: ratio.toFixed(3),
      reached: ratio <= target,
    },
  ]
}

/** The CPU milliseconds of one run. */
async function runWatched(folder: string, { url }: Server, on: readonly Kind[]): Promise<number> {
  const output = path.join(folder, 'output.jsonl')
  const has = (kind: Kind): boolean => on.includes(kind)
  const flags = [
    'run',
    'input.jsonl',
    '-o',
    output,
    '--base-url',
    url,
    '--ramp',
    'off',
    '--rpm',
    String(perMinute),
    ...(has('terminal') ? [] : ['--no-progress']),
    ...(has('log') ? ['--log-file', 'run.log'] : []),
    ...(has('history') ? [] : ['--no-history']),
    ...(has('page') ? ['--dashboard'] : []),
    ...(has('metrics') ? ['--metrics-port', '0'] : []),
  ]
  const usage = await noted(
    { folder },
    (variables) => {
      const { PATH = '' } = process.env
      const env = {
        PATH,
        TERM: 'xterm-256color',
        LANG: 'C.UTF-8',
        ANTHROPIC_API_KEY: 'sk-ant-benchmark',
      }
      const args = ['-c', inTerminal, process.execPath, sluicePath, ...flags]
      return spawn('python3', args, { cwd: folder, env: { ...env, ...variables } })
    },
    watch,
  )
  removeOutput(output)
  return usage.cpuMs
}

/** Reads what the process serves, once it has said where. */
function watch(child: ChildProcess): () => void {
  const ending = new AbortController()
  let text = ''
  const isRead = new Set<string>()
  child.stdout?.on('data', (chunk: Buffer) => {
    if (isRead.size < 2) text += chunk.toString()
    const page = /http:\S+\?token=\w+/.exec(text)?.[0]
    const metrics = /http:\S+\/metrics/.exec(text)?.[0]
    if (page !== undefined && !isRead.has('page')) {
      isRead.add('page')
      void readAll(page.replace('/?', '/events?'), ending.signal)
    }
    if (metrics !== undefined && !isRead.has('metrics')) {
      isRead.add('metrics')
      const scrape = setInterval(() => void readAll(metrics, ending.signal), scrapeEveryMs)
      ending.signal.addEventListener('abort', () => clearInterval(scrape))
    }
  })
  return () => ending.abort()
}

async function readAll(url: string, signal: AbortSignal): Promise<void> {
  try {
    const { body } = await fetch(url, { signal })
    for await (const _chunk of body ?? []);
  } catch {
    // The process has ended, or was ended.
  }
}

await runAlone(import.meta.url, watching)
