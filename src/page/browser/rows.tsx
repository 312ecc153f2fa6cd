/**
 * Errors by kind, the slowest rows and those that failed. Requests and answers stand below their
 * row, folded, where the view has them: it has them only if the user asked for content.
 */

import type { ComponentChildren, JSX } from 'preact'
import { formatCount, plural } from '../../figures.ts'
import type { AnsweredView, ErrorView, FailedView, PageView, RowView } from '../view.ts'
import { type Column, Foreign, Section, Table } from './table.tsx'
import { costOrUnknown, formatLatency } from './words.ts'

const errorColumns: readonly Column<ErrorView>[] = [
  { head: 'Kind', kind: 'id', cell: ({ type }) => <Foreign text={type} /> },
  {
    head: 'Status',
    kind: 'number',
    cell: ({ status }) => (status === 0 ? 'no reply' : String(status)),
  },
  { head: 'Tries made again', kind: 'number', cell: ({ tries }) => formatCount(tries) },
  { head: 'Rows failed', kind: 'number', cell: ({ rows }) => formatCount(rows) },
  { head: 'Newest message', cell: ({ message }) => <Foreign text={message} /> },
]

/** Errors by kind. */
export function Errors({ view: { errors } }: { view: PageView }): JSX.Element {
  return (
    <Section title="Errors">
      {errors.length === 0 ? (
        <p class="nothing">No request failed.</p>
      ) : (
        <div class="card">
          <Table
            caption="Errors by kind"
            columns={errorColumns}
            rows={errors}
            keyOf={({ type, status }) => `${type} ${status}`}
          />
        </div>
      )}
    </Section>
  )
}

const slowestColumns: readonly Column<AnsweredView>[] = [
  { head: 'Line', kind: 'number', cell: ({ line }) => formatCount(line) },
  { head: 'Id', kind: 'id', cell: ({ id }) => <Foreign text={id} /> },
  { head: 'Model', kind: 'name', cell: ({ model }) => <Foreign text={model} /> },
  { head: 'Latency', kind: 'number', cell: ({ latencyMs }) => formatLatency(latencyMs) },
  { head: 'Output tokens', kind: 'number', cell: ({ outputTokens }) => formatCount(outputTokens) },
  { head: 'Cost', kind: 'number', cell: ({ costNanoUsd }) => costOrUnknown(costNanoUsd) },
  { head: 'Attempts', kind: 'number', cell: ({ attempts }) => formatCount(attempts) },
  { head: 'Request id', kind: 'id', cell: ({ requestId }) => <Foreign text={requestId ?? '–'} /> },
]

/** The slowest rows. */
export function Slowest({ slowest }: Pick<PageView, 'slowest'>): JSX.Element {
  return (
    <Section
      title="Slowest rows"
      note={slowest.length > 0 ? `the slowest ${formatCount(slowest.length)}` : undefined}
    >
      {slowest.length === 0 ? (
        <p class="nothing">No row was answered live.</p>
      ) : (
        <div class="card">
          <Table
            caption="The slowest rows, slowest first"
            columns={slowestColumns}
            rows={slowest}
            keyOf={({ line }) => line}
            more={(row) => content(row, slowestColumns.length)}
          />
        </div>
      )}
    </Section>
  )
}

const failedColumns: readonly Column<FailedView>[] = [
  { head: 'Line', kind: 'number', cell: ({ line }) => formatCount(line) },
  { head: 'Id', kind: 'id', cell: ({ id }) => <Foreign text={id} /> },
  { head: 'Kind', kind: 'id', cell: ({ type }) => <Foreign text={type} /> },
  { head: 'Message', cell: ({ message }) => <Foreign text={message} /> },
  { head: 'Attempts', kind: 'number', cell: ({ attempts }) => formatCount(attempts) },
  { head: 'Request id', kind: 'id', cell: ({ requestId }) => <Foreign text={requestId ?? '–'} /> },
]

/** Rows that failed. */
export function Failed(props: {
  readonly failed: PageView['failed']
  /** All that failed: those shown may be the first of many. */
  readonly total: number
}): JSX.Element {
  const { failed, total } = props
  const note =
    total > failed.length && failed.length > 0
      ? `the first ${formatCount(failed.length)} of ${formatCount(total)}`
      : failed.length > 0
        ? plural(failed.length, 'row')
        : undefined
  return (
    <Section title="Failed rows" note={note}>
      {failed.length === 0 ? (
        <p class="nothing">
          {total === 0 ? 'No row failed.' : 'Which rows failed is not known here.'}
        </p>
      ) : (
        <div class="card">
          <Table
            caption="Rows that failed"
            columns={failedColumns}
            rows={failed}
            keyOf={({ line }) => line}
            more={(row) => content(row, failedColumns.length)}
          />
        </div>
      )}
    </Section>
  )
}

function content({ line, request, answer }: RowView, columns: number): ComponentChildren {
  if (request === undefined && answer === undefined) return null
  return (
    <tr key={`${line} content`} class="content">
      <td colSpan={columns}>
        {request !== undefined && <Text name="Request" text={request} />}
        {answer !== undefined && <Text name="Answer" text={answer} />}
      </td>
    </tr>
  )
}

function Text({ name, text }: { name: string; text: string }): JSX.Element {
  return (
    <details>
      <summary>{name}</summary>
      <pre dir="auto">{text}</pre>
    </details>
  )
}
