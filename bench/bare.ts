/**
 * What sluice is measured against: the shortest loop over undici that does the work at all.
 *
 *     node bench/bare.ts INPUT OUTPUT URL CONCURRENCY [http2]
 *
 * It reads lines, parses each, posts it as it stands, parses the answer and writes a line. It
 * keeps no limits, retries nothing, checks nothing, and loses whatever goes wrong.
 */

import { createReadStream, createWriteStream } from 'node:fs'
import { Pool } from 'undici'

const [inputPath = '', outputPath = '', url = '', concurrencyText = '', protocol] =
  process.argv.slice(2)
const concurrency = Number(concurrencyText)
const isHttp2 = protocol === 'http2'
const streamsPerConnection = 100

const pool = new Pool(url, {
  connections: isHttp2 ? Math.ceil(concurrency / streamsPerConnection) : concurrency,
  pipelining: isHttp2 ? streamsPerConnection : 1,
  allowH2: isHttp2,
  headersTimeout: 0,
  bodyTimeout: 0,
})
const output = createWriteStream(outputPath)
const headers = {
  'content-type': 'application/json',
  'anthropic-version': '2023-06-01',
  'x-api-key': 'sk-ant-benchmark',
}

let inFlight = 0
let rowNumber = 0
let wake = (): void => {}

async function ask(line: string): Promise<void> {
  inFlight += 1
  rowNumber += 1
  const number = rowNumber
  const row = JSON.parse(line) as { readonly custom_id?: string }
  const { body } = await pool.request({ path: '/v1/messages', method: 'POST', headers, body: line })
  const message: unknown = JSON.parse(await body.text())
  const result = { type: 'succeeded', message }
  output.write(`${JSON.stringify({ custom_id: row.custom_id ?? `line-${number}`, result })}\n`)
  inFlight -= 1
  wake()
}

let rest = ''
for await (const chunk of createReadStream(inputPath, 'utf8')) {
  const lines = (rest + String(chunk)).split('\n')
  rest = lines.pop() ?? ''
  for (const line of lines) {
    if (inFlight >= concurrency) await new Promise<void>((resolve) => (wake = resolve))
    void ask(line)
  }
}
// Every `ask` that ends counts it down.
// oxlint-disable-next-line no-unmodified-loop-condition
while (inFlight > 0) await new Promise<void>((resolve) => (wake = resolve))
await new Promise<void>((resolve) => output.end(resolve))
await pool.close()
