#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a shell completes: run.sh bash|zsh|fish DIRECTORY SANDBOX
set -uo pipefail

shell=$1
directory=$2
sandbox=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
problems=0
asked=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

skip() {
    echo "skipped: $1"
    exit 77
}

command -v "$shell" >/dev/null || skip "$shell is not installed"
[ "$shell" != bash ] || [ -e /usr/share/bash-completion/bash_completion ] || skip "bash-completion is not installed"

problem() {
    echo "$*"
    problems=$((problems + 1))
}

# A home of its own, a directory with known files, and a sandbox of that name in the PATH.
prepare() {
    mkdir -p "$scratch/home" "$scratch/bin" "$scratch/work/tree" "$scratch/completions"
    touch "$scratch/work/alpine.tar" "$scratch/work/list.env"
    ln -s "$sandbox" "$scratch/bin/sandbox"
    ln -s "$sandbox" "$scratch/bin/sbx"
    cp -r "$directory/." "$here/../../packaging/completions/sbx.fish" "$scratch/completions"
    cp "$here/ask.$shell" "$scratch/ask"
}

# ask LINE: the candidates, one a line, in $answer. Only a file of its own name would tell another run's answer.
ask() {
    asked=$((asked + 1))
    rm -f "$scratch"/home/{hits,ready,ended}
    answer=$(cd "$scratch/work" && env -i HOME="$scratch/home" TERM=dumb LANG=C.UTF-8 MARKER=1 \
        SANDBOX_ROOT="$scratch/store" PATH="$scratch/bin:/usr/bin:/bin" \
        "$shell" "$scratch/ask" "$scratch/completions" "$1" 2>"$scratch/err" </dev/null)
    [ ! -s "$scratch/err" ] || problem "$shell, '$1': says $(cat "$scratch/err")"
}

# Trailing marks are how shells show that more may follow.
has_candidate() { grep -qxE -- "$(sed 's/[.[\*^$+?(){|]/\\&/g' <<<"$1")[/=: ]*" <<<"$answer"; }

# offers LINE WORD...
offers() {
    local line=$1 word
    shift
    ask "$line"
    for word in "$@"; do
        has_candidate "$word" || problem "$shell, '$line': no $word in: $(tr '\n' ' ' <<<"$answer")"
    done
}

# withholds LINE WORD...
withholds() {
    local line=$1 word
    shift
    ask "$line"
    for word in "$@"; do
        ! has_candidate "$word" || problem "$shell, '$line': $word is offered"
    done
}

# Each command and each long option of the help, and nothing besides, is offered.
matches_the_help() {
    local told offered
    told=$("$sandbox" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -vx sandbox | sort)
    ask 'sandbox '
    offered=$(grep -x '[a-z]*' <<<"$answer" | sort)
    [ "$told" = "$offered" ] || problem "$shell: the help's commands are not those offered:" $offered
    told=$("$sandbox" help run | sed -nE 's/^ +(-., )?(--[a-z0-9-]+).*/\2/p' | sort)
    ask 'sandbox run --'
    offered=$(sed 's/=$//' <<<"$answer" | grep -E '^--[a-z]' | sort -u)
    [ "$told" = "$offered" ] ||
        problem "$shell: the help's options (<) and those offered (>):" "$(diff <(echo "$told") <(echo "$offered"))"
}

completes_stored_images() {
    "$sandbox" help images >/dev/null 2>&1 || return 0
    local image=${SANDBOX_TEST_IMAGES-}/busybox.tar
    [ -e "$image" ] || return 0
    SANDBOX_ROOT=$scratch/store "$sandbox" import "$image" stored-one >"$scratch/out" 2>&1 || {
        problem "import: $(cat "$scratch/out")"
        return
    }
    offers 'sandbox run sto' stored-one
    offers 'sandbox rmi ' stored-one
    SANDBOX_ROOT=$scratch/store "$sandbox" rmi stored-one >"$scratch/out" 2>&1 || problem "rmi: $(cat "$scratch/out")"
}

prepare
matches_the_help
offers 'sandbox ru' run
offers 'sbx ru' run
offers 'sandbox help d' doctor
offers 'sandbox --quiet ru' run
offers 'sandbox --root tree ru' run
offers 'sandbox run --net' --network
offers 'sandbox run --network ' slirp none host
offers 'sandbox run --tz l' local
offers 'sandbox run ' host alpine.tar tree
offers 'sandbox run --workspace ' host alpine.tar
offers 'sandbox run --network none --read-only ' host alpine.tar
offers 'sandbox run -it ' host
offers 'sandbox shell a' alpine.tar
offers 'sandbox run --env-file ' list.env
offers 'sandbox run --root ' tree
offers 'sandbox run -v ' tree list.env
offers 'sandbox run -qv ' tree
offers 'sandbox run -e MARK' MARKER
offers 'sandbox run host seq' seq
offers 'sandbox run --network host alpine.tar ' list.env
offers 'sandbox doctor --' --json --root
withholds 'sandbox doctor --' --network
withholds 'sandbox run --root ' alpine.tar
withholds 'sandbox run --timeout ' host alpine.tar
withholds 'sandbox run alpine.tar --net' --network
withholds 'sandbox run --network host alpine.tar seq' seq
withholds 'sandbox shell alpine.tar ' host
completes_stored_images

echo "$asked lines, $problems problems"
[ "$problems" -eq 0 ]
