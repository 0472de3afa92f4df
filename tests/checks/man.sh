#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The manual pages by the two formatters that read them: man.sh MAN-DIRECTORY
set -uo pipefail

skip() {
    echo "skipped: $1 is not installed"
    exit 77
}

problems=0
command -v mandoc >/dev/null || skip mandoc
command -v groff >/dev/null || skip groff
for page in "$1"/*.[1-8]; do
    lint=$(mandoc -T lint -W warning "$page" 2>&1)
    lint+=$(groff -mdoc -ww -z -T utf8 "$page" 2>&1)
    if [ -n "$lint" ]; then
        echo "$lint"
        problems=$((problems + 1))
    fi
done
echo "$(printf '%s\n' "$1"/*.[1-8] | wc -l) pages, $problems with problems"
[ "$problems" -eq 0 ]
