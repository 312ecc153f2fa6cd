import { describe, expect, test } from 'vitest'
import { SimFiles } from '../../test/sim-files.ts'
import { type Intent, Intents } from './intents.ts'

const folder = '/out.jsonl.sluice'
const intent: Intent = {
  nonce: 'abc',
  rows: 2,
  bytes: 10,
  input: '/in.jsonl',
  firstSentAt: 5,
  sentAt: 6,
  batch: { id: 'msgbatch_1', createdAt: 7, expiresAt: 8 },
  notOurs: ['msgbatch_0'],
  lostSends: 1,
  mostNanoUsd: 9,
}

function given(...intents: readonly Intent[]): { files: SimFiles; intents: Intents } {
  const files = new SimFiles()
  const own = new Intents(files, folder)
  own.prepare()
  for (const each of intents) own.write(each)
  return { files, intents: own }
}

describe('intents', () => {
  test('are read as they were written, the oldest first', () => {
    const older = { ...intent, nonce: 'xyz', firstSentAt: 1, batch: undefined, mostNanoUsd: null }
    expect(given(intent, older).intents.load()).toEqual([older, intent])
  })

  test('that are not there yet are none', () => {
    expect(new Intents(new SimFiles(), folder).load()).toEqual([])
  })

  test('without an end of the batch are read', () => {
    const endless = { id: 'msgbatch_1', createdAt: 7, expiresAt: Infinity }
    const { intents } = given({ ...intent, batch: endless })
    expect(intents.load()[0]?.batch).toEqual(endless)
  })

  test('what was never sent, and what a write left behind, is removed', () => {
    const { files, intents } = given(intent)
    const kept = ['abc.rows', 'abc.body', 'mine.txt']
    const gone = ['def.rows', 'def.pack', 'def.body', 'abc.json.17.tmp', 'def.json.17.tmp']
    for (const name of [...kept, ...gone]) files.put(`${folder}/batches/${name}`, '')
    intents.load()
    expect(files.list(`${folder}/batches`).toSorted()).toEqual([...kept, 'abc.json'].toSorted())
  })

  test.each(['', 'no JSON', '[]', '{}', JSON.stringify({ ...intent, rows: 'two' })])(
    'one that was damaged is not passed over: %j',
    (text) => {
      const { files, intents } = given(intent)
      files.put(intents.path('abc'), text)
      expect(() => intents.load()).toThrow(expect.objectContaining({ code: 'OUTPUT_FOREIGN' }))
    },
  )

  test('that are over leave nothing, not even the folder', () => {
    const { files, intents } = given(intent)
    files.put(intents.rowsPath('abc'), '')
    files.put(intents.bodyPath('abc'), '')
    const order: string[] = []
    files.onOperation = (operation, path) => {
      if (operation === 'remove') order.push(path.split('.').at(-1) ?? '')
    }
    intents.remove('abc')
    // Rows without an intent mean nothing; an intent without its rows is a batch nobody can read.
    expect(order).toEqual(['json', 'body', 'rows'])
    intents.close()
    expect(files.stat(`${folder}/batches`)).toBeUndefined()
  })

  test('one that was refused keeps what is packed', () => {
    const { files, intents } = given(intent)
    files.put(intents.rowsPath('abc'), '')
    intents.forget('abc')
    expect(files.list(`${folder}/batches`)).toEqual(['abc.rows'])
  })
})
