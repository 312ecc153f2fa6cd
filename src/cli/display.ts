/**
 * A run as it is seen on standard error while it goes on: an observer with a clock.
 *
 * On a terminal one live block, at most four times a second; elsewhere one plain line every
 * five seconds, the first after five. What happens once (a notice, the first failed rows, an
 * output that cannot be written) is a line that stays.
 */

import type { Cancel, Clock } from '../clock.ts'
import type { Command } from '../control.ts'
import type {
  BatchSubmitted,
  Commanded,
  RowFailed,
  RunEvent,
  RunStarted,
  SplitPlanned,
} from '../events.ts'
import type { Snapshot } from '../snapshot.ts'
import { Stats } from '../stats.ts'
import type { Spellings } from './bind-names.ts'
import type { Glyphs } from './glyphs.ts'
import { commandFor, type Key } from './keys.ts'
import type { ShownBounds } from './meter-lines.ts'
import type { Paint } from './paint.ts'
import type { Redact } from './redact.ts'
import { planTexts } from './split-text.ts'
import { progressLine, progressLines } from './progress.ts'
import type { Surface } from './terminal.ts'
import { formatCount, formatDuration, plural, pluralBatches } from '../figures.ts'
import { printable, shownPath, truncate } from './text.ts'
import { wrap } from './wrapped.ts'

/** How a run is shown. */
export interface DisplayOptions {
  readonly clock: Clock
  readonly terminal: Surface
  readonly paint: Paint
  readonly glyphs: Glyphs
  readonly bounds: ShownBounds
  readonly spellings?: Spellings
  readonly fraction?: number
  /** What the user bound requests at once to, before anything else did. @default nothing */
  readonly maxConcurrency?: number | undefined
  /** Where the user is: paths are shown from there. */
  readonly folder: string
  /** `live` needs a terminal; `silent` shows errors only, later and elsewhere. */
  readonly kind: 'live' | 'lines' | 'messages' | 'silent'
  /** Of what is cut, a part of a secret would not be known for one. */
  readonly redact: Redact
}

const liveEveryMs = 250
const lineEveryMs = 5000
/** Batches last: a line that says what the last one said is said so seldom. */
const sameLineEveryMs = 300_000
/** Of a file full of bad rows, so many are told; all are in the failed file. */
const failuresToldMax = 5
const failureColumns = 300
/** Of batches that were submitted, collected, canceled; a deadline has forty of them. */
const batchesToldMax = 8
const planName = 'plan: '

const keyTexts = [
  'p, space: start nothing; once more: go on',
  'd: start nothing more, and end when all that is under way has ended',
  '-, +: fewer requests at once, and more, once there is a bound',
  '^C: the same as d, and not for long; once more: end at once',
]

export class Display {
  readonly #options: DisplayOptions
  readonly #stats = new Stats()
  #failuresTold = 0
  readonly #batchesTold = new Map<string, number>()
  #failedOutput = ''
  #cancel: Cancel | undefined
  #keys = false
  #line = { text: '', at: -Infinity }

  constructor(options: DisplayOptions) {
    this.#options = options
    if (options.kind === 'live') this.#every(liveEveryMs, () => this.#showBlock())
    if (options.kind === 'lines') this.#every(lineEveryMs, () => this.#printLine())
  }

  /** Told of everything that happens in the run. */
  observe(event: RunEvent): void {
    this.#stats.observe(event)
    if (this.#options.kind === 'silent') return
    if (event.type === 'run_started') this.#started(event)
    else if (event.type === 'notice') this.note(event.message)
    else if (event.type === 'split_planned') this.#planned(event)
    else if (event.type === 'batch_cut') this.#tellBatch('taken out, to be asked live:', event)
    else if (event.type === 'row_failed') this.#rowFailed(event)
    else if (event.type === 'batch_submitted') this.#batchSubmitted(event)
    else if (event.type === 'batch_collected') this.#tellBatch('collected', event)
    else if (event.type === 'run_stopping') this.#stopping(event.code)
    else if (event.type === 'commanded') this.#commanded(event)
    else if (event.type === 'output_blocked') this.#outputBlocked(event.code)
  }

  #planned({ plan }: SplitPlanned): void {
    const { terminal, paint } = this.#options
    const [first = '', ...rest] = planTexts(plan)
    if (first === '') return
    const margin = ' '.repeat(planName.length)
    const linesOf = (text: string): readonly string[] => wrap(text, margin, terminal.columns)
    const [head = '', ...more] = linesOf(first)
    terminal.print([paint('strong', planName) + head.slice(margin.length), ...more])
    for (const text of rest) terminal.print(linesOf(text))
  }

  /** A line that stays. */
  note(message: string): void {
    if (this.#options.kind === 'silent') return
    const { terminal, paint } = this.#options
    terminal.print([`${paint('warn', 'note')}: ${printable(message)}`])
  }

  /** Says what the first signal does. */
  interrupted(graceMs: number): void {
    const { attempts, batches } = this.#snapshot()
    const { inFlight } = attempts
    const again = '^C again to exit at once'
    const going = goingText(batches.outstanding)
    if (inFlight === 0) return this.note(`stopping${going}; ${again}`)
    const requests = plural(inFlight, 'request')
    this.note(`finishing ${requests} under way (up to ${formatDuration(graceMs)}); ${again}`)
  }

  /** Whether keys are listened to from now on. */
  listens(keys: boolean): void {
    this.#keys = keys
  }

  /** What a key asks the run to do; help is given here. */
  commandFor(key: Key): Command | undefined {
    const { terminal, maxConcurrency = null } = this.#options
    if (key === 'help') {
      const lines = keyTexts.flatMap((text) => wrap(text, '  ', terminal.columns - 1))
      terminal.print(['keys:', ...lines])
    }
    const snapshot = this.#snapshot()
    return commandFor(key, {
      ...snapshot,
      maxConcurrency: snapshot.maxConcurrency ?? maxConcurrency,
    })
  }

  /** Takes the block away until it is drawn again. */
  hide(): void {
    this.#options.terminal.hide()
  }

  /** Takes the block away; nothing is shown after it. */
  end(): void {
    this.#cancel?.()
    this.#options.terminal.rest()
  }

  #snapshot(): Snapshot {
    return this.#stats.snapshot(this.#options.clock.now())
  }

  #every(ms: number, show: () => void): void {
    this.#cancel = this.#options.clock.after(ms, () => {
      show()
      this.#every(ms, show)
    })
  }

  #showBlock(): void {
    const { terminal } = this.#options
    // The last column is left free: some terminals wrap as soon as it is written to.
    const columns = terminal.columns - 1
    const { rows } = terminal
    const place = { ...this.#options, columns, rows, keys: this.#keys }
    terminal.show(progressLines(this.#snapshot(), place))
  }

  #printLine(): void {
    const { terminal, clock } = this.#options
    const { columns } = terminal
    const snapshot = this.#snapshot()
    const text = progressLine(snapshot, { ...this.#options, columns })
    const isOld = clock.now() >= this.#line.at + sameLineEveryMs
    if (snapshot.batches.outstanding > 0 && text === this.#line.text && !isOld) return
    this.#line = { text, at: clock.now() }
    terminal.print([text])
  }

  #started({ held, output, failedOutput }: RunStarted): void {
    const { folder } = this.#options
    this.#failedOutput = shownPath(failedOutput, folder)
    if (held.succeeded + held.failed === 0) return
    const failed = held.failed > 0 ? ` and ${formatCount(held.failed)} failed` : ''
    const answers = `${plural(held.succeeded, 'answer')}${failed}`
    this.note(`going on: ${shownPath(output, folder)} has ${answers}`)
  }

  #rowFailed({ line, id, error, status }: RowFailed): void {
    if (this.#failuresTold >= failuresToldMax) return
    this.#failuresTold += 1
    const { terminal, paint, redact } = this.#options
    const name = id === `line-${line}` ? '' : ` (${id})`
    const reply = status === 0 ? error.type : `${status} ${error.type}`
    const text = printable(redact(`line ${line}${name}: ${reply}: ${error.message}`))
    terminal.print([`${paint('bad', 'failed')} ${truncate(text, failureColumns)}`])
    if (this.#failuresTold < failuresToldMax) return
    const place = this.#failedOutput === '' ? 'counted' : `written to ${this.#failedOutput}`
    this.note(`further failed rows are only ${place}`)
  }

  #batchSubmitted(event: BatchSubmitted): void {
    this.#tellBatch(event.isEarlier ? 'going on with' : 'submitted', event)
  }

  #tellBatch(what: string, { id, rows }: { readonly id: string; readonly rows: number }): void {
    const told = (this.#batchesTold.get(what) ?? 0) + 1
    this.#batchesTold.set(what, told)
    if (told > batchesToldMax) return
    this.#options.terminal.print([`${what} ${printable(id)}: ${plural(rows, 'row')}`])
    if (told === batchesToldMax) this.note('further batches of this kind are only counted')
  }

  #stopping(code: string): void {
    const { inFlight } = this.#snapshot().attempts
    // What a signal does was said when it came; with nothing under way the end is here.
    if (code === 'INTERRUPTED' || inFlight === 0) return
    this.note(`stopping (${code}): finishing ${plural(inFlight, 'request')} under way`)
  }

  /** What else a command does is in the block. */
  #commanded({ command }: Commanded): void {
    if (command !== 'drain') return
    const { inFlight } = this.#snapshot().attempts
    if (inFlight === 0) return this.note('draining')
    this.note(`draining: ${plural(inFlight, 'request')} under way; ^C waits no longer`)
  }

  #outputBlocked(code: string | null): void {
    if (code === null) this.note('the output can be written again; going on')
    else this.note(`the output cannot be written (${code}): waiting, nothing is lost`)
  }
}

function goingText(batches: number): string {
  if (batches === 0) return ''
  return `; ${pluralBatches(batches)} ${batches === 1 ? 'runs' : 'run'} on at the API`
}
