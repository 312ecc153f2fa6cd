import { describe, expect, test } from 'vitest'
import { counts, rowsOf, SmallWorld } from './small-world.ts'
import { output } from './small-world.ts'

const via = { via: 'batches' } as const

function linesOf(world: SmallWorld): readonly { custom_id: string; run: { batch_id?: string } }[] {
  const text = world.disk.readText(output)
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as never)
}

describe('by batches', () => {
  test('every row is answered, at half the price', async () => {
    const world = new SmallWorld(rowsOf(50), { batchDurationMs: 600_000 })
    const { summary } = await world.live(via)
    expect(counts(summary)).toEqual([50, 0, 0])
    expect(summary.exitCode).toBe(0)
    const lines = linesOf(world)
    expect(new Set(lines.map(({ custom_id: id }) => id)).size).toBe(50)
    expect(lines.every(({ run }) => run.batch_id?.startsWith('msgbatch_'))).toBe(true)
    expect(world.disk.list(`${output}.sluice`)).toEqual([])
  })
})
