/**
 * What runs by batches may cost, and what they cache: by the server's books.
 */

import { describe, expect, test } from 'vitest'
import { BatchWorld, idsOf, judge, namedRows, via } from './batch-world.ts'
import { counts, rowsOf } from './small-world.ts'

const hour = 3_600_000
/** Of Haiku 4.5 by batches, nano-dollars a token. */
const price = { input: 500, output: 2500, write1h: 1000, read: 50 }

/** What answers in batches have cost by the server's own usage, read or not. */
function billed(world: BatchWorld): number {
  const { batches } = world.server.totals
  return (
    batches.inputTokens * price.input +
    batches.outputTokens * price.output +
    batches.cacheWrite1hTokens * price.write1h +
    batches.cacheReadTokens * price.read
  )
}

describe('a budget', () => {
  test.each(['strict', 'expected'] as const)(
    '%s: sizes batches, and is not passed',
    async (budgetMode) => {
      const world = new BatchWorld(100, { outputTokens: 60 })
      // A row: 100 tokens of answer at 2,500 and some 120 bytes at 500: a thousandth of 0.4 dollars.
      const budget = { ...via, maxBudgetUsd: 0.004, budgetMode }
      const { life, summary } = await world.live(budget)
      expect(summary.stopped?.code).toBe('BUDGET_REACHED')
      expect(summary.exitCode).toBe(4)
      const { overshootMax = 0 } = summary.snapshot.budget?.usd ?? {}
      expect(billed(world)).toBeGreaterThan(2_000_000)
      expect(billed(world)).toBeLessThanOrEqual(4_000_000 + overshootMax)
      const sizes = world.server.bodies.map((body) => body.match(/custom_id/g)?.length ?? 0)
      expect(sizes[0]).toBeLessThanOrEqual(16)
      expect(sizes.length).toBeGreaterThan(1)
      for (const event of life.events) {
        if (event.type !== 'budget_used' || event.usd === null) continue
        const { spent, unknown, reserved } = event.usd
        expect(spent + unknown + reserved).toBeLessThanOrEqual(4_000_000 + overshootMax)
      }
      const { summary: more } = await world.live({ ...via, maxBudgetUsd: 1, budgetMode })
      expect(counts(more)).toEqual([100, 0, 0])
      expect(judge(world, idsOf(100))).toEqual([])
    },
  )

  test('holds for what is outstanding, by runs with or without one', async () => {
    for (const first of [{}, { maxBudgetUsd: 0.004 }]) {
      const world = new BatchWorld(10, { batchDurationMs: hour })
      await world.live({ ...via, ...first, detach: true })
      world.edit(namedRows(40))
      const { summary } = await world.live({ ...via, detach: true, maxBudgetUsd: 0.004 })
      expect(['BUDGET_REACHED', 'BATCHES_OUTSTANDING']).toContain(summary.stopped?.code)
      const { spent = 0, unknown = 0, reserved = 0 } = summary.snapshot.budget?.usd ?? {}
      expect(spent + unknown + reserved).toBeLessThanOrEqual(4_000_000)
      await world.live({ ...via, maxBudgetUsd: 0.004 })
      expect(billed(world)).toBeLessThanOrEqual(4_000_000)
    }
  })

  test('that is full for rows further on does not stand in their way', async () => {
    const world = new BatchWorld(namedRows(12), { batchDurationMs: hour })
    await world.live({ ...via, detach: true })
    world.edit([...namedRows(30, 100), ...namedRows(12)])
    const { summary } = await world.live({ ...via, maxBudgetUsd: 0.005 })
    expect(summary.rows.succeeded).toBeGreaterThanOrEqual(12)
    expect(summary.stopped?.code).toBe('BUDGET_REACHED')
    expect(billed(world)).toBeLessThanOrEqual(5_000_000)
    const { summary: all } = await world.live({ ...via, maxBudgetUsd: 1 })
    expect(counts(all)).toEqual([42, 0, 0])
  })

  test('counts a create that may have been performed, in this run and the next', async () => {
    const world = new BatchWorld(10)
    const { server } = world
    const receive = server.receive.bind(server)
    let isFirst = true
    server.receive = (now, wallTime, wire) => {
      if (!isFirst || wire.method !== 'POST') return receive(now, wallTime, wire)
      isFirst = false
      return { id: -1, step: { actions: [{ type: 'reset' }] } }
    }
    const { summary } = await world.live({ ...via, maxBudgetUsd: 1 })
    expect(counts(summary)).toEqual([10, 0, 0])
    const unknown = summary.snapshot.budget?.usd?.unknown ?? 0
    expect(unknown).toBe(summary.snapshot.possiblyBilledTwice.costNanoUsdMax)
    expect(unknown).toBeGreaterThan(10 * 100 * price.output)
    world.edit(namedRows(11))
    const { summary: next } = await world.live({ ...via, maxBudgetUsd: 1 })
    expect(next.snapshot.budget?.usd?.unknown).toBe(unknown)
  })

  test('of tokens counts what batches of earlier runs took', async () => {
    const world = new BatchWorld(10)
    const { summary } = await world.live({ ...via, maxTotalTokens: 1_000_000 })
    const { spent = 0 } = summary.snapshot.budget?.tokens ?? {}
    const { batches } = world.server.totals
    expect(spent).toBe(batches.inputTokens + batches.outputTokens)
    world.edit(namedRows(11))
    const { summary: next } = await world.live({ ...via, maxTotalTokens: 1_000_000 })
    const now = world.server.totals.batches
    expect(next.snapshot.budget?.tokens?.spent).toBe(now.inputTokens + now.outputTokens)
  })

  test('by live requests is at the price of these', async () => {
    const faults = { 'batch-request-error': 1 }
    const world = new BatchWorld(40, { faults })
    const options = { ...via, batchLeftovers: 'live', maxBudgetUsd: 0.004 } as const
    const { summary } = await world.live(options)
    expect(summary.stopped?.code).toBe('BUDGET_REACHED')
    const { output, input } = summary.snapshot.tokens
    expect(2 * (input * price.input + output * price.output)).toBeLessThanOrEqual(4_000_000)
  })
})

/** A document of many tokens, and a question of its own. */
function asking(document: string, question: string, mark: object = {}): object {
  const [row] = rowsOf(1) as readonly [object]
  const content = [
    { type: 'text', text: `${document} `.repeat(6000), ...mark },
    { type: 'text', text: question },
  ]
  return { custom_id: question, params: { ...row, messages: [{ role: 'user', content }] } }
}

describe('the prompt cache', () => {
  const documents = ['alpha', 'beta', 'gamma']
  const shuffled = Array.from({ length: 30 }, (_, index) =>
    asking(documents[(index * 7) % 3] ?? '', `Row ${index}`),
  )
  const lone = asking('delta', 'Row 30')
  const pair = [asking('epsilon', 'Row 31'), asking('epsilon', 'Row 32')]

  /** What stood in the one batch, in its order. */
  function sent(
    world: BatchWorld,
  ): readonly { document: string; marked: boolean; life: unknown }[] {
    const { requests } = JSON.parse(world.server.bodies[0] ?? '') as Sent
    return requests.map(({ params }) => {
      const [block] = params.messages[0]?.content ?? []
      const mark = block?.cache_control
      const document = block?.text.split(' ')[0] ?? ''
      return { document, marked: mark !== undefined, life: mark?.ttl }
    })
  }

  test('auto: groups of three and more stand together, marked alike, for an hour', async () => {
    const world = new BatchWorld([...shuffled, lone, ...pair])
    const { summary } = await world.live({ ...via, cache: 'auto' })
    expect(counts(summary)).toEqual([33, 0, 0])
    expect(judge(world, idsOf(33))).toEqual([])
    const order = sent(world)
    for (const document of [...documents, 'epsilon']) {
      const places = order.flatMap((each, index) => (each.document === document ? [index] : []))
      expect((places.at(-1) ?? 0) - (places[0] ?? 0)).toBe(places.length - 1)
    }
    const marked = order.filter((each) => each.marked)
    expect(marked).toHaveLength(30)
    expect(marked.every(({ life }) => life === '1h')).toBe(true)
    expect(
      order.filter(({ document }) => document === 'delta' || document === 'epsilon'),
    ).toHaveLength(3)
    expect(world.server.totals.batches.cacheReadTokens).toBeGreaterThan(0)
    const plain = new BatchWorld([...shuffled, lone, ...pair])
    await plain.live({ ...via, cache: 'off' })
    expect(billed(world)).toBeLessThan(billed(plain))
  })

  const mark = { cache_control: { type: 'ephemeral', ttl: '1h' } }

  test('marked: rows with the same marks stand together, and none is added', async () => {
    const rows = shuffled.map((_, index) =>
      asking(documents[(index * 7) % 3] ?? '', `Row ${index}`, index < 20 ? mark : {}),
    )
    const world = new BatchWorld(rows)
    await world.live(via)
    const order = sent(world)
    expect(order.filter(({ marked }) => marked)).toHaveLength(20)
    const runs = order.filter(
      ({ document, marked }, index) => marked && order[index - 1]?.document !== document,
    )
    expect(runs.length).toBeLessThanOrEqual(4)
    expect(judge(world, idsOf(30))).toEqual([])
  })

  test('strip: no mark is sent', async () => {
    const world = new BatchWorld(shuffled.map((_, index) => asking('alpha', `Row ${index}`, mark)))
    await world.live({ ...via, cache: 'strip' })
    expect(sent(world).some(({ marked }) => marked)).toBe(false)
    expect(judge(world, idsOf(30))).toEqual([])
  })

  test('off: nothing is touched', async () => {
    const world = new BatchWorld(shuffled)
    await world.live({ ...via, cache: 'off' })
    expect(sent(world).map(({ document }) => document)).toEqual(
      shuffled.map((_, index) => documents[(index * 7) % 3]),
    )
  })
})

interface Sent {
  readonly requests: readonly {
    readonly params: {
      readonly messages: readonly {
        readonly content: readonly { readonly text: string; readonly cache_control?: Mark }[]
      }[]
    }
  }[]
}

interface Mark {
  readonly ttl: unknown
}
