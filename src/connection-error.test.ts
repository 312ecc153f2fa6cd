import { describe, expect, test } from 'vitest'

import { isClosed, isUnprocessed, readConnectionError } from './connection-error.ts'
import type { Stage } from './connection-error.ts'

function errorOf(code: string, message = 'some text'): Error {
  return Object.assign(new Error(message), { code })
}

function check(error: unknown, stage: Stage): string {
  const { kind, error: apiError } = readConnectionError(error, 'api.example:443', stage)
  expect(apiError.type).toBe('connection_error')
  return `${kind}: ${apiError.message}`
}

describe('readConnectionError()', () => {
  test.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'EADDRNOTAVAIL', 'EAGAIN'])(
    'says no_socket for %s while connecting',
    (code) => {
      expect(check(errorOf(code), 'connecting')).toBe(
        `no_socket: Cannot open another socket to api.example:443 (${code})`,
      )
    },
  )

  test.each<[unknown, Stage, string]>([
    [
      errorOf('ECONNREFUSED'),
      'connecting',
      'broken: Cannot connect to api.example:443: nothing listens there (ECONNREFUSED)',
    ],
    [
      errorOf('ENOTFOUND'),
      'connecting',
      'broken: Cannot connect to api.example:443: there is no host of that name (ENOTFOUND)',
    ],
    [
      errorOf('ECONNRESET'),
      'connecting',
      'broken: Cannot connect to api.example:443: it hung up (ECONNRESET)',
    ],
    [
      errorOf('EWHATEVER', 'odd\n thing'),
      'connecting',
      'broken: Cannot connect to api.example:443: odd thing (EWHATEVER)',
    ],
    [
      errorOf('ECONNRESET'),
      'sent',
      'broken: The connection to api.example:443 was closed before a reply came (ECONNRESET)',
    ],
    [
      errorOf('EMFILE'),
      'sent',
      'broken: The connection to api.example:443 failed (some text) before a reply came (EMFILE)',
    ],
    [
      errorOf('HPE_INVALID', 'bad head'),
      'replying',
      'broken: The connection to api.example:443 failed (bad head) in the middle of a reply (HPE_INVALID)',
    ],
    ['no error', 'connecting', 'broken: Cannot connect to api.example:443: no error'],
  ])('puts %s while %s in words', (error, stage, expected) => {
    expect(check(error, stage)).toBe(expected)
  })

  test('prefers the reason of a TLS error to its message', () => {
    const error = Object.assign(errorOf('ERR_SSL_X', 'F0:error:0A:rec_layer.c'), { reason: 'no' })
    expect(check(error, 'connecting')).toContain('TLS failed, no (ERR_SSL_X)')
  })

  test('names the fix for a certificate of an unknown authority', () => {
    const message = check(errorOf('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed'), 'connecting')
    expect(message).toContain('TLS failed, self-signed (SELF_SIGNED_CERT_IN_CHAIN)')
    expect(message).toContain('NODE_EXTRA_CA_CERTS')
    expect(check(errorOf('CERT_HAS_EXPIRED'), 'connecting')).not.toContain('NODE_EXTRA')
  })

  test('does not take a missing address family for a lack of sockets', () => {
    const both = new AggregateError([errorOf('EADDRNOTAVAIL'), errorOf('ECONNREFUSED')])
    expect(check(both, 'connecting')).toContain('(ECONNREFUSED)')
    const none = new AggregateError([errorOf('EMFILE'), errorOf('EMFILE')])
    expect(check(none, 'connecting')).toMatch(/^no_socket: .*EMFILE/)
  })
})

test('isClosed() is true for resets and closes, not for what the reply was like', () => {
  for (const code of ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']) {
    expect(isClosed(errorOf(code))).toBe(true)
  }
  for (const code of ['HPE_INVALID', 'ECONNREFUSED', 'EMFILE']) {
    expect(isClosed(errorOf(code))).toBe(false)
  }
})

test('isUnprocessed() is true for refused streams and for streams that GOAWAY excludes', () => {
  expect(isUnprocessed(Object.assign(new Error('x'), { http2ErrorCode: 7 }))).toBe(true)
  expect(isUnprocessed(Object.assign(new Error('x'), { http2ErrorCode: 2 }))).toBe(false)
  expect(isUnprocessed(new Error('HTTP/2: "GOAWAY" frame received with code 0'))).toBe(true)
  expect(isUnprocessed(errorOf('ECONNRESET'))).toBe(false)
  expect(isUnprocessed('GOAWAY')).toBe(false)
})
