import { expect, test } from 'vitest'
import { isForegroundStat } from './foreground.ts'

test.each([
  ['of the group that has the terminal', '7 (node) S 1 7 5 34816 7 4194304', true],
  ['with a name like the rest of the line', '7 (a) S 1 2 3) R 1 7 5 34816 7 0', true],
  ['of another group', '7 (node) S 1 7 5 34816 5 4194304', false],
  ['without a terminal', '7 (node) S 1 7 5 0 -1 4194304', false],
  ['of which nothing can be read', '', false],
])('isForegroundStat() of a process %s', (_what, stat, expected) => {
  expect(isForegroundStat(stat)).toBe(expected)
})
