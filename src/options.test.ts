import { describe, expect, test } from 'vitest'
import { RunError } from './errors.ts'
import { defaultOutput, failedPath, optionFaults, readOptions } from './options.ts'
import type { RunOptions } from './settings.ts'

const valid: RunOptions = { input: 'requests.jsonl', apiKey: 'sk-ant-of-nobody' }

/** Options as JavaScript can pass them, whatever their types. */
function options(given: Readonly<Record<string, unknown>>): RunOptions {
  return Object.assign({ ...valid }, given)
}

function thrown(act: () => unknown): RunError {
  try {
    act()
  } catch (error) {
    if (error instanceof RunError) return error
  }
  throw new Error('No RunError was thrown')
}

describe('readOptions()', () => {
  test('fills in the documented defaults', () => {
    expect(readOptions(valid)).toMatchObject({
      output: 'requests.results.jsonl',
      baseUrl: 'https://api.anthropic.com',
      anthropicVersion: '2023-06-01',
      betas: [],
      headers: {},
      maxConcurrency: 10_000,
      maxInFlightBytes: 64 * 2 ** 20,
      maxAttempts: 5,
      timeoutMs: 600_000,
      maxRowTimeMs: Infinity,
      patienceMs: 900_000,
      graceMs: 25_000,
      onInvalidRow: 'fail',
      retryFailed: false,
      overwrite: false,
      ordered: false,
      includeRequest: false,
      fsync: '1s',
      cache: 'marked',
      ramp: 'fast',
      http2: false,
    })
  })

  test.each([
    ['requests.jsonl', 'requests.results.jsonl'],
    ['a/b.ndjson', 'a/b.results.jsonl'],
    ['b.json', 'b.results.jsonl'],
    ['noextension', 'noextension.results.jsonl'],
  ])('names the output of %s %s', (input, output) => {
    expect(readOptions({ ...valid, input }).output).toBe(output)
  })

  test('drops slashes at the end of the base URL', () => {
    expect(readOptions({ ...valid, baseUrl: 'https://host/prefix//' }).baseUrl).toBe(
      'https://host/prefix',
    )
  })

  test.each([
    [2.5, 2_500_000_000],
    ['2.50', 2_500_000_000],
    // As floats, its nano-dollars would be 100,000,000.99999999.
    ['0.100000001', 100_000_001],
    [1e-7, 100],
    ['9007199', 9_007_199_000_000_000],
  ])('reads a budget of %j exactly', (maxBudgetUsd, nanoUsd) => {
    expect(readOptions({ ...valid, maxBudgetUsd }).budgetNanoUsd).toBe(nanoUsd)
  })

  test.each([
    0,
    -1,
    NaN,
    Infinity,
    1e-10,
    '',
    '0',
    '0.00',
    '1e3',
    '-2',
    '.5',
    '0.0000000001',
    '1e9',
    9_007_200,
  ])('refuses a budget of %j', (maxBudgetUsd) => {
    const faults = optionFaults({ ...valid, maxBudgetUsd })
    expect(faults.map(({ option }) => option)).toEqual(['maxBudgetUsd'])
  })

  test.each(['auto', 'marked', 'off', 'strip'] as const)('takes the cache mode %s', (cache) => {
    expect(readOptions({ ...valid, cache }).cache).toBe(cache)
  })

  test('takes a token instead of a key', () => {
    expect(readOptions({ input: 'x', authToken: 'token' }).authToken).toBe('token')
  })

  test('needs a key or a token', () => {
    expect(thrown(() => readOptions({ input: 'x' })).code).toBe('KEY_MISSING')
  })

  test('needs an output for a stream', () => {
    const input = (async function* () {})()
    const error = thrown(() => readOptions({ ...valid, input }))
    expect(error.code).toBe('OPTIONS_INVALID')
    expect(error.message).toContain('"output" must be given')
  })

  test('names every fault in one error', () => {
    const error = thrown(() => readOptions(options({ maxAttempts: 0, ramp: 'slow', oredered: 1 })))
    expect(error.code).toBe('OPTIONS_INVALID')
    expect(error.exitCode).toBe(2)
    expect(error.message).toBe(
      'Cannot start: "maxAttempts" must be a whole number from 1, got 0; ' +
        '"ramp" must be one of "fast", "gentle", "off", got "slow"; ' +
        '"oredered" is not an option, did you mean "ordered"?',
    )
  })
})

describe('optionFaults()', () => {
  test('finds none in options that can be used', () => {
    expect(optionFaults(valid)).toEqual([])
  })

  test.each([
    ['input', 3, 'must be a path or an async iterable of bytes'],
    ['input', '', 'must not be empty'],
    ['output', '', 'must not be empty, got ""'],
    ['apiKey', '', 'must not be empty'],
    ['apiKey', 'your-api-key-here', 'is a placeholder, not a key'],
    ['apiKey', 'sk-ant\nx', 'holds characters that no header can carry'],
    ['authToken', 'tökén\u0007', 'holds characters that no header can carry'],
    ['baseUrl', 'api.anthropic.com', 'must be an http or https URL, got "api.anthropic.com"'],
    ['baseUrl', 'ftp://host', 'must be an http or https URL, got "ftp://host"'],
    [
      'baseUrl',
      'https://host/v1/messages/',
      'must not end in /v1/messages, which is appended: use https://host, ' +
        'got "https://host/v1/messages/"',
    ],
    ['baseUrl', 'https://user:secret@host', 'must not hold credentials'],
    [
      'baseUrl',
      'https://host/?a=1',
      'must be an origin and an optional prefix, without query or fragment, ' +
        'got "https://host/?a=1"',
    ],
    ['cache', true, 'must be one of "auto", "marked", "off", "strip", got true'],
    ['betas', 'one', 'must be a list of names, got "one"'],
    ['headers', [], 'must be an object of texts'],
    ['headers', { 'x y': '1' }, 'must not name "x y": no header can'],
    ['headers', { 'Content-Length': '1' }, 'must not set Content-Length, which sluice sets itself'],
    ['headers', { x: 'a\r\nb' }, 'must hold characters a header can carry: x does not'],
    ['maxRequestsPerMinute', 0, 'must be a positive number, got 0'],
    ['maxInputTokensPerMinute', Infinity, 'must be a positive number, got Infinity'],
    ['maxOutputTokensPerMinute', '5', 'must be a positive number, got "5"'],
    ['maxConcurrency', 10_001, 'must be a whole number from 1 to 10000, got 10001'],
    ['maxInFlightBytes', 1.5, 'must be a whole number from 1, got 1.5'],
    ['timeoutMs', 0, 'must be more than 0, got 0'],
    ['graceMs', -1, 'must be 0 or more, got -1'],
    ['onInvalidRow', 'skip', 'must be one of "fail", "stop", got "skip"'],
    ['fsync', 'often', 'must be one of "always", "1s", "never", got "often"'],
    ['ordered', 'yes', 'must be true or false, got "yes"'],
    ['first', 0, 'must be a whole number from 1, got 0'],
    ['seed', 0.5, 'must be a whole number, got 0.5'],
  ])('says of %s %j that it %s', (option, value, text) => {
    expect(optionFaults(options({ [option]: value }))).toEqual([{ option, text }])
  })

  test.each([{ count: -1 }, { count: 1.5 }, { percent: 101 }, { count: 1, percent: 1 }, {}, 5])(
    'refuses maxFailed %j',
    (maxFailed) => {
      const [fault] = optionFaults(options({ maxFailed }))
      expect(fault?.option).toBe('maxFailed')
      expect(fault?.text).toMatch(/^must be \{ count } from 0, or \{ percent } from 0 to 100, got/)
    },
  )

  test.each([{ count: 0 }, { count: 7 }, { percent: 0 }, { percent: 2.5 }, { percent: 100 }])(
    'takes maxFailed %j',
    (maxFailed) => {
      expect(optionFaults({ ...valid, maxFailed })).toEqual([])
    },
  )

  test('takes a header that holds every visible character', () => {
    expect(optionFaults({ ...valid, headers: { 'x-team': 'a b\t~!é' } })).toEqual([])
  })

  test.each(['apiKey', 'authToken', 'headers', 'baseUrl'])(
    'never repeats the value of %s',
    (name) => {
      const secret = 'https://u:Zx9-secret-Qw7@h\n'
      const value = name === 'headers' ? { authorization: secret } : secret
      const faults = optionFaults(options({ [name]: value }))
      expect(faults).toHaveLength(1)
      expect(JSON.stringify(faults)).not.toContain('Zx9-secret-Qw7')
    },
  )
})

describe('options of batches', () => {
  const options = { input: 'in.jsonl', apiKey: 'k' }

  test.each([
    [{ detach: true }, 'detach needs batches: only these go on without us'],
    [{ collectOnly: true }, 'collectOnly needs batches: only these are collected'],
    [{ batchLeftovers: 'live' }, 'batchLeftovers needs batches: nothing else leaves rows over'],
  ] as const)('%j mean nothing without them', (given, fault) => {
    const told = (all: RunOptions): readonly string[] =>
      optionFaults(all).map(({ option, text }) => `${option} ${text}`)
    expect(told({ ...options, ...given })).toEqual([fault])
    expect(told({ ...options, ...given, via: 'batches' })).toEqual([])
  })

  test('cannot be where nothing resumes, and that is told once', () => {
    const via = 'batches'
    const stream: AsyncIterable<Uint8Array> = new ReadableStream()
    const all = [
      { ...options, via, output: '-' },
      { ...options, via, outputFormat: 'tuple' },
      { ...options, via, input: stream, output: '-' },
    ] as const
    expect(all.map((each) => optionFaults(each).map(({ option }) => option))).toEqual([
      ['via'],
      ['via'],
      ['via'],
    ])
  })
})

describe('failedPath()', () => {
  test.each([
    ['out.jsonl', 'out.failed.jsonl'],
    ['requests.results.jsonl', 'requests.results.failed.jsonl'],
    ['out', 'out.failed.jsonl'],
    ['out.jsonl.gz', 'out.failed.jsonl'],
    ['out.zst', 'out.failed.jsonl'],
  ])('puts the failed rows of %s into %s', (output, failed) => {
    expect(failedPath(output)).toBe(failed)
  })
})

test.each([
  ['in.jsonl', 'in.results.jsonl'],
  ['in.jsonl.gz', 'in.results.jsonl'],
  ['in.ndjson.zst', 'in.results.jsonl'],
  ['in.gz', 'in.results.jsonl'],
  ['in.gz.jsonl', 'in.gz.results.jsonl'],
])('defaultOutput() of %s is %s', (input, output) => {
  expect(defaultOutput(input)).toBe(output)
})
