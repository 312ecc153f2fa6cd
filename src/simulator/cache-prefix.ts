/**
 * A request as the cache sees it: a digest of every prefix, and where it may be written.
 *
 * The digest of a position covers all blocks up to it, so one changed block changes every prefix
 * from there on. Beside the blocks it covers what invalidates a level and those after it:
 *
 *   tools     organisation's workspace, model, speed
 *   system    web search, citations, output format
 *   messages  tool choice, whether there are pictures, thinking, effort
 *
 * Where the documents leave room, this is the reading:
 * - Speed stands at the root. The table of invalidations lets tools survive its change, the text
 *   says that fast and standard requests share nothing; nothing shared is the safer guess.
 * - A web search tool is part of the system prompt it adds, not of the tools.
 * - The output format adds to the system prompt, so it counts there; its level is not published.
 * - Settings are compared by what holds: absent thinking equals the model's default.
 * - The mark itself is no part of the prefix. A block's members may come in any order, what is
 *   inside them may not: that is the text the model reads.
 * - Keys of one organisation share a workspace unless `anthropic-workspace-id` says otherwise.
 */

import { digest } from '../hash.ts'
import { findBreakpoints, type Breakpoint } from './cache-marks.ts'
import type { CheckedRequest } from './check.ts'
import { isRecord, type JsonRecord } from './json.ts'
import { effortOf, thinkingOf } from './model-rules.ts'
import { promptLevels, type PromptBlock, type PromptLevel } from './prompt-blocks.ts'

/** What of a request may be read from the cache, and what is to be written to it. */
export interface CachePlan {
  /** Of the prefix that ends with each block. */
  readonly digests: readonly string[]
  /** Tokens of each of these prefixes. */
  readonly tokens: readonly number[]
  /** Those whose prefix is long enough, in order. */
  readonly breakpoints: readonly Breakpoint[]
}

/** What of a request is planned for. */
export type PlannedRequest = Pick<
  CheckedRequest,
  'body' | 'model' | 'speed' | 'workspace' | 'prompt'
>

/** The plan of a request that was found valid; undefined when nothing of it is to be cached. */
export function planCache(request: PlannedRequest): CachePlan | undefined {
  const { blocks, prefixTokens: tokens } = request.prompt
  const found = findBreakpoints(request.body, blocks)
  if (typeof found === 'string') return undefined
  const breakpoints = found.filter(({ at }) => (tokens[at] ?? 0) >= request.model.cacheTokensMin)
  if (breakpoints.length === 0) return undefined
  const seeds = levelSeeds(request)
  const digests: string[] = []
  let level = 0
  let prefix = link('', seeds.tools)
  for (const block of blocks) {
    for (; promptLevels[level] !== block.level; level++) {
      prefix = link(prefix, seeds[promptLevels[level + 1] ?? 'messages'])
    }
    const own = link(prefix, blockText(block))
    if (!isWebSearch(block)) prefix = own
    digests.push(own)
  }
  return { digests, tokens, breakpoints }
}

const encoder = new TextEncoder()

/** The digest of a prefix and what follows it. */
function link(prefix: string, text: string): string {
  return digest(encoder.encode(`${prefix}\n${text}`))
}

function blockText({ value, role }: PromptBlock): string {
  const names = Object.keys(value).filter((name) => name !== 'cache_control')
  return JSON.stringify([role ?? null, ...names.toSorted().map((name) => [name, value[name]])])
}

/** What each level depends on besides its blocks and those before. */
function levelSeeds(request: PlannedRequest): Readonly<Record<PromptLevel, string>> {
  const { body, model, speed, workspace, prompt } = request
  const { blocks } = prompt
  const config = isRecord(body['output_config']) ? body['output_config'] : {}
  const searches = blocks.filter(isWebSearch).map(blockText)
  const hasTools = blocks[0]?.level === 'tools'
  return {
    tools: JSON.stringify([workspace, model.id, speed]),
    system: JSON.stringify([searches, blocks.some(hasCitations), config['format'] ?? null]),
    messages: JSON.stringify([
      body['tool_choice'] ?? (hasTools ? { type: 'auto' } : null),
      blocks.some(({ value }) => hasPicture(value)),
      thinkingOf(body, model),
      effortOf(body, model),
    ]),
  }
}

function isWebSearch({ level, value: { type } }: PromptBlock): boolean {
  return level === 'tools' && typeof type === 'string' && type.startsWith('web_search_')
}

function hasCitations({ level, value: { citations } }: PromptBlock): boolean {
  return level === 'messages' && isRecord(citations) && citations['enabled'] === true
}

/** A picture, or a tool's result that shows one. */
function hasPicture({ type, content }: JsonRecord): boolean {
  if (type === 'image') return true
  return Array.isArray(content) && content.some((inner) => isRecord(inner) && hasPicture(inner))
}
