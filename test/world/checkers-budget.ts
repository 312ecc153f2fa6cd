/**
 * The promise of a strict budget: all that the server ever billed for an output, read or lost, asked
 * once or again, in whichever life, is within it.
 */

/** What may be spent. */
export interface Purse {
  readonly nanoUsd: number
  readonly tokens: number | undefined
}

/** What the server has billed is within the budget. */
export function checkBudget(
  { nanoUsd, tokens = Infinity }: Purse,
  billed: { readonly nanoUsd: number; readonly tokens: number },
): readonly string[] {
  const problems: string[] = []
  if (billed.nanoUsd > nanoUsd)
    problems.push(`${billed.nanoUsd} nano-dollars were billed, of a budget of ${nanoUsd}`)
  if (billed.tokens > tokens)
    problems.push(`${billed.tokens} tokens were billed, of a budget of ${tokens}`)
  return problems
}

/** What its user gives when it is used up. */
export function raised({ nanoUsd, tokens }: Purse): Purse {
  return { nanoUsd: 3 * nanoUsd, tokens: tokens && 3 * tokens }
}
