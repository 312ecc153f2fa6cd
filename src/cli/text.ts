/**
 * Text for the terminal: what is safe and fits to show. Figures are in figures.ts.
 *
 * All pure, and the same in every locale.
 */

import path from 'node:path'

/**
 * One line without control characters: what a file, a server or a name brings along must
 * not move the cursor, colour the terminal or forge a line of ours.
 */
export function printable(text: string): string {
  return (
    text
      .replaceAll(/\s*[\r\n\u2028\u2029]+\s*/g, ' ')
      // eslint-disable-next-line no-control-regex
      .replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
  )
}

/**
 * A path as one would type it here: relative if it lies in the folder, else as it is.
 *
 * @example
 * ```ts
 * shownPath('/data/out.jsonl', '/data') // => 'out.jsonl'
 * shownPath('/tmp/out.jsonl', '/data') // => '/tmp/out.jsonl'
 * ```
 */
export function shownPath(file: string, folder: string): string {
  const relative = path.relative(folder, file)
  const isInside = !relative.startsWith('..') && !path.isAbsolute(relative) && relative !== ''
  return path.isAbsolute(file) && isInside ? relative : file
}

const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}]$/u
const doubleWidth = new RegExp(
  String.raw`^[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}` +
    String.raw`\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]$`,
  'u',
)

function characterWidth(character: string): number {
  if (character < '\u0300') return 1
  if (zeroWidth.test(character)) return 0
  return doubleWidth.test(character) ? 2 : 1
}

/** Terminal columns a line without control characters takes; never less than it does. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += characterWidth(character)
  return width
}

/**
 * The line, cut to so many columns.
 *
 * @example
 * ```ts
 * truncate('requests', 5) // => 'requ…'
 * ```
 */
export function truncate(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  let kept = ''
  let width = 0
  for (const character of text) {
    width += characterWidth(character)
    // One column is for the mark.
    if (width > columns - 1) break
    kept += character
  }
  return columns < 1 ? '' : `${kept}…`
}
