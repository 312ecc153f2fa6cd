import { gzipSync, zstdCompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerLine, keyOf } from '../test/result-lines.ts'
import { SimFiles } from '../test/sim-files.ts'
import { compressedOutputAt, pourPart } from './compressed-output.ts'
import { recover } from './record.ts'

const folder = '/w/out.sluice'
const output = '/w/out'

/** A line of about so many bytes. */
function line(number: number, bytes: number): string {
  return answerLine(keyOf(number), number, 'y'.repeat(bytes))
}

function filesWith(bytes: Uint8Array, part?: string): SimFiles {
  const files = new SimFiles()
  files.put(output, bytes)
  if (part !== undefined) files.put(`${folder}/part-${bytes.length}.jsonl`, part)
  return files
}

/** What a run finds, line by line: where it begins, and its text. */
async function linesIn(files: SimFiles): Promise<string[]> {
  const lines: string[] = []
  await recover(files, {
    output,
    folder,
    onOutputLine: (_, { buffer, start, end, offset }) => {
      lines.push(`${offset} ${Buffer.from(buffer.subarray(start, end)).toString()}`)
    },
  })
  return lines
}

describe.each([
  ['gz', gzipSync],
  ['zst', zstdCompressSync],
] as const)('an output of .%s', (ending, make) => {
  test('holds the lines that it holds plain, wherever it is cut into parts', async () => {
    const sizes = fc.array(fc.constantFrom(0, 10, 3000, 270_000, 1_200_000), { maxLength: 6 })
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(sizes, cuts, async (sizes, cuts) => {
        const text = Buffer.from(sizes.map((size, at) => line(at, size)).join(''))
        const ends = [...cuts.map((cut) => Math.floor(cut * text.length)), text.length]
        let from = 0
        const parts = ends
          .toSorted((a, b) => a - b)
          .map((end) => make(text.subarray(from, (from = end))))
        expect(await linesIn(filesWith(Buffer.concat(parts)))).toEqual(
          await linesIn(filesWith(text)),
        )
      }),
      { numRuns: 40 },
    )
  })

  test('is read with its part, whose torn end is cut off', async () => {
    const bytes = make(line(1, 5))
    const files = filesWith(bytes, line(2, 5) + line(3, 5).slice(0, 40))
    const found = await recover(files, { output, folder })
    expect(found).toMatchObject({ succeededCount: 2, outputBytes: bytes.length })
    expect(files.readText(`${folder}/part-${bytes.length}.jsonl`)).toBe(line(2, 5))
  })

  test('and what an interrupted run left behind is cut off, unless it is only looked at', async () => {
    const bytes = make(line(1, 5))
    const part = line(2, 5)
    const files = filesWith(bytes, part)
    files.put(output, Buffer.concat([bytes, make(part).subarray(0, -4)]))
    const size = files.stat(output)?.size
    const looked = await recover(files, { output, folder, isReadOnly: true })
    expect([looked.succeededCount, files.stat(output)?.size]).toEqual([2, size])
    const found = await recover(files, { output, folder })
    expect([found.succeededCount, files.stat(output)?.size]).toEqual([2, bytes.length])
  })

  test('and another file in its place is left alone', async () => {
    for (const bytes of [Buffer.alloc(0), make(line(1, 5))]) {
      const files = filesWith(bytes, line(2, 5))
      const other = Buffer.concat([bytes, make(line(3, 5) + line(4, 5))])
      files.put('/w/out', other)
      // What is compressed is told by the name where nothing else tells.
      const path = bytes.length === 0 ? `/w/out.${ending}` : output
      if (path !== output) {
        files.rename('/w/out', path)
        files.rename(folder, `${path}.sluice`)
      }
      const found = recover(files, { output: path, folder: `${path}.sluice` })
      await expect(found).rejects.toMatchObject({ code: 'OUTPUT_DAMAGED' })
      expect(Buffer.from(files.bytes(path))).toEqual(other)
    }
  })

  test('pourPart() shows that it lives while it works, and stops if it must not go on', async () => {
    const bytes = make(line(1, 5))
    const many = Array.from({ length: 40 }, (_, at) => line(at, 1_000_000)).join('')
    const files = filesWith(bytes, many)
    const found = compressedOutputAt(files, output, folder)
    if (found === undefined) throw new Error('It is not compressed')
    const lost = new Error('lost')
    const ended = pourPart(files, found, () => {
      throw lost
    })
    await expect(ended).rejects.toBe(lost)
    expect(files.readText(found.part)).toBe(many)
    // By now it is another's, who has cut it off: what stands there is not ours to touch.
    let beats = 0
    await recover(files, { output, folder })
    await pourPart(files, found, () => beats++)
    expect(beats).toBe(2)
    expect(await linesIn(files)).toHaveLength(41)
    expect(files.paths()).toEqual([output])
  })
})

test('compressedOutputAt() goes by the content of a file, and by the name of a new one', () => {
  const files = filesWith(gzipSync(line(1, 5)))
  expect(compressedOutputAt(files, output, folder)?.compression).toBe('gzip')
  expect(compressedOutputAt(files, '/w/new.zst', '/w/x')).toEqual({
    path: '/w/new.zst',
    compression: 'zstd',
    bytes: 0,
    part: '/w/x/part-0.jsonl',
  })
  expect(compressedOutputAt(files, '/w/new.jsonl', '/w/x')).toBeUndefined()
})
