import { describe, expect, test } from 'vitest'
import { isSecretHeader, redactor } from './redact.ts'

describe('redactor()', () => {
  test.each([
    ['the key my-secret-key was refused', 'the key [secret] was refused'],
    ['my-secret-key/my-secret-key', '[secret]/[secret]'],
    ['x-api-key: sk-ant-api03-AbC_d-9', 'x-api-key: [secret]'],
    ['sk-ant-short is 12 chars', 'sk-ant-short is 12 chars'],
    ['nothing to hide', 'nothing to hide'],
  ])('makes %j %j', (text, shown) => {
    expect(redactor(['my-secret-key'])(text)).toBe(shown)
  })

  test('takes a secret that holds another whole', () => {
    expect(redactor(['Bearer12', 'Bearer12-and-more'])('Bearer12-and-more')).toBe('[secret]')
  })

  test('leaves words alone that a short secret happens to be', () => {
    expect(redactor(['test', ''])('this is a test')).toBe('this is a test')
  })
})

describe('isSecretHeader()', () => {
  test.each(['Authorization', 'x-api-key', 'Proxy-Authorization', 'Cookie', 'X-Auth-Token'])(
    'suspects %s',
    (name) => {
      expect(isSecretHeader(name)).toBe(true)
    },
  )

  test.each(['x-team', 'anthropic-workspace-id', 'user-agent'])('does not suspect %s', (name) => {
    expect(isSecretHeader(name)).toBe(false)
  })
})
