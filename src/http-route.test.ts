import { describe, expect, test } from 'vitest'

import { RunError } from './errors.ts'
import { routeTo } from './http-route.ts'
import type { HttpRoute, HttpRouteOptions } from './http-route.ts'

function route(options: Partial<HttpRouteOptions>): HttpRoute {
  return routeTo({
    baseUrl: 'https://api.anthropic.com',
    version: '2023-06-01',
    userAgent: 'sluice/0',
    environment: {},
    ...options,
  })
}

/** Headers by name. */
function headersOf({ headers }: HttpRoute): Record<string, string> {
  const pairs = headers.map((name, index) => [name, headers[index + 1] ?? ''] as const)
  return Object.fromEntries(pairs.filter((_, index) => index % 2 === 0))
}

describe('routeTo()', () => {
  test.each([
    ['https://api.anthropic.com', 'https://api.anthropic.com', '/v1/messages'],
    ['https://api.anthropic.com/', 'https://api.anthropic.com', '/v1/messages'],
    [
      'http://gate.example:8080/llm/anthropic/',
      'http://gate.example:8080',
      '/llm/anthropic/v1/messages',
    ],
  ])('sends requests for %s to the right path', (baseUrl, origin, path) => {
    expect(route({ baseUrl })).toMatchObject({ origin, path })
  })

  test('sends what the API asks for', () => {
    expect(headersOf(route({ apiKey: 'k', betas: ['a', 'b'] }))).toEqual({
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'user-agent': 'sluice/0',
      'x-api-key': 'k',
      'anthropic-beta': 'a,b',
    })
    expect(headersOf(route({ authToken: 't' }))).toMatchObject({ authorization: 'Bearer t' })
  })

  test('lets the headers of the user win, whatever their case', () => {
    const headers = headersOf(route({ headers: { 'User-Agent': 'mine', 'X-More': 'yes' } }))
    expect(headers).toMatchObject({ 'user-agent': 'mine', 'x-more': 'yes' })
  })

  test.each<Partial<HttpRouteOptions>>([
    { baseUrl: 'nonsense' },
    { baseUrl: 'ftp://host' },
    { headers: { 'content-length': '3' } },
    { headers: { 'Transfer-Encoding': 'chunked' } },
    { headers: { 'bad name': 'x' } },
    { headers: { name: 'två\nrader' } },
    { apiKey: 'sk-ant-secret\n' },
    { apiKey: 'sk-ant-secret…' },
  ])('throws for %j, saying no value of a header', (options) => {
    expect(() => route(options)).toThrow(RunError)
    expect(() => route(options)).not.toThrow(/secret/)
  })

  test('opens a tunnel through a proxy for https', () => {
    const environment = { HTTPS_PROXY: 'http://p:3128' }
    expect(route({ environment })).toMatchObject({
      origin: 'https://api.anthropic.com',
      place: 'api.anthropic.com:443',
      tunnel: { origin: 'http://p:3128' },
    })
  })

  test('hands a proxy the whole URL for http', () => {
    const environment = { HTTP_PROXY: 'http://u:p@p:3128' }
    const found = route({ baseUrl: 'http://gate.example:8080/x', environment })
    expect(found).toMatchObject({
      origin: 'http://p:3128',
      place: 'p:3128',
      path: 'http://gate.example:8080/x/v1/messages',
    })
    expect(headersOf(found)).toMatchObject({
      host: 'gate.example:8080',
      'proxy-authorization': `Basic ${Buffer.from('u:p').toString('base64')}`,
    })
    expect(found.tunnel).toBeUndefined()
  })
})
