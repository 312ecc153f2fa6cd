/**
 * The command `sluice`: reads which command is meant, loads it, and exits with its code.
 *
 * Each command is loaded inside its action, so that a run loads nothing but what it needs.
 */

import { Command, CommanderError } from 'commander'
import { exitCodes, RunError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { version } from '../version.ts'
import { ancestorSpec, isAncestors } from './ancestor-flags.ts'
import { type CommandLine, type CommandSpec, examplesText, makeCommand } from './command.ts'
import { bugComplaint, complaintLines } from './messages.ts'
import { painter } from './paint.ts'
import {
  about,
  batchesAbout,
  batchesCancelSpec,
  batchesCollectSpec,
  batchesExamples,
  batchesListSpec,
  batchesStatusSpec,
  checkSpec,
  completionSpec,
  epilogue,
  estimateSpec,
  limitsSpec,
  reportSpec,
  programExamples,
  runSpec,
  simulateSpec,
  specs,
} from './program.ts'
import { printData, printMessage, stderrTakesColor } from './streams.ts'

/** Runs the command line and ends the process. */
export async function main(args: readonly string[]): Promise<void> {
  // A reader that went away (a closed pager, a lost terminal) must not end a run.
  process.stderr.on('error', () => {})
  process.exit(args[0] === completing ? await complete(args) : await exitCodeOf(args))
}

/** What the scripts of `sluice completion` call; no command, as nobody types it. */
const completing = 'complete'

async function complete([, ...words]: readonly string[]): Promise<number> {
  const { completionLines } = await import('./completion.ts')
  await printData(completionLines(words[0] === '--' ? words.slice(1) : words).join('\n'))
  return exitCodes.succeeded
}

/** Makes what a command does of how it is loaded. */
type Act = (
  load: () => Promise<(line: CommandLine) => Promise<number>>,
) => (line: CommandLine) => Promise<void>

async function exitCodeOf(args: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.succeeded
  const act: Act = (load) => async (line) => {
    const command = await load()
    exitCode = await command(line)
  }
  const program = makeProgram()
  const isScripts = isAncestors(args)
  program.addCommand(
    makeCommand(
      isScripts ? ancestorSpec : runSpec,
      act(async () =>
        isScripts
          ? (await import('./ancestor.ts')).ancestorCommand
          : (await import('./run.ts')).runCommand,
      ),
    ),
  )
  program.addCommand(makeBatches(act))
  program.addCommand(
    makeCommand(
      checkSpec,
      act(async () => (await import('./check.ts')).checkCommand),
    ),
  )
  program.addCommand(
    makeCommand(
      estimateSpec,
      act(async () => (await import('./estimate.ts')).estimateCommand),
    ),
  )
  program.addCommand(
    makeCommand(
      reportSpec,
      act(async () => (await import('./report.ts')).reportCommand),
    ),
  )
  program.addCommand(
    makeCommand(
      limitsSpec,
      act(async () => (await import('./limits.ts')).limitsCommand),
    ),
  )
  program.addCommand(
    makeCommand(
      simulateSpec,
      act(async () => (await import('./simulate.ts')).simulateCommand),
    ),
  )
  program.addCommand(
    makeCommand(
      completionSpec,
      act(async () => (await import('./completion-scripts.ts')).completionCommand),
    ),
  )
  try {
    const isNamed = !isScripts || args[0] === 'run'
    await program.parseAsync(isNamed ? args : ['run', ...args], { from: 'user' })
    return exitCode
  } catch (error) {
    return failedToStart(error)
  }
}

function makeProgram(): Command {
  const program = new Command('sluice')
  program.description(about).version(version, '-V, --version', 'show the version')
  program.helpOption('-h, --help', 'show this help').helpCommand('help [COMMAND]', 'show its help')
  program.usage('COMMAND [options]').enablePositionalOptions().exitOverride()
  program.configureHelp({ subcommandTerm: (command) => `${command.name()} ${command.usage()}` })
  program.addHelpText('after', `${examplesText(programExamples)}\n\n${epilogue}`)
  // What commander would say is said below, in the form of every other error.
  program.configureOutput({ outputError: () => {} })
  const known = specs.map(({ name }) => name.split(' ')[0] ?? '')
  nameUnknown(program, known, 'to send a file: sluice run FILE')
  return program
}

/** `sluice batches`, and what stands behind it. */
function makeBatches(act: Act): Command {
  const group = new Command('batches')
  group.description(batchesAbout).helpOption('-h, --help', 'show this help').exitOverride()
  const actions: readonly (readonly [CommandSpec, (line: CommandLine) => Promise<void>])[] = [
    [batchesListSpec, act(async () => (await import('./batches.ts')).listCommand)],
    [batchesStatusSpec, act(async () => (await import('./batches.ts')).statusCommand)],
    [batchesCollectSpec, act(async () => (await import('./batches-collect.ts')).collectCommand)],
    [batchesCancelSpec, act(async () => (await import('./batches.ts')).cancelCommand)],
  ]
  for (const [spec, action] of actions) group.addCommand(makeCommand(spec, action))
  const names = actions.map(([{ name }]) => name.split(' ').at(-1) ?? '')
  group.usage('COMMAND RESULTS [options]').helpCommand(false)
  group.configureHelp({ subcommandTerm: (command) => `${command.name()} ${command.usage()}` })
  group.addHelpText('after', examplesText(batchesExamples))
  group.configureOutput({ outputError: () => {} })
  nameUnknown(group, names, 'to see what there is: sluice batches list RESULTS')
  return group
}

function nameUnknown(program: Command, known: readonly string[], hint: string): void {
  program.on('command:*', ([word = '']: readonly string[]) => {
    const message = `Cannot start: unknown command ${JSON.stringify(word)}${nearest(word, known)}`
    throw new RunError('OPTIONS_INVALID', message, { hint })
  })
}

function failedToStart(error: unknown): number {
  const paint = painter(stderrTakesColor())
  if (error instanceof CommanderError) {
    // Help and version were shown; help that nobody asked for is a usage error.
    if (error.exitCode === 0) return exitCodes.succeeded
    if (error.code === 'commander.help') return exitCodes.usage
    const [text = ''] = error.message.replace(/^error: /, '').split('\n')
    const hint = 'options stand behind the command: sluice run FILE --option'
    printMessage(
      complaintLines({ code: 'OPTIONS_INVALID', message: `Cannot start: ${text}`, hint }, paint),
    )
    return exitCodes.usage
  }
  if (error instanceof RunError) {
    printMessage(complaintLines(error, paint))
    return error.exitCode
  }
  printMessage(complaintLines(bugComplaint(error, undefined), paint))
  return exitCodes.bug
}
