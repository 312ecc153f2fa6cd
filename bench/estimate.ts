/**
 * Estimates: how far the input tokens expected of a request are from what they turn out to be.
 *
 *     node bench/estimate.ts
 *
 * Texts of several kinds are cut into requests, counted by tokenizers that have nothing in common
 * with each other, and learned one after the other as answers come in. Errors are
 * of the 500 answers after the first 50; where the kind changes, of the 50 on either side of
 * the change too. Beside them stands what a plain ratio of bytes gives. Last, the time it takes
 * to look through a row and to learn from an answer.
 */

import { Estimator } from '../src/estimate.ts'
import { featuresOf, type RequestFeatures } from '../src/request-features.ts'
import type { Usage } from '../src/outcome.ts'
import { Random } from '../src/random.ts'
import { type Figure, median, runAlone } from './figures.ts'
import { textKinds, textOf } from './texts.ts'
import { type Tokenizer, tokenizers } from './tokenizers.ts'

const model = 'claude-haiku-4-5'
const learnedFirst = 50
const measured = 500
const targets = { median: 3, p95: 15, bias: 0.5 }

interface Row {
  readonly features: RequestFeatures
  readonly bodyBytes: number
  readonly text: string
}

interface Errors {
  readonly median: number
  readonly p95: number
  readonly bias: number
}

/** Every kind of text and every change of kind, under every tokenizer. */
export function estimate(): readonly Figure[] {
  const texts = new Map(textKinds.map((kind) => [kind, textOf(kind)]))
  // The vocabulary comes of every other part of the texts; requests are made of the rest.
  const counters = tokenizers([...texts.values()].map((text) => partsOf(text, 0)))
  const rows = new Map([...texts].map(([kind, text]) => [kind, rowsOf(partsOf(text, 1), 600)]))
  const of = (kind: (typeof textKinds)[number]): readonly Row[] => rows.get(kind) ?? []
  const changes = [
    ['prose', 'code'],
    ['code', 'mixed'],
    ['mixed', 'data'],
  ] as const
  const figures: Figure[] = [...speed(of('prose'))]
  for (const [name, count] of counters) {
    for (const kind of textKinds) figures.push(figureOf(name, kind, of(kind), count))
    for (const [from, to] of changes) {
      const file = [...of(from).slice(0, 300), ...of(to).slice(0, 250)]
      figures.push(figureOf(name, `${from}, then ${to}`, file, count, 300))
    }
  }
  return figures
}

const partChars = 20_000

function partsOf(text: string, remainder: 0 | 1): string {
  const parts: string[] = []
  for (let start = remainder * partChars; start < text.length; start += 2 * partChars) {
    parts.push(text.slice(start, start + partChars))
  }
  return parts.join('\n')
}

function figureOf(
  tokenizer: string,
  kind: string,
  file: readonly Row[],
  count: Tokenizer,
  changesAt?: number,
): Figure {
  const rows = file.slice(0, learnedFirst + measured)
  const actual = rows.map(({ text }) => count(text) + 11)
  const expected = learn(rows, actual)
  const whole = errorsOf(expected, actual, learnedFirst)
  const plain = errorsOf(byBytes(rows, actual), actual, learnedFirst)
  let result = `${say(whole)} (bytes alone: ${say(plain)})`
  if (changesAt !== undefined) {
    const after = errorsOf(expected, actual, changesAt, changesAt + 50)
    result += `; the 50 after the change: ${say(after)}`
  }
  return {
    measure: `estimate, ${tokenizer}`,
    how: kind,
    target: `≤ ${targets.median}, ≤ ${targets.p95}, ≤ ${targets.bias} %`,
    result,
    reached:
      whole.median <= targets.median &&
      whole.p95 <= targets.p95 &&
      Math.abs(whole.bias) <= targets.bias,
  }
}

/** Requests of one message each, from 200 to 6,000 characters. */
function rowsOf(text: string, count: number): readonly Row[] {
  const random = new Random(11)
  return Array.from({ length: count }, () => {
    const length = Math.round(200 * 30 ** random.float())
    const start = random.integer(0, text.length - length)
    const content = text.slice(start, start + length).toWellFormed()
    const request = { model, max_tokens: 100, messages: [{ role: 'user', content }] }
    const bodyBytes = Buffer.byteLength(JSON.stringify(request))
    return { features: featuresOf(request, model), bodyBytes, text: content }
  })
}

/** What is expected of each row when all before it are answered. */
function learn(rows: readonly Row[], actual: readonly number[]): readonly number[] {
  const estimator = new Estimator()
  return rows.map(({ features, bodyBytes }, index) => {
    const asked = { row: { model, maxTokens: 100, features, cachePoints: [] }, bodyBytes }
    const cost = estimator.estimate(asked)
    estimator.learn(asked, cost, usageOf(actual[index] ?? 0))
    return cost.input
  })
}

function byBytes(rows: readonly Row[], actual: readonly number[]): readonly number[] {
  let [bytes, tokens] = [0, 0]
  return rows.map(({ bodyBytes }, index) => {
    const expected = bytes === 0 ? bodyBytes * 0.3 : (bodyBytes * tokens) / bytes
    bytes = bytes * 0.98 + bodyBytes
    tokens = tokens * 0.98 + (actual[index] ?? 0)
    return expected
  })
}

function errorsOf(
  expected: readonly number[],
  actual: readonly number[],
  from: number,
  to: number = actual.length,
): Errors {
  const errors: number[] = []
  let [sumExpected, sumActual] = [0, 0]
  for (let index = from; index < to; index++) {
    const [mine, theirs] = [expected[index] ?? 0, actual[index] ?? 1]
    errors.push(Math.abs(mine / theirs - 1) * 100)
    sumExpected += mine
    sumActual += theirs
  }
  const sorted = errors.toSorted((a, b) => a - b)
  const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1] ?? 0
  return { median: median(errors), p95, bias: (sumExpected / sumActual - 1) * 100 }
}

function say({ median: middle, p95, bias }: Errors): string {
  return `${middle.toFixed(1)}, ${p95.toFixed(1)}, ${bias.toFixed(2)} %`
}

function speed(rows: readonly Row[]): readonly Figure[] {
  const some = rows.filter(({ text }) => text.length > 1500 && text.length < 2500)
  const requests = some.map(({ text }) => {
    const content = JSON.parse(JSON.stringify(text)) as string
    return { max_tokens: 100, messages: [{ role: 'user', content }] }
  })
  const bytes = some.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
  const reading = bestNs(() => {
    for (const request of requests) featuresOf(request, model)
  })
  const estimator = new Estimator()
  const learning = bestNs(() => {
    for (const { features, bodyBytes } of some) {
      const asked = { row: { model, maxTokens: 100, features, cachePoints: [] }, bodyBytes }
      estimator.learn(asked, estimator.estimate(asked), usageOf(500))
    }
  })
  const read = `${(reading / some.length).toFixed(0)} ns a row of ${Math.round(bytes / some.length)} bytes`
  return [
    {
      measure: 'looking through',
      how: 'prose',
      target: '≥ 300 MB/s',
      result: `${read}, ${((bytes * 1000) / reading).toFixed(0)} MB/s`,
      reached: (bytes * 1000) / reading >= 300,
    },
    {
      measure: 'learning',
      how: 'estimate and answer',
      result: `${(learning / some.length).toFixed(0)} ns an answer`,
    },
  ]
}

/** The best of many times, in ns: what else the machine does only adds. */
function bestNs(work: () => void): number {
  let best = Infinity
  for (let round = 0; round < 100; round++) {
    const startedAt = process.hrtime.bigint()
    work()
    best = Math.min(best, Number(process.hrtime.bigint() - startedAt))
  }
  return best
}

function usageOf(inputTokens: number): Usage {
  return {
    inputTokens,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    cacheReadTokens: 0,
    outputTokens: 50,
    webSearches: 0,
    serviceTier: null,
    speed: null,
    inferenceGeo: null,
  }
}

await runAlone(import.meta.url, () => Promise.resolve(estimate()))
