/**
 * The process's two output streams: data to one, words to the other.
 *
 * Standard output is not touched before there is data: results may go there by another way,
 * and opening it as a stream changes how the pipe behind it behaves.
 */

/** A line of data on standard output; resolves when it is out, or nobody reads it any more. */
export function printData(line: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.once('error', () => resolve())
    process.stdout.write(`${line}\n`, () => resolve())
  })
}

/** Lines for people. */
export function printMessage(lines: readonly string[]): void {
  process.stderr.write(`${lines.join('\n')}\n`)
}

/** Whether standard error shows colours. */
export function stderrTakesColor(): boolean {
  return process.stderr.isTTY && process.stderr.hasColors()
}
