# SPDX-License-Identifier: Apache-2.0
# To be sourced: a test a function, its result a line of TAP. https://testanything.org/tap-version-13-specification.html
# shellcheck shell=sh

tap_count=0
tap_failed=0
tap_out=$(mktemp)

# Every line of the argument as a diagnostic.
diagnose() { printf '%s\n' "$1" | sed 's/^/# /'; }

# check NAME COMMAND...: ok where it exits 0; the end of what it said is told where not
check() {
    tap_name=$1
    shift
    tap_count=$((tap_count + 1))
    if "$@" >"$tap_out" 2>&1 </dev/null; then
        echo "ok $tap_count - $tap_name"
    else
        echo "not ok $tap_count - $tap_name"
        tap_failed=$((tap_failed + 1))
        diagnose "$(tail -n 40 "$tap_out")"
    fi
}

skip_check() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}

# The plan, at the end. @return whether all is well
end_of_checks() {
    rm -f "$tap_out"
    echo "1..$tap_count"
    [ "$tap_failed" -eq 0 ]
}
