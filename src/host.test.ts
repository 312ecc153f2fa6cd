import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { SimClock } from '../test/world/sim-clock.ts'
import { parseProcessStat, systemHost } from './host.ts'

describe('systemHost()', () => {
  const host = systemHost(new SimClock())

  test('names this process, and finds it alive', () => {
    expect(host.pid).toBe(process.pid)
    expect(host.name).not.toBe('')
    expect(host.bootId).not.toBe('')
    const state = host.processState(host.pid, host.startedAt)
    expect(state).toBe(host.startedAt === '' ? 'unknown' : 'alive')
  })

  test.runIf(process.platform === 'linux')('finds a process of another start dead', () => {
    expect(host.processState(host.pid, `${host.startedAt}1`)).toBe('dead')
    expect(host.processState(host.pid, '')).toBe('unknown')
  })

  test('finds a process that has ended dead', async () => {
    const child = spawn(process.execPath, ['-e', ''])
    const pid = child.pid ?? 0
    await once(child, 'exit')
    expect(host.processState(pid, '1')).toBe('dead')
  })
})

describe('parseProcessStat()', () => {
  const fields = 'S 1 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 8123456 1000 200'
  test.each(['node', 'a b', 'tmux: server', ') R 1 (', '()))'])('of a command named %j', (name) => {
    expect(parseProcessStat(`42 (${name}) ${fields}\n`)).toEqual({
      state: 'S',
      startedAt: '8123456',
    })
  })

  test.each(['', '42 (node)', '42 (node) S 1 2'])('of %j is undefined', (text) => {
    expect(parseProcessStat(text)).toBeUndefined()
  })
})
