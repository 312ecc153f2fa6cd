/**
 * docs/estimating.md shows what the command really says of the file that it describes, before a
 * run and after its first rows.
 */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { forecastLines } from '../src/cli/estimate-text.ts'
import { painter } from '../src/cli/paint.ts'
import { forecast } from '../src/forecast.ts'
import type { ForecastOptions } from '../src/forecast-options.ts'
import { run } from '../src/run.ts'
import { StreamWorld } from './stream-world.ts'

const page = readFileSync(new URL('../docs/estimating.md', import.meta.url), 'utf8')
const shown = [...page.matchAll(/^```txt\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '')

/** 240 questions on one manual, every third of them to a smaller model. */
function questions(): string {
  const system = `Manual of the locks. ${'The keeper counts the boats that pass. '.repeat(300)}`
  const rows = Array.from({ length: 240 }, (_, index) => {
    const model = index % 3 === 0 ? 'claude-haiku-4-5' : 'claude-sonnet-5-5'
    const messages = [{ role: 'user', content: `Question ${index}` }]
    return JSON.stringify({ model, max_tokens: 300, system, messages })
  })
  return rows.join('\n')
}

const plain = { input: '/requests.jsonl', apiKey: 'k' }

async function said(world: StreamWorld, options: Partial<ForecastOptions>): Promise<string> {
  const found = await forecast({ ...plain, ...options }, {}, world.context)
  const sheet = { columns: 80, paint: painter(false), name: 'requests.jsonl' }
  return `${forecastLines(found, sheet).join('\n')}\n`
}

test('docs/estimating.md shows what is said before a run, and after 50 rows of it', async () => {
  const world = new StreamWorld({ outputTokens: 150 })
  world.files.put('/requests.jsonl', Buffer.from(questions()))
  expect(await said(world, {})).toBe(shown[0])
  await world.until(run({ ...plain, pilot: 50, cache: 'auto' }, {}, world.context))
  const limits = {
    maxRequestsPerMinute: 1000,
    maxInputTokensPerMinute: 450_000,
    maxOutputTokensPerMinute: 90_000,
  }
  expect(await said(world, limits)).toBe(shown[1])
})
