#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --dry-run of the host's root: from argv to a plan, with nothing made or entered: dry_run.sh SANDBOX
set -uo pipefail

sandbox=$1
problems=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export XDG_CONFIG_HOME=$scratch/config
unset SANDBOX_ROOT

problem() {
    echo "$*"
    problems=$((problems + 1))
}

run() {
    "$sandbox" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    status=$?
}

# plans LINE ARGUMENT...: exit status 0, and a line of stdout that matches LINE
plans() {
    local line=$1
    shift
    run "$@"
    [ "$status" -eq 0 ] || problem "sandbox $*: exit status $status: $(cat "$scratch/err")"
    grep -qE -- "$line" "$scratch/out" || problem "sandbox $*: no line '$line' in: $(cat "$scratch/out")"
}

plans '^root: bind, read-only$' run --dry-run host true
plans '^command: true a b$' run --dry-run host true a b
plans "^user: $(id -u):$(id -g)\$" run --dry-run host true
plans '^user: 0:0$' run --dry-run --userns single host true
plans '^hostname: box$' run --dry-run -h box host true
plans '^namespaces: user mount pid ipc uts cgroup$' run --dry-run --network host host true
plans "^command: .*/(ba|da|z|fi)?sh\$" shell --dry-run
plans '"command":\["true"\]' run --dry-run --json host true
mkdir "$scratch/work"
plans "^directory: $scratch/work\$" run --dry-run --workspace="$scratch/work" host true
plans "^  bind $scratch/work on /mnt\$" run --dry-run -v "$scratch/work:/mnt" host true

# podman-run(1): an empty entrypoint means none.
plans '^command: .*/(ba|da|z|fi)?sh$' shell --dry-run --entrypoint= host
printf 'entrypoint =\n' >"$scratch/empty.conf"
plans '^command: .*/(ba|da|z|fi)?sh$' shell --dry-run --config "$scratch/empty.conf" host

# Nothing is read from the current directory unasked.
mkdir -p "$scratch/here/.config/sandbox"
printf 'hostname = planted\n' >"$scratch/here/.config/sandbox/sandbox.conf"
(
    unset XDG_CONFIG_HOME
    cd "$scratch/here" && HOME=. "$sandbox" run --dry-run host true >"$scratch/out" 2>"$scratch/err" </dev/null
) || problem "HOME=. sandbox run: $(cat "$scratch/err")"
! grep -q planted "$scratch/out" || problem "a configuration file was read from the current directory"

# refuses WORD ARGUMENT...: exit status 125, WORD on stderr, nothing on stdout
refuses() {
    local word=$1
    shift
    run "$@"
    [ "$status" -eq 125 ] || problem "sandbox $*: exit status $status, not 125"
    [ ! -s "$scratch/out" ] || problem "sandbox $*: on stdout: $(cat "$scratch/out")"
    grep -qF -- "$word" "$scratch/err" || problem "sandbox $*: says $(cat "$scratch/err")"
}
refuses "--workspace $scratch/nothing" run --dry-run --workspace="$scratch/nothing" host true
refuses "--volume $scratch/nothing:/mnt" run --dry-run -v "$scratch/nothing:/mnt" host true

echo "$problems problems"
[ "$problems" -eq 0 ]
