/**
 * The command lines of the Python script, as its users type them and with its files.
 */

import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type StartOptions, startSimulator } from '../src/simulator/index.ts'
import { folder, key, lastLine, read, sluice, toEnd, write } from './spawned.ts'

const plainFile = 'test_requests_to_parallel_process.jsonl'
const cachingFile = 'test_caching_requests_to_parallel_process.jsonl'
const goneModel = 'claude-3-5-sonnet-20240620'

type Tuple = readonly [
  request: Readonly<Record<string, unknown>> | string,
  response: { readonly type: string; readonly usage: Readonly<Record<string, number>> } | string[],
  metadata?: unknown,
]

function tuplesIn(text: string): readonly Tuple[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line): Tuple => JSON.parse(line))
}

function answersIn(tuples: readonly Tuple[]): readonly Tuple[] {
  return tuples.filter(([, response]) => !Array.isArray(response))
}

/** A folder with the examples in it, as a clone has them. */
function clone(): string {
  const cwd = folder()
  mkdirSync(path.join(cwd, 'examples'))
  for (const file of [plainFile, cachingFile]) {
    const source = fileURLToPath(new URL(`../examples/${file}`, import.meta.url))
    copyFileSync(source, path.join(cwd, 'examples', file))
  }
  return cwd
}

/** The simulator, the URL the script takes, and the bodies it was sent. */
async function server(
  options: StartOptions = {},
): Promise<{ url: string; bodies: Readonly<Record<string, unknown>>[] }> {
  const bodies: Readonly<Record<string, unknown>>[] = []
  const simulator = await startSimulator({
    latencyMs: 0,
    models: 'any',
    ...options,
    observe: ({ type, body }) => {
      if (type === 'received') bodies.push(JSON.parse(Buffer.from(body).toString()))
    },
  })
  toEnd.push(() => simulator.close())
  return { url: `${simulator.url}/v1/messages`, bodies }
}

function ask(index: number, changes: object = {}): string {
  const messages = [{ role: 'user', content: `How much is 9 * ${index}?` }]
  return `${JSON.stringify({ model: goneModel, max_tokens: 20, messages, ...changes })}\n`
}

describe('the command lines as printed', () => {
  test('ten rows', async () => {
    const cwd = clone()
    const { url, bodies } = await server()
    const results = 'examples/data/test_requests_to_parallel_process_results.jsonl'
    const line = `--requests_filepath examples/${plainFile} --save_filepath ${results} \
--request_url ${url} --max_requests_per_minute 40 --max_tokens_per_minute 16000 \
--max_attempts 5 --logging_level INFO`
    const { code, stdout, stderr } = await sluice(line.split(' '), { cwd })
    expect([code, stdout]).toEqual([0, ''])
    expect(stderr.split('\n')[0]).toBe(
      'note: at most 40 requests and 16,000 input tokens a minute; ' +
        'to lift that: --max_requests_per_minute none --max_tokens_per_minute none',
    )
    expect(lastLine(stderr)).toMatch(/^done 10, failed 0, cost .*, examples\/data\/test_requests/)
    const tuples = tuplesIn(read(cwd, results))
    const lines = read(cwd, `examples/${plainFile}`).trimEnd().split('\n')
    const asked = lines.map((each): Record<string, unknown> => JSON.parse(each))
    expect(tuples.map(([, , metadata]) => metadata)).toEqual(
      expect.arrayContaining(asked.map(({ metadata }) => metadata)),
    )
    for (const [request, response, metadata] of tuples) {
      expect(asked).toContainEqual({ ...(request as object), metadata })
      expect(request).not.toHaveProperty('metadata')
      expect(response).toMatchObject({ type: 'message', role: 'assistant' })
    }
    expect(bodies).toHaveLength(10)
    expect(bodies.some((body) => 'metadata' in body)).toBe(false)
  }, 60_000)

  test('one long document and ten questions, with --use_caching True', async () => {
    const cwd = clone()
    const { url } = await server({ latencyMs: 300 })
    const results = 'examples/data/test_caching_requests_to_parallel_process_results.jsonl'
    const line = `--requests_filepath examples/${cachingFile} --save_filepath ${results} \
--request_url ${url} --use_caching True --max_requests_per_minute 40 \
--max_tokens_per_minute 16000 --max_attempts 5 --logging_level INFO`
    const { code, stderr } = await sluice(line.split(' '), { cwd })
    expect(code).toBe(0)
    expect(stderr).toMatch(/note: the prompt cache took \d+ tokens of line 1/)
    // No list has the price of a model that is gone.
    expect(stderr).toMatch(/^cache +[\d.]+k tokens read, [\d.]+k written: price unknown$/m)
    const tuples = tuplesIn(read(cwd, results))
    expect(tuples.map(([, , metadata]) => metadata)).toEqual(
      expect.arrayContaining(Array.from({ length: 10 }, (_, index) => ({ question: index + 1 }))),
    )
    const tokens = (name: string): number[] =>
      tuples.map(([, response]) => (Array.isArray(response) ? -1 : (response.usage[name] ?? -1)))
    // One row wrote the document, and every other read all of it.
    const written = tokens('cache_creation_input_tokens').filter((count) => count > 0)
    expect(written).toHaveLength(1)
    const read9 = tokens('cache_read_input_tokens').filter((count) => count > 0)
    expect(read9).toEqual(Array.from({ length: 9 }, () => written[0]))
  }, 60_000)

  test('a model that is gone is named once, with its day; --model replaces it', async () => {
    const cwd = clone()
    const { url } = await server({ models: 'current' })
    const args = [`--requests_filepath=examples/${plainFile}`, `--request_url=${url}`]
    const gone = await sluice(args, { cwd })
    expect(gone.code).toBe(3)
    expect(gone.stderr.split(goneModel)).toHaveLength(3)
    expect(gone.stderr).toContain(`${goneModel} retired on 2025-10-28: the API answered 404`)
    expect(gone.stderr).toContain('--model NAME')
    const wide = ['--max_requests_per_minute', 'none', '--max_tokens_per_minute', 'none']
    const replaced = await sluice([...args, ...wide, '--model', 'claude-haiku-4-5'], { cwd })
    expect([replaced.code, lastLine(replaced.stderr)?.slice(0, 17)]).toEqual([
      0,
      'done 10, failed 0',
    ])
    const results = tuplesIn(read(cwd, 'examples/test_requests_to_parallel_process_results.jsonl'))
    expect(answersIn(results)).toHaveLength(10)
    // What was asked stands as it stood in the file.
    expect(results.every(([request]) => (request as { model: string }).model === goneModel)).toBe(
      true,
    )
  })
})

const wide = ['--max_requests_per_minute', '6e4', '--max_tokens_per_minute', '2000000.5']

describe('rows', () => {
  test('that crashed the script work, or fail alone', async () => {
    const cwd = folder()
    const block = [{ type: 'text', text: 'Blocks.' }]
    write(
      cwd,
      'in.jsonl',
      [
        ask(1, { system: 'A text.' }),
        ask(2, { system: [{ type: 'text', text: 'A list.' }] }),
        ask(3, { messages: [{ role: 'user', content: block }] }),
        '\n  \n',
        '{"model": "m", oops}\n',
        'no JSON "at all"\n',
        ask(5, { metadata: { user_id: 'someone', more: [1] } }),
        ask(6, { max_tokens: 'many' }),
      ].join(''),
    )
    const { url, bodies } = await server()
    const args = ['--requests_filepath', 'in.jsonl', '--request_url', url]
    const { code, stderr } = await sluice([...args, '--max_requests_per_minute', '6000'], { cwd })
    expect(code).toBe(1)
    expect(lastLine(stderr)).toMatch(/^done 4, failed 3, /)
    // As the script does, it leaves one file.
    expect(readdirSync(cwd).toSorted()).toEqual(['in.jsonl', 'in_results.jsonl'])
    const tuples = tuplesIn(read(cwd, 'in_results.jsonl'))
    expect(answersIn(tuples)).toHaveLength(4)
    const failures = tuples.flatMap(([request, response]) =>
      Array.isArray(response) ? [{ request, errors: response }] : [],
    )
    expect(failures).toEqual([
      {
        request: '{"model": "m", oops}',
        errors: [expect.stringMatching(/^invalid_request_error: invalid JSON at character 16/)],
      },
      {
        request: 'no JSON "at all"',
        errors: [expect.stringMatching(/^invalid_request_error: invalid JSON at character 1/)],
      },
      {
        request: expect.objectContaining({ max_tokens: 'many' }),
        errors: ['invalid_request_error: "max_tokens" must be a whole number, got "many"'],
      },
    ])
    expect(bodies.some((body) => 'metadata' in body)).toBe(false)
    expect(tuples.find(([, , metadata]) => metadata)?.[2]).toEqual({
      user_id: 'someone',
      more: [1],
    })
  })

  test('larger than the limit are asked, alone', async () => {
    const cwd = folder()
    const large = [{ role: 'user', content: 'word '.repeat(20_000) }]
    write(cwd, 'in.jsonl', ask(1, { messages: large }))
    const { url } = await server()
    const { code, stderr } = await sluice(['--requests_filepath=in.jsonl', '--request_url', url], {
      cwd,
    })
    expect([code, lastLine(stderr)?.slice(0, 16)]).toEqual([0, 'done 1, failed 0'])
  })

  test('that the script lost are asked, and those it has are not', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', [1, 2, 3, 4].map((n) => ask(n, { metadata: { n } })).join(''))
    // As Python prints what it has: other blanks, and a failure among the answers.
    const python = (n: number, response: string): string =>
      `[{"model": "${goneModel}", "max_tokens": 20, "messages": ` +
      `[{"role": "user", "content": "How much is 9 * ${n}?"}]}, ${response}, {"n": ${n}}]\n`
    const had =
      python(3, '{"id": "msg_1", "type": "message", "content": []}') +
      python(1, `["{'type': 'error'}"]`)
    write(cwd, 'in_results.jsonl', had)
    const { url, bodies } = await server()
    const args = ['--requests_filepath', 'in.jsonl', '--request_url', url, ...wide]
    const first = await sluice(args, { cwd })
    expect(first.stderr).toContain('going on: in_results.jsonl has 1 answer and 1 failed')
    expect([first.code, bodies.length]).toEqual([1, 2])
    expect(read(cwd, 'in_results.jsonl').startsWith(had)).toBe(true)

    const second = await sluice([...args, '--retry-failed'], { cwd })
    expect([second.code, bodies.length]).toEqual([0, 3])
    const tuples = tuplesIn(read(cwd, 'in_results.jsonl'))
    expect(tuples).toHaveLength(4)
    expect(answersIn(tuples)).toHaveLength(4)
    expect(read(cwd, 'in_results.jsonl')).toContain(python(3, '{"id": "msg_1"').slice(0, 60))
    expect(existsSync(path.join(cwd, 'in_results.failed.jsonl'))).toBe(false)
  })

  test('an end that was torn off is asked again', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', [1, 2].map((n) => ask(n)).join(''))
    const { url, bodies } = await server()
    const args = ['--requests_filepath', 'in.jsonl', '--request_url', url, ...wide]
    await sluice(args, { cwd })
    const whole = read(cwd, 'in_results.jsonl')
    write(cwd, 'in_results.jsonl', whole.slice(0, -40))
    const { code } = await sluice(args, { cwd })
    expect([code, bodies.length]).toEqual([0, 3])
    expect(answersIn(tuplesIn(read(cwd, 'in_results.jsonl')))).toHaveLength(2)
  })
})

describe('what is said', () => {
  test('first, that the defaults bound the run, and which flags lift them', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', ask(1))
    const { url } = await server()
    const args = ['--requests_filepath', 'in.jsonl', '--request_url', url]
    const { stderr } = await sluice(args, { cwd })
    expect(stderr.split('\n')[0]).toBe(
      "note: the script's defaults bound this run: at most 40 requests and 16,000 input tokens " +
        'a minute; to lift that: --max_requests_per_minute none --max_tokens_per_minute none',
    )
    const none = ['--max_requests_per_minute=none', '--max_tokens_per_minute=none']
    const free = await sluice([...args, ...none], { cwd })
    expect(free.stderr.split('\n')[0]).toBe("note: only the API's own limits bound this run")
  })

  test('in the help: how such a line begins, and each default once', async () => {
    const cwd = folder()
    const { code, stdout } = await sluice(['--requests_filepath', 'in.jsonl', '--help'], { cwd })
    expect(code).toBe(0)
    expect(stdout.split('\n')[0]).toBe('Usage: sluice --requests_filepath FILE [options]')
    const text = stdout.replaceAll(/\s+/g, ' ')
    expect(text).toContain('-o, --output <PATH> as --save_filepath --ordered')
    expect(text).toContain('--rpm, --max-requests-per-minute <N> as --max_requests_per_minute')
    expect(text).toMatch(/--output-format <FORM> [^-]*\(default: tuple\)/)
    expect(text).toContain('(default: off, or marked by --use_caching True)')
    expect(text).toContain('--base-url <URL> origin and optional prefix')
    const { stdout: help } = await sluice(['--help'], { cwd })
    expect(help).toContain('docs/from-python-script.md')
  })

  test('every fault in the words that were typed, and never the key', async () => {
    const cwd = folder()
    const args =
      '--requests_filepath in.jsonl --request_url http://127.0.0.1:1 --use_caching maybe ' +
      '--max_requests_per_minute -3 --max_attempts none --logging_level LOUD ' +
      '--save_file x --api_key your-api-key-here'
    const { code, stderr } = await sluice(args.split(' '), { cwd })
    expect(code).toBe(2)
    for (const fault of [
      '--request_url must be a whole URL that ends in /v1/messages, got "http://127.0.0.1:1"',
      '--use_caching must be true or false, got "maybe"',
      '--max_requests_per_minute must be a positive number, got "-3"',
      '--max_attempts must be a whole number from 1, got "none"',
      '--logging_level must be TRACE, DEBUG, INFO, SUCCESS, WARNING, ERROR or CRITICAL',
      'unknown option --save_file, did you mean "--save_filepath"?',
      '--api_key is a placeholder, not a key',
    ]) {
      expect(stderr).toContain(fault)
    }
    expect(stderr).not.toContain(key)
  })

  test('how to go on, without the key', async () => {
    const cwd = folder()
    write(cwd, 'in.jsonl', ask(1))
    const { url } = await server({ keys: ['another'] })
    const args = ['--requests_filepath', 'in.jsonl', '--request_url', url, '--api_key', key]
    const { code, stderr } = await sluice(args, { cwd })
    expect(code).toBe(3)
    expect(stderr).not.toContain(key)
    expect(stderr).toMatch(/ --requests_filepath in\.jsonl --request_url \S+$/m)
  })

  test.each(['DEBUG', 'warning', '30'])('a log, with --logging_level %s', async (level) => {
    const cwd = folder()
    write(cwd, 'in.jsonl', ask(1))
    const { url } = await server()
    const args = ['--requests_filepath', 'in.jsonl', '--request_url', url]
    const { code, stderr } = await sluice([...args, '--logging_level', level], { cwd })
    expect(code).toBe(0)
    expect(stderr.includes('"event":"row_succeeded"')).toBe(level === 'DEBUG')
  })
})
