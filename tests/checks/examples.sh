#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The EXAMPLES of the manual pages, run line by line as they are written: examples.sh SANDBOX MAN-DIRECTORY
set -uo pipefail

sandbox=$1
pages=$2
problems=0
count=0
scratch=$(mktemp -d)

clear_up() {
    unshare --map-auto --map-root-user rm -rf "$scratch" 2>/dev/null || rm -rf "$scratch"
}
trap clear_up EXIT

skip() {
    echo "skipped: $1"
    exit 77
}

prepare() {
    local archive alpine=
    for archive in "${SANDBOX_TEST_IMAGES-}"/alpine-*.tar; do
        [ ! -e "$archive" ] || alpine=$archive
    done
    [ "$(id -u)" -ne 0 ] || skip "the examples are a plain user's"
    [ -n "$alpine" ] || skip "no alpine-*.tar in \$SANDBOX_TEST_IMAGES"
    [ -w /dev/net/tun ] || skip "/dev/net/tun is not usable"
    # Below the workspace, so that it is there inside too, as an installed one is.
    mkdir -p "$scratch/home" "$scratch/work/.bin"
    ln -s "$sandbox" "$scratch/work/.bin/sandbox"
    cp "$alpine" "$scratch/work/alpine.tar"
}

# What stands literally below EXAMPLES, without roff's escapes, continued lines joined.
examples_of() {
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh [^E]/p' "$1" | sed -n '/^\.Bd -literal/,/^\.Ed/{/^\./d;s/\\e/\\/g;s/\\&//g;p}' |
        sed -e :a -e '/\\$/{N;s/\\\n *//;ba' -e '}'
}

# A test reaches nothing outside of the machine.
needs_the_internet() { [[ $1 =~ --allow\ [a-z] ]]; }

# What publishes a port serves until it is ended.
serves() { [[ $1 =~ \ -p\  ]]; }

as_a_reader() {
    (cd "$scratch/work" && env -i HOME="$scratch/home" USER="$(id -un)" LANG=C.UTF-8 TERM=dumb \
        ${XDG_RUNTIME_DIR:+XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR"} PATH="$scratch/work/.bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        timeout "$patience" "$@" </dev/null >"$scratch/out" 2>&1)
}

try() {
    local what=$1 status
    shift
    count=$((count + 1))
    patience=60
    ! serves "$what" || patience=3
    as_a_reader "$@"
    status=$?
    [ $patience -eq 60 ] || [ $status -ne 124 ] || status=0
    if [ $status -ne 0 ]; then
        echo "$what: exit status $status"
        cat "$scratch/out"
        problems=$((problems + 1))
    fi
}

prepare
for page in "$pages"/*.1; do
    while IFS= read -r line; do
        if needs_the_internet "$line"; then
            echo "not tried, it needs the internet: $line"
        elif [ -n "$line" ]; then
            try "${page##*/}: $line" bash -c "$line"
        fi
    done < <(examples_of "$page")
done
for page in "$pages"/*.conf.5; do
    examples_of "$page" >"$scratch/work/example.conf"
    try "${page##*/}" sandbox run --config example.conf alpine.tar env
    for variable in EDITOR=vi PAGER=less; do
        grep -qx "$variable" "$scratch/out" || { echo "${page##*/}: no $variable inside" && problems=$((problems + 1)); }
    done
done

echo "$count examples, $problems problems"
[ "$count" -gt 5 ] && [ "$problems" -eq 0 ]
