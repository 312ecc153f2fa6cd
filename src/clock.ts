/**
 * Time, as a parameter. The only core file that touches the system's clocks and timers.
 *
 * Monotonic time and wall time are different calls on purpose: durations and
 * deadlines use `now()`, which never steps; only what leaves the process (lock
 * files, log lines, the server's `reset` headers) uses `wallTime()`, which may.
 *
 * The tests' world implements the same interface, so a run replays under a virtual clock.
 */

/** Cancels a timer; calling it again, or after the timer fired, does nothing. */
export type Cancel = () => void

/** A source of time and of wake-ups. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary origin, with fractions. */
  now(): number
  /** Milliseconds since the Unix epoch; may step when the system's clock is set. */
  wallTime(): number
  /** Calls `callback` once, `delayMs` from now (0: in a later turn of the event loop). */
  after(delayMs: number, callback: () => void): Cancel
}

/** The longest delay `setTimeout` takes; a longer one would fire at once. */
const timeoutMsMax = 2 ** 31 - 1

/** The machine's own clock. */
export class SystemClock implements Clock {
  now(): number {
    return performance.now()
  }

  wallTime(): number {
    return Date.now()
  }

  after(delayMs: number, callback: () => void): Cancel {
    // A wait beyond 24 days fires early; whoever set it looks at the time and waits again.
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), timeoutMsMax))
    return () => clearTimeout(timer)
  }
}

/** Resolves `delayMs` from now, or at once when `signal` aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const finish = (): void => {
      cancel()
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const cancel = clock.after(delayMs, finish)
    signal?.addEventListener('abort', finish, { once: true })
  })
}

/**
 * What `work` gives, if it does within so long. Otherwise, and when `signal` aborts, its own signal
 * is aborted.
 */
export async function inTime<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  const cancel = clock.after(ms, () => late.abort(new Error('no answer came in time')))
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    const given = await work(signal ? AbortSignal.any([signal, late.signal]) : late.signal)
    late.signal.throwIfAborted()
    return given
  } finally {
    cancel()
    signal?.removeEventListener('abort', cancel)
  }
}
