/**
 * `sluice completion`: the scripts by which bash, zsh and fish ask sluice what may stand next.
 *
 * They hand over the words as they are and never evaluate them: a TAB must not run what stands in
 * `$(…)`, nor write to a file behind `>`. The command that answers is the one that was typed. What
 * it prints is in completion.ts.
 */

import { exitCodes, RunError } from '../errors.ts'
import type { CommandLine } from './command.ts'
import { complaintLines } from './messages.ts'
import { painter } from './paint.ts'
import { shells } from './program.ts'
import { faultsMessage } from './run-setup.ts'
import { printData, printMessage, stderrTakesColor } from './streams.ts'
import { readOneOf } from './values.ts'

const bash = String.raw`# Completions of sluice for bash: source <(sluice completion bash)
_sluice() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :none) compopt +o default +o bashdefault 2>/dev/null ;;
      :files) ;;
      *)
        COMPREPLY+=("${'${'}line%%$'\t'*}")
        case ${'${'}line%%$'\t'*} in *[:=]) compopt -o nospace 2>/dev/null ;; esac
        ;;
    esac
  done < <("$1" complete -- "${'${'}COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -o bashdefault -F _sluice sluice`

const zsh = String.raw`#compdef sluice
# Completions of sluice for zsh: source <(sluice completion zsh)
_sluice() {
  local line word about
  local -a ended begun
  local files=0
  while IFS= read -r line; do
    case $line in
      :none) ;;
      :files) files=1 ;;
      *)
        word=${'${'}line%%$'\t'*}
        about=${'${'}line#*$'\t'}
        line=${'${'}word//:/\\:}
        [[ -n $about ]] && line+=:$about
        if [[ $word == *[:=] ]]; then begun+=("$line"); else ended+=("$line"); fi
        ;;
    esac
  done < <("${'${'}words[1]}" complete -- "${'${'}(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#ended )) && _describe -V sluice ended
  (( $#begun )) && _describe -V sluice begun -S ''
  if (( files )); then
    compset -P '--*='
    _files
  fi
}
if [[ $funcstack[1] == _sluice ]]; then
  _sluice "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _sluice sluice
fi`

const fish = String.raw`# Completions of sluice for fish: sluice completion fish | source
function __sluice_complete
    set -l before (commandline -opc)
    set -l begun (commandline -ct)
    for line in ($before[1] complete -- $before[2..-1] "$begun" 2>/dev/null)
        switch $line
            case :none
            case :files
                set -l flag (string match -r -- '^--[^=]*=' "$begun")
                for file in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' "$begun"))
                    printf '%s%s\n' "$flag" $file
                end
            case '*'
                printf '%s\n' $line
        end
    end
end
complete -c sluice -f -k -a '(__sluice_complete)'`

const scripts: Readonly<Record<(typeof shells)[number], string>> = { bash, zsh, fish }

/** Prints the script of a shell. */
export async function completionCommand({ argument, faults }: CommandLine): Promise<number> {
  const reading = readOneOf(...shells)(argument ?? '')
  const wrong = 'fault' in reading && argument !== undefined ? [`SHELL ${reading.fault}`] : []
  if ('value' in reading && faults.length === 0) {
    await printData(scripts[reading.value])
    return exitCodes.succeeded
  }
  const error = new RunError('OPTIONS_INVALID', faultsMessage([...wrong, ...faults]))
  printMessage(complaintLines(error, painter(stderrTakesColor())))
  return error.exitCode
}
