/**
 * Lines of coloured fields, fitted to a width before they are coloured.
 *
 * Colour is a parameter, so that everything that makes text is pure; without it the same
 * text remains, and nothing is said by colour alone.
 */

import { styleText } from 'node:util'
import { displayWidth, truncate } from './text.ts'

/** What colours there are, by what they mean. */
export type Tone = 'plain' | 'quiet' | 'strong' | 'good' | 'bad' | 'warn'

/** Colours a text, or leaves it as it is. */
export type Paint = (tone: Tone, text: string) => string

const formats = {
  quiet: 'dim',
  strong: 'bold',
  good: 'green',
  bad: 'red',
  warn: 'yellow',
} as const

/** The paint of a terminal that takes colours, or of one that does not. */
export function painter(color: boolean): Paint {
  if (!color) return (_tone, text) => text
  return (tone, text) =>
    tone === 'plain' ? text : styleText(formats[tone], text, { validateStream: false })
}

/** A piece of a line. */
export interface Field {
  /** Shown before the text, quietly, with a blank between. @default '' */
  readonly label?: string
  readonly text: string
  /** @default 'plain' */
  readonly tone?: Tone
  /** Of a line that is too long, the field with the greatest rank goes first. @default 0 */
  readonly rank?: number
}

/** Where fields are put. */
export interface Fit {
  readonly columns: number
  readonly paint: Paint
  /** Between two fields. @default three blanks */
  readonly gap?: string
}

/** The fields on one line of at most so many columns: those that do not fit are left out whole. */
export function fitFields(fields: readonly Field[], { columns, paint, gap = '   ' }: Fit): string {
  const kept = [...fields]
  while (kept.length > 1 && widthOf(kept, gap) > columns) {
    const rank = Math.max(...kept.map((field) => field.rank ?? 0))
    kept.splice(
      kept.findLastIndex((field) => (field.rank ?? 0) === rank),
      1,
    )
  }
  const [first] = kept
  if (first === undefined) return ''
  if (widthOf(kept, gap) > columns) return truncate(plainText(first), columns)
  return kept.map((field) => painted(field, paint)).join(gap)
}

function widthOf(fields: readonly Field[], gap: string): number {
  const widths = fields.map((field) => displayWidth(plainText(field)))
  return widths.reduce((sum, width) => sum + width, 0) + gap.length * (fields.length - 1)
}

function plainText({ label, text }: Field): string {
  return label === undefined ? text : `${label} ${text}`
}

function painted({ label, text, tone = 'plain' }: Field, paint: Paint): string {
  const value = paint(tone, text)
  return label === undefined ? value : `${paint('quiet', label)} ${value}`
}
