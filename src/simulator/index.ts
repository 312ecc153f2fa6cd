/**
 * `sluice/simulator`: the Claude API on loopback, for tests and for trying things out.
 *
 * Messages, token counting and the models are there, with limits, headers, errors and, when asked
 * for, faults. Answers are invented, unless `respond` gives them:
 *
 * @example
 * ```ts
 * const simulator = await startSimulator({
 *   latencyMs: 0,
 *   respond: ({ messages }) => `You sent ${messages.length} message`,
 * })
 * const response = await fetch(`${simulator.url}/v1/messages`, {
 *   method: 'POST',
 *   headers: { 'x-api-key': 'any key will do', 'anthropic-version': '2023-06-01' },
 *   body: JSON.stringify({
 *     model: 'claude-haiku-4-5',
 *     max_tokens: 100,
 *     messages: [{ role: 'user', content: 'Hello' }],
 *   }),
 * })
 * const message = await response.json()
 * message.content // => [{ type: 'text', text: 'You sent 1 message' }]
 * simulator.model.totals.answered // => 1
 * await simulator.close()
 * ```
 */

export type { BatchReport, MessageBatch } from './batch.ts'
export type { Outcome } from './batch-rows.ts'
export type { BatchUsage } from './batch-usage.ts'
export type {
  GivenAnswer,
  GivenBlock,
  GivenMessage,
  Respond,
  RespondRequest,
} from './given-answer.ts'
export { startSimulator } from './listen.ts'
export type { RunningSimulator, SimulatorEvent, StartOptions } from './listen.ts'
export { profileLimits, profileNames } from './limit-profiles.ts'
export type { PoolLimits, ProfileName } from './limit-profiles.ts'
export { SimulatorModel } from './model.ts'
export type { Reception, SimulatorTotals } from './model.ts'
export { batchFaultNames, defaultSettings, faultNames } from './options.ts'
export type {
  BatchFaultName,
  FaultName,
  FaultRates,
  SimulatorOptions,
  SimulatorSettings,
} from './options.ts'
export type { Step, WireAction, WireRequest } from './wire.ts'
