/**
 * The terminal as a place to read keys from, one by one and unseen, while a run goes on.
 *
 * It is taken as `/dev/tty`, as standard input may be the rows. It gives keys at once only in raw
 * mode, in which ^C, ^Z and ^\ are keys like others: they are sent from here as the signals they
 * were, to all of the group, as the terminal would. So these hold:
 *
 * - It is taken only in the foreground, and let go before the process stops; after a stop it is
 *   taken again only if the process came back to the foreground.
 * - Whatever ends the process, the mode is set back: by `end`, or at its exit. Only SIGKILL leaves
 *   it, and a shell mends that.
 * - Who stops it unasked (SIGSTOP) and lets it go on in the background gets all rows; then it waits
 *   for the terminal, to set it back, as Node does that at the exit of any process.
 * - It never keeps the process alive.
 */

import { openSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import type { Clock } from '../clock.ts'
import { isForeground } from './foreground.ts'
import { type Key, keysIn } from './keys.ts'

/** Who is told. */
export interface KeyListener {
  readonly pressed: (key: Key) => void
  /** Whether keys are read from now on. */
  readonly listens: (isListening: boolean) => void
  /** The process is about to be stopped, or ended by a signal. */
  readonly leaves: () => void
}

/** A process that was told to stop goes on with what it is doing for less than this. */
const stoppedMs = 50

export class KeyDevice {
  readonly #clock: Clock
  readonly #listener: KeyListener
  #stream: ReadStream | undefined
  #rest = ''
  #isOver = false

  constructor(clock: Clock, listener: KeyListener) {
    this.#clock = clock
    this.#listener = listener
  }

  /** Reads keys from now on, where there is a terminal that can be had. */
  start(): void {
    // A console of Windows has neither a foreground nor these signals.
    if (process.platform === 'win32' || this.#isOver) return
    process.on('SIGCONT', this.#continued)
    process.on('exit', this.#release)
    this.#take()
  }

  /** Lets it go for good. */
  end(): void {
    this.#isOver = true
    process.off('SIGCONT', this.#continued)
    process.off('exit', this.#release)
    this.#release()
  }

  #take(): void {
    if (this.#isOver || this.#stream !== undefined || !isForeground()) return
    try {
      this.#stream = new ReadStream(openSync('/dev/tty', 'r'))
    } catch {
      // There is none: a run of cron, or of a service.
      return
    }
    this.#stream.on('error', this.#release).on('end', this.#release)
    this.#stream.setEncoding('latin1').on('data', this.#read)
    this.#stream.unref()
    this.#stream.setRawMode(true)
    process.on('SIGTSTP', this.#stop)
    process.on('SIGQUIT', this.#quit)
    this.#listener.listens(true)
  }

  readonly #release = (): void => {
    const stream = this.#stream
    if (stream === undefined) return
    this.#stream = undefined
    process.off('SIGTSTP', this.#stop)
    process.off('SIGQUIT', this.#quit)
    stream.off('data', this.#read).pause()
    this.#listener.listens(false)
    // From the background either would stop the process; whoever has the terminal has set it.
    if (!isForeground()) return
    stream.setRawMode(false)
    stream.destroy()
  }

  readonly #read = (piece: string): void => {
    const { keys, rest } = keysIn(piece, this.#rest)
    this.#rest = rest
    for (const key of keys) {
      if (key === 'SIGINT' || key === 'SIGTSTP' || key === 'SIGQUIT') process.kill(0, key)
      else this.#listener.pressed(key)
    }
  }

  readonly #stop = (): void => this.#leaveBy('SIGTSTP')
  readonly #quit = (): void => this.#leaveBy('SIGQUIT')

  #leaveBy(signal: NodeJS.Signals): void {
    this.#listener.leaves()
    this.#release()
    // Nobody listens any more: now it does what it does.
    process.kill(process.pid, signal)
    // A process that no shell watches over is not stopped, and not told that it goes on.
    this.#clock.after(stoppedMs, () => this.#take())
  }

  readonly #continued = (): void => {
    // Where it is held still, it was stopped without being asked.
    this.#release()
    this.#take()
  }
}
