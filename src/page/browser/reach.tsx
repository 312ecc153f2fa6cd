/**
 * Where the pointer and the keys reach the values of a chart, and the names of places below it.
 *
 * The keys belong to a range input that is not seen: screen readers know what it is, and say the
 * values as it moves.
 */

import type { ComponentChildren, JSX } from 'preact'

interface ReachProps {
  /** How many values there are. */
  readonly count: number
  /** Which is read, by its index; null: none. */
  readonly read: number | null
  readonly onRead: (index: number | null) => void
  /** Which lies at a share of the width, from 0 to 1. */
  readonly indexAt: (share: number) => number
  /** Where a line goes through what is read, as a share of the width; null: nowhere. */
  readonly cursor: number | null
  readonly label: string
  /** What is read, in words. */
  readonly text: string
  readonly children: ComponentChildren
}

/** The chart, within reach. */
export function Reach(props: ReachProps): JSX.Element {
  const { count, read, onRead, indexAt, cursor, label, text, children } = props
  const last = Math.max(0, count - 1)
  return (
    <div
      class="reach"
      onPointerMove={(event) => {
        const { left, width } = event.currentTarget.getBoundingClientRect()
        const index = indexAt((event.clientX - left) / Math.max(1, width))
        onRead(Math.min(last, Math.max(0, index)))
      }}
      onPointerLeave={() => onRead(null)}
    >
      {children}
      {cursor !== null && <i class="cursor" style={{ left: `${100 * cursor}%` }} />}
      <input
        type="range"
        class="unseen"
        aria-label={`${label}: read the values, by arrow keys`}
        aria-valuetext={text}
        min={0}
        max={last}
        value={read ?? last}
        onInput={(event) => onRead(Number(event.currentTarget.value))}
        onBlur={() => onRead(null)}
      />
    </div>
  )
}

/** Places on an axis, as shares of its width, and their names. */
export function Places(props: {
  readonly places: readonly { readonly share: number; readonly name: string }[]
}): JSX.Element {
  return (
    <ol class="places" aria-hidden="true">
      {props.places.map(({ share, name }) => (
        <li
          key={name}
          class={share > 0.94 ? 'last' : share < 0.03 ? 'first' : ''}
          style={{ left: `${100 * share}%` }}
        >
          {name}
        </li>
      ))}
    </ol>
  )
}
