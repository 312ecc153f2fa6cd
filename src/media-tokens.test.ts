import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { highResolution, pdfTokens, pictureTokens } from './media-tokens.ts'
import { sizeTokens, standardResolution } from './media-tokens.ts'

function base64(...parts: readonly (string | readonly number[])[]): string {
  const bytes = parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part))
  return Buffer.concat(bytes.map((part) => Buffer.from(part as Uint8Array))).toString('base64')
}

const zeros = (count: number): readonly number[] => Array.from({ length: count }, () => 0)

describe('sizeTokens()', () => {
  // The published examples.
  test.each([
    [1000, 1000, highResolution, 1296],
    [1920, 1080, highResolution, 2691],
    [3840, 2160, highResolution, 4784],
    [1920, 1080, standardResolution, 1560],
    [1, 1, standardResolution, 1],
    [100_000, 1, highResolution, 92],
    [1, 100_000, highResolution, 92],
  ])('%i × %i', (width, height, limits, tokens) => {
    expect(sizeTokens({ width, height }, limits)).toBe(tokens)
  })
})

describe('pictureTokens() reads the size', () => {
  // 280 × 56 pixels are 10 × 2 tiles; it is the same picture in every form.
  const png = base64([0x89], 'PNG\r\n\u001a\n', zeros(4), 'IHDR', [0, 0, 1, 24, 0, 0, 0, 56])
  const gif = base64('GIF89a', [24, 1, 56, 0], zeros(20))
  const frame = [0xff, 0xc2, 0, 17, 8, 0, 56, 1, 24, 3]
  const exif = [0xff, 0xe1, 0x12, 0x34, ...zeros(0x1232)]
  const tables = [0xff, 0xc4, 0, 4, 9, 9]
  const jpeg = base64([0xff, 0xd8], exif, tables, frame)
  const webp = (kind: string, ...rest: readonly number[][]): string => {
    return base64('RIFF', zeros(4), `WEBPVP8${kind}`, ...rest)
  }
  const lossy = webp(' ', [...zeros(4), 0, 0, 0, 0x9d, 0x01, 0x2a, 24, 1, 56, 0x40])
  // 14 bits of width less one, 14 of height less one.
  const bits = 279 + 55 * 2 ** 14
  const lossless = webp('L', [...zeros(4), 0x2f, bits & 255, (bits >> 8) & 255, bits >> 16, 0])
  const extended = webp('X', [...zeros(4), 0, 0, 0, 0, 23, 1, 0, 55, 0, 0])
  test.each([
    ['PNG', png],
    ['GIF', gif],
    ['JPEG', jpeg],
    ['lossy WebP', lossy],
    ['lossless WebP', lossless],
    ['extended WebP', extended],
  ])('of a %s', (_, data) => {
    expect(pictureTokens(data, standardResolution)).toBe(20)
  })

  test('of a real one', () => {
    const file = new URL('../node_modules/vega-datasets/data/7zip.png', import.meta.url)
    const bytes = readFileSync(file)
    const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)]
    const tokens = Math.ceil(width / 28) * Math.ceil(height / 28)
    expect(pictureTokens(bytes.toString('base64'), highResolution)).toBe(tokens)
  })

  test.each([
    ['nothing', ''],
    ['a torn JPEG', jpeg.slice(0, 100)],
    [
      'segments without end',
      base64(
        [0xff, 0xd8],
        Array.from({ length: 1000 }, () => 0xff),
      ),
    ],
    ['a picture of no width', base64('GIF89a', zeros(20))],
    ['another form', base64('BM', zeros(100))],
  ])('or takes %s for the largest', (_, data) => {
    expect(pictureTokens(data, highResolution)).toBe(4784)
  })
})

describe('pdfTokens()', () => {
  test('counts the pages that the head of a linearized one names', () => {
    const head = '%PDF-1.4\n1 0 obj\n<< /Linearized 1 /L 9000000 /N 7 /T 1 >>\n'
    expect(pdfTokens(base64(head, zeros(1_000_000)))).toBe(7 * 3500)
  })

  test('guesses those of any other by its size', () => {
    expect(pdfTokens(base64('%PDF-1.4\n', zeros(400_000)))).toBe(10 * 3500)
    expect(pdfTokens('')).toBe(3500)
    // No request may have more than 600 pages.
    expect(pdfTokens(base64(zeros(30_000_000)))).toBe(600 * 3500)
  })
})
