import { describe, expect, test } from 'vitest'
import { readEnvironment } from './environment.ts'
import { runFlags } from './run-flags.ts'

describe('readEnvironment()', () => {
  test.each([
    ['ANTHROPIC_API_KEY', 'sk-1', 'api-key', 'sk-1'],
    ['ANTHROPIC_API_KEY', ' sk-1\r\n', 'api-key', 'sk-1'],
    ['ANTHROPIC_AUTH_TOKEN', 'token', 'auth-token', 'token'],
    ['ANTHROPIC_BASE_URL', 'http://host', 'base-url', 'http://host'],
    ['ANTHROPIC_LOG', 'DEBUG', 'log-level', 'debug'],
    ['SLUICE_MAX_CONCURRENCY', '50', 'max-concurrency', 50],
    ['SLUICE_TIMEOUT', '5m', 'timeout', 300_000],
    ['SLUICE_BETA', 'a, b', 'beta', ['a', 'b']],
    ['SLUICE_ORDERED', 'true', 'ordered', true],
    ['SLUICE_ORDERED', '0', 'ordered', false],
    ['SLUICE_PROGRESS', 'false', 'progress', false],
  ])('takes %s=%s as %s', (variable, text, name, value) => {
    const { values, faults } = readEnvironment(runFlags, { [variable]: text })
    expect(faults).toEqual([])
    expect([...values]).toEqual([[name, { value, source: 'environment', place: variable }]])
  })

  test.each(['PATH', 'ANTHROPIC_MODEL', 'OPENAI_API_KEY', 'sluice_ordered'])(
    'leaves %s alone',
    (name) => {
      const { values, headers, faults } = readEnvironment(runFlags, { [name]: 'x' })
      expect([[...values], headers, faults]).toEqual([[], [], []])
    },
  )

  test.each(['ANTHROPIC_API_KEY', 'SLUICE_TIMEOUT', 'SLUICE_NONSENSE'])(
    'takes an empty %s for none',
    (name) => {
      for (const text of ['', '  ', undefined]) {
        const { values, faults } = readEnvironment(runFlags, { [name]: text })
        expect([[...values], faults]).toEqual([[], []])
      }
    },
  )

  test('takes headers, one a line, and the workspace', () => {
    const variables = {
      ANTHROPIC_CUSTOM_HEADERS: 'x-team: data\n\nx-note: a: b\n',
      ANTHROPIC_WORKSPACE_ID: 'wrkspc_1',
    }
    const { headers } = readEnvironment(runFlags, variables)
    expect(headers.map(({ name, value }) => [name, value])).toEqual([
      ['x-team', 'data'],
      ['x-note', 'a: b'],
      ['anthropic-workspace-id', 'wrkspc_1'],
    ])
  })

  test('names what is wrong, and the file it is in', () => {
    const variables = {
      SLUICE_MAX_CONCURENCY: '5',
      SLUICE_TIMEOUT: 'soon',
      ANTHROPIC_CUSTOM_HEADERS: 'nonsense',
    }
    expect(readEnvironment(runFlags, variables, '.env').faults).toEqual([
      'unknown variable SLUICE_MAX_CONCURENCY in .env, did you mean "SLUICE_MAX_CONCURRENCY"?',
      'SLUICE_TIMEOUT in .env must be a duration such as 90s, 10m or 2h, got "soon"',
      "each line of ANTHROPIC_CUSTOM_HEADERS in .env must look like 'Name: value'",
    ])
  })

  test.each(['OVERWRITE', 'YES', 'RETRY_FAILED', 'CONFIG', 'ENV_FILE'])(
    'knows no SLUICE_%s: what is dangerous to repeat is said anew each time',
    (name) => {
      const { faults } = readEnvironment(runFlags, { [`SLUICE_${name}`]: 'true' })
      expect(faults).toHaveLength(1)
    },
  )
})
