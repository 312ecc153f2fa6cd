/**
 * A program as a process of its own: what it took, and how it ended.
 *
 * CPU time and memory are the process's own figures, noted by it as it exits. The highest
 * memory is the kernel's `VmHWM` where there is one: `maxRSS` begins with that of the parent.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { SystemClock } from '../src/clock.ts'

/** What one process took, from its start to its end. */
export interface Usage {
  readonly wallMs: number
  readonly cpuMs: number
  readonly peakBytes: number
  readonly stdout: string
}

/** How a process is run. */
export interface ProcessOptions {
  /** Where it runs, and leaves its note. */
  readonly folder: string
  /** Variables besides `PATH`. @default {} */
  readonly variables?: Readonly<Record<string, string>>
}

/** The command as it ships. */
export const sluicePath: string = fileURLToPath(new URL('../bin/sluice.js', import.meta.url))

const clock = new SystemClock()

const note = `
  import { readFileSync, writeFileSync } from 'node:fs'
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
    let peakKb = maxRSS
    try {
      peakKb = Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
    } catch {}
    const cpuMs = (userCPUTime + systemCPUTime) / 1000
    writeFileSync(process.env.BENCH_NOTE, JSON.stringify({ cpuMs, peakBytes: peakKb * 1024 }))
  })`

/** Runs a script of Node to its end. Throws if it fails. */
export async function runMeasured(
  args: readonly string[],
  options: ProcessOptions,
): Promise<Usage> {
  const startedAt = clock.now()
  const child = startNoted(args, options)
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)))
  const exitCode = await new Promise((resolve) => child.once('close', resolve))
  const wallMs = clock.now() - startedAt
  if (exitCode !== 0)
    throw new Error(`${args.join(' ')} ended with ${String(exitCode)}:\n${stderr}`)
  return { wallMs, ...readNote(options), stdout }
}

/** Starts a script of Node that leaves a note in its folder as it exits. */
export function startNoted(args: readonly string[], options: ProcessOptions): ChildProcess {
  const variables = {
    ...options.variables,
    BENCH_NOTE: notePath(options),
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(note)}`,
  }
  return startProcess(args, { ...options, variables })
}

/** What the last process of this folder noted. */
export function readNote(options: ProcessOptions): Pick<Usage, 'cpuMs' | 'peakBytes'> {
  const { cpuMs, peakBytes } = JSON.parse(readFileSync(notePath(options), 'utf8')) as Usage
  return { cpuMs, peakBytes }
}

function notePath({ folder }: ProcessOptions): string {
  return path.join(folder, 'note.json')
}

/** Starts a script of Node, with nothing of the surroundings but `PATH`. */
export function startProcess(args: readonly string[], options: ProcessOptions): ChildProcess {
  const { folder, variables } = options
  const { PATH = '' } = process.env
  return spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH, ANTHROPIC_API_KEY: 'sk-ant-benchmark', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs `sluice run` and sees that it answered every row. */
export async function runSluice(
  args: readonly string[],
  rows: number,
  options: ProcessOptions,
): Promise<Usage> {
  const usage = await runMeasured([sluicePath, 'run', ...args, '--json'], options)
  const summary = JSON.parse(usage.stdout) as { rows?: { succeeded?: number } }
  const succeeded = summary.rows?.succeeded
  if (succeeded !== rows) throw new Error(`Of ${rows} rows ${String(succeeded)} were answered`)
  return usage
}
