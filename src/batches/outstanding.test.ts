import { describe, expect, test } from 'vitest'
import { SimFiles } from '../../test/sim-files.ts'
import { parseLine } from '../request.ts'
import { workOf } from '../plan.ts'
import type { Work } from '../work.ts'
import { Collected } from './collected.ts'
import { type Intent, Intents } from './intents.ts'
import { Outstanding } from './outstanding.ts'
import { recordLine, RowRecords, workOfRecord } from './row-record.ts'

const sent = {
  bytes: 1,
  input: '/in.jsonl',
  firstSentAt: 1,
  sentAt: 1,
  batch: undefined,
  notOurs: [],
  lostSends: 0,
  mostNanoUsd: null,
}

/** The row of this text, on this line of the input. */
function work(text: string, line: number, retriesFailed = false): Work {
  const messages = [{ role: 'user', content: text }]
  const params = { model: 'm', max_tokens: 5, messages }
  const bytes = Buffer.from(JSON.stringify({ custom_id: 'a', params, metadata: { big: 1 } }))
  const row = parseLine({ number: line, offset: line * 1000, bytes }, { sendUserId: true })
  if (row.kind !== 'row') throw new Error(row.error.message)
  return workOf(row, line - 1, retriesFailed)
}

function world(...batches: readonly (readonly Work[])[]) {
  const files = new SimFiles()
  const intents = new Intents(files, '/out.sluice')
  intents.prepare()
  const collected = new Collected()
  const outstanding = new Outstanding()
  const all = batches.map((rows, number): Intent => {
    const nonce = `n${number}`
    files.put(intents.rowsPath(nonce), rows.map((row) => recordLine(row, undefined)).join(''))
    return { ...sent, nonce, rows: rows.length }
  })
  const expectAll = () => all.map((each) => outstanding.expect(files, intents, each, collected))
  return { files, intents, collected, outstanding, expectAll }
}

describe('rows of earlier batches', () => {
  test('are met in the input, wherever they stand by now', () => {
    const { outstanding, expectAll } = world([work('a', 1), work('b', 2)], [work('c', 3)])
    const [first, second] = expectAll()
    expect(outstanding.match(work('new', 1))).toBeUndefined()
    for (const [line, text] of ['c', 'a', 'b'].entries()) {
      expect(outstanding.match(work(text, line + 2))).toBe(text === 'c' ? second : first)
    }
    expect(first?.row(0)).toMatchObject({ sequence: 2, record: { line: 3, offset: 3000 } })
    expect(first?.row(1)).toMatchObject({ sequence: 3, record: { line: 4, offset: 4000 } })
    expect(second?.row(0)).toMatchObject({ sequence: 1, record: { line: 2 } })
    expect(first?.isMatched && second?.isMatched).toBe(true)
  })

  test('are not known before they are met', () => {
    const { outstanding, expectAll } = world([work('a', 1), work('b', 2)])
    const [batch] = expectAll()
    outstanding.match(work('a', 1))
    expect(batch?.isMatched).toBe(false)
    expect(batch?.row(1)).toBeUndefined()
    expect(batch?.record(1).line).toBe(2)
  })

  test('that have their line need not be met', () => {
    const { outstanding, collected, expectAll } = world([work('a', 1), work('a', 2)])
    collected.add({ batchRequest: 'n0-0' })
    const [batch] = expectAll()
    expect(outstanding.match(work('a', 2))).toBe(batch)
    expect(batch?.isMatched).toBe(true)
    expect(batch?.row(0)).toBeUndefined()
    expect(outstanding.match(work('a', 3))).toBeUndefined()
  })

  test('that are identical take each one, and no more', () => {
    const { outstanding, expectAll } = world(
      [work('a', 1), work('b', 2), work('a', 3)],
      [work('a', 4)],
    )
    const [first, second] = expectAll()
    const matched = [1, 2, 3, 4, 5].map((line) => outstanding.match(work('a', line)))
    expect(matched.slice(3)).toEqual([undefined, undefined])
    expect(matched.filter((batch) => batch === first)).toHaveLength(2)
    expect(matched.filter((batch) => batch === second)).toHaveLength(1)
  })

  test('of this run are known without being met', () => {
    const { files, intents, outstanding, expectAll } = world([work('a', 1)])
    expectAll()
    const [batch] = [...outstanding.batches]
    batch?.place(0, 7)
    expect(batch?.row(0)?.sequence).toBe(7)
    if (batch !== undefined) outstanding.remove(batch)
    expect(outstanding.batches.size).toBe(0)
    expect(files.stat(intents.rowsPath('n0'))).toBeDefined()
  })
})

describe('the record of a row', () => {
  function records(text: string, rows: number): RowRecords {
    const files = new SimFiles()
    files.put('/n.rows', text)
    return new RowRecords(files, '/n.rows', rows)
  }

  test('makes the row anew', () => {
    const before = work('a\u2028"\\', 3, true)
    const most = { nanoUsd: 5, tokens: 6 }
    const text = recordLine(work('b', 1), undefined) + recordLine(before, most)
    const record = records(text, 2).get(1)
    expect(record.most).toEqual(most)
    const after = workOfRecord(record, 9)
    expect(after).toMatchObject({ sequence: 9, retriesFailed: true, most, body: undefined })
    for (const member of [
      'key',
      'id',
      'model',
      'lineNumber',
      'offset',
      'byteLength',
      'metadata',
    ] as const)
      expect(after.row[member]).toEqual(before.row[member])
    expect(records(text, 2).get(0).most).toBeUndefined()
  })

  test.each([
    ['is missing', '', 1],
    ['is one of too few', recordLine(work('a', 1), undefined), 2],
  ])('that %s is said', (_, text, rows) => {
    expect(() => records(text, rows)).toThrow(expect.objectContaining({ code: 'OUTPUT_FOREIGN' }))
  })

  test('that was damaged is said', () => {
    const line = recordLine(work('a', 1), undefined)
    for (const text of ['{}\n', line.replace('"line"', '"lime"'), `${line.slice(0, 20)}\n`])
      expect(() => records(text, 1).get(0)).toThrow(
        expect.objectContaining({ code: 'OUTPUT_FOREIGN' }),
      )
  })

  test('needs its file', () => {
    expect(() => new RowRecords(new SimFiles(), '/n.rows', 1)).toThrow('it is not there')
  })
})
