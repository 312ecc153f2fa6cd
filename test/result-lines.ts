/**
 * Result lines for tests: keys by number, and lines that carry them.
 */

import { failedLine, succeededLine } from '../src/result-line.ts'

/** A key that looks like a digest; each number has its own, in no order. */
export function keyOf(number: number): string {
  let word = Math.imul(number + 1, 0x9e3779b1)
  let key = ''
  for (let part = 0; part < 4; part++) {
    word = Math.imul(word ^ (word >>> 15), 0x2c1b3c6d + part * 2)
    word ^= word >>> 13
    key += (word >>> 0).toString(16).padStart(8, '0')
  }
  return key
}

/** The line of an answer to the row of this key; `tag` tells answers of one key apart. */
export function answerLine(key: string, tag: number | string = 0, text = 'yes'): string {
  const message = JSON.stringify({ id: `msg_${tag}`, content: [{ type: 'text', text }] })
  return succeededLine({ id: `row-${tag}`, message, run: runOf(key) })
}

/** The line of a failure of the row of this key. */
export function failureLine(key: string, tag: number | string = 0): string {
  const error = { type: 'api_error', message: `failure ${tag}` }
  const row = { id: 'row', type: 'errored', error, requestId: null, params: '{}' } as const
  return failedLine({ ...row, run: runOf(key) })
}

function runOf(key: string) {
  return { line: 1, key, attempts: 1, requestId: 'req_1', latencyMs: 5, costUsd: '0.000412' }
}
