/**
 * A JSON object as its members' own text.
 *
 * `JSON.parse` followed by `JSON.stringify` is not the identity: integers beyond 2^53 are
 * rounded, `1.0` becomes `1`, and members named by digits change places. Where a few members of
 * an object must be replaced and all the others kept to the byte, the object is taken apart into
 * texts and put together again.
 *
 * The text must be valid JSON (parse it first), or the beginning of such a text.
 */

/**
 * The members of the object `text` by name, in order, each value as its text.
 * Of an object that is cut short, those that are certainly complete.
 *
 * @example
 * ```ts
 * readMemberTexts('{"a": 12345678901234567890, "b": [1, 2]}').get('a') // => '12345678901234567890'
 * [...readMemberTexts('{"a": 1, "b": [1, ').keys()] // => ['a']
 * ```
 */
export function readMemberTexts(text: string): Map<string, string> {
  const members = new Map<string, string>()
  let position = text.indexOf('{') + 1
  for (;;) {
    const nameStart = text.indexOf('"', position)
    if (position === 0 || nameStart === -1) return members
    const nameEnd = endOfString(text, nameStart)
    const colon = nameEnd === -1 ? -1 : text.indexOf(':', nameEnd)
    const valueEnd = colon === -1 ? -1 : endOfValue(text, colon + 1)
    if (valueEnd === -1) return members
    const name: unknown = JSON.parse(text.slice(nameStart, nameEnd))
    members.set(String(name), text.slice(colon + 1, valueEnd).trim())
    position = valueEnd
  }
}

/**
 * The object that has these members.
 *
 * @example
 * ```ts
 * writeMemberTexts(new Map([['a', '1.0'], ['b', '"x"']])) // => '{"a":1.0,"b":"x"}'
 * ```
 */
export function writeMemberTexts(members: ReadonlyMap<string, string>): string {
  const parts: string[] = []
  for (const [name, value] of members) parts.push(`${JSON.stringify(name)}:${value}`)
  return `{${parts.join(',')}}`
}

/** The index after the string whose opening quote is at `start`; -1 if the text ends within it. */
function endOfString(text: string, start: number): number {
  for (
    let quote = text.indexOf('"', start + 1);
    quote !== -1;
    quote = text.indexOf('"', quote + 1)
  ) {
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return quote + 1
  }
  return -1
}

/** The index after the value that begins at or after `start`; -1 if the text may end within it. */
function endOfValue(text: string, start: number): number {
  let depth = 0
  for (let index = start; index < text.length; index++) {
    switch (text.charAt(index)) {
      case '"':
        index = endOfString(text, index) - 1
        if (index < 0) return -1
        break
      case '{':
      case '[':
        depth++
        break
      case '}':
      case ']':
        if (depth === 0) return index
        depth--
        break
      case ',':
        if (depth === 0) return index
        break
      default:
    }
  }
  // A number or word at the very end may be the beginning of a longer one.
  return -1
}
