/**
 * Sentences on lines that fit, and commands that are never cut.
 */

import { displayWidth, printable, truncate } from './text.ts'

const roomMin = 20

/** The text on lines that begin with a margin; a word too long for one is cut. */
export function wrap(text: string, margin: string, columns: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  const room = Math.max(roomMin, columns - margin.length)
  for (const word of printable(text).split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (displayWidth(longer) <= room) line = longer
    else {
      if (line !== '') lines.push(line)
      line = truncate(word, room)
    }
  }
  return [...lines, line].map((each) => `${margin}${each}`)
}

/** The lines of the parts that are there, with a blank line between parts. */
export function joinParts(parts: readonly (readonly string[])[]): readonly string[] {
  return parts
    .filter((part) => part.length > 0)
    .flatMap((part, at) => (at > 0 ? ['', ...part] : part))
}

/** A command is never cut: one that is too long has a line of its own. */
export function nextCommand(command: string, columns: number): readonly string[] {
  const line = `next: ${command}`
  return displayWidth(line) <= columns ? [line] : ['next:', `  ${command}`]
}
