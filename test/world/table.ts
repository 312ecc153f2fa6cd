/**
 * What befell many histories, as a table: of each trouble, the seeds that drew it, those it
 * happened in, and how often.
 */

import { cacheModes } from '../../src/settings.ts'
import { type Drawn, stoppingFaults, transientFaults } from './draw.ts'
import type { History } from './world.ts'

/** Troubles that are not single requests' faults, and whether a seed drew them. */
const drawnTroubles: readonly (readonly [name: string, drawn: (drawn: Drawn) => boolean])[] = [
  ['refused by limits', () => true],
  ['outage', ({ troubles }) => troubles.outage !== undefined],
  ['key refused', ({ troubles }) => troubles.keyRefused !== undefined],
  ['limits dropped', ({ troubles }) => troubles.limitChanges.some(({ factor }) => factor < 1)],
  ['limits raised', ({ troubles }) => troubles.limitChanges.some(({ factor }) => factor > 1)],
  ['request overtook another', () => true],
  ['clock step', ({ troubles }) => troubles.wallSteps.length > 0],
  ['machine sleep', ({ troubles }) => troubles.sleep !== undefined],
  ['disk full', ({ troubles }) => troubles.diskFull !== undefined],
  ['EIO on write', ({ troubles }) => troubles.brokenDisk?.on === 'write'],
  ['EIO on sync', ({ troubles }) => troubles.brokenDisk?.on === 'sync'],
  ['short write', ({ shortWrites }) => shortWrites],
  ['process kill', ({ deaths }) => deaths.some(({ kind }) => kind === 'kill')],
  ['power loss', ({ deaths }) => deaths.some(({ kind }) => kind === 'power')],
  ['torn line', ({ deaths }) => deaths.some(({ kind }) => kind !== 'interrupt')],
  ['interrupt', ({ deaths }) => deaths.some(({ kind }) => kind === 'interrupt')],
  ['lock of a dead holder', ({ deaths }) => deaths.some(({ kind }) => kind !== 'interrupt')],
  ['lock left by another', ({ lockLeft }) => lockLeft !== undefined],
  ['input edited', ({ edits, deaths }) => edits && deaths.length > 0],
  ['first rows only', ({ firstGrows, deaths }) => firstGrows && deaths.length > 0],
  ['failed rows asked again', ({ retryFailedEarly }) => retryFailedEarly],
  ['output moved aside', ({ overwrite }) => overwrite],
  ['budget reached', ({ budget }) => budget !== undefined],
  ['stream input', ({ stream }) => stream],
  ...cacheModes.map(
    (mode) =>
      [`--cache ${mode}`, ({ cache, shared }: Drawn) => cache === mode && shared > 0] as const,
  ),
  ['prefix written', () => true],
  ['prefix read', () => true],
]

const requestFaults = [...transientFaults, ...stoppingFaults]

/** A Markdown table of the troubles of these histories. */
export function tableOf(
  histories: readonly Pick<History, 'drawn' | 'tally' | 'lives' | 'requests' | 'judged'>[],
): string {
  const faults = requestFaults.map(
    (name) =>
      [
        name,
        ({ server, troubles }: Drawn) =>
          server.faults?.[name] !== undefined || troubles.outage?.kind === name,
      ] as const,
  )
  const rows = [...faults, ...drawnTroubles].map(([name, isDrawn]) => {
    const drawn = histories.filter((history) => isDrawn(history.drawn)).length
    const counts = histories.map(({ tally }) => tally.get(name) ?? 0)
    const happened = counts.filter((count) => count > 0).length
    return `| ${name} | ${drawn} | ${happened} | ${sum(counts)} |`
  })
  const lives = sum(histories.map((history) => history.lives))
  const requests = sum(histories.map((history) => history.requests))
  const judged = histories.filter((history) => history.judged > 0)
  return [
    '| trouble | seeds that drew it | seeds it happened in | times |',
    '|---|---|---|---|',
    ...rows,
    '',
    `${histories.length} seeds, ${lives} lives, ${requests} requests; idleness judged in ` +
      `${judged.length} seeds at ${sum(judged.map((history) => history.judged))} instants`,
  ].join('\n')
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
