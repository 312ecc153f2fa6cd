import { expect, test } from 'vitest'
import { attemptOf, rowOf } from '../test/world/drive.ts'
import { OutputRules } from './output-rules.ts'
import { SchemaLeaders, schemaOf } from './schema-leaders.ts'

const day = 86_400_000
const work = rowOf(0)
work.row = { ...work.row, outputs: new OutputRules(5, {}, new Map()) }
const attempt = attemptOf(work)

test('a grammar is kept for a day, and then compiled anew', () => {
  const leaders = new SchemaLeaders()
  expect(leaders.leads(0, work)).toBe(true)
  leaders.started(attempt)
  expect(leaders.mustWait(work)).toBe(true)
  expect(leaders.answerBegan(1000, attempt)).toBe(schemaOf(work))
  expect(leaders.mustWait(work)).toBe(false)
  expect(leaders.leads(0.9 * day, work)).toBe(false)
  expect(leaders.leads(1000 + day, work)).toBe(true)
})

test('only the one that goes ahead lets the others go', () => {
  const leaders = new SchemaLeaders()
  leaders.started(attempt)
  const other = attemptOf(Object.assign(rowOf(1), { row: work.row }))
  expect(leaders.answerBegan(5, other)).toBeUndefined()
  expect(leaders.failed(other)).toBeUndefined()
  expect(leaders.mustWait(work)).toBe(true)
  expect(leaders.failed(attempt)).toBe(schemaOf(work))
  expect(leaders.leads(6, work)).toBe(true)
})

test('a row without a schema leads nobody and waits for nobody', () => {
  const leaders = new SchemaLeaders()
  const plain = rowOf(2)
  leaders.started(attempt)
  expect([leaders.leads(0, plain), leaders.mustWait(plain)]).toEqual([false, false])
})
