/**
 * The rate limits endpoint, asked of the model as a driver asks it.
 */

import { assert, describe, expect, test } from 'vitest'

import { SimulatorModel } from './model.ts'
import type { SimulatorOptions } from './options.ts'

// 2026-11-22T10:00:00Z.
const today = (20_779 * 24 + 10) * 3_600_000
const adminKey = 'sk-ant-admin01-of-this-test'
const organization = '/v1/organizations/rate_limits'
const workspace = '/v1/organizations/workspaces/wrkspc_1/rate_limits'

interface Entry {
  readonly id?: string
  readonly type: string
  readonly group?: { readonly id: string; readonly type: string; readonly display_name?: string }
  readonly group_type?: string
  readonly rate_limit_id?: string
  readonly workspace_id?: string
  readonly limits: readonly { readonly type: string; readonly value: number }[]
  readonly models: readonly string[] | null
}

interface Page {
  readonly data: readonly Entry[]
  readonly next_page: string | null
}

function ask(
  path: string,
  { key = adminKey, ...options }: SimulatorOptions & { readonly key?: string } = {},
): { readonly status: number; readonly body: unknown } {
  const model = new SimulatorModel(options)
  const headers = { 'x-api-key': key, 'anthropic-version': '2023-06-01' }
  const wire = { method: 'GET', path, headers, body: new Uint8Array() }
  const { actions } = model.receive(0, today, wire).step
  const [head, data] = actions
  assert(head?.type === 'head' && data?.type === 'data', 'it answers at once')
  return { status: head.status, body: JSON.parse(new TextDecoder().decode(data.bytes)) }
}

function page(path: string, options: SimulatorOptions = {}): Page {
  const { status, body } = ask(path, options)
  expect(status).toBe(200)
  return body as Page
}

function limitsOf(entry: Entry | undefined): Record<string, number> {
  return Object.fromEntries((entry?.limits ?? []).map(({ type, value }) => [type, value]))
}

describe('the limits of the organisation', () => {
  test('are those of its tier, pool by pool, with the models of each', () => {
    const { data, next_page } = page(organization, { profile: 'build' })
    expect(next_page).toBeNull()
    const opus = data.find(({ models }) => models?.includes('claude-opus-4-8'))
    // Its page of limits: Opus 4.x combined, 5,000 / 5M / 1M on Build.
    expect(opus?.models).toEqual([
      'claude-opus-4-8',
      'claude-opus-4-7',
      'claude-opus-4-6',
      'claude-opus-4-5',
      'claude-opus-4-5-20251101',
    ])
    expect(opus?.group).toMatchObject({ type: 'model_group', display_name: 'Claude Opus 4.x' })
    expect(limitsOf(opus)).toEqual({
      requests_per_minute: 5000,
      input_tokens_per_minute_cache_aware: 5_000_000,
      output_tokens_per_minute: 1_000_000,
    })
    const batch = data.find(({ group }) => group?.type === 'batch')
    expect(batch?.models).toBeNull()
    expect(limitsOf(batch)).toEqual({ requests_per_minute: 2000, enqueued_batch_requests: 300_000 })
    const counting = data.find(({ group }) => group?.type === 'token_count')
    expect(limitsOf(counting)).toEqual({ requests_per_minute: 10_000 })
  })

  test('follow what is set, and leave out what there is not', () => {
    const { data } = page(organization, { requestsPerMinute: 7, outputTokensPerMinute: null })
    expect(limitsOf(data[0])).toEqual({
      requests_per_minute: 7,
      input_tokens_per_minute_cache_aware: 500_000,
    })
  })

  test('are written flat when asked, without ids', () => {
    const [entry] = page(organization, { adminShape: 'flat' }).data
    expect(Object.keys(entry ?? {}).toSorted()).toEqual(['group_type', 'limits', 'models', 'type'])
    expect(entry?.group_type).toBe('model_group')
  })

  test('have ids of their own in each organisation, and groups the same in all', () => {
    const [one] = page(organization, { seed: 1 }).data
    const [other] = page(organization, { seed: 2 }).data
    expect(one?.id).not.toBe(other?.id)
    expect(one?.group).toEqual(other?.group)
  })

  test('come in pages that hold every entry once', () => {
    const all = page(organization).data
    const found: Entry[] = []
    let next: string | null = ''
    for (let pages = 0; next !== null && pages < 20; pages++) {
      const rest: string = next === '' ? '' : `&page=${next}`
      const { data, next_page } = page(`${organization}?limit=4${rest}`)
      expect(data.length).toBeLessThanOrEqual(4)
      found.push(...data)
      next = next_page
    }
    expect(found).toEqual(all)
  })

  test('can be asked for by group and by model, and an unknown model is 404', () => {
    expect(page(`${organization}?group_type=batch`).data).toHaveLength(1)
    const { data } = page(`${organization}?model=claude-opus-4-5-20251101`)
    expect(data.map(({ group }) => group?.display_name)).toEqual(['Claude Opus 4.x'])
    expect(ask(`${organization}?model=claude-opus-9`)).toMatchObject({
      status: 404,
      body: { error: { type: 'not_found_error', message: 'model: claude-opus-9' } },
    })
  })

  test.each(['limit=0', 'limit=1001', 'limit=x', 'group_type=all', 'page=2', 'page=page_999'])(
    'refuse %s',
    (query) => {
      expect(ask(`${organization}?${query}`).status).toBe(400)
    },
  )
})

describe('the limits of a workspace', () => {
  test('are none where it has none of its own', () => {
    expect(page(workspace).data).toEqual([])
  })

  test('are the combined token limit where there is one', () => {
    const { data } = page(workspace, { combinedTokens: 60_000 })
    expect(data[0]).toMatchObject({ type: 'workspace_rate_limit', workspace_id: 'wrkspc_1' })
    expect(data[0]?.limits).toEqual([
      {
        type: 'tokens_per_minute',
        value: 60_000,
        org_limit: null,
        source: { type: 'workspace' },
      },
    ])
    const [organizations] = page(organization, { combinedTokens: 60_000 }).data
    expect(data[0]?.rate_limit_id).toBe(organizations?.id)
  })

  test('show what is inherited, when asked', () => {
    const { data } = page(`${workspace}?include_inherited=true`)
    expect(data[0]?.limits[0]).toEqual({
      type: 'requests_per_minute',
      value: 1000,
      org_limit: 1000,
      source: { type: 'organization' },
    })
  })
})

test.each([
  ['no key', '', 401],
  ['an API key', 'sk-ant-api03-of-this-test', 403],
  ['a key that is not known', 'sk-ant-other', 401],
  ['only the beginning of an admin key', 'sk-ant-admin', 401],
])('with %s, both are refused', (_name, key, status) => {
  const keys = ['sk-ant-api03-of-this-test']
  for (const path of [organization, workspace]) expect(ask(path, { key, keys }).status).toBe(status)
})

test('an admin key is no key for the models where keys are given', () => {
  expect(ask('/v1/models', { keys: ['sk-ant-x'] }).status).toBe(401)
})
