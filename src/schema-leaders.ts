/**
 * Rows that share a schema: one goes ahead, and the others follow when its answer begins.
 *
 * The first use of a schema compiles a grammar, which takes its time and is kept for 24 hours
 * (structured outputs page). Rows sent together would each wait for it, and count as under way all
 * the while. A leader that fails or is late is followed by another.
 *
 * Kept for each model, since whether models share grammars is not published.
 */

import type { Attempt, Work } from './work.ts'

/** What is nearly over may be over when the request arrives. */
const keptMs = 0.97 * 86_400_000

/** One schema of one model. */
interface Schema {
  /** The try that goes ahead, until its answer begins. */
  leader: Attempt | undefined
  readyAt: number
}

/** By the rows' schemas; see above. */
export class SchemaLeaders {
  readonly #schemas = new Map<string, Schema>()

  /** Whether another row has it compiled just now. */
  mustWait(work: Work): boolean {
    const name = schemaOf(work)
    return name !== undefined && this.#schemas.get(name)?.leader !== undefined
  }

  /** Whether a try of this row, which starts now, goes ahead. */
  leads(now: number, work: Work): boolean {
    const name = schemaOf(work)
    if (name === undefined) return false
    const schema = this.#schemas.get(name)
    return schema === undefined || now >= schema.readyAt + keptMs
  }

  /** A try that leads has started. */
  started(attempt: Attempt): void {
    const name = schemaOf(attempt.work)
    if (name !== undefined) this.#schemas.set(name, { leader: attempt, readyAt: -Infinity })
  }

  /** Its answer has begun. Gives the name of what may go on, if somebody waited for that. */
  answerBegan(now: number, attempt: Attempt): string | undefined {
    const name = this.#ledBy(attempt)
    if (name !== undefined) this.#schemas.set(name, { leader: undefined, readyAt: now })
    return name
  }

  /** Whether others may wait for it to begin. */
  isAwaited(attempt: Attempt): boolean {
    return this.#ledBy(attempt) !== undefined
  }

  /** It is late, or ended without an answer: another goes ahead. Gives the same. */
  failed(attempt: Attempt): string | undefined {
    const name = this.#ledBy(attempt)
    if (name !== undefined) this.#schemas.delete(name)
    return name
  }

  #ledBy(attempt: Attempt): string | undefined {
    const name = schemaOf(attempt.work)
    return name !== undefined && this.#schemas.get(name)?.leader === attempt ? name : undefined
  }
}

/** What a row shares with others of its schema; undefined: it has none. */
export function schemaOf({ row: { outputs, model } }: Work): string | undefined {
  return outputs === undefined ? undefined : `${model} ${outputs.key}`
}
