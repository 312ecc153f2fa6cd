/**
 * Requests and answers of the Messages API, as far as sluice's callers need types for them.
 *
 * They are our own and depend on no SDK. Requests are wide: whatever the official SDK calls
 * parameters of a message can be given, and what the API learns tomorrow too; the API checks them.
 * Answers are typed as the API documents them and come as the API sent them.
 */

/** One turn of a conversation. */
export interface MessageParam {
  readonly role: string
  /** A text, or content blocks. */
  readonly content: string | readonly object[]
}

/** The body of a Messages request: what must be there, and the usual rest. */
export interface ApiRequest {
  /** May be left out when `options.model` names one for all. */
  readonly model?: string | undefined
  readonly max_tokens: number
  readonly messages: readonly MessageParam[]
  readonly system?: string | readonly object[] | undefined
  readonly temperature?: number | undefined
  readonly top_k?: number | undefined
  readonly top_p?: number | undefined
  readonly stop_sequences?: readonly string[] | undefined
  readonly tools?: readonly object[] | undefined
  readonly tool_choice?: object | undefined
  readonly thinking?: object | undefined
  readonly service_tier?: string | undefined
  /** How an answer is had is decided for you; it is the same Message either way. */
  readonly stream?: boolean | undefined
}

/** Parameters that have no line above. */
type Further = Readonly<Record<string, unknown>>

/**
 * A request on its way in: a Messages body with `custom_id` and `metadata` beside it if you like,
 * or both around `params`. `Metadata` is anything of yours that JSON can hold; of a bare body's
 * only `user_id` goes to the API, while inside `params` it is the API's own.
 */
export type RequestInput<Metadata = unknown> =
  | BareRequest<Metadata>
  | (BareRequest<Metadata> & Further)
  | WrappedRequest<Metadata>

/** A Messages body with your own members beside the API's. */
export interface BareRequest<Metadata = unknown> extends ApiRequest {
  /** At most 256 characters, each only once in a stream. @default `line-N`, N counted from 1 */
  readonly custom_id?: string | undefined
  readonly metadata?: Metadata | undefined
}

/** The form of the Message Batches API, with your metadata beside it. */
export interface WrappedRequest<Metadata = unknown> {
  /** As in a bare request. */
  readonly custom_id?: string | undefined
  readonly params: ApiRequest | (ApiRequest & Further)
  readonly metadata?: Metadata | undefined
}

/** The type of a request's metadata, if its type tells. */
export type MetadataOf<Request extends RequestInput> = Request extends { metadata?: infer Metadata }
  ? Exclude<Metadata, undefined>
  : unknown

/** Written text. */
export interface TextBlock {
  readonly type: 'text'
  readonly text: string
  readonly citations?: readonly unknown[] | null
}

/** Thinking, with what proves it is the model's. */
export interface ThinkingBlock {
  readonly type: 'thinking'
  readonly thinking: string
  readonly signature: string
}

/** Thinking that is not shown. */
export interface RedactedThinkingBlock {
  readonly type: 'redacted_thinking'
  readonly data: string
}

/** A tool the model wants called: yours, or one of the server's. */
export interface ToolUseBlock {
  readonly type: 'tool_use' | 'server_tool_use'
  readonly id: string
  readonly name: string
  readonly input: unknown
}

/** What a tool of the server's gave. */
export interface ServerToolResultBlock {
  readonly type:
    | 'web_search_tool_result'
    | 'web_fetch_tool_result'
    | 'code_execution_tool_result'
    | 'bash_code_execution_tool_result'
    | 'text_editor_code_execution_tool_result'
    | 'tool_search_tool_result'
  readonly tool_use_id: string
  readonly content: unknown
}

/** A file that the model put into its container. */
export interface ContainerUploadBlock {
  readonly type: 'container_upload'
  readonly file_id: string
}

/** A part of an answer. The API may add kinds: leave room for one you do not know. */
export type ContentBlock =
  | TextBlock
  | ThinkingBlock
  | RedactedThinkingBlock
  | ToolUseBlock
  | ServerToolResultBlock
  | ContainerUploadBlock

/** Tokens of one answer, in the API's own names. */
export interface MessageUsage {
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cache_creation_input_tokens?: number | null
  readonly cache_read_input_tokens?: number | null
  readonly service_tier?: string | null
}

/** An answer. */
export interface Message {
  readonly id: string
  readonly type: 'message'
  readonly role: 'assistant'
  /** The model that answered: the dated id where one exists. */
  readonly model: string
  readonly content: readonly ContentBlock[]
  /** `end_turn`, `max_tokens`, `stop_sequence`, `tool_use`, `pause_turn`, `refusal`… */
  readonly stop_reason: string | null
  readonly stop_sequence?: string | null
  readonly usage: MessageUsage
}
