#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The manual pages have what --help has, in its order, and are clean mdoc(7): man.sh SANDBOX SOURCE-DIR
set -uo pipefail

sandbox=$1
pages=("$2/man/sandbox.1" "$2/man/sandbox.conf.5")
problems=0

problem() {
    echo "$*"
    problems=$((problems + 1))
}

# The long names of the options, a line each, in the order of --help and of the page.
in_help() { "$sandbox" help run | sed -nE 's/^  (-.,|   ) --([a-z0-9-]+).*/\2/p'; }
in_page() { sed -nE 's/^\.It (Fl . , )?Fl -([a-z0-9-]+).*/\2/p' "${pages[0]}" | uniq; }

drift=$(diff <(in_help) <(in_page)) || problem "sandbox.1 and --help differ:" "$drift"

for page in "${pages[@]}"; do
    if command -v mandoc >/dev/null; then
        found=$(mandoc -T lint -W warning "$page") || problem "$found"
    fi
    if command -v groff >/dev/null; then
        found=$(groff -mdoc -ww -T utf8 "$page" 2>&1 >/dev/null)
        [ -z "$found" ] || problem "$found"
    fi
done

echo "$(in_page | wc -l) options, $problems problems"
[ "$problems" -eq 0 ]
