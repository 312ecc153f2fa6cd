/**
 * What a limit says when it is asked: how long a request must wait, and how long the limit takes to
 * gain what a request takes of it.
 */

import type { MeterUnit } from './meter.ts'

/** Until when something waits, and for what. */
export interface Wait {
  /** 0: it may start now. Infinity: only an event can tell. */
  readonly delayMs: number
  /** The name of the limit that says so, for progress and summary. */
  readonly binds: string
  /** A limit sets the pace, and nothing is wrong. @default false */
  readonly isPace?: boolean
}

/** What is known of a request that may have to wait, besides its cost. */
export interface Waiting {
  /** Whether what is held and comes back counts. @default true */
  readonly isHeld?: boolean
  /** How many of ours will follow it in its pool. @default nobody knows */
  readonly behind?: number
  /** It would pass one that waits. @default false */
  readonly isPasser?: boolean
}

/** Nothing to wait for. */
export const free: Wait = { delayMs: 0, binds: '' }

/** What a request takes of a limit, in the time it takes to be refilled. */
export interface Refill {
  readonly ms: number
  /** The same of what is more than the limit holds: to start, it must be full, and is owed then. */
  readonly owedMs: number
}

/** The same of each limit that is known. */
export type Refills = Partial<Record<MeterUnit, Refill>>

/** A limit besides, which holds next to nothing: all that is taken of it is owed. */
export function addRefill(refills: Refills, unit: MeterUnit, ms: number): void {
  const known = refills[unit]
  const owedMs = Math.max(known?.owedMs ?? 0, ms)
  refills[unit] = { ms: Math.max(known?.ms ?? 0, ms), owedMs }
}
