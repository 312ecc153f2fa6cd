/**
 * What the API refuses of a request, and what it takes otherwise than was meant: all rules, by
 * topic.
 *
 * A run lets the API have the last word and looks at next to nothing. Here everything is told
 * that is published, and told at once: a rule goes on behind a fault. No rule throws, whatever
 * the request is made of.
 */

import type { RowFindings } from './finding.ts'
import type { JsonObject } from './json.ts'
import { abilitiesOf, type ModelAbilities } from './model-abilities.ts'
import { findModel, type ModelFacts } from './models.ts'
import { checkBatchFields } from './row-rules-batches.ts'
import { checkFields } from './row-rules-body.ts'
import { checkMarks } from './row-rules-cache.ts'
import { checkMessages } from './row-rules-messages.ts'
import { checkModel } from './row-rules-model.ts'
import { checkOutputConfig } from './row-rules-schema.ts'
import { checkThinking } from './row-rules-thinking.ts'
import { checkTools } from './row-rules-tools.ts'

/** What holds for all rows. */
export interface RuleSettings {
  /** Replaces the model of every row. @default the row's own */
  readonly model: string | undefined
  /** The value of `anthropic-version`. */
  readonly version: string
  /** The names in `anthropic-beta`. */
  readonly betas: readonly string[]
  /** The way in which requests are sent. */
  readonly via: 'live' | 'batches'
  /** Wall time, ms since the epoch: models retire. */
  readonly at: number
  /** Models that no table has, and whether the API knows them, as far as it was asked. */
  readonly modelsAsked: ReadonlyMap<string, boolean>
}

/** A request, and what is known of it. */
export interface Subject {
  readonly request: JsonObject
  /** The one that is sent; empty where there is none. */
  readonly model: string
  readonly facts: ModelFacts | undefined
  readonly abilities: ModelAbilities | undefined
  /** `metadata` is the API's, and not the user's own. */
  readonly hasApiMetadata: boolean
  /** Of the line. */
  readonly bytes: number
  readonly settings: RuleSettings
  readonly findings: RowFindings
}

/** Looks at a request of a line of so many bytes; `isBare` when the line is the request. */
export function checkRequest(
  request: JsonObject,
  { bytes, isBare }: { readonly bytes: number; readonly isBare: boolean },
  settings: RuleSettings,
  findings: RowFindings,
): void {
  const named = settings.model ?? request['model']
  const model = typeof named === 'string' ? named : ''
  const subject: Subject = {
    request,
    model,
    facts: findModel(model),
    abilities: abilitiesOf(model),
    hasApiMetadata: !isBare,
    bytes,
    settings,
    findings,
  }
  checkFields(subject, isBare)
  checkModel(subject)
  checkThinking(subject)
  checkMessages(subject)
  checkTools(subject)
  checkOutputConfig(subject)
  checkMarks(subject)
  if (settings.via === 'batches') checkBatchFields(subject)
}
