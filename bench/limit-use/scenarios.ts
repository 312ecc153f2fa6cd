/**
 * What limit use is measured on: which limit binds, how it is enforced, what changes, who else is
 * there; each at two latencies, and on organisations from the smallest to the largest.
 */

import type { Scenario } from './stage.ts'
import type { OracleLimits } from './oracle.ts'

/** A scenario, and what an oracle may know of it. */
export interface Measured {
  readonly scenario: Scenario
  /** Of each pool; others' requests are added when they are known. */
  readonly limits: OracleLimits
  /** The server holds a quarter of the body's bytes as input until the first byte. */
  readonly holdsEstimate: boolean
  /** Rows a minute that its limits allow, of each pool. */
  readonly perMinute: number
  readonly target: number
  /** 429s allowed: in a thousand rows, and for each event besides. */
  readonly refusals: { readonly perThousand: number; readonly perEvent: number }
}

/** Limits of an organisation: requests, input and output tokens a minute. */
interface Tier {
  readonly name: string
  readonly requests: number
  readonly input: number
  readonly output: number
  /** How long a run lasts about, at each latency: rows are not free. */
  readonly minutes: readonly [quick: number, slow: number]
}

const tiers = {
  small: { name: '50 / 30k / 8k', requests: 50, input: 30_000, output: 8000, minutes: [30, 60] },
  middle: {
    name: '1,000 / 450k / 90k',
    requests: 1000,
    input: 450_000,
    output: 90_000,
    minutes: [12, 30],
  },
  large: {
    name: '10,000 / 10M / 2M',
    requests: 10_000,
    input: 10_000_000,
    output: 2_000_000,
    minutes: [11, 11],
  },
} as const satisfies Record<string, Tier>

const latencies = [
  { name: '0.7 s', latencyMs: 700 },
  { name: '15 s', latencyMs: 15_000 },
] as const

type Latency = (typeof latencies)[number]

const outputTokens = 800
interface Shape {
  readonly name: string
  readonly tier: Tier
  readonly bound: 'requests' | 'input' | 'output'
  readonly server?: Scenario['server']
  readonly change?: Partial<Scenario>
  readonly oracle?: Partial<OracleLimits>
  readonly target?: number
  readonly refusals?: Measured['refusals']
}

const shapes: readonly Shape[] = [
  ...Object.values(tiers).flatMap((tier) =>
    (['requests', 'input', 'output'] as const).map((bound) => ({
      name: `${bound}-bound, ${tier.name}`,
      tier,
      bound,
    })),
  ),
  ...(['requests', 'input', 'output'] as const).flatMap((bound) =>
    (['shown', 'hidden'] as const).map((slice) => ({
      name: `${bound}-bound, slice of 1 s ${slice}`,
      tier: tiers.middle,
      bound,
      server: { slice, burstSeconds: 1 },
      oracle: { sliceSeconds: 1 },
    })),
  ),
  {
    name: 'combined token limit',
    tier: tiers.middle,
    bound: 'output',
    server: { combinedTokens: 60_000 },
    oracle: { tokens: [[0, 60_000]] },
  },
  {
    name: 'output reserved by max_tokens',
    tier: tiers.middle,
    bound: 'output',
    server: { outputAssessment: 'reserved' },
  },
  {
    name: 'limit dropped to a half',
    tier: tiers.middle,
    bound: 'requests',
    change: {
      events: [[240_000, (model, now) => model.setLimits(now, { requestsPerMinute: 500 })]],
    },
    oracle: {
      requests: [
        [0, 1000],
        [240_000, 500],
      ],
    },
  },
  {
    name: 'limit raised to the double',
    tier: tiers.middle,
    bound: 'requests',
    change: {
      events: [[240_000, (model, now) => model.setLimits(now, { requestsPerMinute: 2000 })]],
    },
    oracle: {
      requests: [
        [0, 1000],
        [240_000, 2000],
      ],
    },
  },
  {
    name: 'requests-bound, one crossing in ten up to 0.6 s late',
    tier: tiers.middle,
    bound: 'requests',
    change: { stragglers: 0.1 },
  },
  {
    name: 'requests-bound, a new connection takes 2 s',
    tier: tiers.middle,
    bound: 'requests',
    change: { connectMs: 2000 },
  },
  {
    name: 'shared: others take 30 % from 2 min on',
    tier: tiers.middle,
    bound: 'requests',
    change: { others: { perSecond: 5, words: 50, fromMs: 120_000 } },
  },
  {
    name: 'shared: two runs that know nothing of each other',
    tier: tiers.middle,
    bound: 'requests',
    change: { runs: 2 },
  },
  {
    name: 'two pools',
    tier: tiers.middle,
    bound: 'requests',
    change: { models: ['claude-haiku-4-5', 'claude-opus-5'] },
  },
  { name: 'server clock 5 s ahead', tier: tiers.middle, bound: 'output', change: { skewMs: 5000 } },
  {
    name: 'server clock 5 s behind',
    tier: tiers.middle,
    bound: 'output',
    change: { skewMs: -5000 },
  },
  ...(['requests', 'input', 'output'] as const).map((bound) => ({
    name: `no headers, ${bound}-bound`,
    tier: tiers.middle,
    bound,
    server: { headers: false },
    target: 0.9,
    // The first of them must find the limit.
    refusals: { perThousand: 20, perEvent: Infinity },
  })),
  {
    name: 'outage of 60 s',
    tier: tiers.middle,
    bound: 'requests',
    change: {
      events: [
        [240_000, (model) => model.setFaults({ overloaded: 1 })],
        [300_000, (model) => model.setFaults({})],
      ],
    },
    oracle: { closed: [[240_000, 300_000]] },
    target: 0.9,
  },
  {
    name: '529 for 60 s, half of the requests',
    tier: tiers.middle,
    bound: 'requests',
    change: {
      events: [
        [240_000, (model) => model.setFaults({ overloaded: 0.5 })],
        [300_000, (model) => model.setFaults({})],
      ],
    },
    target: 0.9,
  },
]

/** All scenarios, with one seed. */
export function scenarios(seed: number): readonly Measured[] {
  return shapes.flatMap((shape) => latencies.map((latency) => measuredOf(shape, latency, seed)))
}

function measuredOf(shape: Shape, { name, latencyMs }: Latency, seed: number): Measured {
  const { tier, bound, change = {}, oracle = {} } = shape
  const isSlow = latencyMs > 1000
  const runMinutes = tier.minutes[isSlow ? 1 : 0]
  const perRow = { requests: 1, input: bound === 'input' ? 1500 : 60, output: outputTokens }
  const limit = {
    requestsPerMinute: tier.requests,
    inputTokensPerMinute: tier.input,
    // Where another limit is to bind, answers of one length must not.
    outputTokensPerMinute: bound === 'output' ? tier.output : 20 * outputTokens * tier.requests,
  }
  // The first minute's bucket comes on top of what is refilled.
  const perMinute = Math.min(tier.requests, tier[bound] / perRow[bound])
  const pools = change.models?.length ?? 1
  const runs = change.runs ?? 1
  const rows = Math.round((perMinute * (runMinutes + 1)) / runs) * pools
  return {
    scenario: {
      name: `${shape.name}, ${name}`,
      server: { ...limit, latencyMs, outputTokens, ...shape.server },
      rows,
      words: (random) => Math.max(1, Math.round(random.logNormal(perRow.input - 15, 0.5))),
      seed,
      // One answer in ten thousand takes more than the ten minutes that a try has by default.
      ...(isSlow && { options: { timeoutMs: 3_600_000 } }),
      ...change,
    },
    limits: {
      requests: [[0, tier.requests]],
      input: [[0, tier.input]],
      output: [[0, limit.outputTokensPerMinute]],
      ...oracle,
    },
    holdsEstimate: true,
    perMinute,
    target: shape.target ?? 0.97,
    refusals: shape.refusals ?? { perThousand: 1, perEvent: 3 },
  }
}

/** Those that are played by others too, and on sockets. */
export const comparedNames: readonly string[] = [
  'requests-bound, 1,000 / 450k / 90k, 0.7 s',
  'input-bound, 1,000 / 450k / 90k, 0.7 s',
  'output-bound, 1,000 / 450k / 90k, 0.7 s',
  'requests-bound, slice of 1 s hidden, 0.7 s',
  'shared: others take 30 % from 2 min on, 0.7 s',
  'requests-bound, 1,000 / 450k / 90k, 15 s',
]
