/**
 * What there is to see only while a run is under way: requests in flight, batches, notices.
 */

import type { JSX } from 'preact'
import { formatCount, formatDuration } from '../../figures.ts'
import type { LiveView, PageView } from '../view.ts'
import { type Column, Foreign, Section, Table } from './table.tsx'
import { formatClock } from './words.ts'

type InFlight = LiveView['inFlight'][number]
type Batch = LiveView['batches'][number]

const inFlightColumns: readonly Column<InFlight>[] = [
  { head: 'Line', kind: 'number', cell: ({ line }) => formatCount(line) },
  { head: 'Id', kind: 'id', cell: ({ id }) => <Foreign text={id} /> },
  { head: 'Model', kind: 'name', cell: ({ model }) => <Foreign text={model} /> },
  { head: 'Age', kind: 'number', cell: ({ ageMs }) => formatDuration(ageMs) },
]

const batchColumns: readonly Column<Batch>[] = [
  { head: 'Batch', kind: 'id', cell: ({ id }) => <Foreign text={id} /> },
  { head: 'Rows', kind: 'number', cell: ({ rows }) => formatCount(rows) },
  { head: 'Age', kind: 'number', cell: ({ ageMs }) => formatDuration(ageMs) },
]

/** The tables of now, in frames that keep their height while rows come and go. */
export function Now({ view, live }: { view: PageView; live: LiveView }): JSX.Element {
  const { inFlight, batches, notices } = live
  const more = view.rows.inFlight - inFlight.length
  return (
    <>
      <Section
        title="In flight"
        note={more > 0 ? `the oldest ${formatCount(inFlight.length)}` : 'oldest first'}
      >
        <div class="card steady">
          {inFlight.length === 0 ? (
            <p class="nothing">No request is in flight.</p>
          ) : (
            <Table
              caption="Requests in flight, oldest first"
              columns={inFlightColumns}
              rows={inFlight}
              // By place: rows come and go twice a second, their places stay.
              keyOf={(_, index) => index}
            />
          )}
        </div>
      </Section>
      <Section title="Batches">
        <div class="card steady">
          {batches.length === 0 ? (
            <p class="nothing">No batch is outstanding.</p>
          ) : (
            <Table
              caption="Batches outstanding"
              columns={batchColumns}
              rows={batches}
              keyOf={({ id }) => id}
            />
          )}
        </div>
      </Section>
      <Section title="Notices" note="newest first">
        <div class="card steady">
          {notices.length === 0 ? (
            <p class="nothing">Nothing was said so far.</p>
          ) : (
            <div class="frame" role="region" aria-label="What was said, newest first" tabIndex={0}>
              <ul class="notices">
                {notices.map(({ at, message }, index) => (
                  <li key={index}>
                    <time>{formatClock(at)}</time> <Foreign text={message} />
                  </li>
                ))}
              </ul>
            </div>
          )}
        </div>
      </Section>
    </>
  )
}
