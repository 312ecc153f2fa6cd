/**
 * An output that is compressed, and never at risk while it is appended to.
 *
 *   results.jsonl.gz                            lines, compressed: N bytes
 *   results.jsonl.gz.sluice/part-N.jsonl        the lines behind them, plain
 *
 * What is in a compressor is lost by a kill. So a run appends its lines to the part, as it would to
 * a plain output, and at its end the part is compressed and appended to the output as a piece of
 * data of its own. Only when that is durable the part goes. If it was interrupted, some of the part
 * stands behind byte N of the output: the next run cuts that off, and goes on with the part.
 *
 * Invariant: at every instant an answer stands in the first N bytes of the output, or in the part.
 */

import { bounds } from './bounds.ts'
import { BrokenData } from './broken-data.ts'
import { ComingLines } from './coming-lines.ts'
import {
  compressed,
  type Compression,
  compressionNamed,
  compressionOf,
  decoderOf,
  headBytes,
} from './compression.ts'
import { RunError } from './errors.ts'
import { systemErrorCode } from './files.ts'
import type { File, Files } from './files.ts'
import type { LineForm } from './line-form.ts'
import { compressedFaults } from './option-rules.ts'
import { writeAll } from './replacement.ts'
import { type LinePlace, openToAppend, syncFile, unwritable, visitLine } from './result-file.ts'
import type { ResultLine } from './result-line.ts'

/** What makes up a compressed output. */
export interface CompressedOutput {
  readonly path: string
  readonly compression: Compression
  /** N: how much of it there is without what the part holds. */
  readonly bytes: number
  /** Path of the part, which may not be there yet. */
  readonly part: string
}

/**
 * What makes up the output, if it is compressed: of a file that is there the content tells, of one
 * that is not, the name. `folder`: of the records beside it.
 *
 * @throws {RunError} `OUTPUT_FOREIGN` when it is plain and its name says otherwise;
 * `OUTPUT_DAMAGED` when it and its part do not fit
 */
export function compressedOutputAt(
  files: Files,
  path: string,
  folder: string,
): CompressedOutput | undefined {
  const info = files.stat(path)
  // A device holds nothing, and is written as it comes.
  if (info?.isFile === false) return undefined
  const size = info?.size ?? 0
  const known = partIn(files, path, folder)
  const bytes = known ?? size
  const named = compressionNamed(path)
  const part = `${folder}/part-${bytes}.jsonl`
  const compression = size === 0 || bytes === 0 ? named : compressionOf(headOf(files, path))
  if (known !== undefined && (compression === undefined || size < bytes)) {
    const has = size === 0 ? 'is not there' : `has ${size} bytes`
    const why = `${part} holds answers behind byte ${bytes} of it, and it ${has}`
    const fix = 'put it back as it was, or give --overwrite to move both aside'
    throw damaged(path, why, fix)
  }
  if (compression !== undefined) return { path, compression, bytes, part }
  if (named === undefined) return undefined
  const message = `Cannot go on with ${path}: it is not compressed, though its name says so`
  const hint = 'name it as what it is, or give --overwrite to move it aside'
  throw new RunError('OUTPUT_FOREIGN', message, { hint })
}

/**
 * Calls `visit` for each result line of the output, without those of the part. `mends`: what was
 * interrupted is cut off behind them.
 *
 * @throws {RunError} `OUTPUT_DAMAGED` when it cannot be read to its end; `OUTPUT_FOREIGN` when it
 * holds something that is no result line
 */
export async function readCompressed(
  files: Files,
  found: CompressedOutput,
  how: { readonly form: LineForm; readonly mends: boolean },
  visit: (line: ResultLine, place: LinePlace) => void,
): Promise<void> {
  const { path, compression, bytes } = found
  if (files.stat(path) === undefined) return
  let file: File | undefined
  const decoder = decoderOf(compression)
  try {
    file = files.open(path, 'read')
    const lines = new ComingLines((scan) => visitLine(path, scan, how.form, visit))
    for await (const chunk of chunksOf(file, 0, bytes)) {
      for await (const piece of decoder.push(chunk)) lines.push(piece)
    }
    if (bytes > 0) for await (const piece of decoder.end()) lines.push(piece)
    if (!lines.end()) {
      const fix = 'decompress it, and give the file that makes with -o'
      throw damaged(path, 'its last line is not whole', fix)
    }
    if (how.mends && file.size() > bytes) {
      await seeThatBehind(files, file, found)
      cutOff(files, path, bytes)
    }
  } catch (error) {
    if (error instanceof BrokenData) {
      const why = `behind byte ${decoder.position} ${error.message}`
      throw damaged(path, why, 'put a whole copy in its place, or name another output with -o')
    }
    throw systemErrorCode(error) === undefined ? error : unwritable(path, error)
  } finally {
    decoder.close()
    file?.close()
  }
}

/**
 * Makes the output, for a run that is to append to its part.
 *
 * @throws {RunError} `OPTIONS_INVALID` when the run is to write what cannot be compressed;
 * `OUTPUT_UNWRITABLE`
 */
export function beginCompressed(
  files: Files,
  { path }: CompressedOutput,
  settings: Parameters<typeof compressedFaults>[0],
): void {
  const [fault] = compressedFaults(settings)
  if (fault !== undefined) {
    const [option, why] = fault
    const message = `Cannot write ${path}, which is compressed: "${option}" ${why}`
    throw new RunError('OPTIONS_INVALID', message, {
      hint: 'decompress it, or name another output',
    })
  }
  openToAppend(files, path).close()
}

/**
 * Compresses the part and appends it to the output, and removes it. `beat` is called now and then.
 *
 * @throws what the disk throws: then the output is as it was, and the part is kept
 */
export async function pourPart(
  files: Files,
  { path, compression, bytes, part }: CompressedOutput,
  beat: () => void,
): Promise<void> {
  // A power loss may undo that it is removed below. Then it counts again, and must hold all.
  syncFile(files, part)
  const source = files.open(part, 'read')
  try {
    const size = source.size()
    // Nothing at all is no data of its format.
    if (size > 0 || bytes === 0) {
      const pieces = compressed(compression, chunksOf(source, 0, size, beat))
      await append(files, path, { bytes, pieces })
    }
  } finally {
    source.close()
  }
  files.remove(part)
  files.syncFolderOf(part)
}

async function append(
  files: Files,
  path: string,
  { bytes, pieces }: { readonly bytes: number; readonly pieces: AsyncIterable<Uint8Array> },
): Promise<void> {
  const target = openToAppend(files, path)
  try {
    for await (const piece of pieces) writeAll(target, piece)
    await target.sync()
  } catch (error) {
    // The room is wanted, and the next run would cut it off. Not where another has taken over.
    if (systemErrorCode(error) !== undefined) target.truncate(bytes)
    throw error
  } finally {
    target.close()
  }
}

/** Behind which byte of the output the lines of its part belong; undefined if it has none. */
function partIn(files: Files, path: string, folder: string): number | undefined {
  const parts = files.list(folder).flatMap((name) => {
    const digits = /^part-(\d+)\.jsonl$/.exec(name)?.[1]
    return digits === undefined ? [] : [Number(digits)]
  })
  if (parts.length <= 1) return parts[0]
  const why = `${folder} holds parts behind bytes ${parts.toSorted((a, b) => a - b).join(' and ')}`
  throw damaged(path, why, 'remove the one that is not of this file')
}

function headOf(files: Files, path: string): Uint8Array {
  try {
    const file = files.open(path, 'read')
    try {
      const head = Buffer.alloc(headBytes)
      return head.subarray(0, file.readSync(head, headBytes, 0))
    } finally {
      file.close()
    }
  } catch (error) {
    throw unwritable(path, error)
  }
}

/**
 * What stands behind byte N must be the part, compressed, or what was written of it before it was
 * interrupted: then it is not whole, and a power loss may have left anything of it. Data that are
 * whole and say something else are not ours to cut off: somebody has put another file there.
 */
async function seeThatBehind(
  files: Files,
  file: File,
  { path, compression, bytes, part }: CompressedOutput,
): Promise<void> {
  const plain = files.open(part, 'read')
  const decoder = decoderOf(compression)
  let at = 0
  let isOurs = true
  const compare = (piece: Uint8Array): void => {
    const wanted = Buffer.alloc(piece.length)
    plain.readSync(wanted, wanted.length, at)
    isOurs &&= wanted.equals(piece)
    at += piece.length
  }
  try {
    for await (const chunk of chunksOf(file, bytes, file.size())) {
      for await (const piece of decoder.push(chunk)) compare(piece)
    }
    for await (const piece of decoder.end()) compare(piece)
  } catch (error) {
    // That it is cut, or not even begun, is what is to be mended.
    if (!(error instanceof BrokenData)) throw error
    return
  } finally {
    decoder.close()
    plain.close()
  }
  if (isOurs) return
  const why = `what it holds behind byte ${bytes} is not what ${part} holds`
  throw damaged(path, why, 'put it back as it was, or give --overwrite to move both aside')
}

function cutOff(files: Files, path: string, bytes: number): void {
  const file = openToAppend(files, path)
  try {
    file.truncate(bytes)
  } finally {
    file.close()
  }
}

const beatBytes = 2 ** 24

/** The bytes of a file between two places. */
async function* chunksOf(
  file: File,
  from: number,
  to: number,
  beat?: () => void,
): AsyncGenerator<Uint8Array> {
  let beatAt = from + beatBytes
  for (let at = from; at < to;) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(to - at, bounds.readChunkBytes))
    const count = await file.read(chunk, chunk.length, at)
    if (count === 0) return
    at += count
    if (at >= beatAt) {
      beatAt = at + beatBytes
      beat?.()
    }
    yield chunk.subarray(0, count)
  }
}

function damaged(path: string, why: string, hint: string): RunError {
  return new RunError('OUTPUT_DAMAGED', `Cannot go on with ${path}: ${why}`, { hint })
}
