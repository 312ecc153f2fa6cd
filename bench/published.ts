/**
 * What a benchmark publishes: text between two marks of a file of the project.
 */

import { readFileSync, writeFileSync } from 'node:fs'

/** Replaces what stands between `<!-- mark: begin -->` and its end; `path` is from the root. */
export function writeBetween(path: string, mark: string, text: string): void {
  const url = new URL(`../${path}`, import.meta.url)
  const [begin, end] = [`<!-- ${mark}: begin -->`, `<!-- ${mark}: end -->`]
  const before = readFileSync(url, 'utf8')
  const [from, to] = [before.indexOf(begin), before.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${path} has no marks "${mark}"`)
  const whole = `${before.slice(0, from)}${begin}\n\n${text}\n\n${before.slice(to)}`
  writeFileSync(url, whole)
}
