#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The option table as --help prints it, held against the manual pages: options.sh SANDBOX MAN-DIRECTORY
# (The completions of each shell are held against the same text by tests/completions.)
set -uo pipefail

sandbox=$1
pages=$2
page=$pages/sandbox.1
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
    sed -n '/^\.Ss The build/,/^\.Sh ENVIRONMENT/p' "$page" |
        sed -nE 's/^\.It (Fl ([a-zA-Z]) , )?Fl (-[a-z0-9-]+).*/\2 -\3/p' | sed -E 's/^([a-zA-Z])/-\1/' | uniq
}

commands_of_help() { "$sandbox" help | sed -n 's/^  \([a-z]*\) .*/\1/p' | grep -vx sandbox; }

commands_of_page() { sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/s/^\.Cm \([a-z]*\)$/\1/p' "$page"; }

described_commands() { sed -n '/^The commands are:/,/^\.El/s/^\.It Cm \([a-z]*\)$/\1/p' "$page"; }

same() {
    local what=$1 told=$2 written=$3
    [ -n "$told" ] || problem "$what: the help tells none"
    [ "$told" = "$written" ] || problem "$what: what is told (<) and what is written (>) differ:" \
        "$(diff <(echo "$told") <(echo "$written"))"
}

# --- the pages of single commands ------------------------------------------------------------------------------

# Those that a page is about: sandbox-COMMAND in its NAME.
commands_of_single_page() { sed -n 's/^\.Nm sandbox-\([a-z]*\)\( ,\)*$/\1/p' "$1"; }

# Every "Fl x" and "Fl -word" of a page, as they are typed. "Fl -" is the end of options.
options_named_in() {
    grep -oE '\bFl -?[A-Za-z][A-Za-z0-9-]*' "$1" | sed -E 's/^Fl (-.*)/-\1/; s/^Fl /-/' | sort -u
}

# Both spellings of a command's options, one a line.
spellings() { for command; do options_of_help "$command" | tr ' ' '\n'; done | grep . | sort -u; }

# What nearly all commands take is told in sandbox(1) alone.
shared_by_all=$(comm -12 <(spellings prune) <(spellings doctor))
of_a_start=$(spellings run)

# A page names no option that its commands do not have. A command that is no start has few, and they are all there.
check_single_page() {
    local single=$1 commands unknown command absent
    commands=$(commands_of_single_page "$single")
    [ -n "$commands" ] || problem "$single: its NAME has no command"
    unknown=$(comm -23 <(options_named_in "$single") <(spellings $commands | cat - <(echo "$of_a_start") | sort -u))
    [ -z "$unknown" ] || problem "$single: there is no" "$unknown"
    for command in $commands; do
        told_commands+="$command"$'\n'
        grep -qx "\.Cm $command" <(sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$single") ||
            problem "$single: no $command in its SYNOPSIS"
        if ! spellings "$command" | grep -qxe --volume; then
            absent=$(comm -23 <(options_of_help "$command" | sed 's/^\(-.\) .*/\1/; s/^ //' | sort -u) \
                <(options_named_in "$single" | cat - <(echo "$shared_by_all") | sort -u))
            [ -z "$absent" ] || problem "$single: does not name, of $command," "$absent"
        fi
    done
}

# Each leads to the page by its own name: the file, or a link that is installed.
check_page_is_found() {
    [ -e "$pages/sandbox-$1.1" ] || sed -n '/install_link\|^foreach/p' "$pages/CMakeLists.txt" | grep -qw -e "sandbox-$1.1" -e "$1" ||
        problem "there is no page sandbox-$1.1"
}

# Each of the doctor's lines is told, under its name and in its place.
check_doctor_page() {
    local findings
    findings=$("$sandbox" doctor --json | grep -oE '"name":"[a-z-]+"' | sed 's/.*:"//; s/"//')
    same "the doctor's lines" "$findings" \
        "$(sed -n '/^The lines are:/,/^\.El/s/^\.It Cm \([a-z-]*\)$/\1/p' "$pages/sandbox-doctor.1")"
}

same "options" "$(all_options)" "$(options_of_page | sort)"
same "order of the options of run" "$(options_of_help run)" "$(options_of_page | grep -xF -f <(options_of_help run))"
same "commands of the synopsis" "$(commands_of_help)" "$(commands_of_page)"
same "commands described" "$(commands_of_help)" "$(described_commands)"

told_commands=
for single in "$pages"/sandbox-*.1; do
    check_single_page "$single"
done
same "commands with a page" "$(commands_of_help | grep -vx help | sort)" "$(printf %s "$told_commands" | sort)"
for command in $(commands_of_help | grep -vx help); do
    check_page_is_found "$command"
done
check_doctor_page

echo "$(all_options | wc -l) options, $problems problems"
[ "$problems" -eq 0 ]
