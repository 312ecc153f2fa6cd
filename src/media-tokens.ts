/**
 * Tokens of pictures and PDFs, from what their first bytes say.
 *
 * Pictures cost by the published formula: one token for 28 × 28 pixels, after shrinking to the
 * model's greatest edge and count. Their size stands in the head of the file, which is read
 * from the base64 text where it stands: nothing is decoded as a whole. What cannot be
 * read costs what the largest does. A PDF's pages are in the head only of one made for the web;
 * of any other they are guessed from its size.
 */

/** Which pictures a model takes without shrinking them. */
export interface MediaLimits {
  readonly edgePixelsMax: number
  readonly tokensMax: number
}

/** Models from 4.7 on. */
export const highResolution: MediaLimits = { edgePixelsMax: 2576, tokensMax: 4784 }
/** Models before. */
export const standardResolution: MediaLimits = { edgePixelsMax: 1568, tokensMax: 1568 }

/** Of a page: 1,500 to 3,000 tokens of text, and a picture of it. */
const tokensPerPage = 3500
const bytesPerPage = 40_000
const pagesMax = 600
const tilePixels = 28

/** Of a picture, in pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/**
 * Tokens of a picture in base64.
 *
 * @example
 * ```ts
 * pictureTokens('no picture', standardResolution) // => 1568
 * ```
 */
export function pictureTokens(base64: string, limits: MediaLimits): number {
  const size = pictureSize(base64)
  if (size === undefined || size.width === 0 || size.height === 0) return limits.tokensMax
  return sizeTokens(size, limits)
}

/**
 * Tokens of a picture of so many pixels.
 *
 * @example
 * ```ts
 * sizeTokens({ width: 1920, height: 1080 }, standardResolution) // => 1560
 * sizeTokens({ width: 1000, height: 1000 }, highResolution) // => 1296
 * ```
 */
export function sizeTokens({ width, height }: Size, limits: MediaLimits): number {
  const { edgePixelsMax, tokensMax } = limits
  const scaleMax = Math.min(1, edgePixelsMax / Math.max(width, height))
  const columnsMax = Math.max(1, Math.ceil((width * scaleMax) / tilePixels))
  // One column less at a time: the greatest picture that costs no more than the most.
  for (let columns = columnsMax; columns > 0; columns--) {
    const scale = Math.min(scaleMax, (columns * tilePixels) / width)
    const tokens = columns * Math.max(1, Math.ceil((height * scale) / tilePixels))
    if (tokens <= tokensMax) return tokens
  }
  return tokensMax
}

/** Tokens of a PDF in base64, roughly. */
export function pdfTokens(base64: string): number {
  const pages = linearizedPages(base64) ?? Math.round((base64.length * 0.75) / bytesPerPage)
  return Math.min(pagesMax, Math.max(1, pages)) * tokensPerPage
}

/** A PDF that can be shown before all of it has come says first how many pages it has. */
function linearizedPages(base64: string): number | undefined {
  let head = ''
  for (let index = 0; index < 1024 && index * 4 < base64.length * 3; index++) {
    head += String.fromCharCode(byteAt(base64, index))
  }
  if (!head.includes('/Linearized')) return undefined
  const pages = /\/N (\d+)/.exec(head)?.[1]
  return pages === undefined ? undefined : Number(pages)
}

/** The pixels of a picture in base64, by its head; undefined where that is not known. */
export function pictureSize(base64: string): Size | undefined {
  if (base64.startsWith('iVBORw0KGgo')) {
    return { width: number(base64, 16, 4), height: number(base64, 20, 4) }
  }
  if (base64.startsWith('R0lGOD')) {
    return { width: littleEndian(base64, 6, 2), height: littleEndian(base64, 8, 2) }
  }
  if (base64.startsWith('/9j/')) return jpegSize(base64)
  return base64.startsWith('UklGR') ? webpSize(base64) : undefined
}

const segmentsMax = 100

/** The size stands in the frame's segment, behind others of any length. */
function jpegSize(base64: string): Size | undefined {
  let at = 2
  for (let segments = 0; segments < segmentsMax; segments++) {
    if (byteAt(base64, at) !== 0xff) return undefined
    const kind = byteAt(base64, at + 1)
    // Frames are C0 to CF, but for tables (C4, CC) and what is reserved (C8).
    const isFrame = kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8 && kind !== 0xcc
    if (isFrame) return { height: number(base64, at + 5, 2), width: number(base64, at + 7, 2) }
    at += 2 + number(base64, at + 2, 2)
  }
  return undefined
}

/** The three forms of WebP keep it in three places; all are marked at byte 15. */
function webpSize(base64: string): Size | undefined {
  switch (String.fromCharCode(byteAt(base64, 15))) {
    case ' ': {
      const [width, height] = [littleEndian(base64, 26, 2), littleEndian(base64, 28, 2)]
      return { width: width & 0x3fff, height: height & 0x3fff }
    }
    case 'L': {
      const bits = littleEndian(base64, 21, 4)
      return { width: (bits & 0x3fff) + 1, height: (Math.floor(bits / 2 ** 14) & 0x3fff) + 1 }
    }
    case 'X':
      return {
        width: littleEndian(base64, 24, 3) + 1,
        height: littleEndian(base64, 27, 3) + 1,
      }
    default:
      return undefined
  }
}

function number(base64: string, at: number, bytes: number): number {
  let value = 0
  for (let index = 0; index < bytes; index++) value = value * 256 + byteAt(base64, at + index)
  return value
}

function littleEndian(base64: string, at: number, bytes: number): number {
  let value = 0
  for (let index = bytes - 1; index >= 0; index--) value = value * 256 + byteAt(base64, at + index)
  return value
}

/** One byte of what a base64 text stands for; 0 behind its end. */
function byteAt(base64: string, index: number): number {
  const first = Math.floor((index * 4) / 3)
  const pair = (sextet(base64, first) << 6) | sextet(base64, first + 1)
  return (pair >> (4 - 2 * (index % 3))) & 0xff
}

function sextet(base64: string, index: number): number {
  const code = base64.charCodeAt(index)
  if (code >= 97) return code - 71
  if (code >= 65) return code - 65
  if (code >= 48) return code + 4
  if (code === 43) return 62
  return code === 47 ? 63 : 0
}
