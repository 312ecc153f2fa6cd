/**
 * An answer in hand is kept: it is in a file when the life that read it ends, and in every file
 * after it, but for what a full or failing disk, a death in the middle of its line, or a power
 * loss may take.
 */

import type { Line } from './checkers.ts'
import type { Drawn } from './draw.ts'
import type { Ending, Life } from './life.ts'

/** Under `--fsync 1s` a power loss takes what is younger. */
const unsyncedMsMax = 1000
const unwritable = 'OUTPUT_UNWRITABLE'

/** How a life ended, and the whole lines that its files hold then. */
export interface LifeEnd {
  readonly life: Life
  readonly ending: Ending
  readonly lines: readonly Line[]
}

export class Kept {
  readonly #drawn: Drawn
  /** Answers that are in the files, by request id: from when no power loss may take them. */
  readonly #safeAt = new Map<string, number>()

  constructor(drawn: Drawn) {
    this.#drawn = drawn
  }

  /** Answers that were read and kept. */
  get size(): number {
    return this.#safeAt.size
  }

  /** What was read is in the files, as far as the way the life ended lets it be. */
  end(now: number, { life, ending, lines }: LifeEnd): readonly string[] {
    const problems: string[] = []
    const held = new Set(lines.map(({ run }) => run.request_id))
    this.#noteSafe(life)
    const done = new Map<string | null, number>()
    for (const event of life.events) {
      if (event.type === 'row_succeeded') done.set(event.requestId, event.at)
    }
    const fresh = life.witness.sends.flatMap(({ reply, endedAt }) =>
      reply?.type === 'answer' && endedAt !== undefined ? [reply.requestId] : [],
    )
    let missing = 0
    for (const id of fresh) {
      const doneAt = done.get(id) ?? Infinity
      if (!held.has(id) && (doneAt === Infinity || ending.type !== 'power')) missing += 1
      else this.#safeAt.set(id, doneAt + this.#unsyncedMs)
      if (doneAt < Infinity && !held.has(id) && ending.type === 'kill')
        problems.push(`an answer that counted as done was lost by a kill: ${id}`)
    }
    const most = this.#lostMost(life, ending)
    if (missing > most)
      problems.push(`${missing} answers were read and are in no file, ${most} may`)
    for (const [id, safeAt] of this.#safeAt) {
      if (held.has(id)) continue
      this.#safeAt.delete(id)
      if (ending.type !== 'power') problems.push(`an answer that was held is gone: ${id}`)
      else if (safeAt < now) problems.push(`the power took an answer safe since ${safeAt}: ${id}`)
    }
    return problems
  }

  /** A life that begins makes safe what lives before it left. */
  #noteSafe({ events: [began] }: Life): void {
    if (began === undefined) return
    for (const [id, safeAt] of this.#safeAt)
      this.#safeAt.set(id, Math.min(safeAt, began.at + this.#unsyncedMs))
  }

  /** A power loss takes nothing that counted as done so long ago. */
  get #unsyncedMs(): number {
    const { fsync, troubles, syncMs } = this.#drawn
    // A run stops at the first sync that fails; what it could not keep is known to be lost.
    if (troubles.brokenDisk?.on === 'sync' || fsync === 'never') return Infinity
    // One sync may be under way, and the next begins when it ends.
    return fsync === 'always' ? 0 : unsyncedMsMax + 2 * syncMs
  }

  #lostMost(life: Life, ending: Ending): number {
    if (ending.type === 'power' || ending.type === 'bug' || life.isBlocked) return Infinity
    const stopped = ending.type === 'summary' ? ending.summary.stopped?.code : undefined
    const stopping = life.events.find((event) => event.type === 'run_stopping')
    if (stopped === unwritable || stopping?.code === unwritable) return Infinity
    return ending.type === 'kill' && life.plan.death?.midWrite === true ? 1 : 0
  }
}
