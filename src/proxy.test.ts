import { describe, expect, test } from 'vitest'

import { RunError } from './errors.ts'
import { proxyFor } from './proxy.ts'
import type { Environment } from './proxy.ts'

const https = 'https://api.anthropic.com'

function check(url: string, environment: Environment): string | undefined {
  return proxyFor(new URL(url), environment)?.place
}

describe('proxyFor()', () => {
  test.each<[string, Environment, string | undefined]>([
    [https, {}, undefined],
    [https, { HTTPS_PROXY: '' }, undefined],
    [https, { HTTPS_PROXY: 'http://p:3128' }, 'p:3128'],
    [https, { HTTPS_PROXY: 'p:3128' }, 'p:3128'],
    [https, { HTTPS_PROXY: 'https://p' }, 'p:443'],
    [https, { HTTPS_PROXY: 'http://p' }, 'p:80'],
    [https, { https_proxy: 'http://lower:1', HTTPS_PROXY: 'http://upper:1' }, 'lower:1'],
    [https, { HTTP_PROXY: 'http://p:3128' }, undefined],
    ['http://api.example', { HTTP_PROXY: 'http://p:3128' }, 'p:3128'],
    ['http://api.example', { HTTPS_PROXY: 'http://p:3128' }, undefined],
  ])('for %s and %j is %s', (url, environment, expected) => {
    expect(check(url, environment)).toBe(expected)
  })

  test.each(['http://localhost', 'http://x.localhost:1', 'http://127.0.0.9:8', 'http://[::1]:8'])(
    'leaves %s alone',
    (url) => {
      expect(check(url, { HTTP_PROXY: 'http://p:3128' })).toBeUndefined()
    },
  )

  test.each<[string, string, boolean]>([
    ['*', https, true],
    ['api.anthropic.com', https, true],
    ['API.Anthropic.com', https, true],
    ['anthropic.com', https, true],
    ['.anthropic.com', https, true],
    ['*.anthropic.com', https, true],
    ['other.com, anthropic.com', https, true],
    ['other.com anthropic.com', https, true],
    ['anthropic.com:443', https, true],
    ['anthropic.com:8443', https, false],
    ['thropic.com', https, false],
    ['api.anthropic.com.evil.example', https, false],
    ['', https, false],
    ['[2001:db8::1]', 'https://[2001:db8::1]', true],
    ['2001:db8::1', 'https://[2001:db8::1]', true],
    ['[2001:db8::1]:8443', 'https://[2001:db8::1]', false],
  ])('with NO_PROXY=%s for %s goes directly: %s', (list, url, isDirect) => {
    const place = check(url, { HTTPS_PROXY: 'http://p:3128', NO_PROXY: list })
    expect(place === undefined).toBe(isDirect)
  })

  test('keeps credentials for the proxy and out of its name', () => {
    const proxy = proxyFor(new URL(https), { HTTPS_PROXY: 'http://us%40er:pa%zz@p:3128' })
    expect(proxy?.place).toBe('p:3128')
    expect(proxy?.origin).toBe('http://p:3128')
    expect(Buffer.from(proxy?.authorization?.slice(6) ?? '', 'base64').toString()).toBe(
      'us@er:pa%zz',
    )
  })

  test.each(['socks5://user:secret@p:1080', 'http://user:secret@', 'http://:secret@p:99999'])(
    'throws for %s without showing it',
    (value) => {
      const act = (): unknown => proxyFor(new URL(https), { HTTPS_PROXY: value })
      expect(act).toThrow(RunError)
      expect(act).toThrow(/^Cannot use the proxy that HTTPS_PROXY names$/)
    },
  )
})
