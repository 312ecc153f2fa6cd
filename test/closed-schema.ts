/**
 * That a schema takes a value as it is, and no value that lacks a member or has one more.
 */

import { expect } from 'vitest'

/** Returns how many members it is refused without. */
export function expectClosed(
  validate: (value: unknown) => boolean,
  value: Record<string, unknown>,
): number {
  let refused = 0
  const mutate = (target: Record<string, unknown>): void => {
    for (const name of Object.keys(target)) {
      const { [name]: member } = target
      delete target[name]
      expect(validate(value), `without ${name}`).toBe(false)
      target[name] = member
      refused += 1
      const inner: unknown = Array.isArray(member) ? member[0] : member
      if (typeof inner === 'object' && inner !== null) mutate(inner as Record<string, unknown>)
    }
    target['unheardOf'] = 1
    expect(validate(value), 'one more').toBe(false)
    delete target['unheardOf']
  }
  mutate(value)
  expect(validate(value)).toBe(true)
  return refused
}
