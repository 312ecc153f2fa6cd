/**
 * The commands and their flags; docs/cli.md is written from this.
 */

import { cancelFlags, collectFlags, listFlags, statusFlags } from './batches-command-flags.ts'
import { checkFlags } from './check-flags.ts'
import { estimateFlags } from './estimate-flags.ts'
import { limitsFlags } from './limits-flags.ts'
import { reportFlags } from './report-flags.ts'
import { runFlags } from './run-flags.ts'
import { simulateFlags } from './simulate-flags.ts'
import type { CommandSpec } from './command.ts'

/** What sluice is, in one sentence. */
export const about = 'Sends a file of Claude Messages API requests as fast as your limits allow.'

/** What a first day with it may look like. */
export const programExamples: readonly string[] = [
  'sluice check requests.jsonl',
  'sluice estimate requests.jsonl',
  'sluice run requests.jsonl',
  'sluice help run',
]

/** What stands behind the help. */
export const epilogue: string = [
  'A command line of the Python script api_request_parallel_processor.py runs as',
  'it stands: "sluice" takes the place of "python" and the script. What changes is',
  'in docs/from-python-script.md.',
].join('\n')

/** `sluice run`. */
export const runSpec: CommandSpec = {
  name: 'run',
  about: 'get one answer for every request of a file',
  argument: {
    name: 'INPUT',
    about: 'a JSONL file of requests, also by gzip or zstd, or "-" for stdin',
  },
  flags: runFlags,
  examples: [
    'sluice run requests.jsonl',
    'sluice run requests.jsonl -o answers.jsonl --rpm 500 --max-failed 5%',
    'cat requests.jsonl | sluice run - > answers.jsonl',
    'sluice run requests.jsonl --via batches',
    'sluice run requests.jsonl --metrics-port 9464',
  ],
}

/** `sluice simulate`. */
export const simulateSpec: CommandSpec = {
  name: 'simulate',
  about: 'serve the API on this machine, to try things with no key',
  flags: simulateFlags,
  examples: [
    'sluice simulate',
    'sluice simulate --profile build',
    'sluice simulate --rpm 50 --itpm 30000 --otpm 8000 --latency 2s',
    'sluice simulate --fault overloaded=0.05 --fault reset-after=0.01',
    'sluice simulate --respond respond.mjs',
  ],
}

/** `sluice limits`. */
export const limitsSpec: CommandSpec = {
  name: 'limits',
  about: "show the API's limits, pool by pool, and what is left of them",
  flags: limitsFlags,
  examples: [
    'ANTHROPIC_ADMIN_KEY=sk-ant-admin… sluice limits',
    'sluice limits --model claude-haiku-5-5 --model claude-opus-5-5',
    'sluice limits --workspace wrkspc_… --json',
  ],
}

/** `sluice check`. */
export const checkSpec: CommandSpec = {
  name: 'check',
  about: 'tell what the API would refuse of a file; nothing is sent',
  argument: {
    name: 'INPUT',
    about: 'a JSONL file of requests, also by gzip or zstd, or "-" for stdin',
  },
  flags: checkFlags,
  examples: [
    'sluice check requests.jsonl',
    'sluice check requests.jsonl --prefixes',
    'sluice check requests.jsonl --via batches --show 100 --json',
  ],
}

/** `sluice batches`, of which its subcommands are. */
export const batchesAbout = 'show, collect and cancel the batches that a run has submitted'

/** How its subcommands follow each other. */
export const batchesExamples: readonly string[] = [
  'sluice run requests.jsonl --via batches --detach',
  'sluice batches status requests.results.jsonl',
  'sluice batches collect requests.results.jsonl',
]

const results = { name: 'RESULTS', about: 'the output of the run that has submitted them' }

/** `sluice batches list`. */
export const batchesListSpec: CommandSpec = {
  name: 'batches list',
  about: 'show the batches that are not collected yet; nobody is asked',
  argument: results,
  flags: listFlags,
  examples: [
    'sluice batches list requests.results.jsonl',
    'sluice batches list requests.results.jsonl --json',
  ],
}

/** `sluice batches status`. */
export const batchesStatusSpec: CommandSpec = {
  name: 'batches status',
  about: 'ask the API how each of them stands',
  argument: results,
  flags: statusFlags,
  examples: ['sluice batches status requests.results.jsonl'],
}

/** `sluice batches collect`. */
export const batchesCollectSpec: CommandSpec = {
  name: 'batches collect',
  about: 'wait for them and write their answers; nothing is asked that they do not have',
  argument: results,
  flags: collectFlags,
  examples: [
    'sluice batches collect requests.results.jsonl',
    'sluice batches collect requests.results.jsonl --detach',
  ],
}

/** `sluice batches cancel`. */
export const batchesCancelSpec: CommandSpec = {
  name: 'batches cancel',
  about: 'cancel those that run; what they have done is still to be collected',
  argument: results,
  flags: cancelFlags,
  examples: ['sluice batches cancel requests.results.jsonl'],
}

/** `sluice estimate`. */
export const estimateSpec: CommandSpec = {
  name: 'estimate',
  about: 'tell what a file would cost, in tokens, money and time; nothing is sent',
  argument: {
    name: 'INPUT',
    about: 'a JSONL file of requests, also by gzip or zstd, or "-" for stdin',
  },
  flags: estimateFlags,
  examples: [
    'sluice estimate requests.jsonl',
    'sluice estimate requests.jsonl --rpm 1000 --itpm 450000 --otpm 90000',
    'sluice estimate requests.jsonl --exact 100 --budget 20 --json',
  ],
}

/** `sluice report`. */
export const reportSpec: CommandSpec = {
  name: 'report',
  about: 'show how a run went: one HTML file, to be opened in a browser',
  argument: { name: 'RESULTS', about: 'the output of the run' },
  flags: reportFlags,
  examples: [
    'sluice report requests.results.jsonl',
    'sluice report requests.results.jsonl -o report.html --show-content',
  ],
}

/** The shells that completions are for. */
export const shells = ['bash', 'zsh', 'fish'] as const

/** `sluice completion`. */
export const completionSpec: CommandSpec = {
  name: 'completion',
  about: 'print completions for a shell: flags, their values and files, by TAB',
  argument: { name: 'SHELL', about: 'bash, zsh or fish', words: shells },
  flags: [],
  examples: [
    'source <(sluice completion bash)',
    'source <(sluice completion zsh)',
    'sluice completion fish | source',
  ],
}

/** All commands, in the order of the help. */
export const specs: readonly CommandSpec[] = [
  runSpec,
  checkSpec,
  estimateSpec,
  reportSpec,
  batchesListSpec,
  batchesStatusSpec,
  batchesCollectSpec,
  batchesCancelSpec,
  limitsSpec,
  simulateSpec,
  completionSpec,
]
