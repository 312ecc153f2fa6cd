import { describe, expect, test } from 'vitest'
import { Patience } from './patience.ts'

const trying = { inFlight: 1, waiting: 5, isHeld: false, isPaced: false }
const waiting = { ...trying, inFlight: 0 }
const paced = { ...waiting, isPaced: true }
const idle = { ...waiting, waiting: 0 }

describe('Patience', () => {
  test('is measured from the last success while something is under way', () => {
    const patience = new Patience(0, 1000)
    patience.succeeded(300)
    expect(patience.endsAt(trying)).toBe(1300)
    patience.started(400, trying)
    expect(patience.endsAt(trying)).toBe(1300)
  })

  test('does not wear while a run goes at the pace of its limits', () => {
    const patience = new Patience(0, 1000)
    patience.succeeded(300)
    expect(patience.endsAt(paced)).toBe(Infinity)
    patience.started(50_000, paced)
    expect(patience.endsAt(trying)).toBe(51_000)
  })

  test('wears while it waits for anything else, though nothing failed since', () => {
    const patience = new Patience(0, 1000)
    patience.succeeded(300)
    expect(patience.endsAt(waiting)).toBe(1300)
    patience.started(900, waiting)
    expect(patience.endsAt(trying)).toBe(1300)
  })

  test('wears through paced waits once something failed', () => {
    const patience = new Patience(0, 1000)
    patience.started(200, idle)
    patience.failed()
    expect(patience.endsAt(paced)).toBe(1200)
    patience.started(900, paced)
    expect(patience.endsAt(trying)).toBe(1200)
    patience.succeeded(1100)
    expect(patience.endsAt(paced)).toBe(Infinity)
  })

  test('does not wear with nothing to do', () => {
    const patience = new Patience(0, 1000)
    patience.failed()
    expect(patience.endsAt(idle)).toBe(Infinity)
  })

  test('does not wear while the run is held, and begins anew after', () => {
    const patience = new Patience(0, 1000)
    patience.failed()
    expect(patience.endsAt({ ...trying, isHeld: true })).toBe(Infinity)
    patience.restart(5000)
    expect(patience.endsAt(trying)).toBe(6000)
  })
})
