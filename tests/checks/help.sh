#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `sandbox` says when it is asked, and when it is misused: help.sh SANDBOX
set -uo pipefail

sandbox=$1
problems=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_CONFIG_HOME=$scratch/config

problem() {
    echo "$*"
    problems=$((problems + 1))
}

run() {
    "$sandbox" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    status=$?
}

# answers WORD ARGUMENT...: exit status 0, WORD on stdout, nothing on stderr
answers() {
    local word=$1
    shift
    run "$@"
    [ "$status" -eq 0 ] || problem "sandbox $*: exit status $status, not 0"
    grep -qF -- "$word" "$scratch/out" || problem "sandbox $*: no '$word' on stdout"
    [ ! -s "$scratch/err" ] || problem "sandbox $*: on stderr: $(cat "$scratch/err")"
}

# refuses WORD ARGUMENT...: exit status 125, "sandbox: ...WORD..." and a hint on stderr, nothing on stdout
refuses() {
    local word=$1
    shift
    run "$@"
    [ "$status" -eq 125 ] || problem "sandbox $*: exit status $status, not 125"
    [ ! -s "$scratch/out" ] || problem "sandbox $*: on stdout: $(cat "$scratch/out")"
    head -n 1 "$scratch/err" | grep -q "^sandbox: .*$word" || problem "sandbox $*: says $(cat "$scratch/err")"
    sed -n 2p "$scratch/err" | grep -q '^hint: .' || problem "sandbox $*: no hint: $(cat "$scratch/err")"
    [ "$(wc -l <"$scratch/err")" -eq 2 ] || problem "sandbox $*: not two lines: $(cat "$scratch/err")"
}

answers "usage: sandbox COMMAND"
answers "usage: sandbox COMMAND" --help
answers "usage: sandbox COMMAND" help
answers "usage: sandbox run" help run
answers "usage: sandbox run" run --help
answers "--volume SRC:DST" help run
answers "usage: sandbox shell" help shell
answers "usage: sandbox shell" shell --help
answers "usage: sandbox doctor" help doctor
answers "usage: sandbox export" help export
answers "--output FILE" export --help
answers "usage: sandbox help" help help
answers "usage: sandbox import" import --help
answers "--name NAME" help import
answers "usage: sandbox images" help images
answers "usage: sandbox rmi" rmi --help
answers "usage: sandbox prune" help prune
answers "sandbox 0." --version

refuses "frobnicate: no such command" frobnicate
refuses "no such command" help frobnicate
refuses "--netwrok: no such option" run --netwrok none host true
refuses "no image is named" run
refuses "no command is named" run host
refuses "no file is named" import
refuses "no image is named" rmi
refuses "--volume: means nothing to rmi" rmi --volume /a:/b x
refuses "--name: means nothing to run" run --name x host true
refuses "no image is named" export
refuses "one image at a time" export a.tar b.tar
refuses "no such image" export /nonexistent.tar
refuses "--output: means nothing to run" run -o FILE host true
refuses "no such image" run /nonexistent.tar true
refuses "\\\\x1b" $'\e[2J'

# A full disk or a closed reader is no success.
"$sandbox" --version >/dev/full 2>"$scratch/err" </dev/null
status=$?
[ "$status" -eq 125 ] || problem "sandbox --version >/dev/full: exit status $status, not 125"

# A reader that has seen enough.
"$sandbox" help run 2>"$scratch/err" | head -n 1 >/dev/null
[ ! -s "$scratch/err" ] || problem "sandbox help run | head: $(cat "$scratch/err")"

# System users have such homes.
(
    unset XDG_CONFIG_HOME
    HOME=/dev/null "$sandbox" run --dry-run host true >"$scratch/out" 2>"$scratch/err" </dev/null
) || problem "HOME=/dev/null sandbox run --dry-run host true: $(cat "$scratch/err")"

echo "$problems problems"
[ "$problems" -eq 0 ]
