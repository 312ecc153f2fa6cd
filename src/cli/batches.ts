/**
 * `sluice batches list`, `status` and `cancel`: what a run has submitted and not collected yet.
 *
 * What there is, is known from the records beside the results; `list` reads them and asks nobody.
 * `status` and `cancel` ask the API about each, once. None of them touches a file, so that they may
 * stand beside a run. Standard output carries the table, or one object with `--json`.
 */

import { BatchApi, type Called } from '../batches/batch-api.ts'
import type { Batch } from '../batches/batch-api.ts'
import { systemContext } from '../context.ts'
import { exitCodes, RunError } from '../errors.ts'
import { optionFaults, readOptions } from '../options.ts'
import type { Settings } from '../settings.ts'
import { errorJson } from '../summary.ts'
import { apiOptions, dataSurface } from './api-command.ts'
import { inputOf, intentsOf, type Outstanding } from './batches-records.ts'
import {
  batchesJson,
  batchesTable,
  batchesTotal,
  type Found,
  type ShownBatch,
  type ShownBatches,
} from './batches-text.ts'
import type { CommandLine } from './command.ts'
import type { Layer } from './flag.ts'
import { complaintLines } from './messages.ts'
import { painter } from './paint.ts'
import { agreed, isAttended } from './question.ts'
import { type Redact, redactor } from './redact.ts'
import { programName, resumeCommand, sameApi } from './resume.ts'
import { runFlags } from './run-flags.ts'
import { credentialsOf, faultsMessage, keyMissing, placeOf, readSecrets } from './run-setup.ts'
import { gather } from './sources.ts'
import { printData, printMessage, stderrTakesColor } from './streams.ts'
import { targetFault, targetNotice } from './target.ts'
import { pluralBatches, plural } from '../figures.ts'
import { shownPath } from './text.ts'

const answerMsMax = 30_000

/** What a command has in hand. */
interface Asked {
  readonly line: CommandLine
  readonly layer: Layer
  readonly isJson: boolean
  readonly redact: Redact
  /** Lines for people. */
  readonly say: (lines: readonly string[]) => void
}

/** Shows what the records say; resolves to the exit code. */
export function listCommand(line: CommandLine): Promise<number> {
  return framed(line, async (asked) => {
    checkFaults(asked.layer.faults)
    const { results, intents } = outstandingOf(asked)
    const batches = intents.map((intent) => ({ intent, found: undefined }))
    await show(asked, { results, batches })
    return exitCodes.succeeded
  })
}

/** Shows what the API says of each; resolves to the exit code. */
export function statusCommand(line: CommandLine): Promise<number> {
  return framed(line, async (asked) => {
    const settings = setUp(asked)
    const { results, intents } = outstandingOf(asked)
    const batches = await askAll(asked, settings, intents, (api, id) => api.retrieve(id))
    await show(asked, { results, batches })
    return isKnown(batches) ? exitCodes.succeeded : exitCodes.someFailed
  })
}

/** Cancels those that run; resolves to the exit code. */
export function cancelCommand(line: CommandLine): Promise<number> {
  return framed(line, async (asked) => {
    const isSure = line.values.get('yes')?.value === true
    const unsaid = 'cancel needs --yes when nobody is there to be asked'
    const settings = setUp(asked, isSure || isAttended() ? [] : [unsaid])
    const { results, intents } = outstandingOf(asked)
    const before = await askAll(asked, settings, intents, (api, id) => api.retrieve(id))
    const running = before.filter(isRunning)
    if (running.length === 0) {
      await show(asked, { results, batches: before })
      if (intents.length > 0) asked.say(['no batch of these is running: nothing to cancel'])
      return isKnown(before) ? exitCodes.succeeded : exitCodes.someFailed
    }
    if (!isSure && !(await agreed(cancelQuestion(running)))) {
      asked.say(['nothing was canceled'])
      return exitCodes.stopped
    }
    const ids = new Set(running.map(({ intent }) => intent.nonce))
    const canceled = await askAll(
      asked,
      settings,
      running.map(({ intent }) => intent),
      (api, id) => api.cancel(id),
    )
    const rest = before.filter(({ intent }) => !ids.has(intent.nonce))
    await show(asked, { results, batches: [...canceled, ...rest] })
    asked.say(canceledLines(results, inputOf(intents)))
    return isKnown(canceled) ? exitCodes.succeeded : exitCodes.someFailed
  })
}

/** What all of them have in common: errors in one form, and no key in any line. */
async function framed(line: CommandLine, act: (asked: Asked) => Promise<number>): Promise<number> {
  const around = { folder: process.cwd(), variables: process.env }
  const layer = await gather(line, runFlags, around)
  const redact = redactor(readSecrets(layer))
  const isJson = line.values.get('json')?.value === true
  const say = (lines: readonly string[]): void => printMessage(lines.map(redact))
  try {
    return await act({ line, layer, isJson, redact, say })
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    say(complaintLines(error, painter(stderrTakesColor())))
    const { exitCode, code, message, hint = null } = error
    if (isJson) await printData(redact(errorJson(exitCode, { code, message, hint })))
    return exitCode
  }
}

function checkFaults(faults: readonly string[]): void {
  if (faults.length > 0) throw new RunError('OPTIONS_INVALID', faultsMessage(faults))
}

/** Throws `RunError` with everything that is wrong. */
function setUp({ layer, say }: Asked, more: readonly string[] = []): Settings {
  const { values } = layer
  const credentials = credentialsOf(values)
  const options = apiOptions(layer, credentials)
  const strange = targetFault(values.get('base-url'), credentials)
  checkFaults([
    ...layer.faults,
    ...optionFaults(options).map(({ option, text }) => `${placeOf(option, values)} ${text}`),
    ...(strange === undefined ? [] : [strange]),
    ...more,
  ])
  if (credentials.length === 0) throw keyMissing()
  const notice = targetNotice(values.get('base-url'))
  if (notice !== undefined) say([`note: ${notice}`])
  return readOptions(options)
}

function outstandingOf({ line }: Asked): Outstanding {
  return intentsOf(systemContext().files, line.argument ?? '')
}

async function show(
  { isJson, layer, redact, say }: Asked,
  { results, batches }: Omit<ShownBatches, 'now'>,
): Promise<void> {
  const shown = { results, batches, now: systemContext().clock.wallTime() }
  if (isJson) return printData(redact(batchesJson(shown)))
  const folder = process.cwd()
  if (batches.length === 0) return say([`no batch of ${shownPath(results, folder)} is outstanding`])
  await printData(redact(batchesTable(shown, dataSurface(layer)).join('\n')))
  say([batchesTotal(shown)])
}

/** One call about each whose id is known, one after the other. */
async function askAll(
  { redact }: Asked,
  settings: Settings,
  intents: Outstanding['intents'],
  ask: (api: BatchApi, id: string) => Promise<Called<Batch>>,
): Promise<readonly ShownBatch[]> {
  const { clock, calls: makeCalls } = systemContext()
  const calls = makeCalls?.(settings)
  if (calls === undefined) throw new Error('There is no way to call the API')
  const asked: ShownBatch[] = []
  try {
    for (const intent of intents) {
      const id = intent.batch?.id
      if (id === undefined) {
        asked.push({ intent, found: undefined })
        continue
      }
      const ending = new AbortController()
      const timer = clock.after(answerMsMax, () => ending.abort())
      const called = await ask(new BatchApi(calls, ending.signal), id)
      timer()
      asked.push({ intent, found: foundOf(called, redact) })
    }
    return asked
  } finally {
    await calls.close()
  }
}

/** Throws `RunError` where nothing can be told of any. */
function foundOf(called: Called<Batch>, redact: Redact): Found {
  switch (called.kind) {
    case 'done':
      return { kind: 'batch', batch: called.value }
    case 'missing':
      return { kind: 'missing' }
    case 'stop':
      throw called.error
    case 'refused':
    case 'failed':
    case 'invalid':
      // Before it is cut to a width: a piece of a key is not known for one.
      return { kind: 'failed', message: redact(`${called.error.type}: ${called.error.message}`) }
    default:
      return called satisfies never
  }
}

function isKnown(batches: readonly ShownBatch[]): boolean {
  return batches.every(({ found }) => found?.kind !== 'failed')
}

function isRunning({ found }: ShownBatch): boolean {
  return found?.kind === 'batch' && found.batch.status === 'in_progress'
}

function cancelQuestion(batches: readonly ShownBatch[]): string {
  const rows = batches.reduce((sum, { intent }) => sum + intent.rows, 0)
  return `Cancel ${pluralBatches(batches.length)} with ${plural(rows, 'row')}?`
}

/** What to do next: canceling ends a batch, it does not throw away what it has done. */
function canceledLines(results: string, input: string): readonly string[] {
  const program = programName(process.argv[1], process.env)
  const command = (...args: readonly string[]): string =>
    `  ${resumeCommand(program, [...args, ...sameApi(process.argv.slice(2))], process.platform)}`
  const output = shownPath(results, process.cwd())
  return [
    'what was done until then is billed, and still to be collected:',
    command('batches', 'collect', output),
    'canceled rows are asked again by the next run:',
    command('run', input, '-o', output, '--via', 'batches'),
  ]
}
