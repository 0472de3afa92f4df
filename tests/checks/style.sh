#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Licence lines, lengths and left-over notes of every tracked source and script: style.sh SOURCE-DIR
set -euo pipefail

cd "$1"
readonly most_lines=450
problems=0

problem() {
    echo "$*"
    problems=$((problems + 1))
}

# A copy of the checkout that tests run on has no .git: then every file counts that is not built.
list_files() {
    if [ -d .git ]; then
        git -c safe.directory="$PWD" ls-files --cached --others --exclude-standard
    else
        find . -path './build*' -prune -o -type f -print | sed 's,^\./,,'
    fi
}

is_ours() {
    case $1 in
    *.cpp | *.hpp | *.h | *.sh | *.py | *.bash | *.cmake | CMakeLists.txt | */CMakeLists.txt | .ci/run) [ -f "$1" ] ;;
    *) return 1 ;;
    esac
}

# One line for each rule that a file breaks. A quotation of somebody else's note ("TODO: ...) is none of ours.
look_at() {
    awk -v name="$1" -v most="$most_lines" '
        NR <= 2 && /SPDX-License-Identifier: Apache-2.0/ { licence = 1 }
        /(^|[^"A-Za-z])(TO[D]O|FIX[M]E|XX[X])([^A-Za-z]|$)/ { print name ":" NR ": left-over note:" $0 }
        END {
            if (!licence) print name ":1: no SPDX line at the top"
            if (NR > most) print name ": " NR " lines, at most " most " are taken"
        }' "$1"
}

count=0
while IFS= read -r file; do
    is_ours "$file" || continue
    count=$((count + 1))
    found=$(look_at "$file")
    [ -z "$found" ] || problem "$found"
done < <(list_files)

echo "$count files, $problems with problems"
[ "$count" -gt 0 ] && [ "$problems" -eq 0 ]
