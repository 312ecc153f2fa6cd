import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from './random.ts'
import { Regression } from './regression.ts'

const prior = {
  means: [1, 1, 1],
  deviations: [0.5, 0.5, 0.5],
  scaleDeviation: 0.5,
  scaled: [true, true, false],
}

function features(...values: number[]): Float64Array {
  return Float64Array.from(values)
}

/** Answers of true coefficients, each up to 1,000, with errors of 1 %. */
function teach(regression: Regression, truth: readonly number[], count: number, seed = 1): void {
  const random = new Random(seed)
  for (let answer = 0; answer < count; answer++) {
    const given = truth.map(() => random.integer(1, 1000))
    const sum = given.reduce((total, value, index) => total + value * (truth[index] ?? 0), 0)
    regression.learn(Float64Array.from(given), sum * (1 + 0.01 * random.normal()), sum * 0.01)
  }
}

describe('Regression', () => {
  test('begins at its prior', () => {
    expect(new Regression(prior).predict(features(10, 20, 30))).toBeCloseTo(60, 9)
  })

  test('one answer moves the scale of all that share it, and little of what does not', () => {
    const regression = new Regression(prior)
    regression.learn(features(100, 0, 0), 150, 1)
    expect(regression.predict(features(100, 0, 0))).toBeCloseTo(150, 0)
    // Half of the variance is the scale's: of what was half too little, half is the scale's fault.
    expect(regression.predict(features(0, 100, 0))).toBeCloseTo(125, 0)
    expect(regression.predict(features(0, 0, 100))).toBeCloseTo(100, 6)
  })

  test('learns each coefficient', () => {
    const regression = new Regression(prior)
    teach(regression, [0.5, 2, 1.3], 300)
    expect(regression.predict(features(1000, 0, 0)) / 500).toBeCloseTo(1, 1)
    expect(regression.predict(features(0, 1000, 0)) / 2000).toBeCloseTo(1, 1)
    expect(regression.predict(features(0, 0, 1000)) / 1300).toBeCloseTo(1, 1)
  })

  test('follows a change', () => {
    const regression = new Regression(prior)
    teach(regression, [0.5, 2, 1.3], 1000)
    teach(regression, [1, 1, 1], 500)
    expect(regression.predict(features(1000, 1000, 1000)) / 3000).toBeCloseTo(1, 1)
  })

  test('an outlier pulls no harder than three deviations', () => {
    const [plain, pulled] = [new Regression(prior), new Regression(prior)]
    teach(plain, [1, 1, 1], 100)
    teach(pulled, [1, 1, 1], 100)
    pulled.learn(features(500, 500, 500), 1e9, 15)
    pulled.learn(features(1e6, 1, 1), 3, 1e4)
    const [before, after] = [plain, pulled].map((one) => one.predict(features(300, 300, 300)))
    expect(Math.abs((after ?? 0) / (before ?? 1) - 1)).toBeLessThan(0.02)
  })

  test('says how much an answer was taken for', () => {
    const regression = new Regression(prior)
    teach(regression, [1, 1, 1], 100)
    expect(regression.learn(features(100, 100, 100), 300, 3)).toBe(1)
    expect(regression.learn(features(100, 100, 100), 900, 3)).toBeLessThan(0.05)
    expect(regression.learn(features(100, 100, 100), Number.NaN, 3)).toBe(0)
    expect(regression.learn(features(100, 100, 100), 300, 0)).toBe(0)
  })

  test('what was not seen for long goes back to the prior', () => {
    const regression = new Regression(prior)
    teach(regression, [0.5, 0.5, 3], 100)
    expect(regression.predict(features(0, 0, 100))).toBeGreaterThan(290)
    for (let answer = 0; answer < 3000; answer++) {
      regression.learn(features(answer % 10, 5, 0), (answer % 10) * 0.5 + 2.5, 1)
    }
    expect(regression.predict(features(0, 0, 100))).toBeCloseTo(100, 0)
  })

  test('takes in at once what is new, however much else is known', () => {
    for (let answers = 200; answers < 208; answers++) {
      const regression = new Regression(prior)
      for (let answer = 0; answer < answers; answer++) {
        regression.learn(features(100 + (answer % 7), answer % 50, 0), 150, 5)
      }
      regression.learn(features(0, 0, 100), 170, 1)
      expect(regression.predict(features(0, 0, 100))).toBeCloseTo(170, 0)
    }
  })

  test('holds for a million answers, also where all are alike or some are absurd', () => {
    const regression = new Regression(prior)
    const random = new Random(3)
    const alike = features(100, 50, 0)
    for (let answer = 0; answer < 1_000_000; answer++) {
      const isAbsurd = answer % 1000 === 0
      regression.learn(alike, isAbsurd ? random.float() * 1e12 : 300, 3)
    }
    expect(regression.predict(alike)).toBeGreaterThan(290)
    expect(regression.predict(alike)).toBeLessThan(320)
    teach(regression, [1, 2, 3], 500)
    expect(regression.predict(features(100, 100, 100)) / 600).toBeCloseTo(1, 1)
  })

  test('never says what is no number', () => {
    const value = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e8, noNaN: true }))
    const answer = fc.tuple(value, value, value, value, fc.double({ min: 1e-3, max: 1e8 }))
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 60 }), (answers) => {
        const regression = new Regression(prior)
        for (const [a, b, c, sum, deviation] of answers) {
          regression.learn(features(a, b, c), sum, deviation)
        }
        expect(regression.predict(features(1, 10, 1000))).not.toBeNaN()
        expect(Math.abs(regression.predict(features(1, 1, 1)))).toBeLessThan(1e12)
      }),
    )
  })
})
