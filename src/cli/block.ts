/**
 * A block of lines at the bottom of a terminal, as the text that draws it over the one before.
 *
 * Each line is written over the old one and cleared behind its end, in one write that terminals
 * show at once if they can (synchronized output, DEC mode 2026): nothing is blank in between, so
 * nothing flickers. The cursor rests on the row below. Lines must be narrower than the terminal,
 * as whoever makes them sees to; libraries that cannot know that measure and wrap each line
 * anew, which was more than half of what drawing cost.
 */

const begin = '\u001b[?2026h'
const end = '\u001b[?2026l'
const clearLine = '\u001b[K'
const clearBelow = '\u001b[J'

/**
 * Takes away a block of so many rows.
 *
 * @example
 * ```ts
 * eraseBlock(0) // => ''
 * ```
 */
export function eraseBlock(rows: number): string {
  return rows === 0 ? '' : `\r${up(rows)}${clearBelow}`
}

/** Draws lines over a block of so many rows; 0: there is none. */
export function drawBlock(rowsBefore: number, lines: readonly string[]): string {
  const drawn = lines.map((line) => `${line}${clearLine}\n`)
  return `${begin}\r${up(rowsBefore)}${drawn.join('')}${clearBelow}${end}`
}

function up(rows: number): string {
  return rows === 0 ? '' : `\u001b[${rows}A`
}
