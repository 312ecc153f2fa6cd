/**
 * The prefixes of a run: who writes each, who waits for it, and what answers say of it.
 *
 * An entry can be read only once its writer's answer has begun: rows sent together would all pay
 * for writing it. So of the rows that share a prefix one goes ahead, and the others wait for its
 * first byte. Prefixes nest: a row that starts writes all of its own that are cold, and waits for
 * none but those that somebody else is writing.
 *
 * Invariant: a prefix has at most one writer that was not superseded.
 */

import { CacheFindings } from './cache-findings.ts'
import type { CachePoint } from './cache-points.ts'
import type { Mark } from './marked-body.ts'
import { cacheTokensMinOf } from './models.ts'
import type { Cost } from './meter.ts'
import type { Answered, Usage } from './outcome.ts'
import { type LifeSeen, Prefix } from './prefix.ts'
import type { Attempt, Work } from './work.ts'

/** Whose prefixes are looked for: those the user marked, or all that rows have in common. */
export type PrefixKind = 'marked' | 'auto'

/** What a try does to the cache. */
export interface CacheUse {
  /** All prefixes that it writes or reads, the shortest first. */
  readonly chain: readonly Prefix[]
  /** Those that it writes, as far as is known. */
  readonly writes: readonly Prefix[]
  /** The longest that it should read, and how long that had been left alone. */
  readonly reads: Prefix | undefined
  readonly unusedMs: number
  /** Tokens of these that earlier answers had shown to be in the cache once. */
  readonly knownTokens: number
  /** Blocks to be marked before it is sent. */
  readonly marks: readonly Mark[]
}

/**
 * What takes the limit so many minutes to write could be gone by the time at which the next row may
 * start. An hour costs twice the price of the input, so three rows must have it.
 */
const minutesMinForHour = 4
const waitingMinForHour = 3
/** The API allows four marks in a request. */
const marksMax = 4
/** An estimate of a prefix must be this much above the least that is cached. */
const tokensMargin = 1.1
/** A prefix that nobody reads though it was there is none that the server keeps. */
const missesMax = 3
/** Gone sooner after its last use than this, it was not its life that was over. */
const lifeMsMin = 1000
/** Prefixes that no row has and that are kept, for those that may come. */
const prefixesMax = 4096

const none: readonly Prefix[] = []

/** What is known of the run besides. */
export interface PrefixesParts {
  /** The tokens that a row's prompt is expected to have. */
  readonly tokensOf: (work: Work) => number
  /** Input tokens that a pool may take a minute; Infinity: not known. */
  readonly inputPerMinute: (pool: string) => number
  /** Whether the user asked for it, and so should hear that it found nothing. */
  readonly isAskedFor: boolean
}

/** See above. */
export class Prefixes {
  readonly #kind: PrefixKind
  readonly #parts: PrefixesParts
  readonly #prefixes = new Map<number, Prefix>()
  readonly #findings = new CacheFindings()
  readonly #life: LifeSeen = { msMax: Infinity }

  constructor(kind: PrefixKind, parts: PrefixesParts) {
    this.#kind = kind
    this.#parts = parts
  }

  /** How many are known. */
  get size(): number {
    return this.#prefixes.size
  }

  get findings(): CacheFindings {
    return this.#findings
  }

  /** What there is to say of the cache at the end; undefined: nothing. */
  ending(): string | undefined {
    const wantsMarks = this.#kind === 'marked' && this.#parts.isAskedFor
    return this.#findings.ending(this.#prefixes.values(), wantsMarks)
  }

  /** A row begins to wait. */
  enter(work: Work): void {
    const points = work.row.cachePoints
    work.prefixes = points.map(({ key }) => this.#prefix(key, work.pool))
    for (const prefix of work.prefixes) prefix.waiting += 1
  }

  /** A row waits no more. */
  leave({ prefixes = none }: Work): void {
    for (const prefix of prefixes) {
      prefix.waiting -= 1
      this.#forget(prefix)
    }
  }

  /** The prefix whose writer a row must wait for, if there is one. */
  waitsFor(now: number, work: Work): Prefix | undefined {
    const chain = this.#chain(now, work)
    // What is within a longer one that is there need not be there itself.
    const warm = chain.findLastIndex(({ prefix }) => prefix.isWarm(now))
    return chain.find(({ prefix }, index) => index > warm && prefix.writer !== undefined)?.prefix
  }

  /** The longest prefix that this row shares with others; undefined if it shares none. */
  longest(now: number, work: Work): Prefix | undefined {
    return this.#chain(now, work).findLast(({ prefix }) => isShared(prefix, now))?.prefix
  }

  /** What a try of this row costs, when what is in the cache does not count. */
  costOf(now: number, work: Work, cost: Cost): Cost {
    const { prompt } = cost
    if (prompt === undefined || work.row.cachePoints.length === 0) return cost
    const warm = this.#chain(now, work).findLast(({ prefix }) => prefix.isWarm(now))
    const read = warm ? warm.prefix.tokens || prompt * warm.point.share : 0
    return { ...cost, input: Math.max(1, Math.round(prompt - read)) }
  }

  /** What a try of this row, which starts now, does to the cache; undefined: nothing. */
  useOf(now: number, work: Work): CacheUse | undefined {
    const links = this.#chain(now, work)
    if (links.length === 0) return undefined
    for (const { prefix, point } of links) this.#setLife(now, work, prefix, point)
    const chain = links.map(({ prefix }) => prefix)
    const reads = chain.findLast((prefix) => prefix.isWarm(now))
    const writes = chain.slice(reads === undefined ? 0 : chain.indexOf(reads) + 1)
    const unusedMs = reads === undefined ? 0 : now - reads.usedAt
    const marks = links
      .filter(({ point }) => point.mark === undefined)
      .map(({ prefix, point: { at } }): Mark => ({ at, life: prefix.life }))
    const knownTokens = Math.max(...chain.map(({ tokens }) => tokens))
    return { chain, writes, reads, unusedMs, knownTokens, marks }
  }

  /**
   * Whether others wait for what this try writes, so that its first byte matters; or may come to
   * wait: the first of a prefix often starts before the others are read.
   */
  leads({ chain, writes }: CacheUse): boolean {
    return writes.some((prefix) => prefix.waiting > 1 || prefix === chain[0])
  }

  /** A try starts; its row has not left yet. */
  started(now: number, attempt: Attempt): void {
    const { caching } = attempt
    if (caching === undefined) return
    for (const prefix of caching.chain) prefix.underWay += 1
    for (const prefix of caching.writes) prefix.writer ??= attempt
    caching.reads?.use(now)
  }

  /** The answer of a try has begun: what it writes can be read. Returns the rows that may go on. */
  firstByte(attempt: Attempt): readonly Work[] {
    const freed: Work[] = []
    for (const prefix of attempt.caching?.writes ?? none) {
      if (prefix.writer !== attempt) continue
      prefix.use(attempt.startedAt)
      this.#unpark(prefix, freed)
    }
    return freed
  }

  /** A writer's answer is late: another may write. Returns the rows that may go on. */
  supersede(attempt: Attempt): readonly Work[] {
    const freed: Work[] = []
    for (const prefix of attempt.caching?.writes ?? none) {
      if (prefix.writer === attempt) this.#unpark(prefix, freed)
    }
    return freed
  }

  /** Whether a try still is somebody's writer, and its answer has not begun. */
  isAwaited(attempt: Attempt): boolean {
    return attempt.caching?.writes.some(({ writer }) => writer === attempt) === true
  }

  /** A try is over. Returns the rows that may go on. */
  ended(attempt: Attempt, answer: Answered | undefined): readonly Work[] {
    const { caching } = attempt
    if (caching === undefined) {
      if (answer !== undefined) this.#findings.answeredWithout()
      return []
    }
    const freed = answer === undefined ? this.supersede(attempt) : this.firstByte(attempt)
    if (answer !== undefined) {
      attempt.cacheMissedTokens = this.#learn(attempt, caching, answer.usage)
    } else if (attempt.headAt === undefined) {
      // It was refused, or lost: it read nothing.
      caching.reads?.unuse(attempt.startedAt, caching.unusedMs)
    }
    for (const prefix of caching.chain) {
      prefix.underWay -= 1
      this.#forget(prefix)
    }
    return freed
  }

  /** Returns the tokens that it wrote though an answer before it had written them. */
  #learn(
    attempt: Attempt,
    { reads, writes, unusedMs, knownTokens }: CacheUse,
    usage: Usage,
  ): number {
    const written = usage.cacheWrite5mTokens + usage.cacheWrite1hTokens
    const cached = written + usage.cacheReadTokens
    const again = Math.min(written, Math.max(0, knownTokens - usage.cacheReadTokens))
    const longest = writes.at(-1)
    if (longest !== undefined) {
      longest.tokens = cached
      // Nothing was kept of it: it is too short, or the server keeps nothing.
      const isKept = cached > 0 || usage.inputTokens === 0
      for (const prefix of writes) prefix.isRefused = !isKept
      longest.unreadTokens += written
    }
    if (reads !== undefined && usage.cacheReadTokens > 0) {
      reads.tokens = Math.max(reads.tokens, usage.cacheReadTokens)
      reads.reads += 1
      reads.misses = 0
      reads.unreadTokens = 0
    } else if (reads !== undefined) {
      this.#missed(reads, unusedMs)
    }
    this.#findings.answered(attempt, usage, {
      tokens: again,
      unusedMs,
      wasThere: reads !== undefined,
    })
    return again
  }

  #missed(prefix: Prefix, unusedMs: number): void {
    prefix.misses += 1
    if (prefix.misses >= missesMax && prefix.reads === 0) prefix.isRefused = true
    if (unusedMs >= lifeMsMin) this.#life.msMax = Math.min(this.#life.msMax, unusedMs)
  }

  /** The prefixes of a row that its marks write and read, with the place of each. */
  #chain(
    now: number,
    work: Work,
  ): readonly { readonly prefix: Prefix; readonly point: CachePoint }[] {
    const { prefixes = none } = work
    const points = work.row.cachePoints
    const links = points.flatMap((point, index) => {
      const prefix = prefixes[index]
      return prefix === undefined || prefix.isRefused ? [] : [{ prefix, point }]
    })
    // The user's own marks are all sent as they are.
    if (this.#kind === 'marked' || points[0]?.mark !== undefined) return links
    const least = cacheTokensMinOf(work.row.model) * tokensMargin
    const tokens = this.#parts.tokensOf(work)
    const paying = links.filter(
      ({ prefix, point }) => point.share * tokens >= least && isShared(prefix, now),
    )
    // A shorter prefix that no more rows have is read by none that do not read the longer; by the
    // writer of the longer it is, if it is there or is being written.
    const apart = paying.filter(({ prefix }, index) => {
      const next = paying[index + 1]?.prefix
      if (next === undefined || prefix.waiting > next.waiting) return true
      return !next.isWarm(now) && (prefix.writer !== undefined || prefix.isWarm(now))
    })
    return apart.slice(-marksMax)
  }

  /** For how long the next to write it has it kept: as its mark says, or as long as it takes. */
  #setLife(now: number, work: Work, prefix: Prefix, { share, mark }: CachePoint): void {
    if (prefix.isWarm(now) || prefix.writer !== undefined) return
    const minutes = (this.#parts.tokensOf(work) * share) / this.#parts.inputPerMinute(prefix.pool)
    const pays = prefix.waiting >= waitingMinForHour
    prefix.life = mark ?? (minutes >= minutesMinForHour && pays ? '1h' : '5m')
  }

  #prefix(key: number, pool: string): Prefix {
    let prefix = this.#prefixes.get(key)
    if (prefix === undefined) {
      prefix = new Prefix(key, pool, this.#life)
      this.#prefixes.set(key, prefix)
    }
    return prefix
  }

  #unpark(prefix: Prefix, freed: Work[]): void {
    prefix.writer = undefined
    freed.push(...prefix.parked)
    prefix.parked = []
  }

  /** Lets go of a prefix that no row has any more, unless the server may have it. */
  #forget(prefix: Prefix): void {
    if (prefix.waiting > 0 || prefix.underWay > 0) return
    if (prefix.usedAt > -Infinity && this.#prefixes.size <= prefixesMax) return
    this.#findings.unread(prefix)
    this.#prefixes.delete(prefix.key)
  }
}

/** Somebody besides one row may read it: others wait, it is there, or is being written. */
function isShared(prefix: Prefix, now: number): boolean {
  return prefix.waiting > 1 || prefix.writer !== undefined || prefix.isWarm(now)
}
