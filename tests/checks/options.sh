#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The option table as --help prints it, held against the manual page: options.sh SANDBOX MAN-DIRECTORY
# (The completions of each shell are held against the same text by tests/completions.)
set -uo pipefail

sandbox=$1
page=$2/sandbox.1
problems=0

problem() {
    printf '%s\n' "$@"
    problems=$((problems + 1))
}

# "-v --volume", one a line, in the order of the text.
options_of_help() {
    "$sandbox" help "$1" | sed -nE 's/^ +((-.), )?(--[a-z0-9-]+).*/\2 \3/p'
}

# Those of every command, sorted.
all_options() {
    local command
    for command in $(commands_of_help); do
        options_of_help "$command"
    done | sort -u
}

# From ".It Fl v , Fl -volume Ar SRC ..." of the sections of options. One option may have several lines, for the forms
# of its value.
options_of_page() {
    sed -n '/^\.Ss Files and mounts/,/^\.Sh ENVIRONMENT/p' "$page" |
        sed -nE 's/^\.It (Fl ([a-zA-Z]) , )?Fl (-[a-z0-9-]+).*/\2 -\3/p' | sed -E 's/^([a-zA-Z])/-\1/' | uniq
}

commands_of_help() { "$sandbox" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -vx sandbox; }

commands_of_page() { sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/s/^\.Cm \([a-z]*\)$/\1/p' "$page"; }

described_commands() { sed -n '/^The commands are:/,/^\.El/s/^\.It Cm \([a-z]*\)$/\1/p' "$page"; }

same() {
    local what=$1 told=$2 written=$3
    [ -n "$told" ] || problem "$what: the help tells none"
    [ "$told" = "$written" ] || problem "$what: the help (<) and $page (>) differ:" \
        "$(diff <(echo "$told") <(echo "$written"))"
}

same "options" "$(all_options)" "$(options_of_page | sort)"
same "order of the options of run" "$(options_of_help run)" "$(options_of_page | grep -xF -f <(options_of_help run))"
same "commands of the synopsis" "$(commands_of_help)" "$(commands_of_page)"
same "commands described" "$(commands_of_help)" "$(described_commands)"

echo "$(all_options | wc -l) options, $problems problems"
[ "$problems" -eq 0 ]
