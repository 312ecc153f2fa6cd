/**
 * What a seed stands for: a server, a user, an input, and what befalls them.
 *
 * Swarm: each seed leaves some faults out altogether, so that what hides behind one is seen.
 */

import { cacheModes } from '../../src/settings.ts'
import type { CacheMode } from '../../src/settings.ts'
import { Random } from '../../src/random.ts'
import type { FaultName, SimulatorOptions } from '../../src/simulator/index.ts'
import { drawTroubles, type Troubles } from './troubles.ts'

/** How one life of the process ends, if not by itself. */
export interface Death {
  readonly kind: 'kill' | 'power' | 'interrupt'
  /** Virtual milliseconds after the life began. */
  readonly afterMs: number
  /** It waits for the next write, and comes in the middle of it. */
  readonly midWrite: boolean
}

export interface Drawn {
  readonly seed: number
  readonly rows: number
  readonly poison: number
  readonly server: SimulatorOptions
  readonly networkMs: number
  /** The share of crossings that take far longer than others, so that replies change places. */
  readonly stragglers: number
  readonly deaths: readonly Death[]
  readonly edits: boolean
  readonly maxRequestsPerMinute: number | undefined
  readonly maxConcurrency: number | undefined
  readonly ordered: boolean
  readonly fsync: 'always' | '1s' | 'never'
  readonly shortWrites: boolean
  /** How long a sync takes. */
  readonly syncMs: number
  readonly maxInputTokensPerMinute: number | undefined
  readonly maxOutputTokensPerMinute: number | undefined
  readonly maxInFlightBytes: number | undefined
  /** How long a run goes on without success, until all is healed. */
  readonly patienceMs: number
  /** The input comes as a stream, which cannot be read twice. */
  readonly stream: boolean
  /** The first lives ask for the first rows alone, each for more of them. */
  readonly firstGrows: boolean
  /** Failed rows are asked again before all is healed, too. */
  readonly retryFailedEarly: boolean
  /** A file of somebody else stands where the output shall, and is to be moved aside. */
  readonly overwrite: boolean
  /** A lock that somebody left, before which life. */
  readonly lockLeft: { readonly life: number; readonly kind: 'torn' | 'abandoned' } | undefined
  /** What may be spent, until its user raises it; the server's books are held to it. */
  readonly budget: { readonly nanoUsd: number; readonly tokens: number | undefined } | undefined
  /** Prompts and answers cost nearly all they can, so that nothing is forgiven. */
  readonly isDear: boolean
  /** How the prompt cache is used, and the share of rows that have something to share. */
  readonly cache: CacheMode
  readonly shared: number
  readonly troubles: Troubles
  /** From this instant of the world nothing fails any more. */
  readonly healAt: number
}

/** Faults that a try may meet, and the next may not. */
export const transientFaults: readonly [FaultName, ...FaultName[]] = [
  'rate-limit',
  'server-error',
  'gateway-timeout',
  'overloaded',
  'reset-before',
  'reset-after',
  'cut',
  'html',
  'hang-head',
  'hang-body',
  'stream-error',
  'invalid-json',
  'slow-first-byte',
]
/** Faults that stop a run. */
export const stoppingFaults: readonly [FaultName, ...FaultName[]] = [
  'spend-limit',
  'customer-spend-limit',
  'credit',
]

/** One whose headers say all there is to know. */
const plainServer: SimulatorOptions = {
  slice: 'none',
  burstSeconds: 60,
  outputAssessment: 'produced',
  headers: true,
  rampPerSecond: null,
}

/** So many of all worlds have a budget; those that are `budgeted` all do. */
const budgets = 0.15

export function draw(seed: number, { budgeted = false } = {}): Drawn {
  const random = new Random(seed).fork('draw')
  const first = drawFirst(seed, random)
  // What was added later has a stream of its own: a seed's first draws stay what they were.
  const more = new Random(seed).fork('draw more')
  const troubles = drawTroubles(new Random(seed).fork('troubles'), first)
  const { latencyMs = 0 } = first.server
  const { diskFullMs: _, sleepMs: __, ...kept } = first
  // Where no request goes wrong, what is measured is the pace.
  const isFaultless = more.chance(0.25)
  const isPlain = isFaultless && more.chance(0.6)
  const budget = drawBudget(new Random(seed).fork('budget'), budgeted)
  const isDear = budget?.isDear === true
  const sharing = new Random(seed).fork('sharing')
  const bound = (...choices: [number, number]): number | undefined =>
    more.pick([undefined, undefined, undefined, ...choices])
  const maxInputTokensPerMinute = bound(20_000, 200_000)
  const maxOutputTokensPerMinute = bound(5000, 50_000)
  return {
    ...kept,
    server: {
      ...first.server,
      ...(isFaultless && { faults: {} }),
      ...(isPlain && plainServer),
      ...(isDear && { outputTokens: 20_000 }),
      cacheLifeSeconds: sharing.pick([300, 300, 8]),
      cache: sharing.chance(0.9),
    },
    deaths: first.deaths.map((death) => ({
      ...death,
      // What was sent since the last sync is forgotten with the power, and no budget can know it.
      kind: budget && death.kind === 'power' && first.fsync !== 'always' ? 'kill' : death.kind,
      midWrite: death.kind !== 'interrupt' && more.chance(0.4),
    })),
    stragglers: more.pick([0, 0, 0.05, 0.3]),
    maxInputTokensPerMinute: isPlain ? undefined : maxInputTokensPerMinute,
    maxOutputTokensPerMinute: isPlain ? undefined : maxOutputTokensPerMinute,
    maxInFlightBytes: more.pick([undefined, undefined, 2000, 100_000]),
    patienceMs: latencyMs > 1000 ? 900_000 : more.pick([900_000, 900_000, 120_000]),
    stream: more.chance(0.15),
    firstGrows: more.chance(0.15),
    retryFailedEarly: more.chance(0.2),
    overwrite: more.chance(0.1),
    lockLeft: more.chance(0.15)
      ? { life: more.integer(1, 3), kind: more.pick(['torn', 'abandoned'] as const) }
      : undefined,
    budget,
    isDear,
    cache: sharing.pick(['marked', 'auto', ...cacheModes]),
    shared: sharing.pick([0, 0.4, 0.9]),
    troubles,
    syncMs: more.pick([0, 0, 30, 400]),
    // As many as the rows of a world can come near to within a minute.
    maxRequestsPerMinute: more.chance(0.25) ? 100 : first.maxRequestsPerMinute,
    healAt: Math.max(first.healAt, troubles.endAt),
  }
}

function drawBudget(
  random: Random,
  always: boolean,
): (NonNullable<Drawn['budget']> & { readonly isDear: boolean }) | undefined {
  const isDrawn = random.chance(budgets)
  const nanoUsd = random.pick([50_000_000, 200_000_000, 600_000_000, 3_000_000_000])
  const tokens = random.pick([undefined, undefined, undefined, 30_000, 100_000])
  const isDear = random.chance(0.75)
  return isDrawn || always ? { nanoUsd, tokens, isDear } : undefined
}

/** What the disk and the machine suffer, as it was first drawn. */
interface FirstDrawn {
  readonly diskFullMs: number
  readonly sleepMs: number
}

type DrawnLater =
  | 'deaths'
  | 'stragglers'
  | 'syncMs'
  | 'maxInputTokensPerMinute'
  | 'maxOutputTokensPerMinute'
  | 'maxInFlightBytes'
  | 'patienceMs'
  | 'stream'
  | 'firstGrows'
  | 'retryFailedEarly'
  | 'overwrite'
  | 'lockLeft'
  | 'budget'
  | 'isDear'
  | 'cache'
  | 'shared'
  | 'troubles'

function drawFirst(
  seed: number,
  random: Random,
): Omit<Drawn, DrawnLater> & FirstDrawn & { readonly deaths: readonly Omit<Death, 'midWrite'>[] } {
  const deathCount = random.integer(0, 3)
  const faults: Partial<Record<FaultName, number>> = {}
  for (const name of transientFaults) if (random.chance(0.4)) faults[name] = random.float() * 0.07
  if (random.chance(0.15)) faults[random.pick(stoppingFaults)] = 0.01
  const slice = random.pick(['none', 'none', 'hidden', 'shown'] as const)
  return {
    seed,
    rows: random.integer(20, 220),
    poison: random.pick([0, 0, 0.02, 0.1]),
    server: {
      seed,
      requestsPerMinute: random.pick([50, 300, 1000, 10_000, null]),
      inputTokensPerMinute: random.pick([30_000, 2_000_000, null]),
      outputTokensPerMinute: random.pick([8000, 400_000, null]),
      slice,
      burstSeconds: slice === 'none' ? 60 : random.pick([1, 5]),
      outputAssessment: random.pick(['produced', 'reserved']),
      admissionEstimate: random.chance(0.5),
      refusalsCostRequests: random.chance(0.3),
      headers: random.chance(0.85),
      retryAfter: random.chance(0.8),
      rampPerSecond: random.pick([null, null, 5]),
      latencyMs: random.pick([200, 700, 3000, 15_000]),
      outputTokens: random.pick([20, 200, 800]),
      faults,
    },
    networkMs: random.pick([1, 20, 150]),
    deaths: Array.from({ length: deathCount }, () => ({
      kind: random.pick(['kill', 'kill', 'power', 'interrupt'] as const),
      afterMs: random.integer(50, 60_000),
    })),
    edits: random.chance(0.3),
    maxRequestsPerMinute: random.pick([undefined, undefined, 7, 40, 600]),
    maxConcurrency: random.pick([undefined, undefined, 1, 10]),
    ordered: random.chance(0.35),
    fsync: random.pick(['always', '1s', 'never']),
    diskFullMs: random.pick([0, 0, 0, 5000, 90_000]),
    shortWrites: random.chance(0.2),
    sleepMs: random.pick([0, 0, 0, 30_000, 3_600_000]),
    healAt: random.integer(30_000, 400_000),
  }
}
