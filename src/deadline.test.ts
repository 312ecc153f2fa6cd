import { expect, test } from 'vitest'
import { SimFiles } from '../test/sim-files.ts'
import { deadlineOf, forgetDeadline, keepDeadline } from './deadline.ts'

const output = '/data/out.jsonl'
const folder = `${output}.sluice`
const path = `${folder}/deadline.json`

function at(files: SimFiles, deadline: number | string, now: number, overwrite = false) {
  return deadlineOf(files, output, { deadline, overwrite }, now)
}

test('a length of time is counted from the first start', () => {
  const files = new SimFiles(() => 0)
  files.makeFolder(folder)
  const first = at(files, 7_200_000, 1000)
  expect(first).toEqual({ given: 7_200_000, at: 7_201_000, limits: {} })
  if (first === undefined) throw new Error('There is none')
  keepDeadline(files, folder, { ...first, limits: { p: { requests: 50 } } })
  const again = at(files, 7_200_000, 3_000_000)
  expect(again).toEqual({ ...first, limits: { p: { requests: 50 } } })
})

test('other words make a new one, and what limits there are is still known', () => {
  const files = new SimFiles(() => 0)
  files.makeFolder(folder)
  keepDeadline(files, folder, { given: 10, at: 10, limits: { p: { input: 5 } } })
  const other = at(files, '1970-01-01T00:01:00Z', 0)
  expect(other).toEqual({ given: '1970-01-01T00:01:00Z', at: 60_000, limits: { p: { input: 5 } } })
  forgetDeadline(files, folder)
  expect(files.list(folder)).toEqual([])
})

test.each(['', '{', '[]', '{"given":5}', '{"given":5,"at":"x"}', 'null'])(
  'what is no record counts as none: %s',
  (text) => {
    const files = new SimFiles(() => 0)
    files.makeFolder(folder)
    files.put(path, text)
    expect(at(files, 5, 100)?.at).toBe(105)
  },
)

test('limits that are none are left out', () => {
  const files = new SimFiles(() => 0)
  files.makeFolder(folder)
  const limits = { p: { requests: -1, input: 'x', output: 7, other: 3 }, q: 5 }
  files.put(path, JSON.stringify({ given: 5, at: 50, limits }))
  expect(at(files, 5, 0)).toEqual({
    given: 5,
    at: 50,
    limits: { p: { output: 7 }, q: {} },
  })
})

test('an output that starts over has a deadline of its own; without words there is none', () => {
  const files = new SimFiles(() => 0)
  files.makeFolder(folder)
  keepDeadline(files, folder, { given: 10, at: 10, limits: {} })
  expect(at(files, 10, 100)?.at).toBe(10)
  expect(at(files, 10, 100, true)?.at).toBe(110)
  expect(deadlineOf(files, output, { deadline: undefined, overwrite: false }, 0)).toBeUndefined()
})
