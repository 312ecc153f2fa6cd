import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerLine, failureLine, keyOf } from '../test/result-lines.ts'
import { SimFiles } from '../test/sim-files.ts'
import { lineForms } from './line-form.ts'
import { openToAppend, readResultFile } from './result-file.ts'

const path = '/w/out.jsonl'

/** The keys in a file with this content, and its content afterwards. */
function read(content: string | Uint8Array): { keys: string[]; after: string; size: number } {
  const files = new SimFiles()
  files.put(path, content)
  const keys: string[] = []
  const size = readResultFile(files, path, (line, { buffer, start, end }) => {
    keys.push(line.key)
    // What is visited is the line itself.
    expect(JSON.parse(Buffer.from(buffer.subarray(start, end)).toString())).toMatchObject({
      run: { key: line.key },
    })
  })
  return { keys, after: files.readText(path), size }
}

function refused(content: string): { error: unknown; after: string } {
  const files = new SimFiles()
  files.put(path, content)
  let error: unknown
  try {
    readResultFile(files, path, () => {})
  } catch (thrown) {
    error = thrown
  }
  return { error, after: files.readText(path) }
}

const [one, two] = [answerLine(keyOf(1), 'é"\\'), failureLine(keyOf(2))]
const both = [keyOf(1), keyOf(2)]

describe('readResultFile()', () => {
  test.each([
    ['whole lines', one + two, both, one + two],
    ['a complete line without its newline', one + two.trimEnd(), both, one + two],
    ['a complete line and NUL bytes', `${one}${two.trimEnd()}\0\0`, both, one + two],
    ['a torn line', one + two.slice(0, -3), [keyOf(1)], one],
    ['a torn line and NUL bytes', `${one}${two.slice(0, 90)}\0\0\0`, [keyOf(1)], one],
    ['NUL bytes at the end', `${one}\0\0\0`, [keyOf(1)], one],
    ['NUL bytes alone', '\0\0\0', [], ''],
    ['a torn first line', one.slice(0, 10), [], ''],
    ['nothing', '', [], ''],
    ['blank lines', `\n${one} \r\n\n${two}`, both, `\n${one} \r\n\n${two}`],
    ['blanks at the end', `${one}  `, [keyOf(1)], `${one}  \n`],
    ['a line with CRLF', `${one.trimEnd()}\r\n${two}`, both, `${one.trimEnd()}\r\n${two}`],
  ])('of %s gives the complete lines, and mends the end', (_, content, keys, after) => {
    expect(read(content)).toEqual({ keys, after, size: Buffer.byteLength(after) })
  })

  test('from any cut byte gives the complete lines before it, and appending goes on', () => {
    const whole = Buffer.from([one, two, answerLine(keyOf(3)), failureLine(keyOf(4))].join(''))
    const ends = [-1, ...[...whole.keys()].filter((at) => whole[at] === 0x0a)]
    for (let cut = 0; cut <= whole.length; cut++) {
      // A line of which only the newline is missing is complete.
      const count = ends.filter((end) => end >= 0 && end <= cut).length
      const { keys, after } = read(whole.subarray(0, cut))
      expect(keys, `cut at ${cut}`).toEqual([1, 2, 3, 4].slice(0, count).map(keyOf))
      expect(read(after + answerLine(keyOf(9))).keys).toEqual([...keys, keyOf(9)])
    }
  })

  test('from any cut byte, with any NUL bytes after it, gives the complete lines before', () => {
    const whole = Buffer.from(one + two)
    fc.assert(
      fc.property(
        fc.nat({ max: whole.length - 2 }),
        fc.integer({ min: 1, max: 9 }),
        (cut, nuls) => {
          const { keys, after } = read(Buffer.concat([whole.subarray(0, cut), Buffer.alloc(nuls)]))
          const isFirstWhole = cut >= Buffer.byteLength(one) - 1
          expect(keys).toEqual(isFirstWhole ? [keyOf(1)] : [])
          expect(after).toBe(isFirstWhole ? one : '')
        },
      ),
      { numRuns: 200 },
    )
  })

  test.each([
    ['text', 'my notes\nof today\n', 1, '"my notes"'],
    ['text without a newline', 'my notes', 1, '"my notes"'],
    ['an input file', '{"custom_id":"a","params":{}}\n', 1, '"{\\"custom_id\\":\\"a\\",'],
    ['an input file cut short', '{"custom_id":"a","params":{', 1, '"{'],
    ['text after a line', `${one}my notes\n${two}`, 2, '"my notes"'],
    ['text at the end', `${one}\nmy notes`, 3, '"my notes"'],
    ['a torn line in the middle', `${one}${two.slice(0, 50)}\n${two}`, 2, '"{'],
    ['NUL bytes in the middle', `${one}${two.slice(0, 90)}\0\0${two.slice(92)}${two}`, 2, '"{'],
  ])('refuses %s, naming the line', (_, content, number, excerpt) => {
    const { error, after } = refused(content)
    expect(error).toMatchObject({
      code: 'OUTPUT_FOREIGN',
      message: expect.stringContaining(`${path}: line ${number} is no result line`),
      hint: expect.stringContaining('--overwrite'),
    })
    expect(String(error)).toContain(excerpt)
    expect(after, 'a file that is not ours is not touched').toBe(content)
  })

  test.each([
    { form: 'tuple', content: one, has: 'results' },
    { form: 'results', content: '[{"model":"m"},{"type":"message"}]\n', has: 'tuple' },
    { form: 'results', content: `${one}[{"model":"m"},["no"],{"row":2}]\n`, has: 'tuple' },
  ] as const)('refuses lines in $has form, and says so', ({ form, content, has }) => {
    const files = new SimFiles()
    files.put(path, content)
    expect(() => readResultFile(files, path, () => {}, lineForms[form])).toThrow(
      expect.objectContaining({
        code: 'OUTPUT_FOREIGN',
        message: expect.stringMatching(/ is of another form of output$/),
        hint: expect.stringContaining(`--output-format ${has} `),
      }),
    )
    expect(files.readText(path)).toBe(content)
  })

  test('of a file that is not there, or no file, gives nothing', () => {
    const files = new SimFiles()
    files.makeFolder('/w')
    expect(readResultFile(files, path, () => {})).toBe(0)
    expect(readResultFile(files, '/w', () => {})).toBe(0)
  })

  test('says so when the file cannot be read', () => {
    const files = new SimFiles()
    files.put(path, one)
    files.onOperation = (operation) => {
      if (operation === 'open') throw Object.assign(new Error('EACCES'), { code: 'EACCES' })
    }
    expect(() => readResultFile(files, path, () => {})).toThrow(
      `Cannot write ${path}: permission denied`,
    )
  })
})

describe('openToAppend()', () => {
  test('makes the file, and appends to one that is there', () => {
    const files = new SimFiles()
    files.makeFolder('/w')
    for (const text of ['a', 'b']) {
      const file = openToAppend(files, path)
      file.write(Buffer.from(text), 0)
      file.close()
    }
    expect(files.readText(path)).toBe('ab')
  })

  test.each([
    ['/w', 'it is a folder'],
    ['/none/out.jsonl', 'there is no such folder'],
  ])('of %s says %s', (target, reason) => {
    const files = new SimFiles()
    files.makeFolder('/w')
    expect(() => openToAppend(files, target)).toThrow(`Cannot write ${target}: ${reason}`)
  })
})
