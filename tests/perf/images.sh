#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Imports beside GNU tar in a user namespace, on tmpfs and on disk; removal beside rm. Called by run.sh.
set -euo pipefail

usage="usage: tests/perf/images.sh BUILD-DIR [FORM...]

FORM: plain gzip zstd xz xz-blocks (default: all). Tables on stdout, JSON in BUILD/perf. The image is debian.tar of
\$SANDBOX_TEST_IMAGES, enlarged by directories of this machine to about 580 MB; then alpine's.
\$SANDBOX_PERF_RUNS: rounds (default 5)."

[ $# -ge 1 ] || { echo "$usage" >&2; exit 2; }
build=$(cd "$1" && pwd)
shift
images=${SANDBOX_TEST_IMAGES:?names the directory of the test images}
runs=${SANDBOX_PERF_RUNS:-5}
pairs=$build/bin/perf-pairs
sandbox=$build/bin/sandbox
results=$build/perf
disk=$(mktemp -d "${TMPDIR:-/var/tmp}/sandbox-images.XXXXXX")
memory=$(mktemp -d /dev/shm/sandbox-images.XXXXXX)
[ $# -gt 0 ] || set -- plain gzip zstd xz xz-blocks

in_own_namespace() { unshare --user --map-auto --map-root-user -- "$@"; }
clean_up() { in_own_namespace rm -rf "$disk" "$memory"; }
trap clean_up EXIT

make_large_tar() {
    local directory
    cp "$images/debian.tar" "$memory/large.tar"
    chmod u+w "$memory/large.tar"
    for directory in usr/lib/gcc usr/lib/python3 usr/lib/python3.11 usr/share/perl usr/include; do
        [ "$(stat -c %s "$memory/large.tar")" -lt 560000000 ] || break
        [ ! -d "/$directory" ] || tar -C / --owner=0 --group=0 --hard-dereference -rf "$memory/large.tar" "$directory"
    done
}

# form NAME TAR: the path of the tar in that form
form() {
    case $1 in
    plain) echo "$2" ;;
    gzip) [ -e "$2.gz" ] || gzip -6 -k "$2"; echo "$2.gz" ;;
    zstd) [ -e "$2.zst" ] || zstd -q -3 -k "$2"; echo "$2.zst" ;;
    xz) [ -e "$2.xz" ] || xz -1 -T1 -c "$2" >"$2.xz"; echo "$2.xz" ;;
    xz-blocks) [ -e "$2.mt.xz" ] || xz -1 -T2 --block-size=16MiB -c "$2" >"$2.mt.xz"; echo "$2.mt.xz" ;;
    *) echo "$usage" >&2; exit 2 ;;
    esac
}

# Each round makes a directory and removes it: both sides alike.
write_contenders() {
    local place=$1 archive=$2
    cat >"$disk/tar.sh" <<EOF
directory=\$(mktemp -d $place/tar.XXXXXX)
exec unshare --user --map-auto --map-root-user -- sh -c 'tar -xpf "$archive" -C "\$0" && rm -rf "\$0"' "\$directory"
EOF
    cat >"$disk/sandbox.sh" <<EOF
store=\$(mktemp -d $place/store.XXXXXX)
"$sandbox" run --root "\$store" --network none "$archive" true &&
exec unshare --user --map-auto --map-root-user -- rm -rf "\$store"
EOF
}

# The removal is part of each sample, so it is measured alone as well and can be taken off.
measure() {
    local name=$1 place=$2 archive=$3
    write_contenders "$place" "$archive"
    printf '\n%s: %s\n' "$name" "$(basename "$archive")"
    "$pairs" --runs "$runs" --warmup 1 --json "$results/images-$name-$(basename "$archive").json" \
        'tar -xp, rm' "sh $disk/tar.sh" 'sandbox, first run, rm' "sh $disk/sandbox.sh"
}

mkdir -p "$results"
make_large_tar
for alpine in "$images"/alpine-minirootfs-*.tar; do
    [ ! -e "$alpine" ] || cp "$alpine" "$memory/alpine.tar"
done
for tar in "$memory/large.tar" "$memory/alpine.tar"; do
    [ -e "$tar" ] || continue
    for kind; do
        archive=$(form "$kind" "$tar")
        measure tmpfs "$memory" "$archive"
        measure disk "$disk" "$archive"
    done
done
