/**
 * What is wrong with compressed data: for whoever reads it to say of which file, and where.
 */

export class BrokenData extends Error {
  override readonly name = 'BrokenData'
  /** What to do about it. */
  readonly fix: string

  constructor(message: string, fix: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.fix = fix
  }
}

/** Data of a format has ended, and what is behind it is of none. */
export function followedByOther(format: string): BrokenData {
  const message = `something follows its ${format} data that is no such data`
  return new BrokenData(message, 'cut it off, or decompress the file and see what it is')
}
