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
  /** Shown behind it, quietly, with a blank between, on a line that has room. @default '' */
  readonly more?: string
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

/**
 * The fields on one line of at most so many columns. Where they do not fit what is `more` is left
 * out, then fields are, whole: each time the last of those with the greatest rank.
 */
export function fitFields(fields: readonly Field[], { columns, paint, gap = '   ' }: Fit): string {
  const kept = [...fields]
  const isTooLong = (): boolean => widthOf(kept, gap) > columns
  for (let at = leastOf(kept, hasMore); isTooLong() && at >= 0; at = leastOf(kept, hasMore)) {
    const { more: _more, ...field } = kept[at] ?? { text: '' }
    kept[at] = field
  }
  while (kept.length > 1 && isTooLong()) kept.splice(leastOf(kept), 1)
  const [first] = kept
  if (first === undefined) return ''
  if (isTooLong()) return truncate(plainText(first), columns)
  return kept.map((field) => painted(field, paint)).join(gap)
}

function hasMore({ more }: Field): boolean {
  return more !== undefined
}

/** Where the last of those with the greatest rank is; -1 when there are none. */
function leastOf(fields: readonly Field[], counts: (field: Field) => boolean = () => true): number {
  const ranks = fields.filter((field) => counts(field)).map(({ rank = 0 }) => rank)
  const most = Math.max(...ranks)
  return fields.findLastIndex((field) => counts(field) && (field.rank ?? 0) === most)
}

function widthOf(fields: readonly Field[], gap: string): number {
  const widths = fields.map((field) => displayWidth(plainText(field)))
  return widths.reduce((sum, width) => sum + width, 0) + gap.length * (fields.length - 1)
}

function plainText({ label, text, more }: Field): string {
  return [label, text, more].filter((part) => part !== undefined).join(' ')
}

function painted({ label, text, more, tone = 'plain' }: Field, paint: Paint): string {
  const quiet = (part: string | undefined): string | undefined => part && paint('quiet', part)
  const parts = [quiet(label), paint(tone, text), quiet(more)]
  return parts.filter((part) => part !== undefined).join(' ')
}
