import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { SimClock } from '../../test/world/sim-clock.ts'
import { sleep } from '../clock.ts'
import { onSignals } from './signals.ts'

interface Scene {
  readonly source: EventEmitter
  readonly done: string[]
  readonly off: () => void
  readonly pass: (ms: number) => Promise<void>
}

function scene(): Scene {
  const clock = new SimClock()
  const source = new EventEmitter()
  const done: string[] = []
  const off = onSignals(clock, source, {
    first: () => done.push('first'),
    again: () => done.push('again'),
  })
  return { source, done, off, pass: (ms) => clock.runUntil(sleep(clock, ms)) }
}

describe('onSignals()', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('takes %s for a wish to stop', (signal) => {
    const { source, done } = scene()
    source.emit(signal)
    expect(done).toEqual(['first'])
  })

  test('takes a later signal, of whatever name, for a wish to stop at once', async () => {
    const { source, done, pass } = scene()
    source.emit('SIGINT')
    await pass(201)
    source.emit('SIGTERM')
    expect(done).toEqual(['first', 'again'])
  })

  test('takes one that comes twice at once, as npm passes it on, for one', async () => {
    const { source, done, pass } = scene()
    source.emit('SIGINT')
    await pass(100)
    source.emit('SIGINT')
    expect(done).toEqual(['first'])
  })

  test('leaves no listener behind', () => {
    const { source, done, off } = scene()
    off()
    source.emit('SIGINT')
    expect(done).toEqual([])
    expect(source.eventNames()).toEqual([])
  })
})
