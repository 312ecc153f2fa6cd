/**
 * docs/checking.md shows what the command really says of the files that it describes.
 */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { check } from '../src/check.ts'
import { checkLines } from '../src/cli/check-text.ts'
import { painter } from '../src/cli/paint.ts'
import { SimFiles } from './sim-files.ts'

const page = readFileSync(new URL('../docs/checking.md', import.meta.url), 'utf8')
// 2026-11-22T10:00:00Z.
const today = (20_779 * 24 + 10) * 3_600_000

const blocks = (language: string): readonly string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    (match) => match[1] ?? '',
  )

async function said(text: string, prefixes: boolean): Promise<string> {
  const files = new SimFiles()
  files.put('/requests.jsonl', Buffer.from(text))
  const context = { files, clock: { wallTime: (): number => today } }
  const report = await check({ input: '/requests.jsonl', prefixes }, {}, context)
  const sheet = { columns: 80, paint: painter(false), name: 'requests.jsonl' }
  return `${checkLines(report, sheet).join('\n')}\n`
}

/** The file of the part on prefixes. */
function questions(): string {
  const manual = (name: string): string =>
    `Manual of the ${name} locks. ${'The keeper counts the boats that pass. '.repeat(300)}`
  const row = (index: number, system: unknown): string => {
    const messages = [{ role: 'user', content: `Question ${index}` }]
    return JSON.stringify({ model: 'claude-sonnet-5-5', max_tokens: 300, system, messages })
  }
  const marked = (text: string): unknown => [
    { type: 'text', text, cache_control: { type: 'ephemeral', ttl: '1h' } },
  ]
  const rows = Array.from({ length: 240 }, (_, index) => {
    if (index < 200) return row(index, manual('upper'))
    return row(index, marked(manual(index === 239 ? 'lowest' : 'lower')))
  })
  return rows.join('\n')
}

describe('docs/checking.md', () => {
  test('shows what is found in its file', async () => {
    const [file = ''] = blocks('jsonl')
    expect(await said(file, false)).toBe(blocks('txt')[0])
  })

  test('shows what the rows it describes share', async () => {
    expect(await said(questions(), true)).toBe(blocks('txt')[1])
  })
})
