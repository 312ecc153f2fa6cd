/**
 * Sorts remarks by `stream()`: request objects in, results out as they complete.
 *
 *   $ npm run demo:library
 *   failed  How do I cancel? ("max_tokens" must be 0 or more, got -1)
 *   bug     Best search I have ever used!
 *   praise  The export of my invoices is empty.
 *   { selected: 3, succeeded: 2, failed: 1, left: 0 }
 *
 * The simulator makes its answers up, so the kinds are drawn; the last row is wrong on purpose. In a
 * project of yours the imports are from 'sluice' and 'sluice/simulator'.
 */

import { stream } from '../../src/index.ts'
import { startSimulator } from '../../src/simulator/index.ts'

const kind = { type: 'string', enum: ['bug', 'praise', 'other'] }
const properties = { kind }
const schema = { type: 'object', properties, required: ['kind'], additionalProperties: false }

const remarks = ['The export of my invoices is empty.', 'Best search I have ever used!']
const requests = [...remarks, 'How do I cancel?'].map((text, index) => ({
  model: 'claude-haiku-5-5',
  max_tokens: index < remarks.length ? 2000 : -1,
  messages: [{ role: 'user', content: `Which kind of remark is this? ${text}` }],
  output_config: { format: { type: 'json_schema', schema } },
  metadata: { text },
}))

const simulator = await startSimulator({ latencyMs: 100 })
const results = stream(requests, { apiKey: 'any', baseUrl: simulator.url })
for await (const { result, metadata } of results) {
  if (result.type === 'succeeded') {
    const text = result.message.content.find((block) => block.type === 'text')?.text ?? '{}'
    const answer: { kind: string } = JSON.parse(text)
    console.log(answer.kind.padEnd(7), metadata?.text)
  } else console.log('failed ', metadata?.text, `(${result.error.error.message})`)
}
console.log((await results.summary).rows)
await simulator.close()
