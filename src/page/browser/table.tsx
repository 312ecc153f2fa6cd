/**
 * Tables, all alike: a caption, heads with their scope, and a frame that scrolls by itself, so
 * that the page never does sideways. What comes from files and servers is text in a `bdi`: it
 * can turn no line around.
 */

import type { ComponentChildren, JSX } from 'preact'

/** What stands in a column. */
export interface Column<Row> {
  readonly head: string
  readonly cell: (row: Row) => ComponentChildren
  /** @default 'text' */
  readonly kind?: 'text' | 'name' | 'number' | 'id'
}

interface TableProps<Row> {
  readonly caption: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row, index: number) => string | number
  /** A row below that spans all columns. */
  readonly more?: (row: Row) => ComponentChildren
  readonly foot?: ComponentChildren
}

/** The first column heads its rows. */
export function Table<Row>(props: TableProps<Row>): JSX.Element {
  const { caption, columns, rows, keyOf, more, foot } = props
  return (
    <div class="frame" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ head, kind = 'text' }) => (
              <th key={head} scope="col" class={kind}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => [
            <tr key={keyOf(row, index)}>
              {columns.map(({ head, cell, kind = 'text' }, place) =>
                place === 0 ? (
                  <th key={head} scope="row" class={kind}>
                    {cell(row)}
                  </th>
                ) : (
                  <td key={head} class={kind}>
                    {cell(row)}
                  </td>
                ),
              )}
            </tr>,
            more?.(row),
          ])}
        </tbody>
        {foot}
      </table>
    </div>
  )
}

/** A text of others, in its own direction. */
export function Foreign({ text }: { text: string }): JSX.Element {
  return <bdi>{text}</bdi>
}

/** A section of the page under its heading. */
export function Section(props: {
  readonly title: string
  readonly note?: string | undefined
  readonly class?: string
  readonly children: ComponentChildren
}): JSX.Element {
  const id = `s-${props.title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`
  return (
    <section class={`part ${props.class ?? ''}`} aria-labelledby={id}>
      <div class="part-head">
        <h2 id={id}>{props.title}</h2>
        {props.note !== undefined && <p class="note">{props.note}</p>}
      </div>
      {props.children}
    </section>
  )
}
