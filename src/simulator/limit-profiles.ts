/**
 * The limits of each pool of models on the tiers of Anthropic's rate limits page (read
 * 2026-09-02, confirmed by copies of October 2026), as data.
 *
 * Limits of Mythos are by arrangement; here they are those of Fable. Haiku 3.5 is retired and
 * answers only where any model does; it alone counts what is read from the cache. Fast mode has
 * limits and headers of its own, whose figures are not published: here it draws on its pool's.
 */

/** Limits of every pool, in units a minute; null: no such limit. */
export interface PoolLimits {
  /** @default by profile */
  readonly requestsPerMinute: number | null
  /** @default by profile */
  readonly inputTokensPerMinute: number | null
  /** @default by profile */
  readonly outputTokensPerMinute: number | null
  /** Input and output together, as a workspace's limit may count them. @default null */
  readonly combinedTokens: number | null
}

/** The tiers an organisation may be on. */
export const profileNames = ['start', 'build', 'scale'] as const

/** The name of a tier. */
export type ProfileName = (typeof profileNames)[number]

/**
 * What a tier grants a pool (see `poolOf`).
 *
 * @example
 * ```ts
 * profileLimits('build', 'claude-opus-5').requestsPerMinute // => 5000
 * profileLimits('build', 'claude-fable-5.x').requestsPerMinute // => 2000
 * ```
 */
export function profileLimits(profile: ProfileName, pool: string): PoolLimits {
  const family = families.find(({ name }) => name.test(pool)) ?? everyOther
  const [requestsPerMinute, inputTokensPerMinute, outputTokensPerMinute] = family[profile]
  return { requestsPerMinute, inputTokensPerMinute, outputTokensPerMinute, combinedTokens: null }
}

/** Token counts a minute, of the whole organisation, as third parties quote it since September. */
export const countRequestsPerMinute: Readonly<Record<ProfileName, number>> = {
  start: 5000,
  build: 10_000,
  scale: 20_000,
}

/** Whether the input limit of a pool counts what is read from the cache. */
export function poolCountsReads(pool: string): boolean {
  return oldHaiku.test(pool)
}

type Figures = readonly [requests: number, input: number, output: number]

const oldHaiku = /^claude-3-5-haiku/

const everyOther: Readonly<Record<ProfileName, Figures>> = {
  start: [1000, 2_000_000, 400_000],
  build: [5000, 5_000_000, 1_000_000],
  scale: [10_000, 10_000_000, 2_000_000],
}

const families: readonly (Readonly<Record<ProfileName, Figures>> & { readonly name: RegExp })[] = [
  {
    name: /^claude-(fable|mythos)-/,
    start: [1000, 500_000, 100_000],
    build: [2000, 1_500_000, 300_000],
    scale: [4000, 4_000_000, 800_000],
  },
  {
    name: oldHaiku,
    start: [1000, 100_000, 20_000],
    build: [2000, 200_000, 40_000],
    scale: [4000, 400_000, 80_000],
  },
]
