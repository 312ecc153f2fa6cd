/**
 * `--overwrite`: the files of an earlier run get other names, so that nothing paid for is deleted.
 */

import type { Files } from './files.ts'
import type { RecordPaths } from './record.ts'

/** One file or folder that was renamed. */
export interface Moved {
  readonly from: string
  readonly to: string
}

/**
 * Renames the output, the failed file and what is in the `.sluice` folder to `….bak-<stamp>`, and
 * returns what was renamed. Names that are taken are left alone; a number is added instead.
 *
 * The caller holds the output's lock, which stays where it is: without it a run that is under way
 * could lose its files from under it.
 */
export function moveAside(files: Files, paths: RecordPaths, stamp: string): readonly Moved[] {
  const moved: Moved[] = []
  const move = (from: string, to: string): void => {
    files.rename(from, to)
    moved.push({ from, to })
  }
  for (const path of [paths.output, paths.failed]) {
    if (path === undefined) continue
    if (files.stat(path)?.isFile === true) move(path, freeName(files, `${path}.bak-${stamp}`))
  }
  const { folder } = paths
  const entries = folder === undefined ? [] : files.list(folder)
  const names = entries.filter((name) => !/^lock(\.|$)/.test(name))
  if (folder !== undefined && names.length > 0) {
    const backup = freeName(files, `${folder}.bak-${stamp}`)
    files.makeFolder(backup)
    for (const name of names) move(`${folder}/${name}`, `${backup}/${name}`)
  }
  if (moved.length > 0) files.syncFolderOf(paths.output)
  return moved
}

function freeName(files: Files, wanted: string): string {
  let name = wanted
  for (let number = 2; files.stat(name) !== undefined; number++) name = `${wanted}-${number}`
  return name
}

/** Wall time as part of a file name: 20261122-153000. */
export function stampOf(wallAt: number): string {
  const [day = '', time = ''] = new Date(wallAt).toISOString().split('T')
  return `${day.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}`
}
