import { describe, expect, test } from 'vitest'
import { SimFiles } from '../../test/sim-files.ts'
import { inputOf, intentsOf } from './batches-records.ts'

const folder = '/data/out.jsonl.sluice/batches'

function record(nonce: string, firstSentAt: number, changes: object = {}): string {
  const sent = { firstSentAt, sentAt: firstSentAt, lostSends: 0, notOurs: [], mostNanoUsd: null }
  return JSON.stringify({ nonce, rows: 2, bytes: 9, input: 'in.jsonl', ...sent, ...changes })
}

function disk(entries: Readonly<Record<string, string>>): SimFiles {
  const files = new SimFiles()
  for (const [path, text] of Object.entries(entries)) files.put(path, Buffer.from(text))
  return files
}

describe('intentsOf()', () => {
  test('reads the records, the oldest first, and leaves what a run is packing', () => {
    const files = disk({
      '/data/out.jsonl': '',
      [`${folder}/b.json`]: record('b', 2, { input: 'later.jsonl' }),
      [`${folder}/a.json`]: record('a', 1),
      [`${folder}/a.rows`]: 'x\nx\n',
      [`${folder}/c.rows`]: 'x\n',
      [`${folder}/c.pack`]: '{"requests":[',
    })
    const before = files.list(folder)
    const { results, intents } = intentsOf(files, '/data/out.jsonl')
    expect(results).toBe('/data/out.jsonl')
    expect(intents.map(({ nonce }) => nonce)).toEqual(['a', 'b'])
    expect(inputOf(intents)).toBe('later.jsonl')
    expect(files.list(folder)).toEqual(before)
  })

  test('of a run whose batches are collected there are none', () => {
    expect(intentsOf(disk({ '/data/out.jsonl': '' }), '/data/out.jsonl').intents).toEqual([])
  })

  test('records without results are those of a run that has none yet', () => {
    const files = disk({ [`${folder}/a.json`]: record('a', 1) })
    expect(intentsOf(files, '/data/out.jsonl').intents).toHaveLength(1)
  })

  test.each([
    ['what is not there', { '/data/in.jsonl': '' }, '/data/x.jsonl', 'nor /data/x.jsonl.sluice'],
    [
      'the input of a run',
      { '/data/in.jsonl': '', '/data/in.results.jsonl.sluice/batches/a.json': record('a', 1) },
      '/data/in.jsonl',
      'it is the input of a run',
    ],
    ['a record that is none', { [`${folder}/a.json`]: '{}' }, '/data/out.jsonl', 'no record of a'],
  ])('refuses %s', (_name, entries, given, words) => {
    expect(() => intentsOf(disk(entries), given)).toThrow(words)
  })
})
