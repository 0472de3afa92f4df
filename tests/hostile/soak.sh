#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Many starts, a few of them killed: nothing may grow: soak.sh SANDBOX [IMAGE.tar] [COUNT]
# COUNT: 100 unless $SOAK_COUNT or the third argument says more; before a release 20000. $SOAK_JOBS of them at a time.
set -uo pipefail

sandbox=$1
image=${2:-${SANDBOX_TEST_IMAGES:-}/busybox.tar}
count=${3:-${SOAK_COUNT:-100}}
jobs=${SOAK_JOBS:-1}
if [ "$(id -u)" -eq 0 ] || [ ! -r "$image" ]; then
    echo "needs a plain user and an image: $image"
    exit 77
fi

scratch=$(mktemp -d "${TMPDIR:-$HOME}/soak.XXXXXX")
export XDG_RUNTIME_DIR=$scratch
unset SANDBOX_ROOT
trap 'unshare --map-auto --map-root-user rm -rf "$scratch" 2>/dev/null || rm -rf "$scratch"' EXIT
: >"$scratch/problems"

problem() { echo "$*" | tee -a "$scratch/problems"; }

start() { "$sandbox" run --root "$scratch/store" --network none "$@"; }

holder() { cut -d' ' -f2 "$scratch/sandbox/domain"; }

# Mounts seen from here, processes, descriptors of the one that stays, files of the store, cgroups, keyrings. The
# directories of runs are used again, and as many are made as ever ran at once: what counts is what lies in them.
census() {
    echo "mounts $(wc -l </proc/self/mountinfo)"
    echo "processes $(pgrep -u "$(id -u)" -f -c "$scratch/store")"
    echo "holders $(pgrep -u "$(id -u)" -x sandbox-domain | while read -r pid; do readlink "/proc/$pid/fd/3"; done |
        grep -cFx "$scratch/sandbox")"
    echo "descriptors $(find "/proc/$(holder)/fd" -mindepth 1 | wc -l)"
    echo "files $(find "$scratch/store" -path '*/runs/*/[0-9]*' -prune -o -print 2>/dev/null | wc -l)"
    echo "written $(find "$scratch"/store/runs/*/*/upper -mindepth 1 2>/dev/null | wc -l)"
    echo "cgroups $(find /sys/fs/cgroup -maxdepth 4 -type d -name 'sandbox-*' 2>/dev/null | wc -l)"
    # In twenties: what others of this user do meanwhile is less than that.
    echo "keyrings $(awk -v id="$(id -u):" '$1 == id { n = $2 } END { print int(n / 20) }' /proc/key-users)"
}

# many FIRST: every $jobs-th start from there on
many() {
    local i out
    for ((i = $1; i <= count; i += jobs)); do
        if ((i % 20 == 0)); then
            # Not through a function: its process would be a shell's.
            "$sandbox" run --root "$scratch/store" --network none "$image" sleep 60 2>/dev/null &
            sleep 0.0$((RANDOM % 5))
            kill -KILL $! 2>/dev/null
            wait $! 2>/dev/null
        else
            out=$(start "$image" sh -c "echo $i > /made; cat /made") || problem "start $i: status $?"
            [ "$out" = "$i" ] || problem "start $i says $out"
        fi
    done
}

start "$image" true || problem "the first start fails"
start "$image" true || problem "the second start fails"
before=$(census)
for ((job = 1; job <= jobs; job++)); do many "$job" & done
wait
# What the last killed ones left the next ones clear away.
for ((job = 0; job <= jobs; job++)); do start "$image" true; done
for _ in 1 2 3 4 5 6 7 8 9 10; do
    after=$(census)
    [ "$before" != "$after" ] || break
    sleep 0.2
done
[ "$before" = "$after" ] || problem "before: $before
after: $after"
problems=$(wc -l <"$scratch/problems")
echo "$count starts, $problems problems"
[ "$problems" -eq 0 ]
