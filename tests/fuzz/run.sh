#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz targets with clang and runs each for a while, from the seeds and from what earlier runs found.
set -euo pipefail

usage="usage: tests/fuzz/run.sh [SECONDS [TARGET...]]

Runs each target (default: all) for SECONDS (default: 15). Build and corpus are in \$SANDBOX_FUZZ_BUILD (default:
build-fuzz in the checkout). An input that breaks a rule is kept there as crash-TARGET-*; give it to bin/fuzz-TARGET.
\$SANDBOX_FUZZ_SEED (default: 1) begins the random numbers: the same one makes the same inputs of a new corpus; 0 makes
others each time."

case ${1-} in
-h | --help)
    echo "$usage"
    exit 0
    ;;
esac
seconds=${1:-15}
[ $# -eq 0 ] || shift
[[ $seconds =~ ^[0-9]+$ ]] || {
    echo "$usage" >&2
    exit 2
}

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${SANDBOX_FUZZ_BUILD:-$source/build-fuzz}

cmake --log-level=WARNING -S "$source" -B "$build" -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Release \
    -DSANDBOX_FUZZ=ON
cmake --build "$build" --target fuzzers
python3 "$source/tests/fuzz/seeds.py" "$build/seeds"

if [ $# -eq 0 ]; then
    for fuzzer in "$build"/bin/fuzz-*; do set -- "$@" "${fuzzer##*/fuzz-}"; done
fi

# fuzz TARGET: one line about it; its exit status is the target's
fuzz() {
    local target=$1 log=$build/$1.log
    mkdir -p "$build/corpus/$target"
    # The first directory takes what is new. Ten seconds for one input is a hang.
    if "$build/bin/fuzz-$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=4096 \
        -seed="${SANDBOX_FUZZ_SEED:-1}" \
        -print_final_stats=1 -artifact_prefix="$build/crash-$target-" \
        "$build/corpus/$target" "$build/seeds/$target" >"$log" 2>&1; then
        printf '%-20s %9s inputs in %s s\n' "$target" "$(awk '/number_of_executed_units/ { print $2 }' "$log")" "$seconds"
    else
        printf '%-20s failed:\n%s\n' "$target" "$(tail -n 40 "$log")"
        return 1
    fi
}

# As many at a time as there are processors: each keeps one of them busy.
running=0
failed=0
for target; do
    if [ "$running" -ge "$(nproc)" ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    fuzz "$target" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
