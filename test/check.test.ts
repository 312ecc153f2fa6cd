/**
 * `check` of whole files: every fault told with its place, value and fix; what is counted and what
 * is shown; and that nothing a run refuses passes.
 */

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bounds } from '../src/bounds.ts'
import { check, type CheckHooks } from '../src/check.ts'
import type { CheckOptions } from '../src/check-options.ts'
import type { CheckReport } from '../src/check-report.ts'
import type { Finding } from '../src/finding.ts'
import { shortValue } from '../src/finding.ts'
import { Plan } from '../src/plan.ts'
import { streamSource } from '../src/source.ts'
import { SimFiles } from './sim-files.ts'

// 2026-11-22T10:00:00Z.
const today = (20_779 * 24 + 10) * 3_600_000
const clock = { wallTime: (): number => today }

const user = { role: 'user', content: 'How deep is the canal?' }
const good = { model: 'claude-haiku-4-5', max_tokens: 100, messages: [user] }
const said = (content: unknown): object => ({ ...good, messages: [{ role: 'user', content }] })

function toText(lines: readonly unknown[]): string {
  return lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')
}

async function checked(
  lines: readonly unknown[],
  options: Partial<CheckOptions> = {},
  hooks: CheckHooks = {},
): Promise<CheckReport> {
  const files = new SimFiles()
  files.put('/in.jsonl', Buffer.from(toText(lines)))
  return check({ input: '/in.jsonl', show: 1000, ...options }, hooks, { files, clock })
}

/** A line, and what must be told of it. */
type Bad = readonly [
  line: unknown,
  field: string | null,
  value: string | null,
  problem: RegExp,
  fix: RegExp,
]

const bad: readonly Bad[] = [
  ['{"model":"m",}', null, '{"model":"m",}', /at character 14: .*got "}"/, /comma/],
  ['{', null, '{', /got the end of the line/, /on one line: jq/],
  ['  "model": "m",', null, '"model": "m",', /expected the end of the line, got ":"/, /jq -c \./],
  ['}', null, '}', /at character 1: expected a value/, /on one line: jq/],
  ['{"a":"x', null, '{"a":"x', /string begun at character 6 has no end/, /line breaks/],
  ['{"a":NaN}', null, '{"a":NaN}', /at character 6: .*got "NaN"/, /write null/],
  ["{'model':1}", null, "{'model':1}", /at character 2: /, /double quotes/],
  [[good], null, /^\[\{"model"/.source, /must be a JSON object/, /line of its own: jq -c '\.\[\]'/],
  ['"text"', null, '"text"', /must be a JSON object/, /write a request/],
  [{ ...good, custom_id: 7 }, 'custom_id', '7', /non-empty string/, /leave it out/],
  [{ ...good, custom_id: 'line-3' }, 'custom_id', '"line-3"', /default id of line 3/, /choose/],
  [{ ...good, custom_id: 'a' }, 'custom_id', '"a"', /that of line 1 already/, /choose another/],
  [{ method: 'POST', url: '/v1/messages' }, null, null, /"body" is missing/, /file of requests/],
  [{ params: good, cusstom_id: 'b' }, 'cusstom_id', '"b"', /beside "params"/, /metadata/],
  [{ body: good, method: 'GET', url: '/v1/messages' }, 'method', '"GET"', /be "POST"/, /correct/],
  [
    { body: good, method: 'POST', url: '/v1/chat/completions' },
    'url',
    '"/v1/chat/completions"',
    /be "\/v1\/messages"/,
    /another API/,
  ],
  [{ params: 'x' }, 'params', '"x"', /must be an object/, /write/],
  [{ params: { ...good, metadata: { row: 1 } } }, 'params.metadata.row', '1', /user_id/, /beside/],
  [{ ...good, model: undefined }, 'model', null, /is missing/, /--model/],
  [{ ...good, model: 'claude-2.1' }, 'model', '"claude-2.1"', /retired on 2025/, /newer/],
  [{ ...good, max_tokens: 64_001 }, 'max_tokens', '64001', /64,000/, /at most 64000/],
  [{ ...good, max_tokens: 1.5 }, 'max_tokens', '1.5', /whole number/, /1024/],
  [{ ...good, max_completion_tokens: 5 }, 'max_completion_tokens', '5', /field/, /"max_tokens"/],
  [{ ...good, mesages: 1 }, 'mesages', '1', /did you mean "messages"/, /correct the name/],
  [said([{ type: 'text', text: '' }]), 'messages[0].content[0].text', '""', /empty/, /leave/],
  [
    said([{ type: 'image_url', image_url: 'x' }]),
    'messages[0].content[0].type',
    '"image_url"',
    /no type of block/,
    /"source"/,
  ],
  [
    { ...good, messages: [{ role: 'system', content: 'x' }, user] },
    'messages[0].role',
    '"system"',
    /first message/,
    /"system", beside/,
  ],
  [{ ...good, thinking: { type: 'adaptive' } }, 'thinking.type', '"adaptive"', /haiku/, /enabled/],
  [
    { ...good, tools: [{ name: 'a b', input_schema: { type: 'object' } }] },
    'tools[0].name',
    '"a b"',
    /letters/,
    /name/,
  ],
  [{ ...good, tool_choice: { type: 'auto' } }, 'tool_choice.type', '"auto"', /none/, /"tools"/],
  [
    { ...good, output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
    'output_config.format.schema.additionalProperties',
    null,
    /must be false/,
    /add/,
  ],
]

describe('a file in which every line but the first has another fault', () => {
  const lines = [{ ...good, custom_id: 'a' }, ...bad.map(([line]) => line)]

  test('all are told, each with line, field, value and fix', async () => {
    expect(bad.length).toBeGreaterThanOrEqual(25)
    const { findings, rows, faults, warnings, kinds } = await checked(lines)
    expect({ rows, faults, warnings }).toEqual({
      rows: { checked: lines.length, atFault: bad.length, warned: 0 },
      faults: bad.length,
      warnings: 0,
    })
    expect(kinds.reduce((sum, { count }) => sum + count, 0)).toBe(bad.length)
    for (const [index, [, field, value, problem, fix]] of bad.entries()) {
      const found = findings.filter(({ line }) => line === index + 2)
      expect(found, JSON.stringify(lines[index + 1])).toHaveLength(1)
      const [finding] = found
      expect(finding).toMatchObject({ level: 'fault', field })
      if (value?.startsWith('^') === true) expect(finding?.value).toMatch(new RegExp(value))
      else expect(finding?.value).toBe(value)
      expect(finding?.problem).toMatch(problem)
      expect(finding?.fix).toMatch(fix)
    }
  })

  test('a run refuses none that check lets pass', async () => {
    expect(await refusedByRun(lines)).toBeGreaterThan(10)
  })
})

/** How many lines a run fails before it sends them; each must be a fault here. */
async function refusedByRun(lines: readonly unknown[]): Promise<number> {
  const options = { sendUserId: true, withoutFeatures: true, retryFailed: false }
  const plan = new Plan({ take: () => undefined }, options)
  const { findings } = await checked(lines)
  const atFault = new Set(findings.filter(({ level }) => level === 'fault').map(({ line }) => line))
  let count = 0
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(toText(lines))
  }
  for await (const batch of streamSource(bytes()).batches()) {
    for (const line of batch) {
      const planned = plan.next(line)
      if (planned.type !== 'fault') continue
      expect(atFault, `${line.number}: ${planned.fault.error.message}`).toContain(line.number)
      count += 1
    }
  }
  return count
}

const names: readonly string[] = [
  Object.keys(good).join(' '),
  'custom_id metadata params body method url system tools raw stream result run',
  'tool_choice thinking output_config cache_control role content type text source data',
  'schema format $ref items',
].flatMap((list) => list.split(' '))
const words: readonly string[] = [
  '',
  'claude-haiku-4-5 claude-opus-5-5 POST /v1/messages line-2 a base64 object #',
  'user assistant text image tool_use tool_result enabled',
].flatMap((list) => list.split(' '))
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: 'medium' },
    fc.constantFrom<unknown>(...words, null, true, 0, 5, -1, 1e9, 0.5),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...names), tie('json'), { maxKeys: 6 }),
  ),
}))

test('no line makes a rule throw, and what a run refuses is a fault', async () => {
  const request = fc.dictionary(fc.constantFrom(...names), json, { maxKeys: 5 })
  const line = fc.oneof(
    json,
    request.map((changes) => ({ ...good, ...changes })),
    request.map((changes) => ({ params: { ...good, ...changes } })),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 8 }), async (lines) => {
      await refusedByRun(lines.map((each) => JSON.stringify(each)))
    }),
    { numRuns: 200, seed: 1 },
  )
})

test.each([
  ['lists', '[', '1', ']'],
  ['objects', '{"a":', '1', '}'],
  ['results of tools', '[{"type":"tool_result","content":', '"x"', '}]'],
  ['schemas', '{"type":"object","properties":{"a":', '{}', '}}'],
])('%s a hundred thousand deep are no more than a fault', async (_name, open, middle, close) => {
  const deep = `${open.repeat(1e5)}${middle}${close.repeat(1e5)}`
  const head = '{"model":"claude-haiku-4-5","max_tokens":5,"messages":'
  const rows = [
    `${head}${deep}}`,
    `${head}[{"role":"user","content":${deep}}]}`,
    `${head}[{"role":"user","content":"x"}],"metadata":${deep},"tools":${deep}}`,
    `${head}[{"role":"user","content":"x"}],"tools":[{"name":"a","strict":true,"input_schema":${deep}}]}`,
    `${head}[{"role":"user","content":"x"}],"output_config":{"format":{"type":"json_schema","schema":${deep}}}}`,
    `${head}[{"role":"user","content":"x"}],"system":${deep},"thinking":${deep},"unknown":${deep}}`,
  ]
  const { rows: counted } = await checked(rows, { prefixes: true })
  expect(counted.checked).toBe(rows.length)
  expect(counted.atFault).toBeGreaterThan(3)
})

test('a value is never longer than 60 characters', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), json), (value) => {
      expect(shortValue(value).length).toBeLessThanOrEqual(60)
    }),
  )
  expect(shortValue('\u0000'.repeat(40)).length).toBeLessThanOrEqual(60)
  expect(shortValue({ a: { b: { c: 'x'.repeat(1e6) } } })).toBe('an object of 1 member')
})

describe('what is shown', () => {
  const tooMany = { ...good, max_tokens: 1e6 }
  const old = { ...good, model: 'claude-2.1' }

  test('each kind has its first before any has its second', async () => {
    const lines = [...Array.from({ length: 50 }, () => tooMany), old, old]
    const { findings, faults, kinds } = await checked(lines, { show: 4 })
    expect(findings.map(({ kind, line }) => [kind, line])).toEqual([
      ['max_tokens', 1],
      ['max_tokens', 2],
      ['model_retired', 51],
      ['model_retired', 52],
    ])
    expect(faults).toBe(52)
    expect(kinds.map(({ kind, count, firstLine }) => [kind, count, firstLine])).toEqual([
      ['max_tokens', 50, 1],
      ['model_retired', 2, 51],
    ])
    expect((await checked(lines, { show: 1 })).findings).toHaveLength(1)
    expect((await checked(lines, { show: 0 })).findings).toEqual([])
  })

  test('every finding is told to whoever listens', async () => {
    const seen: Finding[] = []
    const observe = (finding: Finding): void => void seen.push(finding)
    await checked([tooMany, old, tooMany], { show: 0 }, { observe })
    expect(seen.map(({ line, id }) => [line, id])).toEqual([
      [1, 'line-1'],
      [2, 'line-2'],
      [3, 'line-3'],
    ])
  })

  test('a row with a fault and a warning is at fault', async () => {
    const both = { ...tooMany, metadata: { user_id: 5 } }
    const { rows } = await checked([both, { ...good, metadata: { user_id: 5 } }, good])
    expect(rows).toEqual({ checked: 3, atFault: 1, warned: 1 })
  })
})

describe('lines', () => {
  test('metadata of a bare row is its own; a user_id that is dropped is a warning', async () => {
    const { findings } = await checked([
      { ...good, metadata: { anything: [1] } },
      { ...good, metadata: 'text' },
      { ...good, metadata: { user_id: 'x'.repeat(300) } },
    ])
    expect(findings.map(({ level, kind, line }) => [level, kind, line])).toEqual([
      ['warning', 'user_id_dropped', 3],
    ])
  })

  test('bytes that are no UTF-8 are told', async () => {
    const files = new SimFiles()
    files.put('/in', Buffer.concat([Buffer.from(JSON.stringify(good)), Buffer.of(0x0a, 0xff)]))
    const { findings } = await check({ input: '/in' }, {}, { files, clock })
    expect(findings).toMatchObject([{ kind: 'encoding', line: 2, id: null, field: null }])
  })

  test('a request beyond 32 MB is too large; a line whose request is smaller is not', async () => {
    const large = 'x'.repeat(bounds.bodyBytesMax)
    const { findings } = await checked([
      { ...good, messages: [{ role: 'user', content: large }] },
      { ...good, metadata: large },
    ])
    const tooLarge = findings.filter(({ level }) => level === 'fault')
    expect(tooLarge).toMatchObject([{ kind: 'too_large', line: 1, field: null }])
  })

  test('a line beyond what is read is told by its length', async () => {
    const line = `{"a":"${'x'.repeat(bounds.lineBytesMax)}"}`
    const { findings, rows } = await checked([line, good])
    expect(rows).toEqual({ checked: 2, atFault: 1, warned: 0 })
    expect(findings).toMatchObject([{ kind: 'too_large', line: 1 }])
    expect(findings[0]?.problem).toContain('67,108,872 bytes')
  })

  test('a line of a failed file is a request again, with the id of its old line', async () => {
    const failed = {
      custom_id: 'line-9',
      result: { type: 'errored' },
      run: { line: 9 },
      params: good,
    }
    expect((await checked([failed])).faults).toBe(0)
    const { findings } = await checked([...Array.from({ length: 9 }, () => good), failed])
    expect(findings).toMatchObject([{ kind: 'duplicate_id', line: 10 }])
    expect(findings[0]?.problem).toBe('is that of line 9 already; ids must differ')
  })

  test('a file of answers is told as such', async () => {
    const answer = { custom_id: 'a', result: { type: 'succeeded' }, run: { line: 1 } }
    const { findings } = await checked([answer])
    expect(findings).toMatchObject([{ kind: 'no_request', fix: 'give the file of requests' }])
  })

  test('blank lines are counted and are no rows', async () => {
    const { rows, findings } = await checked(['', JSON.stringify(good), ' ', '{'])
    expect(rows.checked).toBe(2)
    expect(findings[0]?.line).toBe(4)
  })
})

describe('options', () => {
  test('model replaces that of every row', async () => {
    const lines = [
      { ...good, model: 'claude-2.1' },
      { ...good, model: undefined },
    ]
    expect((await checked(lines, { model: 'claude-haiku-4-5' })).faults).toBe(0)
    const { findings } = await checked([good], { model: 'claude-2.1' })
    expect(findings).toMatchObject([{ kind: 'model_retired', field: 'model' }])
  })

  test('first looks at the first rows alone', async () => {
    const { rows, isWhole } = await checked([good, '{', '{'], { first: 2 })
    expect({ rows, isWhole }).toEqual({
      rows: { checked: 2, atFault: 1, warned: 0 },
      isWhole: true,
    })
  })

  test('what is wrong with them is told together', async () => {
    const wrong = { show: -1, via: 'post', shwo: 1 } as unknown as Partial<CheckOptions>
    const failing = checked([good], wrong)
    await expect(failing).rejects.toThrow(/"show" must be .*; "via" must be .*; "shwo" is not an/)
    await expect(failing).rejects.toThrow('did you mean "show"?')
  })

  test('a signal ends it, and the report says so', async () => {
    const stop = new AbortController()
    const observe = (): void => stop.abort()
    const { rows, isWhole } = await checked(['{', good, good], {}, { signal: stop.signal, observe })
    expect({ checked: rows.checked, isWhole }).toEqual({ checked: 1, isWhole: false })
  })

  test('an unlisted model is asked after once, and what the API says counts', async () => {
    const asked: string[] = []
    const knowsModel = (model: string): Promise<boolean> => {
      asked.push(model)
      return Promise.resolve(model === 'claude-new')
    }
    const of = (model: string): object => ({ ...good, model })
    const lines = [of('claude-new'), of('claude-nwe'), of('claude-nwe'), good, of('claude-2.1')]
    const { findings } = await checked(lines, {}, { knowsModel })
    expect(asked).toEqual(['claude-new', 'claude-nwe'])
    expect(findings.map(({ level, kind, line }) => [level, kind, line])).toEqual([
      ['fault', 'model_not_found', 2],
      ['fault', 'model_not_found', 3],
      ['fault', 'model_retired', 5],
    ])
  })
})
