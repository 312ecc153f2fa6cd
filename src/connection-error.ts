/**
 * What went wrong with a connection, in words: an error of Node, TLS or undici → an `ApiError`
 * that names the place, the reason and, where there is one, the fix.
 *
 * Errors are told apart by their code, never by their text, with one exception: undici gives
 * HTTP/2's GOAWAY no code of its own.
 */

import type { ApiError } from './outcome.ts'

/** How far the request had come: no connection yet, request sent, reply begun. */
export type Stage = 'connecting' | 'sent' | 'replying'

/** A connection's failure, as it concerns one request. */
export interface ConnectionFault {
  /** `no_socket` when this machine could not open one. */
  readonly kind: 'broken' | 'no_socket'
  readonly error: ApiError
}

/** This machine has run out of descriptors, ports or memory for sockets. */
const exhaustedCodes: ReadonlySet<string> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EADDRNOTAVAIL',
  'EAGAIN',
])

/** The other side closed the connection, or it was lost. */
const closedCodes: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'UND_ERR_SOCKET',
])

const untrustedCodes: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

const reasons: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'nothing listens there'],
  ['ENOTFOUND', 'there is no host of that name'],
  ['EAI_AGAIN', 'the name could not be looked up just now'],
  ['EHOSTUNREACH', 'there is no way to that host'],
  ['ENETUNREACH', 'there is no way to that network'],
  ['ETIMEDOUT', 'it did not answer in time'],
  ['UND_ERR_CONNECT_TIMEOUT', 'it did not answer in time'],
  ['UND_ERR_HEADERS_TIMEOUT', 'it did not answer in time'],
])

/** The longest foreign text that is quoted. */
const quoteCharsMax = 200

/** NGHTTP2_REFUSED_STREAM: the server promises that it has not looked at the request. */
const refusedStream = 7

/** Says what `error` means for a request to `place` (host and port) that had come to `stage`. */
export function readConnectionError(error: unknown, place: string, stage: Stage): ConnectionFault {
  const code = codeOf(error)
  if (stage === 'connecting' && exhaustedCodes.has(code)) {
    return fault('no_socket', `Cannot open another socket to ${place} (${code})`)
  }
  if (isTls(code)) return fault('broken', tlsMessage(error, code, place))
  if (stage === 'connecting') {
    const reason = reasons.get(code) ?? (closedCodes.has(code) ? 'it hung up' : quote(error))
    return fault('broken', `Cannot connect to ${place}: ${reason}${suffix(code)}`)
  }
  const when = stage === 'sent' ? 'before a reply came' : 'in the middle of a reply'
  const what = closedCodes.has(code) ? 'was closed' : `failed (${quote(error)})`
  return fault('broken', `The connection to ${place} ${what} ${when}${suffix(code)}`)
}

/** The connection was closed or lost: what a kept-alive socket meets that the server gave up. */
export function isClosed(error: unknown): boolean {
  return closedCodes.has(codeOf(error))
}

/** We gave the client up before it had sent the request. */
export function isGivenUp(error: unknown): boolean {
  return codeOf(error) === 'UND_ERR_DESTROYED'
}

/** The server says, in HTTP/2's terms, that it has not processed the request. */
export function isUnprocessed(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('http2ErrorCode' in error) return error.http2ErrorCode === refusedStream
  // undici fails with this only those streams that the server's last stream id excludes.
  return error.message.startsWith('HTTP/2: "GOAWAY"')
}

function fault(kind: ConnectionFault['kind'], message: string): ConnectionFault {
  return { kind, error: { type: 'connection_error', message } }
}

function tlsMessage(error: unknown, code: string, place: string): string {
  const message = `Cannot connect to ${place}: TLS failed, ${quote(error)}${suffix(code)}`
  if (!untrustedCodes.has(code)) return message
  return `${message}; if that authority is to be trusted, set NODE_EXTRA_CA_CERTS to its PEM file`
}

function isTls(code: string): boolean {
  if (untrustedCodes.has(code) || code === 'EPROTO') return true
  return /^(ERR_TLS|ERR_SSL|CERT_|CRL_|UND_ERR_PRX_TLS|HOSTNAME_MISMATCH)/.test(code)
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) {
    // One error for every address tried. An address family that this machine lacks says
    // EADDRNOTAVAIL; what the others said counts.
    const codes = error.errors.map(codeOf)
    return codes.findLast((code) => !exhaustedCodes.has(code)) ?? codes[0] ?? ''
  }
  if (!(error instanceof Error) || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}

function suffix(code: string): string {
  return code === '' ? '' : ` (${code})`
}

function quote(error: unknown): string {
  // OpenSSL's messages name its source files; its `reason` says the same to people.
  const hasReason = error instanceof Error && 'reason' in error
  const text = hasReason ? String(error.reason) : error instanceof Error ? error.message : error
  return String(text).replace(/\s+/g, ' ').trim().slice(0, quoteCharsMax) || 'no reason was given'
}
