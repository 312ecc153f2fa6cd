/**
 * Twins: rows that ask the very same, whatever their ids and metadata are (`--dedupe`).
 *
 * Two rows are twins if their bodies are the same bytes. The first of them is asked; the others are
 * left, and get a copy of its line when all else is done (copies.ts).
 *
 * Memory: 15 bytes for each body.
 */

import { Fingerprints } from './fingerprints.ts'
import { digest } from './hash.ts'
import type { Line } from './lines.ts'
import { type ParseOptions, parseLine } from './request.ts'

/** What tells a row's request from others. */
export function requestDigest(body: Uint8Array): string {
  return digest(body)
}

/** The same of a line that was not parsed; undefined where it is no request. */
export function digestOfLine(line: Line, options: ParseOptions): string | undefined {
  const row = parseLine(line, { ...options, withoutFeatures: true })
  return row.kind === 'row' ? requestDigest(row.body) : undefined
}

/** The requests of an input so far. */
export class Twins {
  readonly #seen = new Fingerprints()

  /** Whether the request was there before; from now on it is. */
  meet(request: string): boolean {
    return this.#seen.add(request, 1) > 1
  }
}
