import { expect, test } from 'vitest'
import { ascii, glyphsOf, unicode } from './glyphs.ts'
import { displayWidth } from './text.ts'

test.each([
  [{ LANG: 'en_GB.UTF-8' }, 'linux', unicode],
  [{ LANG: 'C.utf8' }, 'linux', unicode],
  [{ LC_ALL: '', LC_CTYPE: 'UTF-8' }, 'darwin', unicode],
  [{}, 'linux', ascii],
  [{ LANG: 'C' }, 'linux', ascii],
  [{ LANG: 'de_DE.ISO-8859-1' }, 'linux', ascii],
  [{ LC_ALL: 'C', LANG: 'en_GB.UTF-8' }, 'linux', ascii],
  [{ LC_CTYPE: 'POSIX', LANG: 'en_GB.UTF-8' }, 'linux', ascii],
  [{ LANG: 'en_GB.UTF-8', TERM: 'linux' }, 'linux', ascii],
  [{}, 'win32', ascii],
  [{ WT_SESSION: 'x' }, 'win32', unicode],
  [{ WT_SESSION: 'x' }, 'linux', ascii],
])('glyphsOf() knows what a terminal with %j on %s shows', (variables, platform, expected) => {
  expect(glyphsOf(variables, platform)).toBe(expected)
})

test.each([unicode, ascii])('every glyph takes one column', ({ used, heights, ...others }) => {
  for (const glyph of [...used, ...heights, ...Object.values(others)]) {
    expect(displayWidth(glyph)).toBe(1)
    expect(glyph).toHaveLength(1)
  }
})
