import { describe, expect, test } from 'vitest'
import { RunError } from './errors.ts'
import { optionNames } from './options.ts'
import { readStreamOptions } from './stream-options.ts'

function thrown(given: Readonly<Record<string, unknown>>): RunError {
  try {
    readStreamOptions(given)
  } catch (error) {
    if (error instanceof RunError) return error
  }
  throw new Error('No RunError was thrown')
}

describe('readStreamOptions()', () => {
  test('takes the options of run() that are not of files', () => {
    const given = { apiKey: 'key', maxConcurrency: 3, model: 'm', patienceMs: 5 }
    expect(readStreamOptions(given)).toMatchObject({ ...given, maxAttempts: 5, output: '-' })
  })

  test('names every fault at once: options of files, unknown ones, wrong values', () => {
    const { code, message } = thrown({ output: 'a', first: 3, maxAtempts: 1, timeoutMs: -1 })
    expect(code).toBe('OPTIONS_INVALID')
    expect(message).toContain('"output" is not an option of stream(): results are handed over')
    expect(message).toContain('"first" is not an option of stream(): give fewer requests')
    expect(message).toContain('"maxAtempts" is not an option')
    expect(message).toContain('"timeoutMs" must be more than 0, got -1')
  })

  test('takes every option of run() or says why not', () => {
    // A new option of files must be named in stream-options.ts, or it would be taken and idle.
    const refused = optionNames.filter((name) => /not an option of/.test(refusal(name)))
    expect(refused.toSorted()).toEqual(
      [
        'batchLeftovers',
        'collectOnly',
        'dedupe',
        'detach',
        'first',
        'fsync',
        'includeRequest',
        'input',
        'onInvalidRow',
        'ordered',
        'output',
        'overwrite',
        'retryFailed',
        'via',
        ...optionNames.filter((name) => name === 'outputFormat'),
      ].toSorted(),
    )
  })

  test('needs a key', () => {
    expect(thrown({}).code).toBe('KEY_MISSING')
  })
})

function refusal(name: string): string {
  try {
    readStreamOptions({ apiKey: 'k', [name]: undefined })
    return ''
  } catch (error) {
    return String(error)
  }
}
