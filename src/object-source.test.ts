import { describe, expect, test } from 'vitest'
import { bounds } from './bounds.ts'
import { RunError } from './errors.ts'
import type { Line } from './lines.ts'
import { ObjectSource, type Producer } from './object-source.ts'

async function linesOf(producer: Producer<unknown>) {
  const failures: unknown[] = []
  const source = new ObjectSource(producer, (error) => failures.push(error))
  const lines: Line[] = []
  for await (const batch of source.batches()) {
    expect(batch, 'each is a batch of its own').toHaveLength(1)
    lines.push(...batch)
  }
  return { lines, failures, source }
}

const textOf = ({ bytes }: Line): string => Buffer.from(bytes).toString()

describe('ObjectSource', () => {
  test('makes of each object its line, numbered and placed as in a file', async () => {
    const { lines } = await linesOf([{ a: 1 }, { b: 'ü' }, {}])
    expect(lines.map(textOf)).toEqual(['{"a":1}', '{"b":"ü"}', '{}'])
    expect(lines.map(({ number }) => number)).toEqual([1, 2, 3])
    // A newline stands between lines; ü takes two bytes.
    expect(lines.map(({ offset }) => offset)).toEqual([0, 8, 19])
  })

  test('gives metadata back as it was given, once', async () => {
    const metadata = { at: new Date(0) }
    const { source } = await linesOf([{ metadata }])
    expect(source.takeMetadata(1)).toBe(metadata)
    expect(source.takeMetadata(1)).toBeUndefined()
  })

  test.each([
    ['undefined', undefined, '{}', /it is undefined$/],
    ['a function', () => {}, '{}', /it is function$/],
    ['a big integer', { custom_id: 'a', big: 1n }, '{"custom_id":"a"}', /BigInt/],
    [
      'what throws',
      {
        toJSON: () => {
          // oxlint-disable-next-line typescript/only-throw-error
          throw 'a text'
        },
      },
      '{}',
      /: a text$/,
    ],
  ])('keeps of %s the id, and says what is wrong', async (_, value, text, problem) => {
    const { lines, failures } = await linesOf([value, { next: 1 }])
    expect(lines.map(textOf)).toEqual([text, '{"next":1}'])
    expect(lines[0]?.problem).toMatch(problem)
    expect(lines[1]?.problem).toBeUndefined()
    expect(failures).toEqual([])
  })

  test('keeps only the head of what is longer than a line may be', async () => {
    const { lines } = await linesOf([{ long: 'x'.repeat(bounds.lineBytesMax) }])
    expect(lines[0]).toMatchObject({ truncated: bounds.lineBytesMax + '{"long":""}'.length })
    expect(lines[0]?.bytes).toHaveLength(bounds.lineHeadBytes)
  })

  test('tells that the producer threw, gives what came before, and calls no return()', async () => {
    let returned = 0
    const iterator = {
      count: 0,
      next() {
        if (this.count++ === 1) throw new RangeError('no more')
        return { done: false, value: {} } as const
      },
      return() {
        returned += 1
        return { done: true, value: undefined } as const
      },
    }
    const { lines, failures, source } = await linesOf({ [Symbol.iterator]: () => iterator })
    source.close()
    expect(lines).toHaveLength(1)
    expect(failures).toEqual([new RangeError('no more')])
    expect(returned).toBe(0)
  })

  test('lets a producer clean up when closed, once, and waits for it', async () => {
    const said: string[] = []
    async function* produce() {
      try {
        for (;;) yield {}
      } finally {
        await Promise.resolve()
        said.push('cleaned up')
      }
    }
    const source = new ObjectSource(produce(), () => said.push('failed'))
    for await (const _ of source.batches()) break
    source.close()
    source.close()
    await source.closed()
    expect(said).toEqual(['cleaned up'])
  })

  test('does not wait for a producer that waits', async () => {
    async function* produce() {
      await new Promise(() => {})
      yield {}
    }
    const source = new ObjectSource(produce(), () => {})
    const next = source.batches().next()
    source.close()
    await source.closed()
    expect(await Promise.race([next, Promise.resolve('waits')])).toBe('waits')
  })

  test.each([[undefined], [5], ['text'], [{}], [null]])('takes no %j', (producer) => {
    expect(() => new ObjectSource(producer as never, () => {})).toThrow(RunError)
  })
})
