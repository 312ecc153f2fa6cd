import { describe, expect, test } from 'vitest'
import type { Given, Source } from './flag.ts'
import { isLoopback, targetFault, targetNotice } from './target.ts'

function given(value: string, source: Source): Given {
  return { value, source, place: `${value} of ${source}` }
}

describe('isLoopback()', () => {
  test.each([
    'http://127.0.0.1:4010',
    'http://127.9.9.9',
    'http://localhost/x',
    'https://[::1]:1',
    'http://2130706433',
  ])('takes %s for this machine', (url) => {
    expect(isLoopback(url)).toBe(true)
  })

  test.each([
    'https://api.anthropic.com',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
    'http://evil.example/127.0.0.1',
    'http://127.0.0.1@evil.example',
    'http://0.0.0.0',
    'http://192.168.0.1',
    'nonsense',
  ])('takes %s for another', (url) => {
    expect(isLoopback(url)).toBe(false)
  })
})

describe('targetFault()', () => {
  const far = 'https://proxy.example'
  const near = 'http://127.0.0.1:4010'

  test.each([
    ['the environment', 'environment', '.env'],
    ['a flag', 'flag', '.env'],
    ['the environment', 'environment', 'config'],
    ['.env', '.env', 'config'],
    ['a config file', 'config', '.env'],
  ] as const)('keeps a key of %s from a URL that another file chose', (_what, key, url) => {
    const fault = targetFault(given(far, url), [given('key', key)])
    expect(fault).toContain(`is not sent to ${far}`)
    expect(fault).toContain(`pass --base-url ${far} if it is meant`)
  })

  test.each([
    ['the same file chose both', far, '.env', '.env'],
    ['the same config chose both', far, 'config', 'config'],
    ['the user named the URL', far, 'flag', 'environment'],
    ['the environment has both', far, 'environment', 'environment'],
    ['a flag gives the key, the environment the URL', far, 'environment', 'flag'],
    ['it is this machine', near, '.env', 'environment'],
  ] as const)('lets a key go when %s', (_what, url, urlSource, keySource) => {
    expect(targetFault(given(url, urlSource), [given('key', keySource)])).toBeUndefined()
  })

  test('looks at every secret', () => {
    const secrets = [given('key', '.env'), given('header', 'environment')]
    expect(targetFault(given(far, '.env'), secrets)).toContain('header of environment')
  })

  test('has no objection without a base URL', () => {
    expect(targetFault(undefined, [given('key', 'environment')])).toBeUndefined()
  })
})

describe('targetNotice()', () => {
  test.each(['.env', 'config'] as const)('says that %s chose the URL', (source) => {
    expect(targetNotice(given('http://127.0.0.1', source))).toContain(
      'requests go to http://127.0.0.1',
    )
  })

  test.each(['flag', 'environment'] as const)('says nothing of a URL from the %s', (source) => {
    expect(targetNotice(given('http://127.0.0.1', source))).toBeUndefined()
  })
})
