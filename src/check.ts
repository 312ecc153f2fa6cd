/**
 * `check`: a file of requests in, all that is wrong with it out. Nothing is sent.
 *
 *   source ─► line ─► request ─► rules ─► findings ─► CheckReport
 *
 * Lines are read as a run reads them. Every finding is counted and told to whoever listens; of
 * each kind the first are kept. Memory does not grow with the file, but for 15 bytes an id.
 */

import { type Clock, SystemClock } from './clock.ts'
import { type CheckReport, FindingFold } from './check-report.ts'
import { type CheckOptions, type CheckSettings, readCheckOptions } from './check-options.ts'
import { type Files, NodeFiles } from './files.ts'
import { type Observe, RowFindings } from './finding.ts'
import type { Line } from './lines.ts'
import { findModel, retirementNotice } from './models.ts'
import { loadPrices } from './money.ts'
import { reportPrefixes } from './prefix-savings.ts'
import { RowIds } from './row-ids.ts'
import { checkRequest, type RuleSettings } from './row-rules.ts'
import { checkLine, type LineRequest } from './row-rules-line.ts'
import { SharedPrefixes } from './shared-prefixes.ts'
import { bytesTo, nameOf, type Source, sourceOf } from './source.ts'

/** How far a check has come. */
export interface CheckProgress {
  readonly rows: number
  readonly bytes: number
  readonly faults: number
  readonly warnings: number
}

/** What a caller may hold on to while a check goes on. */
export interface CheckHooks {
  /** Aborting it ends the check at the next few rows; the report tells of those before. */
  readonly signal?: AbortSignal
  /** Told of every finding, in the order of the lines. @default nobody */
  readonly observe?: Observe
  /** Told now and then how far it has come. @default nobody */
  readonly progress?: (progress: CheckProgress) => void
  /** Asks the API whether it knows a model that no table has. @default nobody is asked */
  readonly knowsModel?: (model: string) => Promise<boolean>
}

/** What a check needs of the world. */
export interface CheckContext {
  readonly files: Files
  readonly clock: Pick<Clock, 'wallTime'>
}

/**
 * Looks at every row of a file, and tells what the API would refuse of it.
 *
 * @throws {RunError} for unusable options, or an input that cannot be read
 * @example
 * ```ts
 * const request = { model: 'claude-haiku-4-5', max_tokens: 100_000, messages: [] }
 * async function* bytes() { yield new TextEncoder().encode(JSON.stringify(request)) }
 * const { rows, findings } = await check({ input: bytes() })
 * rows // => { checked: 1, atFault: 1, warned: 0 }
 * findings.map(({ kind }) => kind) // => ['max_tokens', 'empty']
 * ```
 */
export async function check(
  options: CheckOptions,
  hooks: CheckHooks = {},
  context: CheckContext = { files: new NodeFiles(), clock: new SystemClock() },
): Promise<CheckReport> {
  const settings = readCheckOptions(options)
  const prices = loadPrices(settings.prices)
  const { input } = settings
  const source = sourceOf(context.files, input)
  const at = context.clock.wallTime()
  const checking = new Checking(settings, at, hooks)
  try {
    const isWhole = await checking.run(source, hooks)
    const { shared } = checking
    return {
      input: nameOf(input),
      isWhole,
      ...checking.fold.report(settings.show),
      prefixes:
        shared === undefined
          ? null
          : reportPrefixes(shared, prices, checking.fold.rows, { at, ...settings }),
    }
  } finally {
    source.close()
  }
}

/** Models asked after; a file that names more of them is none of requests. */
const modelsAskedMax = 100

/** One check under way. */
class Checking {
  readonly fold: FindingFold
  readonly shared: SharedPrefixes | undefined
  readonly #findings: RowFindings
  readonly #settings: CheckSettings
  readonly #rules: RuleSettings
  readonly #ids = new RowIds()
  readonly #modelsAsked = new Map<string, boolean>()
  readonly #knowsModel: CheckHooks['knowsModel']

  constructor(settings: CheckSettings, at: number, { observe, knowsModel }: CheckHooks) {
    this.fold = new FindingFold(settings.show)
    this.shared = settings.prefixes ? new SharedPrefixes() : undefined
    this.#settings = settings
    this.#findings = new RowFindings((finding) => {
      this.fold.take(finding)
      observe?.(finding)
    })
    const { model, via, betas, anthropicVersion: version } = settings
    this.#rules = { model, version, betas, via, at, modelsAsked: this.#modelsAsked }
    this.#knowsModel = knowsModel
  }

  /** Reads the rows; false when it was stopped before the end. */
  async run(source: Source, hooks: CheckHooks): Promise<boolean> {
    try {
      return await this.#read(source, hooks)
    } catch (error) {
      // An input that waits for more is ended by whoever stops the check.
      if (hooks.signal?.aborted === true) return false
      throw error
    }
  }

  async #read(source: Source, { signal, progress }: CheckHooks): Promise<boolean> {
    const { fold } = this
    for await (const lines of source.batches()) {
      for (const line of lines) {
        if (signal?.aborted === true) return false
        if (fold.rows >= this.#settings.first) return true
        const isAsking = this.#row(line)
        if (isAsking !== undefined) await isAsking
      }
      const bytes = bytesTo(source, lines)
      progress?.({ rows: fold.rows, bytes, faults: fold.faults, warnings: fold.warnings })
    }
    return signal?.aborted !== true
  }

  /** One row; a promise only where the API is to be asked first. */
  #row(line: Line): Promise<void> | undefined {
    this.fold.begin()
    const found = checkLine(line, this.#ids, this.#findings)
    if (found === undefined) return undefined
    const named = this.#settings.model ?? found.request['model']
    const model = typeof named === 'string' ? named : ''
    const knows = this.#knowsModel
    if (knows !== undefined && this.#isUnlisted(model)) {
      return this.#ask(knows, model, () => this.#judge(found, model, line.number))
    }
    this.#judge(found, model, line.number)
    return undefined
  }

  async #ask(
    knows: NonNullable<CheckHooks['knowsModel']>,
    model: string,
    then: () => void,
  ): Promise<void> {
    this.#modelsAsked.set(model, await knows(model))
    then()
  }

  #judge(found: LineRequest, model: string, line: number): void {
    checkRequest(found.request, found, this.#rules, this.#findings)
    if (model !== '') this.shared?.add(found.request, model, line)
  }

  #isUnlisted(model: string): boolean {
    const asked = this.#modelsAsked
    if (model === '' || asked.has(model) || asked.size >= modelsAskedMax) return false
    return findModel(model) === undefined && retirementNotice(model, this.#rules.at) === null
  }
}
