import { describe, expect, test } from 'vitest'
import { amountsOf, Needs, timesOf } from './needs.ts'

const expected = amountsOf({ input: 100, output: 50 })

describe('what rows need', () => {
  test('is the most of it before there are answers', () => {
    const needs = new Needs({ input: 1.5, output: 4 })
    expect(needs.of(expected)).toEqual({ requests: 1, input: 150, output: 200, tokens: 350 })
  })

  test('is what answers needed, once there are enough', () => {
    const needs = new Needs({ input: 1.5, output: 4 })
    for (let answer = 0; answer < 7; answer++) {
      needs.answered({ input: 100, output: 50 }, { input: 80, output: 25 })
      expect(needs.factors).toEqual({ input: 1.5, output: 4 })
    }
    needs.answered({ input: 100, output: 50 }, { input: 80, output: 25 })
    expect(needs.factors.input).toBeCloseTo(0.8)
    expect(needs.factors.output).toBeCloseTo(0.5)
  })

  test('is more where answers differ, and less the more there are', () => {
    const after = (answers: number): number => {
      const needs = new Needs({ input: 2, output: 10 })
      for (let answer = 0; answer < answers; answer++) {
        needs.answered({ input: 1, output: 50 }, { input: 1, output: answer % 2 === 0 ? 20 : 80 })
      }
      return needs.factors.output
    }
    expect(after(10)).toBeGreaterThan(1.2)
    expect(after(1000)).toBeGreaterThan(1)
    expect(after(1000)).toBeLessThan(1.05)
  })

  test('is never more than the most', () => {
    const needs = new Needs({ input: 1.2, output: 1.2 })
    for (let answer = 0; answer < 20; answer++) {
      needs.answered({ input: 1, output: 1 }, { input: 9, output: 9 })
    }
    expect(needs.factors).toEqual({ input: 1.2, output: 1.2 })
  })

  test('is told by batches too, of output', () => {
    const needs = new Needs({ input: 2, output: 4 })
    needs.produced(100, 5000, 2500)
    expect(needs.factors.input).toBe(2)
    expect(needs.factors.output).toBeCloseTo(0.5)
    needs.produced(0, 0, 0)
    expect(needs.factors.output).toBeCloseTo(0.5)
  })

  test('of so many rows is so many times as much', () => {
    expect(timesOf(expected, 3)).toEqual({ requests: 3, input: 300, output: 150, tokens: 450 })
  })
})
