/**
 * What a run with a budget does beside one without: it knows what each row may cost at most, notes
 * it before it is sent, and says how the budget stands.
 *
 * The budget itself (budget.ts) decides within the limiter; here is what it needs of the bytes,
 * the prices, the disk and the clock. A run without a budget has none of this.
 */

import { type Before, Budget } from './budget.ts'
import type { RunContext } from './context.ts'
import type { Decision } from './decision.ts'
import { RunError } from './errors.ts'
import type { Observer } from './events.ts'
import { askedBody } from './going-on.ts'
import type { HeldCost } from './held-cost.ts'
import type { Prices } from './money.ts'
import type { Settings } from './settings.ts'
import { type Answered, type Outcome, promptTokens, type Usage } from './outcome.ts'
import type { SpendRecord } from './spend-record.ts'
import type { Attempt, Work } from './work.ts'
import { type Amount, worstCase } from './worst-case.ts'

/** What spending is accounted by. */
export interface SpendingOptions {
  readonly context: RunContext
  readonly settings: Settings
  readonly prices: Prices
  /** Absent where nothing is kept: then the budget holds within the process. */
  readonly record?: SpendRecord | undefined
  /** What the answers in the output cost, and how many they are. @default none are there */
  readonly heldCost?: HeldCost
  readonly heldCounts?: { readonly succeeded: number }
}

const toldEveryMs = 250
const nothing: Amount = { nanoUsd: 0, tokens: 0 }

export class Spending {
  readonly budget: Budget
  readonly #options: SpendingOptions
  /** Prices of both are looked at: the clock may be off. */
  readonly #instants: readonly number[]
  /** The most of the rows read so far; undefined once the run is open. */
  #window: Amount[] | undefined = []
  #told = ''
  #toldAt = -Infinity

  constructor(options: SpendingOptions) {
    const { context, settings, record, heldCost } = options
    const { budgetNanoUsd, maxTotalTokens, budgetMode, maxConcurrency } = settings
    const { carried } = record ?? { carried: { spent: nothing, unknown: nothing } }
    this.#options = options
    this.#instants = [context.clock.wallTime(), Number.MAX_SAFE_INTEGER]
    this.budget = new Budget({
      limits: {
        ...(budgetNanoUsd !== undefined && { nanoUsd: budgetNanoUsd }),
        ...(maxTotalTokens !== undefined && { tokens: maxTotalTokens }),
      },
      mode: budgetMode,
      before: {
        spent: {
          nanoUsd: (heldCost?.nanoUsd ?? 0) + carried.spent.nanoUsd,
          tokens: carried.spent.tokens,
        },
        unknown: carried.unknown,
      },
      concurrencyMax: maxConcurrency,
    })
  }

  /** Finds out the most a row may cost in this way, or why the run cannot go on. */
  measure(work: Work, via: 'live' | 'batches'): RunError | undefined {
    const { prices, settings } = this.#options
    const { model, maxTokens, lineNumber } = work.row
    const body = askedBody(work) ?? new Uint8Array()
    const how = { mayBeMarked: settings.cache === 'auto', batch: via === 'batches' }
    const asked = { model, maxTokens, body, ...how }
    const isPriced = settings.budgetNanoUsd !== undefined
    const most = worstCase(asked, isPriced ? prices : undefined, this.#instants)
    if ('lacks' in most) {
      const message = `Cannot keep line ${lineNumber} within the budget, as ${most.why}`
      const hint = most.lacks === 'price' ? priceHint : endlessHint
      return new RunError('COST_UNKNOWN', message, { hint })
    }
    work.most = most
    this.#window?.push(most)
    return undefined
  }

  /**
   * What there is to say when the first rows were read, before one is sent; undefined later.
   */
  open(): readonly string[] | undefined {
    const window = this.#window
    if (window === undefined) return undefined
    this.#window = undefined
    if (window.length === 0) return []
    return [...this.budget.open(window), ...this.#gaps()]
  }

  /** What the budget cannot know. */
  #gaps(): readonly string[] {
    const { record, heldCost, heldCounts, settings } = this.#options
    if (record === undefined) return [processOnly]
    const gaps: string[] = []
    const unpriced = heldCost?.unpriced ?? 0
    if (settings.budgetNanoUsd !== undefined && unpriced > 0) {
      gaps.push(
        `${unpriced} answers of earlier runs do not say what they cost, and are not counted`,
      )
    }
    if (!record.wasThere && (heldCounts?.succeeded ?? 0) > 0) gaps.push(unrecorded)
    return gaps
  }

  /** `isOver`: nothing is left for a later run. */
  close(isOver: boolean): void {
    this.#options.record?.close(isOver)
  }

  /** Notes what is to be sent now. False: it cannot be noted, and must not be sent. */
  sending(decisions: readonly Decision[]): boolean {
    const { record } = this.#options
    if (record === undefined) return true
    const tries = decisions.flatMap((decision) =>
      decision.type === 'start'
        ? [{ number: decision.attempt.number, most: this.#counted(mostOf(decision.attempt)) }]
        : [],
    )
    return tries.length === 0 || record.send(tries)
  }

  /** Everything decided is done: notes what is over. */
  done(decisions: readonly Decision[]): void {
    // What the next sends will write is not written apart.
    if (!decisions.some(({ type }) => type === 'start')) this.#options.record?.flush()
  }

  /** What an answer cost. */
  costOf({ work }: { work: Pick<Work, 'most'> }, outcome: Outcome): Amount | undefined {
    if (outcome.kind !== 'answered') return undefined
    const most = work.most ?? nothing
    return {
      nanoUsd: this.#priceOf(outcome) ?? most.nanoUsd,
      tokens: tokensOf(outcome.usage),
    }
  }

  /** The answer stands in the output. */
  answered(attempt: Pick<Attempt, 'number' | 'work'>, outcome: Answered): void {
    const { settings, record } = this.#options
    if (record === undefined) return
    const cost = this.costOf(attempt, outcome) ?? nothing
    // A line says what its answer cost in dollars; a tuple has no room for it.
    const isSaid = settings.outputFormat === 'results' && this.#priceOf(outcome) !== null
    const rest = this.#counted({ ...cost, nanoUsd: isSaid ? 0 : cost.nanoUsd })
    record.settle(attempt.number, 'spent', rest)
  }

  /** A try is over without an answer. */
  unanswered(attempt: Attempt, outcome: Outcome): void {
    const isUnknown = 'unknown' in outcome && outcome.unknown
    const rest = isUnknown ? this.#counted(mostOf(attempt)) : nothing
    this.#options.record?.settle(attempt.number, isUnknown ? 'unknown' : 'spent', rest)
  }

  /** What a batch came to that no line says; its own record goes. */
  carry({ spent, unknown }: Before): void {
    const { record } = this.#options
    for (const [how, amount] of [
      ['spent', this.#counted(spent)],
      ['unknown', this.#counted(unknown)],
    ] as const) {
      if (amount.nanoUsd + amount.tokens > 0) record?.add(how, amount)
    }
  }

  /** What of an answer's cost its line does not say. */
  unsaid(outcome: Answered): Amount {
    const isSaid = this.#priceOf(outcome) !== null
    const { nanoUsd, tokens } = this.costOf({ work: {} }, outcome) ?? nothing
    return this.#counted({ nanoUsd: isSaid ? 0 : nanoUsd, tokens })
  }

  /** Says how the budget stands, now and then; `isLast`: at the end. */
  tell(at: number, observe: Observer, isLast = false): void {
    if (!isLast && at < this.#toldAt + toldEveryMs) return
    this.#toldAt = at
    const { state } = this.budget
    const told = JSON.stringify(state)
    if (told === this.#told) return
    this.#told = told
    observe({ type: 'budget_used', at, ...state })
  }

  /** Of units without a limit nothing is kept: the record would not be removed for them. */
  #counted({ nanoUsd, tokens }: Amount): Amount {
    const { budgetNanoUsd, maxTotalTokens } = this.#options.settings
    return {
      nanoUsd: budgetNanoUsd === undefined ? 0 : nanoUsd,
      tokens: maxTotalTokens === undefined ? 0 : tokens,
    }
  }

  #priceOf({ model, usage }: Answered): number | null {
    const { prices, context } = this.#options
    return prices.costNanoUsd(model, usage, { at: context.clock.wallTime() })
  }
}

const priceHint = 'give its price with --prices, or run without a budget'
const endlessHint = 'take the row out, or run without a budget'
/** What is said of a record that cannot be written (`ENOSPC`…), or can again (null). */
export function recordNotice(code: string | null): string {
  const what = 'the record of what is spent'
  return code === null ? `${what} can be written again` : `${what}: ${code}; waiting for room`
}

const unrecorded =
  'earlier runs left no record of what they sent: what may have been billed without an answer is ' +
  'not counted'
const processOnly =
  'the budget holds within this process only: what earlier runs spent is not known here'

function mostOf({ work }: Attempt): Amount {
  return work.most ?? nothing
}

function tokensOf(usage: Usage): number {
  return promptTokens(usage) + usage.outputTokens
}
