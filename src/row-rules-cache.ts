/**
 * Cache marks (`cache_control`): where they may stand, how many, in which order; and whether what
 * they mark is long enough to be cached, and the prompt short enough for the model.
 *
 * Facts: Anthropic's prompt caching page (read 2026-08-22). Lengths are estimates: what an API
 * answer would tell is not known before it.
 */

import { type BlockPlace, cachePointsOf } from './cache-points.ts'
import { InputEstimate } from './input-estimate.ts'
import { isJsonObject, type JsonObject } from './json.ts'
import { featuresOf } from './request-features.ts'
import { mustBeOneOf, objectsOf, plainNumber } from './row-rule-words.ts'
import type { Subject } from './row-rules.ts'

const marksMax = 4
const lives = ['5m', '1h']

/** A mark that is what it must be. */
interface Mark {
  readonly path: string
  readonly life: string
}

/** Looks at all marks, and at the length of the prompt. */
export function checkMarks(subject: Subject): void {
  const { request } = subject
  const marks: Mark[] = []
  let lastBlock: JsonObject | undefined
  let lastMark: Mark | undefined
  for (const [path, block] of blocksOf(request)) {
    const isMarkable = canBeMarked(block)
    const mark = readMark(subject, block['cache_control'], `${path}.cache_control`)
    if (mark !== undefined && !isMarkable) tellPlace(subject, block, mark)
    if (mark !== undefined && isMarkable) marks.push(mark)
    if (!isMarkable) continue
    lastBlock = block
    lastMark = mark
  }
  const automatic = readMark(subject, request['cache_control'], 'cache_control')
  if (automatic !== undefined && lastBlock !== undefined) {
    if (lastMark === undefined) marks.push(automatic)
    else if (lastMark.life !== automatic.life) tellConflict(subject, automatic)
  }
  tellMany(subject, marks)
  tellOrder(subject, marks)
  checkLengths(subject, marks.length > 0)
}

function* blocksOf(request: JsonObject): Generator<readonly [path: string, JsonObject]> {
  for (const [index, tool] of objectsOf(request['tools'])) yield [`tools[${index}]`, tool]
  for (const [index, block] of objectsOf(request['system'])) yield [`system[${index}]`, block]
  for (const [index, { content }] of objectsOf(request['messages'])) {
    if (typeof content === 'string' && content !== '') {
      yield [`messages[${index}]`, { type: 'text', text: content }]
    }
    for (const [place, block] of objectsOf(content)) {
      yield [`messages[${index}].content[${place}]`, block]
    }
  }
}

function canBeMarked({ type, text }: JsonObject): boolean {
  return type !== 'thinking' && type !== 'redacted_thinking' && !(type === 'text' && text === '')
}

function readMark({ findings }: Subject, mark: unknown, path: string): Mark | undefined {
  if (mark === undefined || mark === null) return undefined
  const fix = 'write {"type":"ephemeral"}, with "ttl":"1h" for an hour'
  if (!isJsonObject(mark) || mark['type'] !== 'ephemeral') {
    const problem = 'must be of type "ephemeral"'
    findings.fault('cache_mark', { field: path, value: mark, problem, fix })
    return undefined
  }
  const life = mark['ttl'] ?? '5m'
  if (life === '5m' || life === '1h') return { path, life }
  const problem = mustBeOneOf(lives, life)
  findings.fault('cache_mark', { field: `${path}.ttl`, value: life, problem, fix })
  return undefined
}

function tellPlace({ findings }: Subject, { type }: JsonObject, { path }: Mark): void {
  const isText = type === 'text'
  const problem = isText ? 'cannot mark an empty text' : 'cannot mark a block of thinking'
  const fix = 'mark the block before it'
  findings.fault('cache_place', { field: path, value: type, problem, fix })
}

function tellConflict({ findings }: Subject, { path, life }: Mark): void {
  const problem = 'differs from the mark on the last block'
  const fix = 'give both the same "ttl", or leave one of them out'
  findings.fault('cache_mark', { field: `${path}.ttl`, value: life, problem, fix })
}

function tellMany({ findings }: Subject, marks: readonly Mark[]): void {
  const tooMany = marks[marksMax]
  if (tooMany === undefined) return
  const problem = `is one of ${marks.length} marks; at most ${marksMax} are taken`
  const fix = 'keep those at the ends of what rows share'
  findings.fault('cache_marks', { field: tooMany.path, problem, fix })
}

function tellOrder({ findings }: Subject, marks: readonly Mark[]): void {
  const short = marks.findIndex(({ life }) => life === '5m')
  const late = short === -1 ? undefined : marks.slice(short).find(({ life }) => life === '1h')
  if (late === undefined) return
  const problem = `must not stand behind the mark of 5 minutes at ${marks[short]?.path ?? ''}`
  const fix = 'give the marks before it "ttl":"1h", or this one none'
  findings.fault('cache_order', { field: `${late.path}.ttl`, value: late.life, problem, fix })
}

/** A token has more bytes than this in nearly all texts, so smaller prompts need no estimate. */
const bytesPerTokenMin = 1.5

function checkLengths(subject: Subject, hasMarks: boolean): void {
  const { request, model, facts, bytes, findings } = subject
  if (facts === undefined) return
  const isLong = bytes > facts.contextTokensMax * bytesPerTokenMin
  if (!hasMarks && !isLong) return
  const tokens = estimateOf(model).tokens(featuresOf(request, model))
  if (hasMarks) {
    for (const { share, at } of cachePointsOf(request, model, 'marked')) {
      const prefix = share * tokens
      if (prefix >= facts.cacheTokensMin) continue
      const least = plainNumber(facts.cacheTokensMin)
      const problem =
        `marks about ${plainNumber(prefix)} tokens (an estimate); ` +
        `${model} caches from ${least} on`
      const fix = 'leave the mark out, or put more in front of it'
      findings.warn('cache_short', { field: pathOf(at, request), problem, fix })
    }
  }
  if (tokens <= facts.contextTokensMax) return
  const most = plainNumber(facts.contextTokensMax)
  const problem = `has about ${plainNumber(tokens)} tokens (an estimate); ${model} takes ${most}`
  findings.warn('context', { field: 'messages', problem, fix: 'shorten it, or split the row' })
}

function pathOf({ level, message, index }: BlockPlace, request: JsonObject): string {
  const block =
    level === 'messages' ? `messages[${message}].content[${index}]` : `${level}[${index}]`
  const list = request[level]
  const own: unknown =
    level === 'messages' && Array.isArray(list)
      ? Reflect.get(Object(list[message]), 'content')
      : list
  const value: unknown = Array.isArray(own) ? own[index] : undefined
  const isOwn = isJsonObject(value) && value['cache_control'] !== undefined
  // Without a mark of its own the block is marked by that of the whole request.
  return isOwn ? `${block}.cache_control` : 'cache_control'
}

/** Nothing is learned here, so one estimate of each model serves all rows. */
const estimates = new Map<string, InputEstimate>()

function estimateOf(model: string): InputEstimate {
  let estimate = estimates.get(model)
  if (estimate === undefined) {
    estimate = new InputEstimate(model)
    estimates.set(model, estimate)
  }
  return estimate
}
