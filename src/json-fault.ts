/**
 * Where a text stops being JSON, and why, in words for whoever has to mend it.
 *
 * Runs only on text that `JSON.parse` refused: the engine's own message quotes the text at
 * length and often names no place. A walk from token to token with a stack of what is open.
 */

/** The first fault of a text. */
export interface JsonFault {
  /** From 0, in UTF-16 units; the text's length when it ends too early. */
  readonly index: number
  /** For instance `expected a value, got "}"`. */
  readonly problem: string
}

/** What may come next. */
type Expectation =
  | 'value'
  | 'value_or_end'
  | 'key'
  | 'key_or_end'
  | 'colon'
  | 'comma_or_end'
  | 'end'

const expectations: Record<Expectation, string> = {
  value: 'a value',
  value_or_end: 'a value or "]"',
  key: 'a key in double quotes',
  key_or_end: 'a key in double quotes or "}"',
  colon: '":" after a key',
  comma_or_end: '"," or "}"',
  end: 'the end of the line',
}

/** A number, `true`, `false` or `null`, from where the search is set. */
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
const blanks = /[ \t\n\r]*/y
// oxlint-disable-next-line no-control-regex -- these are the ones JSON forbids within a string
const plainText = /[^"\\\u0000-\u001f]*/y
const word = /[\w.+-]{1,16}/y
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

/**
 * The first fault of `text`, or undefined when it is valid JSON.
 *
 * @example
 * ```ts
 * findJsonFault('{"a": 1,}')?.problem // => 'expected a key in double quotes, got "}"'
 * ```
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: ('{' | '[')[] = []
  let expected: Expectation = 'value'
  let at = 0
  for (;;) {
    at = skip(blanks, text, at)
    if (at === text.length && expected === 'end') return undefined
    const step = take(text, at, expected, open)
    if (typeof step !== 'number') return step
    at = step
    expected = next(expected, text[at - 1], open)
  }
}

/** Takes one token: the index behind it, or the fault. Keeps `open` up to date. */
function take(
  text: string,
  at: number,
  expected: Expectation,
  open: ('{' | '[')[],
): number | JsonFault {
  const char = text[at]
  const isValue = expected === 'value' || expected === 'value_or_end'
  const isKey = expected === 'key' || expected === 'key_or_end'
  if (char === '"' && (isValue || isKey)) return takeString(text, at)
  if (isValue && (char === '{' || char === '[')) {
    open.push(char)
    return at + 1
  }
  if (isValue) {
    const end = skip(scalar, text, at)
    if (end > at) return end
  }
  if (closes(char, expected, open)) {
    open.pop()
    return at + 1
  }
  if (char === ':' && expected === 'colon') return at + 1
  if (char === ',' && expected === 'comma_or_end') return at + 1
  const inArray = expected === 'comma_or_end' && open.at(-1) === '['
  const wanted = inArray ? '"," or "]"' : expectations[expected]
  return { index: at, problem: `expected ${wanted}, got ${got(text, at)}` }
}

function closes(char: string | undefined, expected: Expectation, open: readonly string[]): boolean {
  if (char === '}') {
    return open.at(-1) === '{' && (expected === 'key_or_end' || expected === 'comma_or_end')
  }
  if (char === ']') {
    return open.at(-1) === '[' && (expected === 'value_or_end' || expected === 'comma_or_end')
  }
  return false
}

/** What may come behind a token that ended in `last`. */
function next(taken: Expectation, last: string | undefined, open: readonly string[]): Expectation {
  if (taken === 'colon') return 'value'
  if (taken === 'comma_or_end' && last === ',') return open.at(-1) === '{' ? 'key' : 'value'
  if ((taken === 'key' || taken === 'key_or_end') && last === '"') return 'colon'
  if (last === '{') return 'key_or_end'
  if (last === '[') return 'value_or_end'
  return open.length === 0 ? 'end' : 'comma_or_end'
}

function takeString(text: string, start: number): number | JsonFault {
  let at = start + 1
  for (;;) {
    at = skip(plainText, text, at)
    const char = text[at]
    if (char === '"') return at + 1
    if (char === undefined) {
      return { index: at, problem: `the string begun at character ${start + 1} has no end` }
    }
    if (char !== '\\') {
      return { index: at, problem: `${got(text, at)} within a string must be escaped` }
    }
    const end = skip(escape, text, at)
    if (end === at)
      return { index: at, problem: `"${text.slice(at, at + 2)}" begins no valid escape` }
    at = end
  }
}

/** The index behind what `pattern` matches at `at`, or `at`. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}

/**
 * What there is at a place: a word whole, so that `NaN` is seen; a mark or control by its number.
 */
function got(text: string, at: number): string {
  const point = text.codePointAt(at)
  if (point === undefined) return 'the end of the line'
  const wordEnd = skip(word, text, at)
  if (wordEnd > at) return `"${text.slice(at, wordEnd)}"`
  const char = String.fromCodePoint(point)
  if (char === '"') return `'"'`
  if (!/[\p{C}\p{Z}]/u.test(char)) return `"${char}"`
  return `U+${point.toString(16).toUpperCase().padStart(4, '0')}`
}
