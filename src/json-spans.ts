/**
 * The members of a JSON object as spans of its bytes, and changes made by splicing.
 *
 * A request's bytes are the user's: parsing and printing them again would round large
 * integers and reorder keys. So values are never read here. A member is found, and what
 * must go or change is cut out or put in; every other byte stays what and in the order it was.
 *
 * Invariant: the bytes were accepted by `JSON.parse` before. A walk that leaves them is our bug.
 */

import { assert, AssertionError } from './assert.ts'

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/** One member of an object. Places are indexes into the bytes it was read from. */
export interface Member {
  /** The key, unescaped. */
  readonly key: string
  /** Of the key's opening quote. */
  readonly keyStart: number
  readonly valueStart: number
  /** Just past the value. */
  readonly valueEnd: number
}

/** A value within the bytes. */
export interface Span {
  readonly start: number
  /** Just past it. */
  readonly end: number
}

/** What stands in a span is replaced by a text. */
export interface Edit extends Span {
  readonly text: string
}

/** The new value of each named member as JSON text; undefined removes it. */
export type Changes = ReadonlyMap<string, string | undefined>

/**
 * The members of the object that begins at or after `from`, in the order of the bytes, repeated
 * keys included.
 *
 * @example
 * ```ts
 * readMembers(Buffer.from('{"a": 1, "b": [2]}'))[1]?.valueStart // => 14
 * ```
 */
export function readMembers(bytes: Uint8Array, from = 0): readonly Member[] {
  const buffer = asBuffer(bytes)
  const members: Member[] = []
  const open = skipBlanks(buffer, from)
  assert(buffer[open] === openBrace, 'Members were asked of something that is no object')
  let at = skipBlanks(buffer, open + 1)
  while (buffer[at] !== closeBrace) {
    assert(buffer[at] === quote, 'A key must begin with a quote')
    const keyEnd = stringEnd(buffer, at)
    // The colon is the one thing between a key and its value besides blanks.
    const valueStart = skipBlanks(buffer, skipBlanks(buffer, keyEnd) + 1)
    const valueEnd = skipValue(buffer, valueStart)
    members.push({ key: readKey(buffer, at, keyEnd), keyStart: at, valueStart, valueEnd })
    at = skipBlanks(buffer, valueEnd)
    if (buffer[at] === comma) at = skipBlanks(buffer, at + 1)
  }
  return members
}

/**
 * The items of the array that begins at or after `from`.
 *
 * @example
 * ```ts
 * readItems(Buffer.from('[1, [2, 3]]'))[1] // => { start: 4, end: 10 }
 * ```
 */
export function readItems(bytes: Uint8Array, from = 0): readonly Span[] {
  const buffer = asBuffer(bytes)
  const items: Span[] = []
  const open = skipBlanks(buffer, from)
  assert(buffer[open] === openBracket, 'Items were asked of something that is no array')
  let at = skipBlanks(buffer, open + 1)
  while (buffer[at] !== closeBracket) {
    const end = skipValue(buffer, at)
    assert(end > at, 'An item of an array must have a text')
    items.push({ start: at, end })
    at = skipBlanks(buffer, end)
    if (buffer[at] === comma) at = skipBlanks(buffer, at + 1)
  }
  return items
}

/** The member of this name that a JSON reader takes: of a repeated one the last. */
export function namedMember(members: readonly Member[], name: string): Member | undefined {
  return members.findLast(({ key }) => key === name)
}

/**
 * The value at the end of a path of names, as JSON text; undefined where a name is missing. What
 * lies on the way must be objects.
 *
 * @example
 * ```ts
 * textAt(Buffer.from('{"a": {"b": 1.0}}'), 'a', 'b') // => '1.0'
 * ```
 */
export function textAt(bytes: Uint8Array, ...path: readonly string[]): string | undefined {
  let from = 0
  let member: Member | undefined
  for (const name of path) {
    member = namedMember(readMembers(bytes, from), name)
    if (member === undefined) return undefined
    from = member.valueStart
  }
  return member && memberText(bytes, member)
}

/** The value of a member as JSON text; it keeps nothing of the bytes in memory. */
export function memberText(bytes: Uint8Array, member: Member): string {
  return asBuffer(bytes).toString('utf8', member.valueStart, member.valueEnd)
}

/**
 * A copy of the bytes without the members of these names, each gone with one comma.
 *
 * @example
 * ```ts
 * const bytes = Buffer.from('{"a": 1, "b": 2}')
 * withoutMembers(bytes, readMembers(bytes), ['b']).toString() // => '{"a": 1}'
 * ```
 */
export function withoutMembers(
  bytes: Uint8Array,
  members: readonly Member[],
  names: readonly string[],
): Buffer {
  return changeMembers(bytes, members, new Map(names.map((name) => [name, undefined])))
}

/**
 * A copy of `bytes` from `start`, the object's brace, to `end`, with members removed, replaced or
 * added.
 *
 * Of a repeated key that gets a value only the last stays, the one a JSON reader takes. A
 * member that is not there is added in front.
 *
 * @example
 * ```ts
 * const bytes = Buffer.from('{"a": 1, "b": 2}')
 * const changes = new Map([['a', '5'], ['b', undefined]])
 * changeMembers(bytes, readMembers(bytes), changes).toString() // => '{"a": 5}'
 * ```
 */
export function changeMembers(
  bytes: Uint8Array,
  members: readonly Member[],
  changes: Changes,
  start = 0,
  end: number = bytes.length,
): Buffer {
  return splice(bytes, memberEdits(members, changes, start), start, end)
}

/** The edits by which members of the object whose brace is at `start` change, in order. */
export function memberEdits(
  members: readonly Member[],
  changes: Changes,
  start: number,
): readonly Edit[] {
  const last = new Map<string, Member>()
  for (const member of members) if (changes.has(member.key)) last.set(member.key, member)
  const isKept = (member: Member): boolean => {
    if (!changes.has(member.key)) return true
    return changes.get(member.key) !== undefined && last.get(member.key) === member
  }
  const edits: Edit[] = []
  const added = additions(changes, last)
  if (added !== '') {
    const text = members.some(isKept) ? `${added},` : added
    edits.push({ start: start + 1, end: start + 1, text })
  }
  let kept: Member | undefined
  let dropped: Member | undefined
  for (const member of members) {
    if (!isKept(member)) {
      dropped ??= member
      continue
    }
    // A run of members that go takes along the comma behind it …
    if (dropped) edits.push({ start: dropped.keyStart, end: member.keyStart, text: '' })
    const text = changes.get(member.key)
    if (text !== undefined) edits.push({ start: member.valueStart, end: member.valueEnd, text })
    kept = member
    dropped = undefined
  }
  const final = members.at(-1)
  // … and at the end of the object, the comma before it.
  if (dropped && final) {
    edits.push({ start: kept?.valueEnd ?? dropped.keyStart, end: final.valueEnd, text: '' })
  }
  return edits
}

/** The members to be added, as JSON text without the braces. */
function additions(changes: Changes, present: ReadonlyMap<string, Member>): string {
  const added: string[] = []
  for (const [name, text] of changes) {
    if (text !== undefined && !present.has(name)) added.push(`${JSON.stringify(name)}:${text}`)
  }
  return added.join(',')
}

/**
 * A copy of the bytes from `start` to `end` with edits made, which are in order and do not overlap.
 *
 * @example
 * ```ts
 * splice(Buffer.from('[1, 2]'), [{ start: 1, end: 2, text: '5' }]).toString() // => '[5, 2]'
 * ```
 */
export function splice(
  bytes: Uint8Array,
  edits: readonly Edit[],
  start = 0,
  end: number = bytes.length,
): Buffer {
  const source = asBuffer(bytes)
  let size = end - start
  for (const edit of edits) size += Buffer.byteLength(edit.text) - (edit.end - edit.start)
  // Memory of its own: from Node's pool three bodies of 20 KB get one block of 64 KB, which stays
  // as long as any of them. Half a microsecond dearer (measured).
  const result = Buffer.allocUnsafeSlow(size)
  let from = start
  let to = 0
  for (const edit of edits) {
    to += source.copy(result, to, from, edit.start)
    to += result.write(edit.text, to)
    from = edit.end
  }
  to += source.copy(result, to, from, end)
  assert(to === size, `A splice wrote ${to} bytes of ${size}`)
  return result
}

/** The same bytes with the methods of a Buffer. */
function asBuffer(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d
}

function skipBlanks(bytes: Buffer, from: number): number {
  let at = from
  while (isBlank(bytes[at])) at++
  return at
}

function readKey(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start + 1, end - 1)
  return text.includes('\\') ? String(JSON.parse(`"${text}"`)) : text
}

/** The index just past the value that begins at `from`. */
function skipValue(bytes: Buffer, from: number): number {
  const first = bytes[from]
  if (first === quote) return stringEnd(bytes, from)
  if (first === openBrace || first === openBracket) return nestedEnd(bytes, from)
  let at = from
  while (at < bytes.length && !endsScalar(bytes[at])) at++
  return at
}

function endsScalar(byte: number | undefined): boolean {
  return byte === comma || byte === closeBrace || byte === closeBracket || isBlank(byte)
}

function nestedEnd(bytes: Buffer, from: number): number {
  let depth = 0
  let at = from
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === quote) {
      at = stringEnd(bytes, at)
      continue
    }
    at++
    if (byte === openBrace || byte === openBracket) depth++
    else if ((byte === closeBrace || byte === closeBracket) && --depth === 0) return at
  }
  throw new AssertionError('A value ran past the end of its bytes')
}

/** Bytes of a string looked at one by one before the next quote is searched for. */
const nearBytes = 32

/** The index just past the string whose opening quote is at `open`. */
function stringEnd(bytes: Buffer, open: number): number {
  let at = open + 1
  while (at < bytes.length) {
    // Keys and short values end here; a search costs as much as some thirty bytes of this.
    const near = Math.min(at + nearBytes, bytes.length)
    while (at < near) {
      const byte = bytes[at]
      if (byte === quote) return at + 1
      at += byte === backslash ? 2 : 1
    }
    // Long text: to the next quote, which is escaped if an odd run of backslashes leads to it.
    const found = bytes.indexOf(quote, at)
    if (found === -1) break
    let run = 0
    while (found - run > at && bytes[found - run - 1] === backslash) run++
    if (run % 2 === 0) return found + 1
    at = found + 1
  }
  throw new AssertionError('A string ran past the end of its bytes')
}
