/**
 * Where messages go: standard error, with at most one live block at its bottom.
 *
 * Lines that stay are written above the block. Nothing is ever left behind: the cursor is
 * not hidden, no mode is changed, so a process that is killed leaves a usable terminal.
 */

import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import { drawBlock, eraseBlock } from './block.ts'
import type { Redact } from './redact.ts'
import { displayWidth } from './text.ts'

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
  #isLive = false
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

  /** Makes it a terminal with a live block; before that, `show` does nothing. */
  goLive(): void {
    this.#isLive = true
    this.#stream.on('resize', this.#resized)
  }

  print(lines: readonly string[]): void {
    if (lines.length === 0) return
    const text = this.#redact(`${lines.join('\n')}\n`)
    const block = this.#lines
    const drawn = block.length > 0 ? this.#redact(drawBlock(0, block)) : ''
    this.#stream.write(eraseBlock(block.length) + text + drawn)
  }

  show(lines: readonly string[]): void {
    if (!this.#isLive) return
    const before = this.#lines
    const isSame = lines.length === before.length && lines.every((line, at) => line === before[at])
    this.#lines = lines
    if (!isSame) this.#stream.write(this.#redact(drawBlock(before.length, lines)))
  }

  hide(): void {
    if (this.#lines.length > 0) this.#stream.write(eraseBlock(this.#lines.length))
    this.#lines = []
  }

  rest(): void {
    this.hide()
    this.#isLive = false
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
    if (this.#lines.length > 0) this.#stream.write(eraseBlock(this.#lines.length + wrapped))
    this.#lines = []
  }
}
