/**
 * A stream of server-sent events → the Message that a reply without streaming would have held.
 *
 * Bytes go in as they arrive, split anywhere; the answer comes out of the very `push` that
 * completes it. Lines are found as bytes and decoded whole, so a split inside a character or a
 * line ending is nothing special.
 *
 * Everything the server sent once (ids, usage, server tools' results, a tool's input) is kept
 * as its text and spliced together; only text that came in pieces is written anew.
 *
 * Invariants: a result is given once and never changes; what is held never exceeds `bytesMax`;
 * no answer is given unless `message_stop` was read.
 */

import { isJsonObject, type JsonObject, parseJson } from './json.ts'
import { readMemberTexts, writeMemberTexts } from './json-members.ts'
import type { Answered, ApiError } from './outcome.ts'
import { onOneLine, readApiError, readUsage } from './reply.ts'

/** The longest reply that is read; a longer one is a fault, not an answer. */
export const replyBytesMax: number = 64 * 1024 * 1024

/** What a stream came to. */
export type StreamResult =
  | ({ readonly kind: 'answered' } & Pick<Answered, 'message' | 'usage' | 'model' | 'stopReason'>)
  | {
      readonly kind: 'overloaded' | 'broken'
      readonly error: ApiError
    }

/** A content block under way: as it started, and what was added since. */
interface Block {
  readonly members: Map<string, string>
  text: string
  thinking: string
  signature: string
  input: string
  readonly citations: string[]
}

const lineFeed = 0x0a

/** Stop reasons that may cut a tool's input short; its complete members are then the answer. */
const cuttingStopReasons: ReadonlySet<unknown> = new Set([
  'max_tokens',
  'model_context_window_exceeded',
  'refusal',
])

/** Assembles one stream; see above. */
export class MessageStream {
  readonly #bytesMax: number
  readonly #blocks = new Map<unknown, Block>()
  /** The beginning of a line whose end has not been read, in pieces. */
  #pieces: Uint8Array[] = []
  #bytes = 0
  #contentChars = 0
  /** The data lines of the event under way. */
  #data: string | undefined
  #message: Map<string, string> | undefined
  #usage = new Map<string, string>()
  #result: StreamResult | undefined

  /** `bytesMax`: the most it reads. @default replyBytesMax */
  constructor(bytesMax: number = replyBytesMax) {
    this.#bytesMax = bytesMax
  }

  /** Characters that the deltas have brought so far: text, thinking, JSON of a tool's input. */
  get contentChars(): number {
    return this.#contentChars
  }

  /** Reads the next bytes; returns the result as soon as there is one. What follows is ignored. */
  push(chunk: Uint8Array): StreamResult | undefined {
    this.#bytes += chunk.length
    if (this.#bytes > this.#bytesMax) {
      this.#fault(`The stream is longer than ${this.#bytesMax} bytes`)
    }
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let start = 0
    while (this.#result === undefined) {
      const end = buffer.indexOf(lineFeed, start)
      if (end === -1) {
        if (start < buffer.length) this.#pieces.push(buffer.subarray(start))
        break
      }
      this.#line(this.#takeLine(buffer, start, end))
      start = end + 1
    }
    return this.#result
  }

  /** No more bytes will come: the result, which is broken if `message_stop` was not read. */
  end(): StreamResult {
    if (this.#result === undefined) {
      // The last event may lack its blank line; if it is whole, it counts.
      this.#line(Buffer.concat(this.#pieces.splice(0)).toString())
      this.#event(true)
    }
    const error = {
      type: 'connection_error',
      message: 'The stream ended before the answer was complete',
    }
    this.#result ??= { kind: 'broken', error }
    return this.#result
  }

  #takeLine(buffer: Buffer, start: number, end: number): string {
    if (this.#pieces.length === 0) return buffer.toString('utf8', start, end)
    this.#pieces.push(buffer.subarray(start, end))
    return Buffer.concat(this.#pieces.splice(0)).toString()
  }

  #line(line: string): void {
    if (line === '' || line === '\r') {
      this.#event()
    } else if (line.startsWith('data:')) {
      // The space after the colon and the carriage return at the end are blanks to JSON too.
      const data = line.slice('data:'.length)
      this.#data = this.#data === undefined ? data : `${this.#data}\n${data}`
    }
    // Comments, `event:` (the data name their own type), `id:` and `retry:` say nothing to us.
  }

  #event(isLast = false): void {
    const data = this.#data
    this.#data = undefined
    if (data === undefined) return
    const event = parseObject(data)
    if (event === undefined) {
      // An event cut off by the end of the stream is not malformed; `end` tells the better story.
      if (!isLast) this.#fault('The stream holds an event that is no JSON')
      return
    }
    switch (event['type']) {
      case 'message_start':
        return this.#start(data)
      case 'content_block_start':
        return this.#startBlock(event, data)
      case 'content_block_delta':
        return this.#extendBlock(event, data)
      case 'message_delta':
        return this.#amend(data)
      case 'message_stop':
        return this.#finish()
      case 'error':
        return this.#fail(event)
      default:
      // `ping`, `content_block_stop`, and whatever the API will send one day.
    }
  }

  #start(data: string): void {
    this.#message = readMemberTexts(readMemberTexts(data).get('message') ?? '')
    this.#usage = readMemberTexts(this.#message.get('usage') ?? '')
  }

  #startBlock({ index }: JsonObject, data: string): void {
    const members = readMemberTexts(readMemberTexts(data).get('content_block') ?? '')
    this.#blocks.set(index, {
      members,
      text: textOf(members, 'text'),
      thinking: textOf(members, 'thinking'),
      signature: textOf(members, 'signature'),
      input: '',
      citations: [],
    })
  }

  #extendBlock({ index, delta }: JsonObject, data: string): void {
    const block = this.#blocks.get(index)
    if (block === undefined) return this.#fault('The stream adds to a block that never started')
    if (!isJsonObject(delta)) return
    switch (delta['type']) {
      case 'text_delta':
        block.text += this.#content(delta['text'])
        return
      case 'input_json_delta':
        block.input += this.#content(delta['partial_json'])
        return
      case 'thinking_delta':
        block.thinking += this.#content(delta['thinking'])
        return
      case 'signature_delta':
        // Despite its name it comes whole, once, at the end of the block.
        block.signature = stringOf(delta['signature'])
        return
      case 'citations_delta':
        block.citations.push(
          readMemberTexts(readMemberTexts(data).get('delta') ?? '').get('citation') ?? '',
        )
        return
      default:
    }
  }

  #content(value: unknown): string {
    const text = stringOf(value)
    this.#contentChars += text.length
    return text
  }

  /** Takes over what is known at the end: stop reason, container, cumulative usage. */
  #amend(data: string): void {
    if (this.#message === undefined) return
    const members = readMemberTexts(data)
    merge(this.#usage, readMemberTexts(members.get('usage') ?? ''))
    merge(this.#message, readMemberTexts(members.get('delta') ?? ''))
    // What stands beside them (`context_management`) belongs to the Message as well.
    for (const name of ['type', 'usage', 'delta']) members.delete(name)
    merge(this.#message, members)
  }

  #finish(): void {
    const message = this.#message
    if (message === undefined) return this.#fault('The stream ended without having started')
    const stopReason = parseJson(message.get('stop_reason') ?? 'null')
    const blocks: string[] = []
    for (const block of this.#blocks.values()) {
      const text = writeBlock(block, cuttingStopReasons.has(stopReason))
      if (text === undefined) return this.#fault('The stream holds a tool input that is no JSON')
      blocks.push(text)
    }
    message.set('content', `[${blocks.join(',')}]`)
    message.set('usage', writeMemberTexts(this.#usage))
    const usage = readUsage(parseJson(message.get('usage') ?? ''))
    if (usage === undefined || textOf(message, 'type') !== 'message') {
      return this.#fault('The stream holds no Message with usage')
    }
    this.#result = {
      kind: 'answered',
      message: onOneLine(writeMemberTexts(message)),
      usage,
      model: textOf(message, 'model'),
      stopReason: typeof stopReason === 'string' ? stopReason : null,
    }
  }

  #fail(event: JsonObject): void {
    const error = readApiError(event['error']) ?? {
      type: 'api_error',
      message: 'The stream reported an error without saying which',
    }
    // A rate limit in mid-stream is no refusal: the server had admitted the request and begun.
    const kind = error.type === 'overloaded_error' ? 'overloaded' : 'broken'
    this.#result ??= { kind, error }
  }

  #fault(message: string): void {
    this.#result ??= { kind: 'broken', error: { type: 'invalid_response', message } }
  }
}

/** Sets what is known now; a null does not undo what was known before. */
function merge(target: Map<string, string>, members: Iterable<readonly [string, string]>): void {
  for (const [name, value] of members) {
    if (value !== 'null' || !target.has(name)) target.set(name, value)
  }
}

/** The finished block; undefined if its tool input is no JSON. */
function writeBlock(block: Block, mayBeCut: boolean): string | undefined {
  const { members } = block
  for (const name of ['text', 'thinking', 'signature'] as const) {
    if (block[name] !== textOf(members, name)) members.set(name, JSON.stringify(block[name]))
  }
  if (block.citations.length > 0) {
    const before = (members.get('citations') ?? 'null').replace(/^(null|\[\s*\])$/, '')
    const all = before === '' ? block.citations : [before.slice(1, -1), ...block.citations]
    members.set('citations', `[${all.join(',')}]`)
  }
  if (block.input.trim() !== '') {
    const isWhole = parseJson(block.input) !== undefined
    if (!isWhole && !mayBeCut) return undefined
    members.set('input', isWhole ? block.input : completeMembers(block.input))
  }
  return writeMemberTexts(members)
}

/** Of a tool's input that ran into a limit, the members that are complete. */
function completeMembers(input: string): string {
  const whole = writeMemberTexts(readMemberTexts(input))
  return parseJson(whole) === undefined ? '{}' : whole
}

function textOf(members: ReadonlyMap<string, string>, name: string): string {
  return stringOf(parseJson(members.get(name) ?? ''))
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The value, or undefined if the text is no JSON. */
function parseObject(text: string): JsonObject | undefined {
  const value = parseJson(text)
  return isJsonObject(value) ? value : undefined
}
