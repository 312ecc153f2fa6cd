/**
 * Where the members of a JSON object and the elements of a list stand in its bytes, without
 * parsing them: what is large is kept as it came and parsed piece by piece.
 *
 * Only the frame is checked here, that is brackets, commas, colons and names. Whether a piece is
 * JSON itself shows when it is parsed.
 */

/** Told of a piece: its bytes are `start` up to but not including `end`. */
export type OnElement = (start: number, end: number) => void

/** Told of a member: its name, and where its value stands. */
export type OnMember = (name: string, start: number, end: number) => void

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** Goes through the object that begins at `at`; the end of it. Throws `SyntaxError`. */
export function forEachMember(bytes: Uint8Array, at: number, onMember: OnMember): number {
  return forEachPiece(bytes, at, [openBrace, closeBrace], (start) => {
    if (bytes[start] !== quote) throw unexpected(start)
    const nameEnd = skipString(bytes, start)
    const name: unknown = JSON.parse(sliceText(bytes, start, nameEnd))
    const after = skipSpace(bytes, nameEnd)
    if (bytes[after] !== colon) throw unexpected(after)
    const valueStart = skipSpace(bytes, after + 1)
    const end = skipValue(bytes, valueStart)
    onMember(String(name), valueStart, end)
    return end
  })
}

/** Goes through the list that begins at `at`; the end of it. Throws `SyntaxError`. */
export function forEachElement(bytes: Uint8Array, at: number, onElement: OnElement): number {
  return forEachPiece(bytes, at, [openBracket, closeBracket], (start) => {
    const end = skipValue(bytes, start)
    onElement(start, end)
    return end
  })
}

/** The place of the next byte that is not white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let place = at
  for (;;) {
    const byte = bytes[place]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return place
    place++
  }
}

/** Whether an object begins here. */
export function isObjectAt(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === openBrace
}

/** Whether a list begins here. */
export function isListAt(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === openBracket
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** These bytes as text; throws `TypeError` when they are none. */
export function sliceText(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end))
}

function forEachPiece(
  bytes: Uint8Array,
  at: number,
  [open, close]: readonly [open: number, close: number],
  readPiece: (start: number) => number,
): number {
  if (bytes[at] !== open) throw unexpected(at)
  let place = skipSpace(bytes, at + 1)
  if (bytes[place] === close) return place + 1
  for (;;) {
    place = skipSpace(bytes, readPiece(place))
    if (bytes[place] === close) return place + 1
    if (bytes[place] !== comma) throw unexpected(place)
    place = skipSpace(bytes, place + 1)
  }
}

/** The end of the value that begins here. */
function skipValue(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  if (first === quote) return skipString(bytes, at)
  if (first === openBrace || first === openBracket) return skipNested(bytes, at)
  let place = at
  for (;;) {
    const byte = bytes[place]
    const isOver = byte === undefined || byte === comma || byte === closeBrace
    if (isOver || byte === closeBracket || byte <= 0x20) break
    place++
  }
  if (place === at) throw unexpected(at)
  return place
}

function skipNested(bytes: Uint8Array, at: number): number {
  let depth = 0
  let place = at
  for (;;) {
    const byte = bytes[place]
    if (byte === undefined) throw unexpected(place)
    if (byte === quote) {
      place = skipString(bytes, place)
      continue
    }
    if (byte === openBrace || byte === openBracket) depth++
    else if (byte === closeBrace || byte === closeBracket) depth--
    place++
    if (depth === 0) return place
  }
}

function skipString(bytes: Uint8Array, at: number): number {
  let place = at + 1
  for (;;) {
    const end = bytes.indexOf(quote, place)
    if (end < 0) throw unexpected(bytes.length)
    let slashes = 0
    while (bytes[end - 1 - slashes] === backslash) slashes++
    if (slashes % 2 === 0) return end + 1
    place = end + 1
  }
}

function unexpected(at: number): SyntaxError {
  return new SyntaxError(`Unexpected byte at ${at}`)
}
