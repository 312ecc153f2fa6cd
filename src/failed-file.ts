/**
 * The failed file, brought in line with how a run ended.
 *
 * While a run goes on, failures are only appended, also of rows that failed before and were asked
 * again. At the end the file is rewritten with one line for each row that failed.
 */

import type { Files } from './files.ts'
import { Fingerprints } from './fingerprints.ts'
import type { LineForm } from './line-form.ts'
import { Replacement } from './replacement.ts'
import { type LinePlace, readResultFile } from './result-file.ts'
import type { ResultLine } from './result-line.ts'

const lineFeed = Buffer.from('\n')

/**
 * Keeps as many lines of each key as `wanted` says, the latest ones; removes the file when none is
 * left, and does nothing when nothing would change. An answer that was moved into it stays.
 *
 * The file is replaced by another one, so it must not be open to append.
 */
export function compactFailed(
  files: Files,
  path: string,
  wanted: Fingerprints,
  form?: LineForm,
): { readonly kept: number; readonly removed: number } {
  const counts = new Fingerprints()
  let kept = 0
  let removed = 0
  const count = ({ type, key }: ResultLine): void => {
    if (type === 'succeeded' || counts.add(key, 1) <= wanted.get(key)) kept++
    else removed++
  }
  readResultFile(files, path, count, form)
  if (removed > 0 && kept === 0) {
    files.remove(path)
    files.syncFolderOf(path)
  } else if (removed > 0) {
    rewrite(files, path, { counts, wanted, form })
  }
  return { kept, removed }
}

/** An empty failed file says nothing that its absence does not. */
export function removeIfEmpty(files: Files, path: string): void {
  if (files.stat(path)?.size === 0) files.remove(path)
}

/**
 * `counts` says how many lines of a key there are. The first ones go: the last failure is the one
 * to see.
 */
function rewrite(
  files: Files,
  path: string,
  how: { counts: Fingerprints; wanted: Fingerprints; form: LineForm | undefined },
): void {
  const { counts, wanted, form } = how
  const replacement = new Replacement(files, path)
  try {
    const copy = ({ type, key }: ResultLine, { buffer, start, end }: LinePlace): void => {
      if (type !== 'succeeded') {
        const isSurplus = counts.get(key) > wanted.get(key)
        counts.add(key, -1)
        if (isSurplus) return
      }
      replacement.write(buffer.subarray(start, end))
      replacement.write(lineFeed)
    }
    readResultFile(files, path, copy, form)
    replacement.commit()
  } catch (error) {
    replacement.abandon()
    throw error
  }
}
