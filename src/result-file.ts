/**
 * A file of result lines: read through, its end mended, opened to append.
 *
 * A kill or a power loss can leave a torn last line. It is cut off, and its row is asked again.
 * Nothing else is ever changed, and a file that is not ours is not touched at all:
 *
 *   a complete result line without its newline   the newline is added: that answer is held
 *   the beginning of a line of ours, at the end  cut
 *   NUL bytes at the end                         cut (power was lost: length without content)
 *   anything else that is no result line         OUTPUT_FOREIGN, with its line number
 *
 * A file of nothing but NUL bytes is taken for ours: that is what a power loss in the first
 * second of a run leaves, and there is nothing in it to lose.
 */

import { RunError } from './errors.ts'
import { systemErrorCode } from './files.ts'
import type { File, Files } from './files.ts'
import { type LineForm, lineForms } from './line-form.ts'
import { LineScan } from './line-scan.ts'
import type { ResultLine } from './result-line.ts'

/**
 * Where a line is: `buffer[start..end)`, without its newline; `offset` is that of `start` in the
 * file.
 */
export interface LinePlace {
  readonly buffer: Uint8Array
  readonly start: number
  readonly end: number
  readonly offset: number
}

/** A line of a file of lines, as far as it is judged. */
export interface ScannedLine extends LinePlace {
  /** From 1. */
  readonly number: number
  /** There is a NUL byte in it or near it. */
  readonly mayHoldNul: boolean
}

/**
 * Calls `visit` for each result line of the file, in order, after which the file ends with a
 * newline and may be appended to. Returns its size. A file that is not there, or is a device,
 * has no lines. Where it is not to be mended (`mends`), it is read as if it were, and left alone.
 *
 * @throws {RunError} `OUTPUT_FOREIGN` when it holds something that is no result line;
 * `OUTPUT_UNWRITABLE` when it cannot be read or mended.
 */
export function readResultFile(
  files: Files,
  path: string,
  visit: (line: ResultLine, place: LinePlace) => void,
  form: LineForm = lineForms.results,
  mends = true,
): number {
  let file: File | undefined
  try {
    const info = files.stat(path)
    if (info === undefined || !info.isFile || info.size === 0) return 0
    file = files.open(path, 'read')
    const scan = new LineScan(file)
    while (scan.next()) {
      if (!scan.isTerminated) {
        const change = mends ? mend : unchanged
        return readEnd(files, path, { scan, size: info.size, form, change }, visit)
      }
      visitLine(path, scan, form, visit)
    }
    return info.size
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error
    throw unwritable(path, error)
  } finally {
    file?.close()
  }
}

/**
 * Opens a file to append to, making it durably if it is not there.
 *
 * @throws {RunError} `OUTPUT_UNWRITABLE` when that cannot be done.
 */
export function openToAppend(files: Files, path: string): File {
  try {
    const isNew = files.stat(path) === undefined
    const file = files.open(path, 'append')
    if (isNew) files.syncFolderOf(path)
    return file
  } catch (error) {
    throw unwritable(path, error)
  }
}

/**
 * Makes durable what the file holds, if there is one: its writer may have been killed before it
 * could.
 *
 * @throws {RunError} `OUTPUT_UNWRITABLE`
 */
export function syncFile(files: Files, path: string): void {
  if (files.stat(path) === undefined) return
  const file = openToAppend(files, path)
  try {
    file.syncNow()
  } catch (error) {
    throw unwritable(path, error)
  } finally {
    file.close()
  }
}

/**
 * Calls `visit` for the line that was scanned, unless it is blank.
 *
 * @throws {RunError} `OUTPUT_FOREIGN` when it is no result line
 */
export function visitLine(
  path: string,
  scan: ScannedLine,
  form: LineForm,
  visit: (line: ResultLine, place: LinePlace) => void,
): void {
  const line = readLine(scan, form)
  if (line !== undefined) visit(line, scan)
  else if (!isBlank(scan.buffer, scan.start, scan.end)) throw foreign(path, scan)
}

function readLine(scan: ScannedLine, form: LineForm): ResultLine | undefined {
  // The quick way looks at the ends of a line alone. NUL bytes mean that a power loss was here.
  const { buffer, start, end } = scan
  return scan.mayHoldNul ? form.parse(buffer, start, end) : form.read(buffer, start, end)
}

/** The last line, which has no newline. */
function readEnd(
  files: Files,
  path: string,
  { scan, size, form, change }: { scan: LineScan; size: number; form: LineForm; change: Change },
  visit: (line: ResultLine, place: LinePlace) => void,
): number {
  const { buffer, start, offset } = scan
  // Beyond the longest line there can be, reading stopped before the file's end.
  if (offset + scan.end - start < size) throw foreign(path, scan)
  let end = scan.end
  while (end > start && buffer[end - 1] === 0) end--
  const line = form.parse(buffer, start, end)
  if (line === undefined && form.isBeginning(buffer, start, end)) {
    return change(files, path, offset, '')
  }
  if (line === undefined && !isBlank(buffer, start, end)) throw foreign(path, scan)
  const newSize = change(files, path, offset + end - start, '\n')
  if (line !== undefined) visit(line, { buffer, start, end, offset })
  return newSize
}

type Change = (files: Files, path: string, size: number, end: '' | '\n') => number

/** Of a file that is only looked at. */
const unchanged: Change = (_files, _path, size) => size

/** Cuts the file to `size` and appends `end`; returns the new size. */
function mend(files: Files, path: string, size: number, end: '' | '\n'): number {
  const file = files.open(path, 'append')
  try {
    if (file.size() > size) file.truncate(size)
    if (end !== '') file.write(Buffer.from(end), 0)
    return size + end.length
  } finally {
    file.close()
  }
}

function isBlank(buffer: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = buffer[at]
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false
  }
  return true
}

const excerptBytes = 40

function foreign(path: string, { buffer, start, end, number }: ScannedLine): RunError {
  // The form that was asked for does not read it; another may.
  const other = Object.entries(lineForms).find(([, form]) => form.parse(buffer, start, end))
  if (other !== undefined) {
    const message = `Cannot go on with ${path}: line ${number} is of another form of output`
    const hint = `give --output-format ${other[0]} as it has, or name another output`
    return new RunError('OUTPUT_FOREIGN', message, { hint })
  }
  const text = Buffer.from(buffer.subarray(start, Math.min(end, start + excerptBytes))).toString()
  const excerpt = JSON.stringify(end - start > excerptBytes ? `${text}…` : text)
  return new RunError(
    'OUTPUT_FOREIGN',
    `Cannot go on with ${path}: line ${number} is no result line of sluice: ${excerpt}`,
    { hint: 'name another output with -o, or give --overwrite to move the old files aside' },
  )
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EMFILE: 'too many files are open',
}

/** What the system says of a file that cannot be read or written, as an error of the run. */
export function unwritable(path: string, cause: unknown): RunError {
  const known = reasons[systemErrorCode(cause) ?? '']
  const reason = known ?? (cause instanceof Error ? cause.message : String(cause))
  return new RunError('OUTPUT_UNWRITABLE', `Cannot write ${path}: ${reason}`, {
    hint: 'name an output that can be written with -o',
    cause,
  })
}
