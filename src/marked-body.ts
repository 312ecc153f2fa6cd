/**
 * Marks for the cache, put on the blocks of a body and taken off, by splicing its bytes.
 *
 * A mark is a member `cache_control` of the request, a tool, or a block of the system prompt or
 * of a message; blocks inside a tool's result may have one too. A member of that name anywhere
 * else is the user's own (a tool's schema, its input) and stays.
 *
 * A name that an object has twice leaves open which value a reader takes. No mark is put where
 * that matters; marks are taken off both.
 *
 * Invariant: the body is an object that `JSON.parse` accepted.
 */

import type { BlockPlace, CacheLife } from './cache-points.ts'
import {
  memberEdits,
  memberText,
  namedMember,
  readItems,
  readMembers,
  splice,
} from './json-spans.ts'
import type { Changes, Edit, Member, Span } from './json-spans.ts'

/** A mark to be put on a block. */
export interface Mark {
  readonly at: BlockPlace
  readonly life: CacheLife
}

const markName = 'cache_control'
const markTexts: Readonly<Record<CacheLife, string>> = {
  '5m': '{"type":"ephemeral"}',
  '1h': '{"type":"ephemeral","ttl":"1h"}',
}

/**
 * The body with marks on these blocks, instead of those they have. A string that is marked becomes
 * the one block of text it is short for. Undefined if there is no block at one of the places.
 *
 * @example
 * ```ts
 * const at = { level: 'system', message: 0, index: 0 }
 * const marked = withMarks(Buffer.from('{"system":[{"n":1.0}]}'), [{ at, life: '5m' }])
 * String(marked) // => '{"system":[{"cache_control":{"type":"ephemeral"},"n":1.0}]}'
 * ```
 */
export function withMarks(body: Uint8Array, marks: readonly Mark[]): Uint8Array | undefined {
  const edits: Edit[] = []
  const seen = new Set<string>()
  // Of two marks for one block the later counts.
  for (const mark of marks.toReversed()) {
    const { level, message, index } = mark.at
    const name = `${level} ${level === 'messages' ? message : 0} ${index}`
    if (seen.has(name)) continue
    seen.add(name)
    const own = markEdits(body, mark)
    if (own === undefined) return undefined
    edits.push(...own)
  }
  return splice(body, inOrder(edits))
}

/**
 * The body without any mark: on the request, tools, blocks, and blocks inside a tool's result.
 *
 * @example
 * ```ts
 * const body = '{"system":[{"cache_control":null,"n":1.0}]}'
 * String(withoutMarks(Buffer.from(body))) // => '{"system":[{"n":1.0}]}'
 * ```
 */
export function withoutMarks(body: Uint8Array): Uint8Array {
  // An escape may hide the name.
  if (!holds(body, markName) && !holds(body, '\\u')) return body
  const edits: Edit[] = []
  const members = unmark(body, 0, edits)
  for (const { key, valueStart } of members) {
    if (key === 'tools' || key === 'system') unmarkBlocks(body, valueStart, edits)
    if (key !== 'messages') continue
    for (const { start } of objectsIn(body, valueStart)) {
      for (const member of readMembers(body, start)) {
        if (member.key === 'content') unmarkBlocks(body, member.valueStart, edits)
      }
    }
  }
  return edits.length === 0 ? body : splice(body, inOrder(edits))
}

const quote = 0x22
const openBrace = 0x7b
const openBracket = 0x5b

function holds(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(text)
}

function inOrder(edits: readonly Edit[]): readonly Edit[] {
  return edits.toSorted((one, other) => one.start - other.start)
}

/** What puts a mark in its place; undefined if there is no block. */
function markEdits(body: Uint8Array, { at, life }: Mark): readonly Edit[] | undefined {
  const content = contentOf(body, at)
  if (content === undefined) return undefined
  const mark = `"${markName}":${markTexts[life]}`
  const { valueStart, valueEnd } = content
  if (body[valueStart] === quote) {
    // An empty string is no block, and an empty block may not be marked.
    const isEmpty = valueEnd - valueStart === 2
    if (at.level === 'tools' || at.index !== 0 || isEmpty) return undefined
    return [
      { start: valueStart, end: valueStart, text: '[{"type":"text","text":' },
      { start: valueEnd, end: valueEnd, text: `,${mark}}]` },
    ]
  }
  const block = itemAt(body, valueStart, at.index)
  if (block === undefined) return undefined
  const members = readMembers(body, block.start)
  const present = members.filter(({ key }) => key === markName)
  if (present.length > 1) return undefined
  const [own] = present
  if (own !== undefined) {
    return [{ start: own.valueStart, end: own.valueEnd, text: markTexts[life] }]
  }
  const [first] = members
  // In front of the first member, so that no blank goes when the mark is taken off again.
  const start = first?.keyStart ?? block.start + 1
  return [{ start, end: start, text: first === undefined ? mark : `${mark},` }]
}

/** The member that holds the blocks. */
function contentOf(body: Uint8Array, { level, message }: BlockPlace): Member | undefined {
  const holder = onlyMember(body, 0, level)
  if (level !== 'messages' || holder === undefined) return holder
  const place = itemAt(body, holder.valueStart, message)
  return place && onlyMember(body, place.start, 'content')
}

/** The member of this name, if there is one and no other. */
function onlyMember(body: Uint8Array, start: number, name: string): Member | undefined {
  const [member, ...others] = readMembers(body, start).filter(({ key }) => key === name)
  return others.length === 0 ? member : undefined
}

/** The object at this place of an array, if both are there. */
function itemAt(body: Uint8Array, start: number, index: number): Span | undefined {
  const item = body[start] === openBracket ? readItems(body, start)[index] : undefined
  return item !== undefined && body[item.start] === openBrace ? item : undefined
}

/** The objects of an array; none if it is no array. */
function objectsIn(body: Uint8Array, start: number): readonly Span[] {
  if (body[start] !== openBracket) return []
  return readItems(body, start).filter((item) => body[item.start] === openBrace)
}

const unmarked: Changes = new Map([[markName, undefined]])

/** Adds the edits that take an object's own mark off; gives its members. */
function unmark(body: Uint8Array, start: number, edits: Edit[]): readonly Member[] {
  const members = readMembers(body, start)
  if (members.some(({ key }) => key === markName)) {
    edits.push(...memberEdits(members, unmarked, start))
  }
  return members
}

function unmarkBlocks(body: Uint8Array, start: number, edits: Edit[]): void {
  for (const block of objectsIn(body, start)) {
    const members = unmark(body, block.start, edits)
    const type = namedMember(members, 'type')
    if (type === undefined || JSON.parse(memberText(body, type)) !== 'tool_result') continue
    for (const { key, valueStart } of members) {
      if (key !== 'content') continue
      for (const inner of objectsIn(body, valueStart)) unmark(body, inner.start, edits)
    }
  }
}
