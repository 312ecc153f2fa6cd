/**
 * The built command on a terminal of its own (on-terminal.py), for tests: typed at, stopped, continued.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { bin, key, toEnd } from './spawned.ts'

/** What the command is given beside its arguments. */
export interface OnTerminal {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** A file that is its standard input. @default the terminal */
  readonly stdin?: string
  /** Started with `&`. @default false */
  readonly background?: boolean
  readonly columns?: number
  readonly rows?: number
  readonly nodeArgs?: readonly string[]
}

/** What happens on the terminal. */
interface Report {
  readonly said?: string
  readonly stopped?: string
  readonly modes?: 'raw' | 'cooked'
  /** The exit code, or minus the number of the signal. */
  readonly ended?: number
  /** Whether the terminal is in the modes in which it was before. */
  readonly same?: boolean
}

/** A terminal, and the command in it. */
export class TestTerminal {
  readonly #shell: ChildProcess
  readonly #waiters = new Set<() => void>()
  #reports: Report[] = []
  #seen = 0
  /** All that was shown, with its escape sequences. */
  raw = ''

  constructor(args: readonly string[], { nodeArgs = [], env = {}, ...plan }: OnTerminal) {
    const base = { PATH: process.env['PATH'] ?? '', TERM: 'xterm-256color', LANG: 'C.UTF-8' }
    this.#shell = spawn('python3', [fileURLToPath(new URL('on-terminal.py', import.meta.url))], {
      env: { ...base, ANTHROPIC_API_KEY: key, ...env },
      // In a session of its own, of which it can have the terminal.
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    toEnd.push(() => this.#shell.stdin?.end())
    // What is typed at a terminal that has just gone goes nowhere; that it has gone is reported.
    this.#shell.stdin?.on('error', () => {})
    let rest = ''
    this.#shell.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#take(JSON.parse(line) as Report)
    })
    this.#send({ ...plan, argv: [process.execPath, ...nodeArgs, bin, ...args] })
  }

  /** All that was shown. */
  get shown(): string {
    return stripVTControlCharacters(this.raw)
  }

  type(text: string): void {
    this.#send({ do: 'type', text })
  }

  signal(name: NodeJS.Signals): void {
    this.#send({ do: 'signal', name })
  }

  /** What a shell does for the command of this name. */
  job(command: 'fg' | 'bg'): void {
    this.#send({ do: command })
  }

  resize(columns: number, rows: number): void {
    this.#send({ do: 'resize', columns, rows })
  }

  /** Resolves once the text has been shown, behind what was waited for before. */
  async says(text: string): Promise<void> {
    const at = await this.#until(() => {
      const found = this.shown.indexOf(text, this.#seen)
      return found < 0 ? undefined : found
    })
    this.#seen = at + text.length
  }

  /** How it was stopped. */
  stopped(): Promise<Report> {
    return this.#report('stopped')
  }

  /** How it ended. */
  ended(): Promise<Report> {
    return this.#report('ended')
  }

  async modes(): Promise<string | undefined> {
    this.#send({ do: 'modes' })
    return (await this.#report('modes')).modes
  }

  /** Has it been stopped, and that not been asked for? */
  get wasStopped(): boolean {
    return this.#reports.some(({ stopped }) => stopped !== undefined)
  }

  /** The next report of this kind. */
  async #report(kind: keyof Report): Promise<Report> {
    const report = await this.#until(() => this.#reports.find((each) => each[kind] !== undefined))
    this.#reports = this.#reports.filter((each) => each !== report)
    return report
  }

  #until<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = find()
        if (found === undefined) return
        this.#waiters.delete(look)
        resolve(found)
      }
      this.#waiters.add(look)
      look()
    })
  }

  #take(report: Report): void {
    this.raw += report.said ?? ''
    if (report.said === undefined) this.#reports.push(report)
    for (const look of this.#waiters) look()
  }

  #send(what: object): void {
    this.#shell.stdin?.write(`${JSON.stringify(what)}\n`)
  }
}
