import { describe, expect, test } from 'vitest'
import { InputEstimate } from './input-estimate.ts'
import { Random } from './random.ts'
import { columns, featuresOf, type RequestFeatures } from './request-features.ts'

const model = 'claude-haiku-4-5'

const scripts = {
  prose: 'the river rises in spring, and every village along it waits for the incomprehensible',
  code: 'if (rowsLeft > 0) { return this.queue[index] ?? null } else const total_count = 12 * 1024;',
  mixed: 'привет мир это 汉字 日本語 テキスト déjà größer 😀 🚀 and English',
} as const

/** Prompts of 5 to 300 words of a script. */
function promptsOf(words: string, count: number, seed = 1): readonly string[] {
  const random = new Random(seed)
  const known = words.split(' ')
  return Array.from({ length: count }, () => {
    const length = random.integer(5, 300)
    return Array.from({ length }, () => known[random.integer(0, known.length - 1)]).join(' ')
  })
}

/** A rule that is none of ours: pieces of four letters, digits by two, marks and others by one. */
function tokensOf(text: string): number {
  const parts = text.match(/[A-Za-z]{1,4}|\d{1,2}|\p{L}{1,2}|[^\s\p{L}\p{N}]/gu)
  return 9 + (parts?.length ?? 0)
}

function featuresOfText(content: unknown): RequestFeatures {
  return featuresOf({ max_tokens: 9, messages: [{ role: 'user', content }] }, model)
}

/** The share by which each prompt was missed when all before it were known. */
function errorsOf(estimate: InputEstimate, prompts: readonly string[]): readonly number[] {
  return prompts.map((prompt) => {
    const features = featuresOfText(prompt)
    const tokens = tokensOf(prompt)
    const error = estimate.tokens(features) / tokens - 1
    estimate.learn(features, tokens)
    return error
  })
}

function medianOf(errors: readonly number[]): number {
  const sorted = errors.map((error) => Math.abs(error)).toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 1
}

describe('InputEstimate', () => {
  test.each(Object.entries(scripts))('knows %s after 50 answers', (_, words) => {
    const errors = errorsOf(new InputEstimate(model), promptsOf(words, 300)).slice(50)
    expect(medianOf(errors)).toBeLessThan(0.03)
    const sorted = errors.map((error) => Math.abs(error)).toSorted((a, b) => a - b)
    expect(sorted[Math.floor(sorted.length * 0.95)]).toBeLessThan(0.15)
  })

  test('follows a change of kind within 30 answers, and remembers the first kind', () => {
    const estimate = new InputEstimate(model)
    errorsOf(estimate, promptsOf(scripts.prose, 200))
    const changed = errorsOf(estimate, promptsOf(scripts.mixed, 60))
    expect(medianOf(changed.slice(30))).toBeLessThan(0.03)
    const back = errorsOf(estimate, promptsOf(scripts.prose, 20, 2))
    expect(medianOf(back)).toBeLessThan(0.03)
  })

  test.each(Object.entries(scripts))(
    'is no worse on the first 20 answers of %s than a ratio of bytes',
    (_, words) => {
      const prompts = promptsOf(words, 20)
      const ours = errorsOf(new InputEstimate(model), prompts)
      let [bytes, tokens] = [0, 0]
      const theirs = prompts.map((prompt) => {
        const [size, actual] = [JSON.stringify(prompt).length + 80, tokensOf(prompt)]
        const error = (bytes === 0 ? size * 0.3 : (size * tokens) / bytes) / actual - 1
        bytes += size
        tokens += actual
        return error
      })
      const sum = (errors: readonly number[]): number => {
        return errors.slice(1).reduce((total, error) => total + Math.abs(error), 0)
      }
      expect(sum(ours)).toBeLessThan(sum(theirs))
    },
  )

  test('pictures that cost something else than thought teach nothing of text', () => {
    const estimate = new InputEstimate(model)
    errorsOf(estimate, promptsOf(scripts.prose, 100))
    const text = featuresOfText(promptsOf(scripts.prose, 1, 3)[0])
    const before = estimate.tokens(text)
    const picture = { type: 'image', source: { type: 'base64', data: '' } }
    const withPicture = featuresOfText([picture, { type: 'text', text: 'the river' }])
    expect(withPicture.counts[columns.pictures]).toBe(1568)
    for (let answer = 0; answer < 50; answer++) estimate.learn(withPicture, 1250)
    expect(Math.abs(estimate.tokens(withPicture) / 1250 - 1)).toBeLessThan(0.03)
    expect(Math.abs(estimate.tokens(text) / before - 1)).toBeLessThan(0.03)
  })

  test('pictures that cost now more, now less than thought are no noise in text', () => {
    const estimate = new InputEstimate(model)
    errorsOf(estimate, promptsOf(scripts.prose, 100))
    const texts = promptsOf(scripts.prose, 40, 3)
    const random = new Random(4)
    for (const text of texts) {
      const source = { type: 'base64', data: '' }
      const features = featuresOfText([
        { type: 'image', source },
        { type: 'text', text },
      ])
      estimate.learn(features, tokensOf(text) + 1568 * (1 + 0.05 * random.normal()))
    }
    const after = errorsOf(estimate, promptsOf(scripts.prose, 8, 5))
    // Taken for as exact as text, they would make it 4 % wrong.
    expect(Math.max(...after.map((error) => Math.abs(error)))).toBeLessThan(0.035)
  })

  test('a slight change of all is followed before its coefficients are', () => {
    const estimate = new InputEstimate(model)
    errorsOf(estimate, promptsOf(scripts.prose, 300))
    for (const prompt of promptsOf(scripts.prose, 20, 2)) {
      estimate.learn(featuresOfText(prompt), tokensOf(prompt) * 1.05)
    }
    const ratios = promptsOf(scripts.prose, 50, 3).map((prompt) => {
      return estimate.tokens(featuresOfText(prompt)) / tokensOf(prompt)
    })
    const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length
    expect(mean).toBeGreaterThan(1.03)
    expect(mean).toBeLessThan(1.055)
  })

  test('one row of wrong features wrecks nothing', () => {
    const estimate = new InputEstimate(model)
    errorsOf(estimate, promptsOf(scripts.prose, 100))
    const text = featuresOfText(promptsOf(scripts.prose, 1, 3)[0])
    const before = estimate.tokens(text)
    for (const tokens of [1, 100_000, 1e9]) estimate.learn(text, tokens)
    expect(Math.abs(estimate.tokens(text) / before - 1)).toBeLessThan(0.06)
  })

  test('says nothing absurd of what it never saw', () => {
    const estimate = new InputEstimate(model)
    errorsOf(estimate, promptsOf(scripts.prose, 500))
    const digits = featuresOfText('1234567890'.repeat(1000))
    // By two they are 5,000.
    expect(estimate.tokens(digits)).toBeGreaterThan(1500)
    expect(estimate.tokens(digits)).toBeLessThan(15_000)
  })
})
