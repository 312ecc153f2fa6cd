/**
 * What the cost of caching is measured on: how many prefixes, in which order, marked or not, how
 * long entries live, and whether the server holds an estimate that knows nothing of its cache.
 */

import type { CacheMode } from '../../src/settings.ts'
import { Random } from '../../src/random.ts'
import type { Contender } from '../limit-use/peers.ts'
import type { Row, Scenario } from '../limit-use/stage.ts'
import type { EntryLife } from './prompts.ts'

/** How the command is told to cache a file that is marked, one that is not, and not at all. */
export const cacheModes = { marked: 'marked', unmarked: 'auto', off: 'off' } as const

/** A scenario, and what its figures are computed from. */
export interface CostScenario {
  readonly scenario: Scenario
  /** The `cache` option it is for. */
  readonly mode: CacheMode
  /** The cheapest life that an entry may be given for all its rows to read it. */
  readonly life: EntryLife
  readonly requestsPerMinute: number
  readonly inputTokensPerMinute: number
  readonly holdsEstimate: boolean
  /** Who plays it too. */
  readonly contenders: readonly Contender[]
  /** Shares nothing: what matters is its time beside that of `off`. */
  readonly isUnshared: boolean
}

/** Writes at 1.25, 2 and reads at 0.1 of the input price; 1,024 tokens and more are cached. */
export const costModel = 'claude-sonnet-4-6'

/** Rows, and what of them begins alike. */
interface Shape {
  readonly prefixes: number
  readonly rows: number
  readonly prefixTokens: number
  /** By so much of its length a text may be longer or shorter. @default 0.2 */
  readonly spread?: number
  /** Tokens that all prefixes begin with. @default 0 */
  readonly rootTokens?: number
  readonly questionTokens: number
}

interface Variant {
  readonly name: string
  readonly shape: Shape
  readonly order?: 'shuffled' | 'grouped'
  readonly isMarked?: boolean
  readonly mode?: CacheMode
  readonly lifeSeconds?: number
  readonly holds?: boolean
  readonly entryLife?: EntryLife
  readonly requestsPerMinute?: number
  readonly inputTokensPerMinute?: number
  readonly latencyMs?: number
  readonly isCompared?: boolean
}

const lengths = { prefixTokens: 5000, questionTokens: 80 }
const sizes = [
  { prefixes: 20, rows: 100, ...lengths },
  { prefixes: 300, rows: 10, ...lengths },
]

const markings = [
  { text: 'marked', isMarked: true },
  { text: 'unmarked', isMarked: false },
] as const

const lives = [
  { text: '5 min', lifeSeconds: 300 },
  { text: '8 s', lifeSeconds: 8 },
] as const

const holdings = [
  { text: 'held', holds: true },
  { text: 'not held', holds: false },
] as const

const grid: readonly Variant[] = sizes.flatMap((shape) =>
  (['shuffled', 'grouped'] as const).flatMap((order) =>
    markings.flatMap(({ text: marking, isMarked }) =>
      lives.flatMap(({ text: life, lifeSeconds }) =>
        holdings.map(({ text: holding, holds }) => ({
          name: `${shape.prefixes} x ${shape.rows}, ${order}, ${marking}, ${life}, ${holding}`,
          shape,
          order,
          isMarked,
          lifeSeconds,
          holds,
          isCompared: lifeSeconds === 300 && holds,
        })),
      ),
    ),
  ),
)

const nested: readonly Variant[] = markings.map(({ text, isMarked }) => ({
  name: `2,000 tokens for all, and 20 x 100 within, shuffled, ${text}`,
  shape: { prefixes: 20, rows: 100, ...lengths, rootTokens: 2000 },
  isMarked,
}))

/**
 * Each row's hold is a third of the limit, and an answer begins after 1.5 s: the holds bind, not
 * what is billed.
 */
const heldMost: readonly Variant[] = markings.map(({ text, isMarked }) => ({
  name: `10 x 60 of 30k tokens on 100k, shuffled, ${text}, holds bind`,
  shape: { prefixes: 10, rows: 60, prefixTokens: 30_000, questionTokens: 80 },
  isMarked,
  requestsPerMinute: 1000,
  inputTokensPerMinute: 100_000,
  latencyMs: 5000,
}))

/**
 * The prefix is five minutes of the limit. Not held, a question fits as soon as the level is above
 * zero again, after four. Held, it fits into a full bucket only: after five, when an entry
 * of 5 minutes has expired. So there the least is that of an hour.
 */
const large: readonly Variant[] = holdings.flatMap(({ text: holding, holds }) =>
  markings.map(({ text, isMarked }) => ({
    name: `1 x 20 of 150k tokens on 30k, ${text}, ${holding}`,
    shape: { prefixes: 1, rows: 20, prefixTokens: 150_000, questionTokens: 80, spread: 0 },
    isMarked,
    holds,
    entryLife: holds ? ('1h' as const) : ('5m' as const),
    requestsPerMinute: 50,
    inputTokensPerMinute: 30_000,
    isCompared: true,
  })),
)

const unshared: readonly Variant[] = [cacheModes.off, cacheModes.marked, cacheModes.unmarked].map(
  (mode) => ({
    name: `nothing shared, --cache ${mode}`,
    shape: { prefixes: 3000, rows: 1, prefixTokens: 1500, questionTokens: 80 },
    isMarked: false,
    mode,
    requestsPerMinute: 1000,
    inputTokensPerMinute: 450_000,
  }),
)

/** All scenarios, with one seed. */
export function costScenarios(seed: number): readonly CostScenario[] {
  return [...grid, ...nested, ...heldMost, ...large, ...unshared].map((each) =>
    scenarioOf(each, seed),
  )
}

function scenarioOf(variant: Variant, seed: number): CostScenario {
  const { shape, requestsPerMinute = 300, inputTokensPerMinute = 150_000, holds = true } = variant
  const { isMarked = false, lifeSeconds = 300, entryLife = '5m', latencyMs = 2000 } = variant
  const mode = variant.mode ?? cacheModes[isMarked ? 'marked' : 'unmarked']
  const rows = shape.prefixes * shape.rows
  return {
    scenario: {
      name: variant.name,
      server: {
        requestsPerMinute,
        inputTokensPerMinute,
        outputTokensPerMinute: null,
        latencyMs,
        cacheLifeSeconds: lifeSeconds,
        admissionEstimate: holds,
      },
      rows,
      input: () => inputOf(variant, seed),
      seed,
      options: { cache: mode },
    },
    mode,
    life: entryLife,
    requestsPerMinute,
    inputTokensPerMinute,
    holdsEstimate: holds,
    contenders: contendersOf(variant),
    isUnshared: shape.rows === 1,
  }
}

/** The rows: of each prefix its questions one after the other, or all of them in any order. */
function inputOf(variant: Variant, seed: number): readonly Row[] {
  const { prefixes, rows } = variant.shape
  const random = new Random(seed).fork('file')
  const order = Array.from({ length: prefixes * rows }, (_, index) => index)
  if (variant.order !== 'grouped') shuffle(order, random)
  const texts = textsOf(variant.shape, random)
  return order.map((index) => {
    const prefix = Math.floor(index / rows)
    return { model: costModel, group: String(prefix), line: lineOf(variant, texts, prefix, index) }
  })
}

function shuffle(items: number[], random: Random): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = random.integer(0, last)
    const [one = 0, two = 0] = [items[last], items[other]]
    items[last] = two
    items[other] = one
  }
}

interface Texts {
  readonly root: string
  readonly prefixes: readonly string[]
  readonly questions: readonly string[]
}

function textsOf(shape: Shape, random: Random): Texts {
  const { prefixes, rows, rootTokens = 0, prefixTokens, questionTokens, spread = 0.2 } = shape
  const words = (tokens: number): string => wordsOf(tokens, spread, random)
  return {
    root: words(rootTokens),
    prefixes: Array.from({ length: prefixes }, () => words(prefixTokens)),
    questions: Array.from({ length: prefixes * rows }, () => words(questionTokens)),
  }
}

const vocabulary = ['gate', 'lock', 'weir', 'river', 'level', 'to', 'the', 'is', 'open'] as const

/** About so many words, of a token each. */
function wordsOf(tokens: number, spread: number, random: Random): string {
  const count = Math.round(tokens * (1 + spread * (2 * random.float() - 1)))
  return Array.from({ length: count }, () => random.pick(vocabulary)).join(' ')
}

/** Where rows are marked, and what of them is found again by: see `prefixOf` and `questionOf`. */
function lineOf(variant: Variant, texts: Texts, prefix: number, index: number): string {
  const mark = {
    cache_control: { type: 'ephemeral', ...(variant.entryLife === '1h' && { ttl: '1h' }) },
  }
  const text = (words: string): object => ({ type: 'text', text: words })
  const marked = (words: string): object => ({ ...text(words), ...mark })
  const document = `Document ${prefix}: ${texts.prefixes[prefix] ?? ''}`
  const question = `Question ${index}: ${texts.questions[index] ?? ''}`
  const members = { model: costModel, max_tokens: 1000 }
  const { isMarked = false } = variant
  const shared = isMarked ? marked : text
  if (texts.root !== '') {
    const content = [shared(document), text(question)]
    const messages = [{ role: 'user', content }]
    return `${JSON.stringify({ ...members, system: [shared(texts.root)], messages })}\n`
  }
  // Who does not mark writes a plain string.
  const system = isMarked ? [marked(document)] : document
  const messages = [{ role: 'user', content: question }]
  return `${JSON.stringify({ ...members, system, messages })}\n`
}

/** Which prefix a body begins with. */
export function prefixOf(body: Uint8Array): number {
  return numberAfter(body, documentHead)
}

/** The place of its row before any shuffling. */
export function questionOf(body: Uint8Array): number {
  return numberAfter(body, questionHead)
}

const documentHead = Buffer.from('Document ')
const questionHead = Buffer.from('Question ')

function numberAfter(body: Uint8Array, head: Buffer): number {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const from = bytes.indexOf(head) + head.length
  return Number.parseInt(bytes.toString('latin1', from, from + 12), 10)
}

/** What people write by hand: as it comes, and, careful of what they mark, a row of each first. */
const [plain, careful]: readonly [Contender, Contender] = [
  { name: 'SDK, p-limit 100', concurrency: 100, maxRetries: 2 },
  {
    name: 'SDK, a row of each prefix first, p-limit 100, maxRetries 10',
    concurrency: 100,
    maxRetries: 10,
    warmsGroups: true,
  },
]

function contendersOf({ isCompared, isMarked }: Variant): readonly Contender[] {
  if (isCompared !== true) return []
  return isMarked === true ? [plain, careful] : [plain]
}
