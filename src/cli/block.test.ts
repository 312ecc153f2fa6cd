import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { drawBlock, eraseBlock } from './block.ts'

/** What a terminal shows of a text with these escapes, and where its cursor is. */
function screenOf(texts: readonly string[]): { rows: readonly string[]; row: number } {
  const rows: string[] = ['']
  let [row, column] = [0, 0]
  const text = texts.join('').replaceAll('\u001b', '~')
  const parts = text.match(/~\[\?2026[hl]|~\[\d*[AKJ]|\r|\n|[^~\r\n]/g) ?? []
  for (const part of parts) {
    const line = (rows[row] ??= '')
    if (part === '\r') column = 0
    else if (part === '\n') [row, column] = [row + 1, 0]
    else if (part.endsWith('A')) row -= Number(part.slice(2, -1))
    else if (part === '~[K') rows[row] = line.slice(0, column)
    else if (part === '~[J') rows.splice(row, Infinity, line.slice(0, column))
    else if (!part.startsWith('~')) {
      rows[row] = line.slice(0, column) + part + line.slice(column + 1)
      column += 1
    }
    rows[row] ??= ''
  }
  return { rows, row }
}

const lines = fc.array(fc.stringMatching(/^[a-z ]{0,20}$/), { minLength: 1, maxLength: 6 })

test('whatever block is drawn over whatever block, the newest alone is there, below what stays', () => {
  fc.assert(
    fc.property(fc.array(lines, { minLength: 1, maxLength: 8 }), (blocks) => {
      const drawn = blocks.map((block, at) => drawBlock(blocks[at - 1]?.length ?? 0, block))
      const { rows, row } = screenOf(['above\n', ...drawn])
      const newest = blocks.at(-1) ?? []
      expect(rows).toEqual(['above', ...newest, ''])
      expect(row).toBe(newest.length + 1)
    }),
  )
})

test('what is erased leaves what stands above, and the cursor where the block began', () => {
  fc.assert(
    fc.property(lines, (block) => {
      const { rows, row } = screenOf(['above\n', drawBlock(0, block), eraseBlock(block.length)])
      expect(rows).toEqual(['above', ''])
      expect(row).toBe(1)
    }),
  )
  expect(eraseBlock(0)).toBe('')
})
