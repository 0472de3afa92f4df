#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures sandbox beside its peers, as a plain user: tables on stdout, one JSON file a table in BUILD/perf.
set -euo pipefail

usage="usage: tests/perf/run.sh BUILD-DIR [start|import|images|many|idle|podman|network|build]...

Tables on stdout; one JSON file a table in BUILD-DIR/perf, and figures.svg there, drawn by plot.py of what lies there.
Needs the packages of 'packaging/deps.sh perf' and, in \$SANDBOX_TEST_IMAGES, the images that tests/run.sh makes."

[ $# -ge 1 ] || { echo "$usage" >&2; exit 2; }
build=$(cd "$1" && pwd)
shift
results=$build/perf
images=${SANDBOX_TEST_IMAGES:?names the directory of the test images}
pairs=$build/bin/perf-pairs
runs=${SANDBOX_PERF_RUNS:-200}
sandbox=$build/bin/sandbox
work=$(mktemp -d "${TMPDIR:-/var/tmp}/sandbox-perf.XXXXXX")
export SANDBOX_ROOT=$work/store

image=$images/alpine-minirootfs-3.20.3-x86_64.tar
[ -e "$image" ] || image=$images/busybox.tar

has() { command -v "$1" >/dev/null; }

title() { printf '\n%s\n' "$1"; }

in_own_namespace() { unshare --user --map-auto --map-root-user -- "$@"; }

clean_up() { in_own_namespace rm -rf "$work"; }
trap clean_up EXIT

# A tree that the caller owns whole: what `--userns single` and bwrap are given.
make_tree() {
    mkdir -p "$work/tree"
    tar -xf "$image" -C "$work/tree" --no-same-owner --exclude=./dev
    mkdir -p "$work/tree/dev" "$work/tree/proc"
    chmod -R u+rwX "$work/tree"
}

measure_start() {
    title "Start to end of 'true' (ms; ratio to bwrap on the same tree, paired)"
    "$sandbox" run --network none "$image" true
    "$pairs" --runs "$runs" --json "$results/start.json" \
        'bwrap --unshare-all' "bwrap --unshare-all --bind $work/tree / --proc /proc --dev /dev true" \
        'directory, single id, no network' "$sandbox run --userns single --network none $work/tree true" \
        'imported, full range, no network' "$sandbox run --network none $image true" \
        'the same, unconfined' \
        "$sandbox run --network none --seccomp unconfined --cap-add all --allow-new-privs $image true" \
        'imported, full range, network' "$sandbox run $image true" \
        'imported, full range, newuidmap' "$sandbox run --domain off --network none $image true"
}

# Each import goes into a store of its own; the domain is warm, as it is after a user's first start.
measure_import() {
    title "First start on $(basename "$image"), import included (ms; ratio to tar -x and rm in a user namespace)"
    cat >"$work/import.sh" <<EOF
store=\$(mktemp -d $work/import.XXXXXX)
exec "$sandbox" run --root "\$store" --network none "$image" true
EOF
    cat >"$work/tar.sh" <<EOF
directory=\$(mktemp -d $work/tar.XXXXXX)
exec unshare --user --map-auto --map-root-user tar -xpf "$image" -C "\$directory"
EOF
    "$pairs" --runs $((runs / 10 + 1)) --json "$results/import.json" \
        'tar -x in a user namespace' "sh $work/tar.sh" 'sandbox run, first' "sh $work/import.sh"
}

measure_images() {
    SANDBOX_PERF_RUNS=$((runs / 40 + 1)) "$(dirname "${BASH_SOURCE[0]}")/images.sh" "$build"
}

count_mounts() { wc -l </proc/self/mounts; }
# The idle domain's holder stays for two minutes, as documented.
count_own() { ps -u "$(id -u)" -o comm= | grep -cE '^sandbox(-init|-net)?$' || true; }

# at_once N COMMAND...: N of it together; prints how many a second, fails when one fails.
at_once() {
    local number=$1 start pids=() pid
    shift
    start=$(date +%s.%N)
    for _ in $(seq "$number"); do
        "$@" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    awk -v start="$start" -v now="$(date +%s.%N)" -v number="$number" 'BEGIN { printf "%.0f", number / (now - start) }'
}

measure_many() {
    local before after
    title "100 at once, 1,000 in a row"
    before=$(count_mounts)
    printf '%-40s %9s a second\n' 'sandbox, 100 at once' "$(at_once 100 "$sandbox" run --network none "$image" true)"
    printf '%-40s %9s a second\n' 'bwrap, 100 at once' \
        "$(at_once 100 bwrap --unshare-all --bind "$work/tree" / --proc /proc --dev /dev true)"
    "$pairs" --runs 1000 --warmup 0 --json "$results/many.json" \
        'bwrap, 1,000 in a row' "bwrap --unshare-all --bind $work/tree / --proc /proc --dev /dev true" \
        'sandbox, 1,000 in a row' "$sandbox run --network none $image true"
    after=$(count_mounts)
    printf 'mounts before and after: %s, %s; processes left: %s; files left in runs: %s\n' "$before" "$after" \
        "$(count_own)" "$(find "$SANDBOX_ROOT/runs" -path '*/upper/*' | wc -l)"
}

# Pid 1 shows its memory maps to nobody, but what is its own in its status.
status_sum() { awk -v field="$2" 'index($1, field) { sum += $2 } END { print sum + 0 }' "/proc/$1/status"; }

measure_idle() {
    title "A running sandbox that does nothing"
    "$sandbox" run "$image" sleep 15 &
    local supervisor=$! init before
    sleep 2
    init=$(pgrep -P "$supervisor" -x sandbox-init)
    before=$(($(status_sum "$supervisor" voluntary) + $(status_sum "$init" voluntary)))
    sleep 10
    printf 'anonymous memory: supervisor %s kB, init %s kB; wake-ups of both in 10 s: %s\n' \
        "$(status_sum "$supervisor" RssAnon)" "$(status_sum "$init" RssAnon)" \
        $(($(status_sum "$supervisor" voluntary) + $(status_sum "$init" voluntary) - before))
    wait "$supervisor"
}

# podman needs its own idea of cgroups where v1 and v2 are mixed: without them it starts quickest anyway.
measure_podman() {
    has podman || { echo 'podman is not installed: left out'; return; }
    title "podman run of the same image (ms; ratio to sandbox)"
    export XDG_CONFIG_HOME=$work/config XDG_DATA_HOME=$work/podman
    mkdir -p "$XDG_CONFIG_HOME/containers"
    printf '[storage]\ndriver = "overlay"\n' >"$XDG_CONFIG_HOME/containers/storage.conf"
    if ! podman --cgroup-manager=cgroupfs import -q "$image" perf >"$work/podman.log" 2>&1 ||
        ! podman --cgroup-manager=cgroupfs run --cgroups=disabled --network none --rm perf true >>"$work/podman.log" 2>&1; then
        echo "podman does not start here: $(tail -1 "$work/podman.log")"
        return
    fi
    "$pairs" --runs 10 --warmup 1 --json "$results/podman.json" \
        'sandbox' "$sandbox run --network none $image true" \
        'podman' "podman --cgroup-manager=cgroupfs run --cgroups=disabled --network none --rm perf true"
    podman --cgroup-manager=cgroupfs system reset -f >/dev/null 2>&1 || true
}

measure_network() {
    title "The network: a host's address from inside, and the inside from the host"
    "$(dirname "${BASH_SOURCE[0]}")/network.sh" "$build"
}

measure_build() {
    SANDBOX_PERF_RUNS=$((runs / 13)) "$(dirname "${BASH_SOURCE[0]}")/build.sh" "$build"
}

mkdir -p "$results"
make_tree
[ $# -gt 0 ] || set -- start import images many idle podman network build
for part; do
    "measure_$part"
done
# Of these parts, and of what earlier runs have left.
"$(dirname "${BASH_SOURCE[0]}")/plot.py" "$results" "$results/figures.svg"
