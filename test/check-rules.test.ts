/**
 * Every rule of `check` by an example, held against the simulator, which has rules of its own:
 * what one calls a fault the other refuses, and what one calls a warning the other takes.
 */

import { describe, expect, test } from 'vitest'
import { bounds } from '../src/bounds.ts'
import { check } from '../src/check.ts'
import type { CheckOptions } from '../src/check-options.ts'
import type { Finding } from '../src/finding.ts'
import { findingTitles } from '../src/finding.ts'
import { modelFacts } from '../src/models.ts'
import { NodeFiles } from '../src/files.ts'
import { checkRequest } from '../src/simulator/check.ts'

// 2026-11-22T10:00:00Z.
const today = (20_779 * 24 + 10) * 3_600_000
const context = { files: new NodeFiles(), clock: { wallTime: (): number => today } }

const user = { role: 'user', content: 'How deep is the canal?' }
const assistant = { role: 'assistant', content: 'Two metres.' }
const tool = { name: 'measure', input_schema: { type: 'object' } }
const mark = { type: 'ephemeral' }
const hour = { type: 'ephemeral', ttl: '1h' }
const text = (members: object = {}): object => ({ type: 'text', text: 'A lock.', ...members })
const said = (...content: unknown[]): object => ({ messages: [{ role: 'user', content }] })
const format = (schema: unknown): object => ({
  output_config: { format: { type: 'json_schema', schema } },
})
const closed = { type: 'object', additionalProperties: false }
/** Long enough for every model's cache. */
const long = 'The keeper of the lock counts the boats that pass. '.repeat(900)
/** The head of a PNG of so many pixels. */
function png(width: number, height: number): string {
  const head = Buffer.from('89504e470d0a1a0a0000000d4948445200000000000000000802000000', 'hex')
  head.writeUInt32BE(width, 16)
  head.writeUInt32BE(height, 20)
  return head.toString('base64')
}
const image = (data: string): object => ({
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data },
})
const use = { type: 'tool_use', id: 'toolu_1', name: 'measure', input: {} }
const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: '2 m' }

async function findingsOf(
  lines: readonly unknown[],
  options: Partial<CheckOptions> = {},
): Promise<readonly Finding[]> {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
    yield Buffer.from(texts.join('\n'))
  }
  const found: Finding[] = []
  const hooks = { observe: (finding: Finding): void => void found.push(finding) }
  await check({ input: bytes(), ...options }, hooks, context)
  return found
}

/** A good request with these members changed. */
function request(changes: object): object {
  return { model: 'claude-opus-4-5', max_tokens: 1024, messages: [user], ...changes }
}

function isRefused(
  body: object | string,
  { anthropicVersion, betas }: Partial<CheckOptions>,
): boolean {
  const headers = {
    'x-api-key': 'sk-ant-test',
    'anthropic-version': anthropicVersion ?? '2023-06-01',
    'anthropic-beta': (betas ?? []).join(','),
  }
  const bytes = new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body))
  const wire = { method: 'POST', path: '/v1/messages', headers, body: bytes }
  return 'status' in checkRequest(today, wire, { models: 'current', keys: null })
}

interface Example {
  /** And, in brackets, the public page the rule comes from. */
  readonly name: string
  readonly body: object
  /** `kind field`; a warning has a `?` behind it. */
  readonly finds: readonly string[]
  readonly options?: Partial<CheckOptions>
  /** The simulator has no such rule. @default false */
  readonly isNew?: boolean
}

const newer = { anthropicVersion: '2026-10-21' }
const haiku = { model: 'claude-haiku-4-5' }
const opus5 = { model: 'claude-opus-5' }

const examples: readonly Example[] = [
  // Fields.
  { name: 'a good request (API reference)', body: {}, finds: [] },
  {
    name: 'no model (API reference)',
    body: { model: undefined },
    finds: ['missing model'],
  },
  {
    name: 'no max_tokens (API reference)',
    body: { max_tokens: undefined },
    finds: ['missing max_tokens'],
  },
  {
    name: 'no messages (API reference)',
    body: { messages: undefined },
    finds: ['missing messages'],
  },
  {
    name: 'a model that is no text (API reference)',
    body: { model: 7 },
    finds: ['wrong_type model'],
  },
  {
    name: 'max_tokens in quotes (API reference)',
    body: { max_tokens: '1024' },
    finds: ['wrong_type max_tokens'],
  },
  {
    name: 'max_tokens below 0 (API reference)',
    body: { max_tokens: -1 },
    finds: ['max_tokens max_tokens'],
  },
  {
    name: 'an unknown field (errors page)',
    body: { temprature: 1 },
    finds: ['unknown_field temprature'],
  },
  {
    name: 'a field of a beta without its header (errors page)',
    body: { context_management: {} },
    finds: ['unknown_field context_management'],
  },
  {
    name: 'stream in quotes (API reference)',
    body: { stream: 'true' },
    finds: ['wrong_value stream'],
  },
  {
    name: 'an unknown tier (service tiers page)',
    body: { service_tier: 'flex' },
    finds: ['wrong_value service_tier'],
  },
  {
    name: 'stop sequences that are no list (API reference)',
    body: { stop_sequences: 'END' },
    finds: ['wrong_type stop_sequences'],
  },
  {
    name: 'a stop sequence that is no text (API reference)',
    body: { stop_sequences: ['END', 5] },
    finds: ['wrong_type stop_sequences[1]'],
  },
  // Metadata.
  {
    name: 'metadata of another name (API reference)',
    body: { metadata: { row: 1 } },
    finds: ['metadata metadata.row'],
  },
  {
    name: 'a user_id of 257 characters (API reference)',
    body: { metadata: { user_id: 'x'.repeat(257) } },
    finds: ['metadata metadata.user_id'],
  },
  {
    name: 'a user_id that is a number (API reference)',
    body: { metadata: { user_id: 5 } },
    finds: ['metadata metadata.user_id'],
  },
  { name: 'a user_id of null (API reference)', body: { metadata: { user_id: null } }, finds: [] },
  // The model.
  {
    name: 'a retired model (deprecations page)',
    body: { model: 'claude-opus-4-1' },
    finds: ['model_retired model'],
  },
  {
    name: 'a model that retires soon (deprecations page)',
    body: { model: 'claude-sonnet-4-5' },
    finds: ['model_retiring model?'],
  },
  {
    name: 'more than a model can produce (model pages)',
    body: { ...haiku, max_tokens: 64_001 },
    finds: ['max_tokens max_tokens'],
  },
  {
    name: 'as much as a model can produce (model pages)',
    body: { ...haiku, max_tokens: 64_000 },
    finds: [],
  },
  {
    name: 'a cache that is only filled (prompt caching page)',
    body: { max_tokens: 0 },
    finds: ['prewarm max_tokens?'],
  },
  {
    name: 'a cache filled with an output format (prompt caching page)',
    body: { max_tokens: 0, ...format(closed) },
    finds: ['prewarm max_tokens'],
  },
  {
    name: 'inference_geo to an old model (data residency page)',
    body: { ...haiku, inference_geo: 'us' },
    finds: ['geography inference_geo'],
  },
  {
    name: 'fast mode to a model without (fast mode page)',
    body: { ...haiku, speed: 'fast' },
    finds: ['speed speed'],
  },
  {
    name: 'fast mode without its beta header (fast mode page)',
    body: { ...opus5, speed: 'fast' },
    finds: ['speed speed'],
  },
  {
    name: 'fast mode with its beta header (fast mode page)',
    body: { ...opus5, speed: 'fast' },
    options: { betas: ['fast-mode-2026-02-01'] },
    finds: [],
  },
  {
    name: 'fast mode that is ignored (fast mode page)',
    body: { model: 'claude-opus-4-6', speed: 'fast' },
    finds: ['speed speed?'],
  },
  // Sampling.
  {
    name: 'temperature above 1 (API reference)',
    body: { temperature: 1.5 },
    finds: ['wrong_value temperature'],
  },
  {
    name: 'half a top_k (API reference)',
    body: { top_k: 0.5 },
    finds: ['wrong_value top_k'],
  },
  {
    name: 'sampling under the newer version, all of it (versioning page)',
    body: { temperature: 1, top_p: 1, top_k: 5 },
    options: newer,
    finds: ['sampling temperature', 'sampling top_p', 'sampling top_k'],
  },
  {
    name: 'temperature to a model from 4.7 on (migration guide)',
    body: { ...opus5, temperature: 0.2 },
    finds: ['sampling temperature'],
  },
  {
    name: 'a temperature that changes nothing (migration guide)',
    body: { ...opus5, temperature: 1 },
    finds: [],
  },
  {
    name: 'temperature and top_p together (migration guide)',
    body: { temperature: 0.5, top_p: 0.9 },
    finds: ['sampling top_p'],
    isNew: true,
  },
  // Thinking.
  {
    name: 'thinking of no kind (extended thinking page)',
    body: { thinking: { type: 'on' } },
    finds: ['thinking thinking.type'],
  },
  {
    name: 'thinking without a budget (extended thinking page)',
    body: { thinking: { type: 'enabled' } },
    finds: ['missing thinking.budget_tokens'],
  },
  {
    name: 'a budget of 1,023 (extended thinking page)',
    body: { max_tokens: 4096, thinking: { type: 'enabled', budget_tokens: 1023 } },
    finds: ['thinking_budget thinking.budget_tokens'],
  },
  {
    name: 'a budget as high as max_tokens (extended thinking page)',
    body: { max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 2048 } },
    finds: ['thinking_budget thinking.budget_tokens'],
  },
  {
    name: 'a budget that fits (extended thinking page)',
    body: { max_tokens: 2049, thinking: { type: 'enabled', budget_tokens: 2048 } },
    finds: [],
  },
  {
    name: 'a forced tool while thinking (extended thinking page)',
    body: {
      max_tokens: 4096,
      thinking: { type: 'enabled', budget_tokens: 2048 },
      tools: [tool],
      tool_choice: { type: 'any' },
    },
    finds: ['tool_choice tool_choice.type'],
    isNew: true,
  },
  {
    name: 'sampling while thinking (extended thinking page)',
    body: {
      max_tokens: 4096,
      thinking: { type: 'enabled', budget_tokens: 2048 },
      temperature: 0.5,
      top_k: 3,
    },
    finds: ['sampling temperature', 'sampling top_k'],
    isNew: true,
  },
  {
    name: 'an answer begun while thinking (extended thinking page)',
    body: {
      max_tokens: 4096,
      thinking: { type: 'enabled', budget_tokens: 2048 },
      messages: [user, assistant],
    },
    finds: ['prefill messages[1].role'],
    isNew: true,
  },
  // Messages.
  { name: 'no message (API reference)', body: { messages: [] }, finds: ['empty messages'] },
  {
    name: 'messages that are a text (API reference)',
    body: { messages: 'Hi' },
    finds: ['wrong_type messages'],
  },
  {
    name: 'a message that is a text (API reference)',
    body: { messages: ['Hi'] },
    finds: ['wrong_type messages[0]'],
  },
  {
    name: 'an unknown role (API reference)',
    body: { messages: [user, { role: 'tool', content: 'x' }] },
    finds: ['role messages[1].role'],
  },
  {
    name: 'a system message first (API reference)',
    body: { ...opus5, messages: [{ role: 'system', content: 'x' }, user] },
    finds: ['role messages[0].role'],
  },
  {
    name: 'an empty message (API reference)',
    body: { messages: [{ role: 'user', content: '' }] },
    finds: ['empty messages[0].content'],
  },
  {
    name: 'a message of blanks (API reference)',
    body: { messages: [{ role: 'user', content: ' \n' }] },
    finds: ['empty messages[0].content?'],
  },
  {
    name: 'an unknown field of a message (errors page)',
    body: { messages: [{ ...user, name: 'Ann' }] },
    finds: ['unknown_field messages[0].name'],
  },
  {
    name: 'an answer begun, from 4.6 on (prefill page)',
    body: { model: 'claude-opus-4-6', messages: [user, assistant] },
    finds: ['prefill messages[1].role'],
  },
  {
    name: 'an answer begun, before 4.6 (prefill page)',
    body: { messages: [user, assistant] },
    finds: [],
  },
  {
    name: 'an answer begun that ends in a blank (prefill page)',
    body: { messages: [user, { role: 'assistant', content: 'It is ' }] },
    finds: ['prefill messages[1].content'],
    isNew: true,
  },
  // Blocks.
  {
    name: 'a block of no type (API reference)',
    body: said({ type: 'txt', text: 'x' }),
    finds: ['block messages[0].content[0].type'],
  },
  {
    name: 'an empty block of text (API reference)',
    body: said(text({ text: '' })),
    finds: ['empty messages[0].content[0].text'],
  },
  {
    name: 'a text that is a number (API reference)',
    body: said(text(), text({ text: 5 })),
    finds: ['wrong_type messages[0].content[1].text'],
  },
  {
    name: 'an unknown field of a text (errors page)',
    body: said(text({ lang: 'en' })),
    finds: ['unknown_field messages[0].content[0].lang'],
  },
  {
    name: 'a picture in the system prompt (API reference)',
    body: { system: [image(png(8, 8))] },
    finds: ['block system[0].type'],
  },
  {
    name: 'a system prompt that is an object (API reference)',
    body: { system: { text: 'x' } },
    finds: ['wrong_type system'],
  },
  {
    name: 'a picture without a source (vision page)',
    body: said({ type: 'image' }),
    finds: ['missing messages[0].content[0].source'],
  },
  {
    name: 'a picture of another kind of file (vision page)',
    body: said({
      type: 'image',
      source: { type: 'base64', media_type: 'image/bmp', data: 'Qk0=' },
    }),
    finds: ['wrong_value messages[0].content[0].source.media_type'],
    isNew: true,
  },
  {
    name: 'a picture as a data URL (vision page)',
    body: said(image(`data:image/png;base64,${png(8, 8)}`)),
    finds: ['wrong_value messages[0].content[0].source.data'],
    isNew: true,
  },
  {
    name: 'a picture 8,001 pixels wide (vision page)',
    body: said(image(png(8001, 10))),
    finds: ['image messages[0].content[0].source.data'],
    isNew: true,
  },
  {
    name: 'a picture 8,000 pixels wide (vision page)',
    body: said(image(png(8000, 10))),
    finds: [],
  },
  {
    name: '21 pictures, one of them 2,001 pixels high (vision page)',
    body: said(image(png(9, 2001)), ...Array.from({ length: 20 }, () => image(png(9, 9)))),
    finds: ['image messages[0].content[0].source.data'],
    isNew: true,
  },
  {
    name: '101 pictures to a model of 200,000 tokens (vision page)',
    body: said(...Array.from({ length: 101 }, () => image(png(9, 9)))),
    finds: ['image messages'],
    isNew: true,
  },
  {
    name: 'a document in an answer, under the newer version (versioning page)',
    body: {
      ...opus5,
      messages: [
        user,
        {
          role: 'assistant',
          content: [{ type: 'document', source: { type: 'text', data: 'x' } }],
        },
        user,
      ],
    },
    options: newer,
    finds: ['block messages[1].content[0].type'],
  },
  {
    name: 'citations in a question, under the newer version (versioning page)',
    body: said(text({ citations: [{}] })),
    options: newer,
    finds: ['block messages[0].content[0].citations'],
  },
  {
    name: 'a use of a tool without its result (tool use page)',
    body: { messages: [user, { role: 'assistant', content: [use] }, user], tools: [tool] },
    finds: ['tool_pairs messages[1].content[0].id'],
    isNew: true,
  },
  {
    name: 'the result of a tool without its use (tool use page)',
    body: { ...said(result), tools: [tool] },
    finds: ['tool_pairs messages[0].content[0].tool_use_id'],
    isNew: true,
  },
  {
    name: 'a use and its result (tool use page)',
    body: {
      messages: [user, { role: 'assistant', content: [use] }, { role: 'user', content: [result] }],
      tools: [tool],
    },
    finds: [],
  },
  {
    name: 'uses and results in messages of one role in a row (tool use page)',
    body: {
      messages: [
        user,
        { role: 'assistant', content: [use] },
        { role: 'assistant', content: [{ ...use, id: 'toolu_2' }] },
        { role: 'user', content: [result] },
        { role: 'user', content: [{ ...result, tool_use_id: 'toolu_2' }] },
      ],
      tools: [tool],
    },
    finds: [],
  },
  {
    name: 'two uses of one id (tool use page)',
    body: {
      messages: [
        user,
        { role: 'assistant', content: [use] },
        { role: 'user', content: [result] },
        { role: 'assistant', content: [use] },
        { role: 'user', content: [result] },
      ],
      tools: [tool],
    },
    finds: ['tool_pairs messages[3].content[0].id'],
    isNew: true,
  },
  {
    name: 'the input of a use as a text (tool use page)',
    body: {
      messages: [
        user,
        { role: 'assistant', content: [{ ...use, input: '{}' }] },
        { role: 'user', content: [result] },
      ],
      tools: [tool],
    },
    finds: ['wrong_type messages[1].content[0].input'],
    isNew: true,
  },
  // Tools.
  {
    name: 'tools that are an object (tool use page)',
    body: { tools: tool },
    finds: ['wrong_type tools'],
  },
  {
    name: 'a tool without a name (tool use page)',
    body: { tools: [{ input_schema: { type: 'object' } }] },
    finds: ['tool tools[0].name'],
  },
  {
    name: 'a tool of another API (tool use page)',
    body: { tools: [{ type: 'function', function: { name: 'measure', parameters: {} } }] },
    finds: ['tool tools[0].type'],
  },
  {
    name: 'two tools of one name (tool use page)',
    body: { tools: [tool, tool] },
    finds: ['tool tools[1].name'],
    isNew: true,
  },
  {
    name: 'a tool without a schema (tool use page)',
    body: { tools: [{ name: 'measure' }] },
    finds: ['tool tools[0].input_schema'],
    isNew: true,
  },
  {
    name: 'a choice without tools (tool use page)',
    body: { tool_choice: { type: 'auto' } },
    finds: ['tool_choice tool_choice.type'],
  },
  {
    name: 'a choice of a tool there is not (tool use page)',
    body: { tools: [tool], tool_choice: { type: 'tool', name: 'weigh' } },
    finds: ['tool_choice tool_choice.name'],
  },
  {
    name: 'a choice that is a text (tool use page)',
    body: { tools: [tool], tool_choice: 'auto' },
    finds: ['tool_choice tool_choice'],
  },
  // Output.
  {
    name: 'an effort there is not (effort page)',
    body: { ...opus5, output_config: { effort: 'hight' } },
    finds: ['wrong_value output_config.effort'],
  },
  {
    name: 'a schema that is open (structured outputs page)',
    body: format({ type: 'object' }),
    finds: ['schema output_config.format.schema.additionalProperties'],
  },
  {
    name: 'an object in a schema that is open (structured outputs page)',
    body: format({ ...closed, properties: { lock: { type: 'object' } } }),
    finds: ['schema output_config.format.schema.properties.lock.additionalProperties'],
    isNew: true,
  },
  {
    name: 'a number with bounds (structured outputs page)',
    body: format({ ...closed, properties: { depth: { type: 'number', minimum: 0 } } }),
    finds: ['schema output_config.format.schema.properties.depth.minimum'],
    isNew: true,
  },
  {
    name: 'a schema that leads back to itself (structured outputs page)',
    body: format({ ...closed, properties: { next: { $ref: '#' } } }),
    finds: ['schema output_config.format.schema'],
    isNew: true,
  },
  {
    name: 'a definition used twice (structured outputs page)',
    body: format({
      ...closed,
      $defs: { name: { type: 'string' } },
      properties: { first: { $ref: '#/$defs/name' }, last: { $ref: '#/$defs/name' } },
    }),
    finds: [],
  },
  {
    name: 'the schema of a strict tool that is open (structured outputs page)',
    body: { tools: [{ ...tool, strict: true }] },
    finds: ['schema tools[0].input_schema.additionalProperties'],
    isNew: true,
  },
  {
    name: 'a format of another API (structured outputs page)',
    body: { output_config: { format: { type: 'json_object' } } },
    finds: ['schema output_config.format'],
  },
  // Cache marks.
  {
    name: 'a mark of no type (prompt caching page)',
    body: { system: [text({ text: long, cache_control: { type: 'persistent' } })] },
    finds: ['cache_mark system[0].cache_control'],
  },
  {
    name: 'a mark of ten minutes (prompt caching page)',
    body: { system: [text({ text: long, cache_control: { ...mark, ttl: '10m' } })] },
    finds: ['cache_mark system[0].cache_control.ttl'],
  },
  {
    name: 'five marks (prompt caching page)',
    body: {
      system: Array.from({ length: 5 }, () => text({ text: long, cache_control: mark })),
    },
    finds: ['cache_marks system[4].cache_control'],
  },
  {
    name: 'four marks and that of the whole request (prompt caching page)',
    body: {
      cache_control: mark,
      system: Array.from({ length: 4 }, () => text({ text: long, cache_control: mark })),
    },
    finds: ['cache_marks cache_control'],
  },
  {
    name: 'an hour behind 5 minutes (prompt caching page)',
    body: {
      system: [
        text({ text: long, cache_control: mark }),
        text({ text: long, cache_control: hour }),
      ],
    },
    finds: ['cache_order system[1].cache_control.ttl'],
  },
  {
    name: 'an hour before 5 minutes (prompt caching page)',
    body: {
      system: [
        text({ text: long, cache_control: hour }),
        text({ text: long, cache_control: mark }),
      ],
    },
    finds: [],
  },
  {
    name: 'two marks on one block that differ (prompt caching page)',
    body: { cache_control: mark, ...said(text({ text: long, cache_control: hour })) },
    finds: ['cache_mark cache_control.ttl'],
  },
  {
    name: 'a mark on an empty text (prompt caching page)',
    body: { system: [text({ text: '', cache_control: mark }), text()] },
    finds: ['empty system[0].text', 'cache_place system[0].cache_control'],
  },
  {
    name: 'a mark on thinking (prompt caching page)',
    body: {
      messages: [
        user,
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'x', signature: 's', cache_control: mark },
            text(),
          ],
        },
        user,
      ],
    },
    finds: ['cache_place messages[1].content[0].cache_control'],
  },
  {
    name: 'a mark on what is too short (prompt caching page)',
    body: { system: [text({ cache_control: mark })] },
    finds: ['cache_short system[0].cache_control?'],
  },
  {
    name: 'a mark of the whole request that is too short (prompt caching page)',
    body: { cache_control: mark },
    finds: ['cache_short cache_control?'],
  },
  // Batches.
  {
    name: 'fast mode in batches (batch processing page)',
    body: { model: 'claude-opus-5-5', speed: 'fast' },
    options: { via: 'batches' },
    finds: ['batches speed'],
    isNew: true,
  },
  {
    name: 'a cache that is only filled, in batches (batch processing page)',
    body: { max_tokens: 0 },
    options: { via: 'batches' },
    finds: ['batches max_tokens'],
    isNew: true,
  },
  {
    name: 'stream in batches (batch processing page)',
    body: { stream: true },
    options: { via: 'batches' },
    finds: ['batches stream?'],
  },
  {
    name: 'longer answers in batches, without the beta (batch processing page)',
    body: { ...opus5, max_tokens: 200_000 },
    options: { via: 'batches' },
    finds: ['max_tokens max_tokens'],
  },
]

describe('each rule, and the simulator', () => {
  test.each(examples)('$name', async ({ body, finds, options = {}, isNew = false }) => {
    const params = request(body)
    const found = await findingsOf([{ params }], options)
    const shown = found.map(({ kind, field, level }) => {
      return `${kind} ${String(field).replace('params.', '')}${level === 'warning' ? '?' : ''}`
    })
    expect(shown).toEqual(finds)
    for (const { fix, problem, value } of found) {
      expect(fix.length).toBeGreaterThan(3)
      expect(problem.length).toBeGreaterThan(5)
      expect((value ?? '').length).toBeLessThanOrEqual(60)
    }
    const hasFault = found.some(({ level }) => level === 'fault')
    expect(isRefused(params, options)).toBe(hasFault && !isNew)
  })

  test.each([
    ['what is no JSON', '{"model":', 'json'],
    ['what is no object', '[]', 'no_object'],
    [
      'more than 32 MB',
      JSON.stringify(request({ system: 'x'.repeat(bounds.bodyBytesMax) })),
      'too_large',
    ],
  ])('%s', async (_name, line, kind) => {
    expect(isRefused(line, {})).toBe(true)
    const found = await findingsOf([line])
    expect(found.filter(({ level }) => level === 'fault')).toMatchObject([{ kind, line: 1 }])
  })

  test('a batch with the beta of longer answers takes them', async () => {
    const params = request({ ...opus5, max_tokens: 200_000 })
    const betas = ['output-300k-2026-03-24']
    expect(await findingsOf([{ params }], { via: 'batches', betas })).toEqual([])
    expect(await findingsOf([{ params }], { betas })).toHaveLength(1)
  })

  test('a beta makes faults of names warnings: it may know them', async () => {
    const params = request({ newest_thing: 1, mcp_servers: [] })
    const found = await findingsOf([{ params }], { betas: ['some-beta'] })
    expect(found.map(({ level, field }) => `${level} ${field}`)).toEqual([
      'warning params.newest_thing',
    ])
  })

  test('a model of no table is a warning that names the nearest', async () => {
    const [finding, ...rest] = await findingsOf([request({ model: 'claude-sonet-5-5' })])
    expect(rest).toEqual([])
    expect(finding).toMatchObject({ level: 'warning', kind: 'model_unlisted', field: 'model' })
    expect(finding?.problem).toContain('did you mean "claude-sonnet-5-5"?')
  })

  test('a prompt beyond the context of its model is a warning', async () => {
    const messages = [{ role: 'user', content: long.repeat(25) }]
    const [finding, ...rest] = await findingsOf([request({ ...haiku, messages })])
    expect(rest).toEqual([])
    expect(finding).toMatchObject({ level: 'warning', kind: 'context' })
  })
})

const settings: readonly (readonly [name: string, changes: object])[] = [
  ['sampling', { temperature: 0.3 }],
  ['an answer begun', { messages: [user, assistant] }],
  ['thinking enabled', { thinking: { type: 'enabled', budget_tokens: 1024 } }],
  ['thinking adaptive', { thinking: { type: 'adaptive' } }],
  ['thinking disabled', { thinking: { type: 'disabled' } }],
  ['thinking between tools', { thinking: { type: 'between_tools' } }],
  ...['disabled', 'between_tools'].map((type) => {
    return [
      `thinking ${type} at effort max`,
      { thinking: { type }, output_config: { effort: 'max' } },
    ] as const
  }),
  ['a forced tool', { tools: [tool], tool_choice: { type: 'any' } }],
  ['fast mode', { speed: 'fast' }],
  ['geography', { inference_geo: 'us' }],
]

describe('what each model takes, and the simulator', () => {
  const models = modelFacts.map(({ id }) => id)
  const cases = models.flatMap((model) =>
    settings.map(([name, changes]) => ({ model, name, changes })),
  )

  test.each(cases)('$model: $name', async ({ model, changes }) => {
    const body = request({ max_tokens: 2048, ...changes, model })
    for (const options of [{}, { betas: ['fast-mode-2026-02-01'] }]) {
      const found = await findingsOf([body], options)
      const hasFault = found.some(({ level }) => level === 'fault')
      expect(hasFault, JSON.stringify(found)).toBe(isRefused(body, options))
    }
  })

  test('some are refused and some are taken', async () => {
    // No model takes thinking between tools at effort max.
    for (const [name, changes] of settings.filter(([each]) => !/between_tools at/.test(each))) {
      const refused = models.map((model) =>
        isRefused(request({ max_tokens: 2048, ...changes, model }), {}),
      )
      expect(new Set(refused), name).toEqual(new Set([true, false]))
    }
  })
})

test('every kind of finding has an example here or among the lines', () => {
  const here = new Set(examples.flatMap(({ finds }) => finds.map((each) => each.split(' ')[0])))
  const lines = [
    'json encoding no_object no_request too_large envelope custom_id default_id duplicate_id',
    'user_id_dropped model_not_found model_unlisted context',
  ].flatMap((list) => list.split(' '))
  const kinds = Object.keys(findingTitles)
  expect(kinds.filter((kind) => !here.has(kind) && !lines.includes(kind))).toEqual([])
})
