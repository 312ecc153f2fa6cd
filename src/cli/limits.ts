/**
 * `sluice limits`: what the API allows, pool by pool, and what is left of it.
 *
 * There are two sources. An admin key reads all limits at no cost; what is left only the headers of
 * a reply show, and a reply costs a token: so models are asked only by `--model`. Given both, the
 * second fills in the first. Standard output carries the table, or one object with `--json`.
 */

import { readLimitGroups } from '../admin.ts'
import type { LimitGroup } from '../ceilings.ts'
import { systemContext } from '../context.ts'
import { exitCodes, RunError } from '../errors.ts'
import { optionFaults, readOptions } from '../options.ts'
import type { Settings } from '../settings.ts'
import { findModel, modelFacts } from '../models.ts'
import { poolOf } from '../pools.ts'
import { runStopError } from '../run-stop.ts'
import { errorJson } from '../summary.ts'
import { apiOptions, dataSurface } from './api-command.ts'
import type { CommandLine } from './command.ts'
import { adminKey } from './environment.ts'
import type { Layer } from './flag.ts'
import { limitsSurroundings } from './limits-flags.ts'
import { type Probed, probe } from './limits-probe.ts'
import {
  type FailedModel,
  limitsJson,
  limitsTable,
  type ShownLimit,
  type ShownLimits,
  type ShownPool,
} from './limits-text.ts'
import { complaintLines } from './messages.ts'
import { painter } from './paint.ts'
import { redactor } from './redact.ts'
import { credentialsOf, faultsMessage, placeOf, readSecrets, textIn } from './run-setup.ts'
import { gather } from './sources.ts'
import { printData, printMessage, stderrTakesColor } from './streams.ts'
import { targetFault, targetNotice } from './target.ts'

/** What is asked, and of whom. */
interface Asked {
  readonly settings: Settings
  readonly models: readonly string[]
  readonly workspace: string | undefined
}

const answerMsMax = 30_000

/** Shows limits; resolves to the exit code. */
export async function limitsCommand(line: CommandLine): Promise<number> {
  const around = { folder: process.cwd(), variables: process.env }
  const layer = await gather(line, limitsSurroundings, around)
  const isJson = line.values.get('json')?.value === true
  const redact = redactor(readSecrets(layer))
  const complain = (error: RunError): void => {
    const lines = complaintLines(error, painter(stderrTakesColor()))
    printMessage(lines.map(redact))
  }
  try {
    const asked = setUp(line, layer)
    const notice = targetNotice(layer.values.get('base-url'))
    if (notice !== undefined) printMessage([redact(`note: ${notice}`)])
    const found = await find(asked)
    const lines = isJson ? [limitsJson(found)] : limitsTable(found, dataSurface(layer))
    if (isJson || found.pools.length > 0) await printData(redact(lines.join('\n')))
    for (const { model, message } of found.failed) {
      printMessage([redact(`failed ${model}: ${message}`)])
    }
    return found.failed.length > 0 ? exitCodes.someFailed : exitCodes.succeeded
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    complain(error)
    const { exitCode, code, message, hint = null } = error
    if (isJson) await printData(redact(errorJson(exitCode, { code, message, hint })))
    return exitCode
  }
}

/** Throws `RunError` with everything that is wrong. */
function setUp(line: CommandLine, layer: Layer): Asked {
  const { values } = layer
  const models = line.values.get('model')?.value
  const names = Array.isArray(models) ? models.map(String) : []
  const admin = values.get(adminKey)
  const credentials = credentialsOf(values)
  const sent = [...(admin ? [admin] : []), ...(names.length > 0 ? credentials : [])]
  const workspace = textIn(line.values, 'workspace')
  const options = apiOptions(layer, names.length > 0 ? credentials : [])
  const faults = [
    ...layer.faults,
    ...optionFaults(options).map(({ option, text }) => `${placeOf(option, values)} ${text}`),
    ...[targetFault(values.get('base-url'), sent)].filter((fault) => fault !== undefined),
  ]
  if (workspace !== undefined && admin === undefined) {
    faults.push('--workspace needs an admin key: ANTHROPIC_ADMIN_KEY is not set')
  }
  if (faults.length > 0) throw new RunError('OPTIONS_INVALID', faultsMessage(faults))
  if (admin === undefined && names.length === 0) throw nothingToAsk()
  if (names.length > 0 && credentials.length === 0) throw noKey()
  // A key must be there for the options to be whole; without models none is sent.
  const whole = names.length > 0 ? options : { ...options, apiKey: String(admin?.value) }
  return { settings: readOptions(whole), models: names, workspace }
}

function nothingToAsk(): RunError {
  const hint =
    'set ANTHROPIC_ADMIN_KEY (sk-ant-admin…), which reads all limits and costs nothing\n' +
    'or pass --model NAME: one request of one token, billed, shows what is left too'
  const message = 'Cannot tell limits without an admin key or a model to ask'
  return new RunError('OPTIONS_INVALID', message, { hint })
}

function noKey(): RunError {
  const message = 'Cannot ask a model without an API key: ANTHROPIC_API_KEY is not set'
  const hint = 'set ANTHROPIC_API_KEY, in the environment or in .env; an admin key is none'
  return new RunError('KEY_MISSING', message, { hint })
}

/** Throws `RunError` where nothing can be told; a model that fails alone stands beside the rest. */
async function find(asked: Asked): Promise<ShownLimits> {
  const { settings, models, workspace } = asked
  const context = systemContext()
  const ending = new AbortController()
  const timer = context.clock.after(answerMsMax, () =>
    ending.abort(new Error('no answer came in time')),
  )
  const transport = models.length > 0 ? context.transport(settings) : undefined
  try {
    const [groups, probed] = await Promise.all([
      readGroups(settings, workspace, ending.signal),
      Promise.all(
        models.map(async (model) => {
          if (transport === undefined) throw new Error('a model is asked over a transport')
          return [model, await probe(context.clock, transport, model)] as const
        }),
      ),
    ])
    return join(groups, probed, workspace)
  } finally {
    timer()
    ending.abort()
    await transport?.close()
  }
}

async function readGroups(
  settings: Settings,
  workspaceId: string | undefined,
  signal: AbortSignal,
): Promise<readonly LimitGroup[]> {
  if (settings.adminKey === undefined) return []
  return readLimitGroups({
    baseUrl: settings.baseUrl,
    adminKey: settings.adminKey,
    version: settings.anthropicVersion,
    headers: settings.headers,
    userAgent: 'sluice',
    environment: process.env,
    workspaceId,
    signal,
  })
}

/** Puts what headers showed beside what the admin key read. */
function join(
  groups: readonly LimitGroup[],
  probed: readonly (readonly [model: string, probed: Probed])[],
  workspace: string | undefined,
): ShownLimits {
  const pools: ShownPool[] = groups.filter(({ limits }) => limits.length > 0)
  const failed: FailedModel[] = []
  for (const [model, result] of probed) {
    if ('failure' in result) {
      const { outcome, failure } = result
      if (outcome.kind === 'run_stop') throw runStopError(outcome)
      failed.push({ model, message: failure })
      continue
    }
    const index = pools.findIndex(({ name, models }) =>
      models === null ? false : models.includes(model) || name === poolOf(model),
    )
    const known = pools[index]
    if (known === undefined) {
      pools.push(poolOfHeaders(model, result.limits))
    } else pools[index] = filledIn(known, model, result.limits)
  }
  return { workspace, pools, failed }
}

/** Without an admin key, who shares a pool is what our table says. */
function poolOfHeaders(model: string, limits: readonly ShownLimit[]): ShownPool {
  const name = poolOf(model)
  const sharers = modelFacts.filter(({ pool }) => pool === name).map(({ id }) => id)
  const models = findModel(model) === undefined ? [model] : sharers
  return { name, type: 'model_group', models, limits }
}

/** Headers are newer than ceilings, and tell more. */
function filledIn(pool: ShownPool, model: string, shown: readonly ShownLimit[]): ShownPool {
  const { models, limits } = pool
  const merged = limits.map((limit) => ({
    ...limit,
    ...shown.find(({ type }) => type === limit.type),
  }))
  const isListed = findModel(model) !== undefined || models?.includes(model) === true
  const has = (type: string): boolean => limits.some((limit) => limit.type === type)
  return {
    ...pool,
    models: isListed ? models : [...(models ?? []), model],
    limits: [...merged, ...shown.filter(({ type }) => !has(type))],
  }
}
