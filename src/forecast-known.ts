/**
 * What there is to know before a forecast reads its rows: what the output holds, what its answers
 * were, and what the API counts of rows spread over the file.
 */

import { bounds } from './bounds.ts'
import { EvenSample } from './even-sample.ts'
import type { Files } from './files.ts'
import type { Learned, LearnedRow } from './forecast-learning.ts'
import { HeldCost } from './held-cost.ts'
import { isJsonObject, parseJson } from './json.ts'
import { lineForms } from './line-form.ts'
import type { Line } from './lines.ts'
import { failedPath, parseOptionsOf } from './options.ts'
import type { Settings } from './settings.ts'
import type { Usage } from './outcome.ts'
import { recordsFolderAt } from './outstanding-batches.ts'
import { Held, recover, recoverPlain } from './record.ts'
import { readUsage } from './reply.ts'
import { keyOfLine, parseLine } from './request.ts'
import type { LinePlace } from './result-file.ts'
import type { Source } from './source.ts'

/** An answer in the output. */
interface HeldAnswer {
  readonly key: string
  readonly usage: Usage
}

/** What the files of the run hold. */
export interface Known {
  readonly held: Held
  /** What the answers cost. */
  readonly cost: HeldCost
  readonly answers: readonly HeldAnswer[]
}

/** Reads the output and what is beside it, and changes nothing. */
export async function heldBy(files: Files, run: Settings): Promise<Known> {
  const cost = new HeldCost()
  const sample = new EvenSample<HeldAnswer>(bounds.answersLearnedMax / 2)
  const isNothing = run.output === '-' || run.overwrite
  if (isNothing) return { held: new Held(recoverPlain(files, { output: '' })), cost, answers: [] }
  const output = realPath(files, run.output)
  const isTuple = run.outputFormat === 'tuple'
  const recovered = await recover(
    files,
    {
      output,
      failed: isTuple ? undefined : failedPath(output),
      folder: recordsFolderAt(output),
      cost,
      isReadOnly: true,
      onOutputLine: ({ type, key }, place) => {
        if (type !== 'succeeded' || !sample.takesNext()) return
        const usage = usageIn(place, isTuple)
        if (usage !== undefined) sample.add({ key, usage })
      },
    },
    lineForms[run.outputFormat],
  )
  return { held: new Held(recovered), cost, answers: sample.items }
}

/** Where the output is to be in a folder that is not there, there is none. */
function realPath(files: Files, output: string): string {
  try {
    return files.realPath(output)
  } catch {
    return output
  }
}

const decoder = new TextDecoder()

function usageIn({ buffer, start, end }: LinePlace, isTuple: boolean): Usage | undefined {
  const line = parseJson(decoder.decode(buffer.subarray(start, end)))
  if (isTuple) return Array.isArray(line) ? usageOf(line[1]) : undefined
  const result = isJsonObject(line) ? line['result'] : undefined
  return isJsonObject(result) ? usageOf(result['message']) : undefined
}

function usageOf(message: unknown): Usage | undefined {
  return isJsonObject(message) ? readUsage(message['usage']) : undefined
}

/** By the key of the row; of rows that are alike, those that were answered. */
export function answersOf({ answers }: Known): Map<string, Usage[]> {
  const byKey = new Map<string, Usage[]>()
  for (const { key, usage } of answers) byKey.set(key, [...(byKey.get(key) ?? []), usage])
  return byKey
}

/** What is learned, and of what. */
interface Learning {
  readonly run: Settings
  readonly learned: Learned
  readonly signal: AbortSignal | undefined
}

/**
 * Finds the rows of answers that are held, and learns from them. An input that can be read only
 * once is left alone.
 */
export async function learnFrom(
  source: Source,
  answers: Map<string, Usage[]>,
  { run, learned, signal }: Learning,
): Promise<void> {
  if (answers.size === 0 || !source.isRepeatable) return
  const options = parseOptionsOf(run)
  for await (const lines of source.batches()) {
    for (const line of lines) {
      if (signal?.aborted === true || answers.size === 0) return
      if (line.truncated !== undefined) continue
      const key = keyOfLine(line.bytes, options)
      const usages = answers.get(key)
      const usage = usages?.pop()
      if (usages?.length === 0) answers.delete(key)
      const row = usage === undefined ? undefined : parseLine(line, options, key)
      if (usage !== undefined && row?.kind === 'row') learned.learnAnswer(row, usage)
    }
  }
}

/** Tokens of a request by the API; undefined where it will not count it. */
export type CountTokens = (body: Uint8Array, signal?: AbortSignal) => Promise<number | undefined>

/** Requests for counts under way at once: the API counts fast, and its limit is one of its own. */
const countsAtOnce = 8

/** Has so many rows counted, spread over those of the run, and learns what they come to. */
export async function countRows(
  source: Source,
  rows: number,
  { run, learned, countTokens, signal }: Learning & { readonly countTokens: CountTokens },
): Promise<void> {
  const places = await spreadLines(source, rows, run, signal)
  const counts: (readonly [LearnedRow, number | undefined] | undefined)[] = []
  const waiting = [...places.entries()].toReversed()
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [index, place] = next
      const bytes = source.reread?.(place.offset, place.length)
      if (bytes === undefined) return
      const line: Line = { number: place.number, offset: place.offset, bytes }
      const row = parseLine(line, parseOptionsOf(run))
      if (row.kind === 'fault') continue
      const tokens = await countTokens(row.body, signal)
      if (signal?.aborted === true) return
      counts[index] = [{ model: row.model, features: row.features }, tokens]
    }
  }
  await Promise.all(Array.from({ length: countsAtOnce }, work))
  // In the order of the rows, whichever was counted first.
  learned.learnCounts(counts.filter((each) => each !== undefined))
}

interface Place {
  readonly number: number
  readonly offset: number
  readonly length: number
}

async function spreadLines(
  source: Source,
  count: number,
  { first }: Settings,
  signal: AbortSignal | undefined,
): Promise<readonly Place[]> {
  const sample = new EvenSample<Place>(count)
  let rows = 0
  for await (const lines of source.batches()) {
    for (const { number, offset, bytes, truncated } of lines) {
      if (signal?.aborted === true || rows >= first) return sample.picked
      rows += 1
      if (!sample.takesNext() || truncated !== undefined) continue
      sample.add({ number, offset, length: bytes.length })
    }
  }
  return sample.picked
}
