/**
 * Uses of tools and their results: each use in an assistant message has its result in the user
 * message behind it, and each result its use.
 *
 * Facts: Anthropic's page on handling tool calls. Messages of one role in a row count as one, as
 * the API takes them.
 */

import { objectsOf } from './row-rule-words.ts'
import type { Subject } from './row-rules.ts'

/** Ids of a turn, with the place of each. */
type Places = ReadonlyMap<string, string>

interface Turn {
  readonly role: 'user' | 'assistant'
  readonly uses: Map<string, string>
  readonly results: Map<string, string>
}

/** Looks at all turns of a conversation. */
export function checkToolPairs(subject: Subject, messages: readonly unknown[]): void {
  const turns = turnsOf(messages)
  if (turns === undefined) return
  const seen = new Set<string>()
  for (const [index, turn] of turns.entries()) {
    const before = turns[index - 1]?.uses ?? none
    const after = turns[index + 1]
    tellStray(subject, turn.results, before)
    tellRepeated(subject, turn.uses, seen)
    // In the last turn nothing is behind it: an answer begun, of which another rule tells.
    if (after !== undefined) tellOpen(subject, turn.uses, after.results)
  }
}

const none: Places = new Map()

/** The turns, or undefined where there is no tool, or the roles are not known. */
function turnsOf(messages: readonly unknown[]): readonly Turn[] | undefined {
  const turns: Turn[] = []
  let hasAny = false
  for (const [index, { role, content }] of objectsOf(messages)) {
    if (role !== 'user' && role !== 'assistant') return undefined
    let turn = turns.at(-1)
    if (turn?.role !== role) {
      turn = { role, uses: new Map(), results: new Map() }
      turns.push(turn)
    }
    for (const [place, { type, id, tool_use_id: useId }] of objectsOf(content)) {
      const path = `messages[${index}].content[${place}]`
      if (type === 'tool_use' && typeof id === 'string') turn.uses.set(id, `${path}.id`)
      if (type === 'tool_result' && typeof useId === 'string') {
        turn.results.set(useId, `${path}.tool_use_id`)
      }
      hasAny ||= type === 'tool_use' || type === 'tool_result'
    }
  }
  return hasAny ? turns : undefined
}

function tellStray({ findings }: Subject, results: Places, uses: Places): void {
  for (const [value, field] of results) {
    if (uses.has(value)) continue
    const problem = 'is the id of no tool_use in the message before'
    const fix = 'give the id of the tool_use it answers'
    findings.fault('tool_pairs', { field, value, problem, fix })
  }
}

function tellOpen({ findings }: Subject, uses: Places, results: Places): void {
  for (const [value, field] of uses) {
    if (results.has(value)) continue
    const problem = 'has no tool_result in the message behind'
    const fix = 'add {"type":"tool_result","tool_use_id":"…","content":"…"} there'
    findings.fault('tool_pairs', { field, value, problem, fix })
  }
}

function tellRepeated({ findings }: Subject, uses: Places, seen: Set<string>): void {
  for (const [value, field] of uses) {
    if (seen.has(value)) {
      const problem = 'is the id of an earlier tool_use; ids must differ'
      findings.fault('tool_pairs', { field, value, problem, fix: 'give each use its own id' })
    }
    seen.add(value)
  }
}
