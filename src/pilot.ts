/**
 * A pilot: a few rows, spread over the rows that a run would ask, are asked before the others.
 *
 * They are asked for real, and their answers count: the run that goes on has them. Which rows they
 * are is found by reading the file as the run would, so that none of them is done already, or at
 * fault.
 */

import { EvenSample } from './even-sample.ts'
import { surveyRows } from './forecast-survey.ts'
import type { RunContext } from './context.ts'
import type { Line } from './lines.ts'
import type { Prices } from './money.ts'
import type { Settings } from './settings.ts'
import { nameOf, needPlaces, sourceOf, type Source } from './source.ts'

/** Where the line of a row stands. */
interface Place {
  readonly number: number
  readonly offset: number
  readonly length: number
}

/** Lines that are read at once; a line may have 32 MB. */
const linesMax = 16

/**
 * The lines of so many rows of the input, and how many they are.
 *
 * @throws {RunError} where the input, or the output, cannot be read
 */
export async function pilotSource(
  { files, clock }: RunContext,
  settings: Settings,
  { prices, rows, signal }: { prices: Prices; rows: number; signal: AbortSignal | undefined },
): Promise<{ readonly source: Source; readonly count: number }> {
  const source = sourceOf(files, settings.input)
  needPlaces(source, nameOf(settings.input), 'a pilot reads some rows of it by their place')
  const sample = new EvenSample<Place>(rows)
  const parts = { run: settings, sharing: false, exact: 0, prices, files, clock, signal }
  await surveyRows(source, {
    ...parts,
    visit: ({ row }) => {
      if (!sample.takesNext()) return
      sample.add({ number: row.lineNumber, offset: row.offset, length: row.byteLength })
    },
  })
  const { picked } = sample
  return { source: new PlacedLines(source, picked), count: picked.length }
}

/** Some lines of a file. */
class PlacedLines implements Source {
  readonly isRepeatable = true
  readonly #source: Source
  readonly #places: readonly Place[]

  constructor(source: Source, places: readonly Place[]) {
    this.#source = source
    this.#places = places
  }

  async *batches(): AsyncGenerator<readonly Line[]> {
    for (let from = 0; from < this.#places.length; from += linesMax) {
      yield this.#places.slice(from, from + linesMax).map(({ number, offset, length }) => {
        return { number, offset, bytes: this.reread(offset, length) }
      })
    }
  }

  reread(offset: number, length: number): Uint8Array {
    return this.#source.reread?.(offset, length) ?? new Uint8Array()
  }

  close(): void {
    this.#source.close()
  }
}
