/**
 * `sluice/simulator`: the Claude API on loopback, for tests and for trying things out.
 *
 * @example
 * ```ts
 * const simulator = await startSimulator({ requestsPerMinute: 50 })
 * simulator.model.totals.received // => 0
 * await simulator.close()
 * ```
 */

export { startSimulator } from './listen.ts'
export type { RunningSimulator, SimulatorEvent, StartOptions } from './listen.ts'
export { profileLimits, profileNames } from './limit-profiles.ts'
export type { PoolLimits, ProfileName } from './limit-profiles.ts'
export { SimulatorModel } from './model.ts'
export type { Reception, SimulatorTotals } from './model.ts'
export { defaultSettings, faultNames } from './options.ts'
export type { FaultName, FaultRates, SimulatorOptions, SimulatorSettings } from './options.ts'
export type { Step, WireAction, WireRequest } from './wire.ts'
