/**
 * A file by its name alone, as a page has it in its head.
 */

/** The last part of a path, whatever system wrote it. */
export function nameOf(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? path
}
