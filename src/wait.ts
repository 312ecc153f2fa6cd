/**
 * How long something that is next must wait, and for what.
 */

/** Until when something waits, and for what. */
export interface Wait {
  /** 0: it may start now. Infinity: only an event can tell. */
  readonly delayMs: number
  /** The name of the limit that says so, for progress and summary. */
  readonly binds: string
  /** A limit sets the pace, and nothing is wrong. @default false */
  readonly isPace?: boolean
}

/** Nothing to wait for. */
export const free: Wait = { delayMs: 0, binds: '' }
