/**
 * Where a body asks for cache breakpoints (`cache_control`), and what the API refuses of that.
 *
 * A mark stands on a tool, a block of the system prompt or a block of a message. The mark of the
 * whole request is the automatic one: it stands on the last block that may end a prefix and takes
 * one of the four places, unless that block asks for the very same itself.
 *
 * Marks on blocks inside blocks are let pass and do nothing: whether the API refuses them is not
 * published. (Facts: prompt caching page, read 2026-08-22.)
 */

import { isOneOf, isRecord, type JsonRecord } from './json.ts'
import { isCacheable, type PromptBlock } from './prompt-blocks.ts'

/** How long an entry lives after its last use. */
export type CacheTtl = '5m' | '1h'

/** A place up to which the prompt is to be cached. */
export interface Breakpoint {
  /** Index of its block among `promptBlocks`. */
  readonly at: number
  readonly ttl: CacheTtl
}

const breakpointsMax = 4

/** The breakpoints of a body in order, or what is wrong with them. */
export function findBreakpoints(
  body: JsonRecord,
  blocks: readonly PromptBlock[],
): readonly Breakpoint[] | string {
  const breakpoints: Breakpoint[] = []
  for (const [at, { value }] of blocks.entries()) {
    const ttl = readMark(value['cache_control'])
    if (ttl === 'invalid') return invalidMark
    if (ttl !== undefined) breakpoints.push({ at, ttl })
  }
  const ttl = readMark(body['cache_control'])
  if (ttl === 'invalid') return invalidMark
  if (ttl !== undefined) {
    const conflict = addAutomatic(breakpoints, blocks, ttl)
    if (conflict !== undefined) return conflict
  }
  const afterShort = breakpoints.slice(breakpoints.findIndex((each) => each.ttl === '5m') + 1)
  if (afterShort.length < breakpoints.length && afterShort.some((each) => each.ttl === '1h')) {
    return "cache_control: a ttl='1h' block must not come after a ttl='5m' block"
  }
  if (breakpoints.length <= breakpointsMax) return breakpoints
  const maximum = `A maximum of ${breakpointsMax} blocks with cache_control may be provided.`
  return `${maximum} Found ${breakpoints.length}.`
}

const invalidMark = "cache_control: Input should be of type 'ephemeral', with a ttl of '5m' or '1h'"

function readMark(mark: unknown): CacheTtl | 'invalid' | undefined {
  if (mark === undefined || mark === null) return undefined
  const ttl = isRecord(mark) ? (mark['ttl'] ?? '5m') : undefined
  if (!isRecord(mark) || mark['type'] !== 'ephemeral' || !isOneOf(ttl, ['5m', '1h'])) {
    return 'invalid'
  }
  return ttl === '1h' ? '1h' : '5m'
}

/** Puts the automatic breakpoint in its place; gives what is wrong with it. */
function addAutomatic(
  breakpoints: Breakpoint[],
  blocks: readonly PromptBlock[],
  ttl: CacheTtl,
): string | undefined {
  const at = blocks.findLastIndex(isCacheable)
  const own = breakpoints.at(-1)
  if (own === undefined || own.at !== at) {
    if (at >= 0) breakpoints.push({ at, ttl })
    return undefined
  }
  if (own.ttl === ttl) return undefined
  return "cache_control: the last block has a cache_control with another 'ttl'"
}
