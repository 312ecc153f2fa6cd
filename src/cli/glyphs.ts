/**
 * The characters that pictures on a terminal are made of, and which of them it can show.
 *
 * Ours, others' and free differ in shape: nothing is said by colour alone.
 */

/** What bars and curves are drawn with. */
export interface Glyphs {
  /** From a little to all of a cell that is used; the last is the whole cell. */
  readonly used: readonly string[]
  /** A cell that others use. */
  readonly others: string
  readonly free: string
  /** From nothing to the most; empty where there are none. */
  readonly heights: readonly string[]
  /** Between the least and the most. */
  readonly to: string
  /** Ends a text that was cut. */
  readonly cut: string
}

/** Of a terminal that shows Unicode. */
export const unicode: Glyphs = {
  used: ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'],
  others: '▒',
  free: '·',
  heights: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
  to: '–',
  cut: '…',
}

/** Of one that does not. */
export const ascii: Glyphs = {
  used: ['#'],
  others: '=',
  free: '.',
  heights: [],
  to: '-',
  cut: '~',
}

/**
 * Those that a terminal with these variables shows.
 *
 * @example
 * ```ts
 * glyphsOf({ LANG: 'en_GB.UTF-8' }, 'linux') === unicode // => true
 * glyphsOf({ LANG: 'en_GB.UTF-8', LC_ALL: 'C' }, 'linux') === ascii // => true
 * ```
 */
export function glyphsOf(
  variables: Readonly<Record<string, string | undefined>>,
  platform: string,
): Glyphs {
  const { LC_ALL, LC_CTYPE, LANG, TERM, WT_SESSION, TERM_PROGRAM } = variables
  // The console of the Linux kernel has hardly a picture in its font.
  if (TERM === 'linux') return ascii
  const locale = LC_ALL || LC_CTYPE || LANG || ''
  if (/utf-?8/i.test(locale)) return unicode
  // Windows has no such variables; these terminals of it are known.
  const isKnown = WT_SESSION !== undefined || TERM_PROGRAM === 'vscode'
  return platform === 'win32' && isKnown ? unicode : ascii
}
