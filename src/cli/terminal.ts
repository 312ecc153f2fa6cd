/**
 * Where messages go: standard error, with at most one live block at its bottom.
 *
 * Lines that stay are written above the block. Nothing is ever left behind: the cursor is
 * not hidden, no mode is changed, so a process that is killed leaves a usable terminal.
 */

import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import type { Redact } from './redact.ts'
import { displayWidth } from './text.ts'

/** What log-update gives. */
interface Block {
  (text: string): void
  clear(): void
}

/** Something lines are shown on. */
export interface Surface {
  readonly columns: number
  readonly rows: number
  /** Lines that stay. */
  print(lines: readonly string[]): void
  /** The block at the bottom, from now on. */
  show(lines: readonly string[]): void
  /** Takes the block away until it is shown again. */
  hide(): void
  /** Removes the block for good. */
  rest(): void
}

/** Standard error. */
export class Terminal implements Surface {
  readonly #stream: WriteStream
  readonly #redact: Redact
  #block: Block | undefined
  #lines: readonly string[] = []

  constructor(stream: WriteStream, redact: Redact) {
    this.#stream = stream
    this.#redact = redact
  }

  get columns(): number {
    // A terminal without a window may say that it has no columns.
    return this.#stream.isTTY && this.#stream.columns > 0 ? this.#stream.columns : 80
  }

  get rows(): number {
    return this.#stream.isTTY && this.#stream.rows > 0 ? this.#stream.rows : 24
  }

  /** Makes it a terminal with a live block; until this resolves, `show` does nothing. */
  async goLive(): Promise<void> {
    const { createLogUpdate } = await import('log-update')
    this.#block = createLogUpdate(this.#stream, { showCursor: true })
    this.#stream.on('resize', this.#resized)
  }

  print(lines: readonly string[]): void {
    if (lines.length === 0) return
    const text = this.#redact(`${lines.join('\n')}\n`)
    this.#block?.clear()
    this.#stream.write(text)
    if (this.#lines.length > 0) this.#block?.(this.#lines.join('\n'))
  }

  show(lines: readonly string[]): void {
    if (this.#block === undefined) return
    this.#lines = lines
    this.#block(this.#redact(lines.join('\n')))
  }

  hide(): void {
    this.#block?.clear()
    this.#lines = []
  }

  rest(): void {
    this.hide()
    this.#block = undefined
    this.#stream.off('resize', this.#resized)
  }

  /** Resolves when all that was written has left the process, or cannot. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#stream.write('', () => resolve())
    })
  }

  /**
   * A terminal that became narrower has wrapped the block onto more rows than the block has
   * lines; the rows too many are erased here, or they would stay above every later block.
   */
  readonly #resized = (): void => {
    const rows = this.#lines.map(
      (line) => Math.ceil(displayWidth(stripVTControlCharacters(line)) / this.columns) - 1,
    )
    const wrapped = rows.reduce((sum, extra) => sum + Math.max(0, extra), 0)
    this.#stream.write('\u001b[2K\u001b[1A'.repeat(wrapped))
    this.#block?.clear()
    this.#lines = []
  }
}
