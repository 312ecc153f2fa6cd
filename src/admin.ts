/**
 * Asks the API what it knows: what limits an organisation has, the only requests that carry an
 * admin key; whether there is a model of a name; and how many tokens a prompt has.
 *
 * They go where all others go, through the same proxies, and are few: a page or two at the start of
 * a run, or of `sluice limits`, one for each model of `sluice check --online` that no table
 * has, and those that `sluice estimate --exact` is told. What goes wrong is thrown, in words that
 * never hold the key.
 */

import { type Dispatcher, request } from 'undici'

import { type LimitGroup, readLimitPage } from './ceilings.ts'
import { RunError } from './errors.ts'
import { dispatcherTo } from './http-dispatcher.ts'
import type { Environment } from './proxy.ts'

/** Whose limits are asked for, and how. */
export interface AdminRequest {
  /** Origin and optional prefix. */
  readonly baseUrl: string
  readonly adminKey: string
  /** The value of `anthropic-version`. */
  readonly version: string
  /** Further headers; those that carry another key are not sent. @default {} */
  readonly headers?: Readonly<Record<string, string>>
  readonly userAgent: string
  readonly environment: Environment
  /** The limits of this workspace, what it inherits included. @default the organisation's */
  readonly workspaceId?: string | undefined
  readonly signal: AbortSignal
}

/** More pages than this are no answer but a loop. */
const pagesMax = 20
const pageBytesMax = 4 * 1024 * 1024
/** These would stand in the place of the admin key. */
const keyHeaders: ReadonlySet<string> = new Set(['authorization', 'x-api-key'])

/**
 * Every group of limits, page by page.
 *
 * @throws RunError `KEY_REFUSED`, `PERMISSION_REFUSED` or `LIMITS_UNREADABLE`
 */
export async function readLimitGroups(asked: AdminRequest): Promise<readonly LimitGroup[]> {
  const groups: LimitGroup[] = []
  const dispatcher = dispatcherTo(asked)
  try {
    let next: string | null = null
    for (let pages = 0; pages < pagesMax; pages++) {
      const page = readLimitPage(await getJson(asked, urlOf(asked, next), dispatcher))
      if (page === undefined) throw unreadable('the answer is no list of rate limits')
      groups.push(...page.groups)
      if (page.next === null) return groups
      next = page.next
    }
    throw unreadable(`the list has no end after ${pagesMax} pages`)
  } finally {
    await dispatcher.destroy()
  }
}

function urlOf({ baseUrl, workspaceId }: AdminRequest, next: string | null): URL {
  const whose = workspaceId === undefined ? '' : `workspaces/${encodeURIComponent(workspaceId)}/`
  const url = new URL(`${baseUrl.replace(/\/+$/, '')}/v1/organizations/${whose}rate_limits`)
  if (workspaceId !== undefined) url.searchParams.set('include_inherited', 'true')
  if (next !== null) url.searchParams.set('page', next)
  return url
}

async function getJson(asked: AdminRequest, url: URL, dispatcher: Dispatcher): Promise<unknown> {
  const { adminKey } = asked
  let reply: Reply
  try {
    reply = await get(asked, url, dispatcher, { 'x-api-key': adminKey })
  } catch (error) {
    throw unreadable(reasonOf(error, adminKey), error)
  }
  const { status, text } = reply
  if (status !== 200) throw refused(status, withoutKey(messageIn(text), adminKey))
  return parse(text)
}

/** Whether the API has a model, and whose key asks. */
export interface ModelRequest extends Omit<AdminRequest, 'adminKey' | 'workspaceId'> {
  readonly model: string
  readonly key: string
  /** The key is a token, sent as `Authorization: Bearer`. */
  readonly isToken: boolean
}

/**
 * Whether the API knows a model.
 *
 * @throws RunError `KEY_REFUSED`, or `MODELS_UNREADABLE` where it tells neither
 */
export async function readModelKnown(asked: ModelRequest): Promise<boolean> {
  const { baseUrl, model, key, isToken } = asked
  const url = new URL(`${baseUrl.replace(/\/+$/, '')}/v1/models/${encodeURIComponent(model)}`)
  const dispatcher = dispatcherTo(asked)
  const keyHeader = isToken ? { authorization: `Bearer ${key}` } : { 'x-api-key': key }
  try {
    const { status, text } = await get(asked, url, dispatcher, keyHeader)
    if (status === 200 || status === 404) return status === 200
    const said = withoutKey(messageIn(text), key)
    const message = `Cannot ask after the model "${model}": the API answered ${status}`
    const hint = status === 401 ? 'set ANTHROPIC_API_KEY to a key that is active' : withoutOnline
    const code = status === 401 ? 'KEY_REFUSED' : 'MODELS_UNREADABLE'
    throw new RunError(code, said === '' ? message : `${message}: ${said}`, { hint })
  } catch (error) {
    if (error instanceof RunError) throw error
    const message = `Cannot ask after the model "${model}": ${reasonOf(error, key)}`
    throw new RunError('MODELS_UNREADABLE', message, { hint: withoutOnline, cause: error })
  } finally {
    await dispatcher.destroy()
  }
}

const withoutOnline = 'try again later, or check without --online'

/** Whose key has prompts counted, and how to wait. */
export interface CountsRequest extends Omit<ModelRequest, 'model'> {
  /** Names for `anthropic-beta`. */
  readonly betas: readonly string[]
  readonly wait: (ms: number) => Promise<void>
}

/** Has prompts counted, one after another or several at once. */
export interface TokenCounter {
  /**
   * Input tokens of a request; undefined where the API will not count it.
   *
   * @throws RunError `KEY_REFUSED`, or `TOKENS_UNCOUNTED` where nothing can be had
   */
  count(body: Uint8Array): Promise<number | undefined>
  close(): Promise<void>
}

/** What of a request is counted; the API refuses anything else. */
const countedMembers = [
  'model',
  'messages',
  'system',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'cache_control',
  'speed',
]
/** A limit that is low is waited for; others may use it too. */
const countRefusalsMax = 100
const countFailuresMax = 4
const refusedWaitMs = 2000

/** A counter of tokens, which costs nothing to use but a request of a limit of its own. */
export function tokenCounter(asked: CountsRequest): TokenCounter {
  const { baseUrl, key, isToken, betas, wait } = asked
  const url = new URL(`${baseUrl.replace(/\/+$/, '')}/v1/messages/count_tokens`)
  const dispatcher = dispatcherTo(asked)
  const headers = {
    'content-type': 'application/json',
    ...(betas.length > 0 && { 'anthropic-beta': betas.join(',') }),
    ...(isToken ? { authorization: `Bearer ${key}` } : { 'x-api-key': key }),
  }
  const send = async (body: string): Promise<Reply> => {
    try {
      return await get(asked, url, dispatcher, headers, body)
    } catch (error) {
      throw uncounted(reasonOf(error, key), error)
    }
  }
  const count = async (body: Uint8Array): Promise<number | undefined> => {
    const text = countedPart(body)
    for (let [refusals, failures] = [0, 0]; ;) {
      const reply = await send(text)
      const { status, retryAfterMs = refusedWaitMs } = reply
      if (status === 429) refusals += 1
      else if (status >= 500) failures += 1
      else return tokensIn(reply, key)
      if (refusals > countRefusalsMax || failures > countFailuresMax) return tokensIn(reply, key)
      await wait(retryAfterMs)
    }
  }
  return { count, close: () => dispatcher.destroy() }
}

function countedPart(body: Uint8Array): string {
  const request: Readonly<Record<string, unknown>> = JSON.parse(Buffer.from(body).toString())
  const kept = countedMembers.filter((name) => request[name] !== undefined)
  return JSON.stringify(Object.fromEntries(kept.map((name) => [name, request[name]])))
}

function tokensIn({ status, text }: Reply, key: string): number | undefined {
  if (status === 200) {
    const { input_tokens: tokens }: { input_tokens?: unknown } = JSON.parse(text)
    if (typeof tokens === 'number' && Number.isSafeInteger(tokens)) return tokens
    throw uncounted('the answer has no number of tokens')
  }
  // The row itself is what the API will not have.
  if (status === 400 || status === 404 || status === 413) return undefined
  const said = withoutKey(messageIn(text), key)
  const reason = `the API answered ${status}${said === '' ? '' : `: ${said}`}`
  if (status !== 401 && status !== 403) throw uncounted(reason)
  const hint = 'set ANTHROPIC_API_KEY to a key that is active'
  throw new RunError('KEY_REFUSED', `Cannot count tokens: ${reason}`, { hint })
}

function uncounted(reason: string, cause?: unknown): RunError {
  const hint = 'try again later, or estimate without --exact'
  return new RunError('TOKENS_UNCOUNTED', `Cannot count tokens: ${reason}`, { hint, cause })
}

interface Reply {
  readonly status: number
  readonly text: string
  readonly retryAfterMs?: number
}

async function get(
  asked: Pick<AdminRequest, 'headers' | 'version' | 'userAgent' | 'signal'>,
  url: URL,
  dispatcher: Dispatcher,
  key: Readonly<Record<string, string>>,
  body?: string,
): Promise<Reply> {
  const own = Object.entries(asked.headers ?? {}).filter(
    ([name]) => !keyHeaders.has(name.toLowerCase()),
  )
  const headers = {
    'anthropic-version': asked.version,
    'user-agent': asked.userAgent,
    ...Object.fromEntries(own),
    ...key,
  }
  const posted = body === undefined ? {} : { method: 'POST' as const, body }
  const reply = await request(url, { headers, signal: asked.signal, dispatcher, ...posted })
  const seconds = Number(reply.headers['retry-after'])
  return {
    status: reply.statusCode,
    text: await readText(reply.body),
    ...(seconds > 0 && { retryAfterMs: seconds * 1000 }),
  }
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > pageBytesMax) throw new Error(`the answer is longer than ${pageBytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw unreadable('the answer is no JSON')
  }
}

/** The API's own words, where an answer has them. */
function messageIn(text: string): string {
  try {
    const body: { error?: { message?: unknown } } = JSON.parse(text)
    const { message } = body.error ?? {}
    return typeof message === 'string' ? message : ''
  } catch {
    return ''
  }
}

function refused(status: number, message: string): RunError {
  const said = message === '' ? '' : `: ${message}`
  if (status === 401) {
    const hint = 'set ANTHROPIC_ADMIN_KEY to an admin key (sk-ant-admin…) that is still active'
    return new RunError('KEY_REFUSED', `The API refused the admin key (401)${said}`, { hint })
  }
  if (status === 403) {
    const hint = 'an admin key (sk-ant-admin…) is one of the organisation, not of a workspace'
    const text = `The API does not let this key read rate limits (403)${said}`
    return new RunError('PERMISSION_REFUSED', text, { hint })
  }
  return unreadable(`the API answered ${status}${said}`)
}

function unreadable(reason: string, cause?: unknown): RunError {
  const hint = 'try again later, or read limits from headers: sluice limits --model NAME'
  return new RunError('LIMITS_UNREADABLE', `Cannot read rate limits: ${reason}`, { hint, cause })
}

function reasonOf(error: unknown, secret: string): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer came in time'
  const text = error instanceof Error ? error.message : String(error)
  return withoutKey(text === '' ? 'the connection failed' : text, secret)
}

function withoutKey(text: string, secret: string): string {
  return text.replaceAll(secret, '…')
}
