import { describe, expect, test } from 'vitest'
import { RunError } from '../errors.ts'
import { type CommandLine, makeCommand } from './command.ts'
import { readConfig } from './config-file.ts'
import { readEnvironment, type Variables } from './environment.ts'
import { type Layer, mergeLayers } from './flag.ts'
import { runSpec } from './program.ts'
import { runFlags } from './run-flags.ts'
import { readFace, readSecrets, type RunSetup, setUpRun } from './run-setup.ts'

interface Told {
  readonly args?: readonly string[]
  readonly env?: Variables
  readonly dotEnv?: Variables
  readonly config?: unknown
  readonly isAttended?: boolean
}

const stdin: AsyncIterable<Uint8Array> = (async function* () {})()
const key = { ANTHROPIC_API_KEY: 'sk-of-the-environment' }

async function layersOf(told: Told): Promise<{ line: CommandLine; layer: Layer }> {
  const lines: CommandLine[] = []
  const command = makeCommand(runSpec, (read) => {
    lines.push(read)
    return Promise.resolve()
  })
  await command.parseAsync([...(told.args ?? ['in.jsonl'])], { from: 'user' })
  const [line] = lines
  if (line === undefined) throw new Error('The command was not run')
  const layer = mergeLayers([
    line,
    readEnvironment(runFlags, told.env ?? {}),
    readEnvironment(runFlags, told.dotEnv ?? {}, '.env'),
    readConfig(runFlags, told.config ?? {}, 'sluice.config.json'),
  ])
  return { line, layer }
}

async function setUp(told: Told): Promise<RunSetup> {
  const { line, layer } = await layersOf(told)
  return setUpRun(line, layer, { isAttended: told.isAttended ?? true, stdin })
}

async function errorOf(told: Told): Promise<RunError> {
  const error: unknown = await setUp(told).catch((thrown: unknown) => thrown)
  if (error instanceof RunError) return error
  throw new Error('No RunError was thrown')
}

describe('setUpRun()', () => {
  test('makes options of flags under the names the library has', async () => {
    const args = ['in.jsonl', '-o', 'out.jsonl', '--timeout', '5m', '--patience', '1h', '--grace']
    const { options } = await setUp({
      args: [...args, '0', '--max-row-time', '2m', '--beta', 'a', '-H', 'x: 1', '--fsync', 'never'],
      env: key,
    })
    expect(options).toEqual({
      input: 'in.jsonl',
      output: 'out.jsonl',
      timeoutMs: 300_000,
      patienceMs: 3_600_000,
      graceMs: 0,
      maxRowTimeMs: 120_000,
      betas: ['a'],
      headers: { x: '1' },
      fsync: 'never',
      apiKey: 'sk-of-the-environment',
    })
  })

  test.each([
    [['in.jsonl', '-j', '1'], 1],
    [['in.jsonl'], 2],
  ])('takes flag over environment over .env over config: %j', async (args, expected) => {
    const env = { ...key, SLUICE_MAX_CONCURRENCY: '2' }
    const dotEnv = { SLUICE_MAX_CONCURRENCY: '3', SLUICE_MAX_ATTEMPTS: '3' }
    const config = { maxConcurrency: 4, maxAttempts: 4, first: 4 }
    const { options } = await setUp({ args, env, dotEnv, config })
    expect(options).toMatchObject({ maxConcurrency: expected, maxAttempts: 3, first: 4 })
  })

  test.each<[string, Told]>([
    ['a flag', { args: ['in.jsonl', '--cache', 'auto'], env: { ...key, SLUICE_CACHE: 'off' } }],
    ['the environment', { env: { ...key, SLUICE_CACHE: 'auto' }, config: { cache: 'strip' } }],
    ['a config file', { env: key, config: { cache: 'auto' } }],
  ])('takes how the prompt cache is used from %s', async (_source, told) => {
    expect((await setUp(told)).options.cache).toBe('auto')
  })

  test('names the modes of the prompt cache where one is misspelt', async () => {
    const error = await errorOf({ args: ['in.jsonl', '--cache', 'on'], env: key })
    expect(error.message).toContain('--cache must be auto, marked, off or strip, got "on"')
  })

  test('joins headers of all sources by name, in any case', async () => {
    const { options } = await setUp({
      args: ['in.jsonl', '-H', 'X-Team: flag'],
      env: { ...key, ANTHROPIC_CUSTOM_HEADERS: 'x-team: env\nx-env: env' },
      config: { header: { 'x-env': 'config', 'x-config': 'config' } },
    })
    expect(options.headers).toEqual({ 'x-config': 'config', 'x-env': 'env', 'X-Team': 'flag' })
  })

  test('takes key or token from the source that comes first, never one of each', async () => {
    const { options } = await setUp({
      env: { ANTHROPIC_AUTH_TOKEN: 'token' },
      dotEnv: { ANTHROPIC_API_KEY: 'sk-of-env-file' },
    })
    expect(options.authToken).toBe('token')
    expect(options.apiKey).toBeUndefined()
  })

  test('reads stdin for "-", and then writes stdout unless told where', async () => {
    expect((await setUp({ args: ['-'], env: key })).options).toMatchObject({
      input: stdin,
      output: '-',
    })
    const named = await setUp({ args: ['-', '-o', 'x'], env: key })
    expect(named.options).toMatchObject({ input: stdin, output: 'x' })
  })

  test('tells faults of all sources together, before it looks for a key', async () => {
    const error = await errorOf({
      args: ['in.jsonl', '--tiemout', '1', '-j', '20000'],
      env: { SLUICE_FIRST: '0' },
      config: { fooled: 1 },
    })
    expect(error.code).toBe('OPTIONS_INVALID')
    expect(error.message.split('\n')).toEqual([
      'Cannot start, as 4 things are wrong',
      'unknown option --tiemout, did you mean "--timeout"?',
      'SLUICE_FIRST must be a whole number from 1, got "0"',
      'unknown key "fooled" in sluice.config.json',
      '--max-concurrency must be a whole number from 1 to 10000, got 20000',
    ])
  })

  test.each([
    ['a missing INPUT, once', { args: [] }, /^Cannot start: INPUT is missing: [^\n]*$/],
    [
      'a base URL, by the variable it is in',
      { env: { ...key, ANTHROPIC_BASE_URL: 'https://h/v1/messages' } },
      /^Cannot start: ANTHROPIC_BASE_URL must not end in \/v1\/messages, .* use https:\/\/h/,
    ],
    [
      'a placeholder, by the place it is in',
      { dotEnv: { ANTHROPIC_API_KEY: 'your-api-key-here' } },
      /^Cannot start: ANTHROPIC_API_KEY in \.env is a placeholder, not a key$/,
    ],
    [
      '--json with results on stdout',
      { args: ['in.jsonl', '-o', '-', '--json'], env: key },
      /--json and the results cannot both go to stdout/,
    ],
    [
      '--overwrite where nobody is, without --yes',
      { args: ['in.jsonl', '--overwrite'], env: key, isAttended: false },
      /--overwrite needs --yes/,
    ],
    [
      'a key that a downloaded .env would have sent elsewhere',
      { env: key, dotEnv: { ANTHROPIC_BASE_URL: 'https://evil.example' } },
      /ANTHROPIC_API_KEY is not sent to https:\/\/evil\.example, which ANTHROPIC_BASE_URL in \.env chose/,
    ],
    [
      'an authorization header that a config would have sent elsewhere',
      {
        env: { ANTHROPIC_CUSTOM_HEADERS: 'Authorization: Bearer t' },
        config: { baseUrl: 'https://evil.example', apiKey: 'sk-its-own' },
      },
      /ANTHROPIC_CUSTOM_HEADERS is not sent to https:\/\/evil\.example/,
    ],
  ])('refuses %s', async (_what, told, message) => {
    const error = await errorOf(told)
    expect(error.code).toBe('OPTIONS_INVALID')
    expect(error.message).toMatch(message)
  })

  test.each([
    ['on a terminal', { isAttended: true }],
    ['with --yes', { args: ['in.jsonl', '--overwrite', '--yes'], isAttended: false }],
  ])('takes --overwrite %s', async (_what, told) => {
    const { options } = await setUp({ args: ['in.jsonl', '--overwrite'], env: key, ...told })
    expect(options.overwrite).toBe(true)
    expect(options).not.toHaveProperty('yes')
  })

  test('without a key says how to set one, and how to do without', async () => {
    const error = await errorOf({})
    expect(error.code).toBe('KEY_MISSING')
    expect(error.hint).toContain('ANTHROPIC_API_KEY')
    expect(error.hint).toContain('sluice simulate')
  })

  test.each([
    ['a base URL of .env', { dotEnv: { ...key, ANTHROPIC_BASE_URL: 'https://h' } }, 'https://h'],
    ['a key among the flags', { args: ['x', '--api-key', 'sk-flag'] }, 'process lists'],
    ['results on stdout', { args: ['x', '-o', '-'], env: key }, 'cannot be resumed'],
  ])('gives notice of %s', async (_what, told, words) => {
    const { notices } = await setUp(told)
    expect(notices).toHaveLength(1)
    expect(notices[0]).toContain(words)
    expect(notices[0]).not.toContain('sk-flag')
  })

  test('a price file that cannot be read is told as such', async () => {
    const error = await errorOf({ args: ['x', '--prices', '/nowhere/prices.json'], env: key })
    expect(error.code).toBe('PRICES_INVALID')
    expect(error.message).toBe(
      'Cannot read prices from /nowhere/prices.json: there is no such file',
    )
  })
})

describe('readFace()', () => {
  test('knows how to show faults though there are some', async () => {
    const { layer } = await layersOf({ args: ['--json', '-q', '--color', 'never', '--nonsense'] })
    expect(readFace(layer)).toEqual({
      json: true,
      quiet: true,
      progress: true,
      keys: true,
      color: 'never',
      logFile: undefined,
      logLevel: undefined,
    })
  })
})

describe('readSecrets()', () => {
  test('finds keys, tokens and headers that may hold one', async () => {
    const { layer } = await layersOf({
      args: ['x', '--api-key', 'the-key', '-H', 'Authorization: the-header', '-H', 'x-team: data'],
      env: { ANTHROPIC_AUTH_TOKEN: 'the-token' },
    })
    expect(readSecrets(layer).toSorted()).toEqual(['the-header', 'the-key', 'the-token'])
  })
})
