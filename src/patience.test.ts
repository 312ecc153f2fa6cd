import { describe, expect, test } from 'vitest'
import { Patience } from './patience.ts'

const trying = { inFlight: 1, waiting: 5, held: false }
const waiting = { inFlight: 0, waiting: 5, held: false }

describe('Patience', () => {
  test('is measured from the last success while something is under way', () => {
    const patience = new Patience(0, 1000)
    patience.succeeded(300)
    patience.started(400, 2)
    expect(patience.endsAt(trying)).toBe(1300)
  })

  test('does not wear while a run waits for its own bounds', () => {
    const patience = new Patience(0, 1000)
    patience.succeeded(300)
    expect(patience.endsAt(waiting)).toBe(Infinity)
    patience.started(50_000, 0)
    expect(patience.endsAt(trying)).toBe(51_000)
  })

  test('wears through waits once something failed', () => {
    const patience = new Patience(0, 1000)
    patience.started(200, 0)
    patience.failed()
    expect(patience.endsAt(waiting)).toBe(1200)
    patience.started(900, 0)
    expect(patience.endsAt(trying)).toBe(1200)
    patience.succeeded(1100)
    expect(patience.endsAt(waiting)).toBe(Infinity)
  })

  test('does not wear with nothing to do', () => {
    const patience = new Patience(0, 1000)
    patience.failed()
    expect(patience.endsAt({ inFlight: 0, waiting: 0, held: false })).toBe(Infinity)
  })

  test('does not wear while the run is held, and begins anew after', () => {
    const patience = new Patience(0, 1000)
    patience.failed()
    expect(patience.endsAt({ ...trying, held: true })).toBe(Infinity)
    patience.restart(5000)
    expect(patience.endsAt(trying)).toBe(6000)
  })
})
