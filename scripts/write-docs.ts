/**
 * Writes docs/cli.md and schemas/config.json from the definitions of the commands (`npm run docs`).
 *
 * Tests compare the files with what this makes of them, so they are never behind.
 */

import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ancestorFlags, ancestorSpec } from '../src/cli/ancestor-flags.ts'
import { type CommandSpec, flagTerm } from '../src/cli/command.ts'
import { otherVariables } from '../src/cli/environment.ts'
import { type Flag, variableOf } from '../src/cli/flag.ts'
import { about, specs } from '../src/cli/program.ts'
import { runFlags } from '../src/cli/run-flags.ts'
import { exitCodes, type ExitReason } from '../src/errors.ts'
import { configSchema, configSchemaFile } from './config-schema.ts'

/** The file that is written. */
export const cliReferenceFile: string = fileURLToPath(new URL('../docs/cli.md', import.meta.url))

/** The whole reference of the command line. */
export function cliReference(): string {
  const commands = [...specs.map(commandPart), ancestorPart()]
  const parts = [intro(), ...commands, environmentPart(), configPart(), exitPart()]
  return `${parts.join('\n\n')}\n`
}

function intro(): string {
  const commands = specs.map(
    (spec) => `| [\`${usageOf(spec)}\`](#sluice-${spec.name.replace(' ', '-')}) | ${spec.about} |`,
  )
  return [
    '# Command line',
    '<!-- Written by scripts/write-docs.ts (npm run docs): edit the definitions in src/cli, not this. -->',
    about,
    table(['command', 'does'], commands),
    `Durations are \`90s\`, \`10m\`, \`2h\` or \`500ms\`; a bare number is seconds. No flag has an optional
value. Where a value comes from several places, the first of these counts: flag, environment,
\`.env\`, config file. Everything wrong with a command line is told at once, before any input is read.`,
    `Standard output carries data only: results with \`-o -\`, the summary with \`--json\`, what
\`sluice check\`, \`estimate\`, \`limits\` and \`batches\` found, otherwise nothing. Progress and messages go to standard error; the last line
of a run is always: done, failed, cost, output path.`,
  ].join('\n\n')
}

function commandPart(spec: CommandSpec): string {
  const parts = [`## sluice ${spec.name}`, `\`\`\`\n${usageOf(spec)}\n\`\`\``, sentence(spec.about)]
  if (spec.argument) parts.push(`\`${spec.argument.name}\` is ${spec.argument.about}.`)
  for (const group of new Set(spec.flags.map((flag) => flag.group))) {
    const rows = spec.flags.filter((flag) => flag.group === group).map(flagRow)
    parts.push(`### ${spec.name}: ${group}`, table(['flag', 'does', 'default'], rows))
  }
  parts.push(`\`\`\`\n${spec.examples.join('\n')}\n\`\`\``)
  return parts.join('\n\n')
}

function ancestorPart(): string {
  return [
    "## The Python script's command lines",
    `\`\`\`\n${usageOf(ancestorSpec)}\n\`\`\``,
    `A line with \`--requests_filepath\` is one of the script \`api_request_parallel_processor.py\`, and
runs as it stands, with the script's names, defaults and output lines. The flags of \`sluice run\`
can stand beside these. What changes for its users: [from-python-script.md](from-python-script.md).`,
    table(['flag', 'does', 'default'], ancestorFlags.map(flagRow)),
    `\`\`\`\n${ancestorSpec.examples.join('\n')}\n\`\`\``,
  ].join('\n\n')
}

function flagRow(flag: Flag): string {
  const { about: does, otherwise = flag.value === undefined ? 'off' : '' } = flag
  return `| ${cell(`\`${flagTerm(flag)}\``)} | ${cell(does)} | ${cell(otherwise)} |`
}

function environmentPart(): string {
  const ofFlags = runFlags.flatMap((flag) => {
    const name = variableOf(flag)
    return name?.startsWith('ANTHROPIC_') === true ? [[name, `as \`--${flag.name}\``] as const] : []
  })
  const rows = [...ofFlags, ...otherVariables].map(
    ([name, does]) => `| \`${name}\` | ${cell(does)} |`,
  )
  const apart = runFlags.filter((flag) => variableOf(flag) === undefined).map(({ name }) => name)
  return [
    '## Environment',
    'The variables of the official SDK, with the same meaning:',
    table(['variable', 'does'], rows),
    `Every other flag of \`run\` has a variable too: \`SLUICE_\` and its name, as in
\`SLUICE_MAX_CONCURRENCY=50\`; switches take \`true\` or \`false\`. Without one are
${apart.map((name) => `\`--${name}\``).join(', ')}.`,
    `\`HTTPS_PROXY\`, \`HTTP_PROXY\`, \`NO_PROXY\` and \`NODE_EXTRA_CA_CERTS\` are honoured, \`NO_COLOR\` takes
the colour, and \`CI\` the live block, away.`,
    `A file \`.env\` in the working folder (or the one \`--env-file\` names) is read for \`ANTHROPIC_*\` and
\`SLUICE_*\` variables, and nothing else. A base URL that comes from there, or from a config file, is
said at the start; a key from elsewhere goes to it only if it is on this machine, or if \`--base-url\`
says so too.`,
  ].join('\n\n')
}

function configPart(): string {
  return [
    '## Config file',
    `\`sluice.config.json\` in the working folder, or the file \`--config\` names (\`.js\` and \`.ts\` by
that flag only; the default export). Keys are the flags of \`run\` in camel or kebab case, and what is
\`--no-progress\` there is \`"progress": false\` here; an unknown key is an error:`,
    `\`\`\`json
{
  "$schema": "./node_modules/sluice/schemas/config.json",
  "maxRequestsPerMinute": 500,
  "timeout": "5m",
  "header": { "x-team": "data" }
}
\`\`\``,
    `With the line \`$schema\`, which says nothing about the run, an editor tells the keys, what they do and
what they may be. The schema ships with the package, is written from the same definitions as this page, and takes
what \`sluice\` takes.`,
  ].join('\n\n')
}

const exitMeanings: Readonly<Record<ExitReason, string>> = {
  succeeded: 'every row has an answer',
  someFailed: 'finished; some rows failed and are in the failed file; `check` found rows at fault',
  usage: 'usage or input error; nothing was sent',
  stopped: 'stopped, and the same command goes on: ^C, SIGTERM, key, credit, disk, lock, patience',
  budget: 'a budget was reached; the same command goes on with a higher one',
  outstanding: 'submitted; batches are outstanding',
  bug: 'a fault of sluice; answers already written are safe',
  interrupted: 'the second ^C; answers already written are safe',
}

function exitPart(): string {
  const rows = Object.entries(exitMeanings).map(([reason, meaning]) => {
    const code = Object.entries(exitCodes).find(([name]) => name === reason)?.[1]
    return `| ${code} | ${meaning} |`
  })
  return [
    '## Exit codes',
    table(['code', 'means'], rows),
    'What each `error[CODE]` means and what to do about it is in [errors.md](errors.md).',
  ].join('\n\n')
}

function usageOf({ name, argument, usage }: CommandSpec): string {
  if (usage !== undefined) return usage
  return ['sluice', name, ...(argument ? [argument.name] : []), '[options]'].join(' ')
}

function table(heads: readonly string[], rows: readonly string[]): string {
  return [`| ${heads.join(' | ')} |`, `|${heads.map(() => '---|').join('')}`, ...rows].join('\n')
}

/** A bar would end the cell, and a tag would vanish (but not where it stands as code). */
function cell(text: string): string {
  const safe = text.startsWith('`') ? text : text.replaceAll('<', '&lt;')
  return safe.replaceAll('|', String.raw`\|`)
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(cliReferenceFile, cliReference())
  writeFileSync(configSchemaFile, configSchema())
}
