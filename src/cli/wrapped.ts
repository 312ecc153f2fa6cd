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

/** A command is never cut: one that is too long has a line of its own. */
export function nextCommand(command: string, columns: number): readonly string[] {
  const line = `next: ${command}`
  return displayWidth(line) <= columns ? [line] : ['next:', `  ${command}`]
}
