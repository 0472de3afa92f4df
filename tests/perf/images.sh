#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Imports beside GNU tar in a user namespace and podman, on tmpfs and on disk; removals beside rm; memory. Called by
# run.sh.
set -euo pipefail

usage="usage: tests/perf/images.sh BUILD-DIR [PART...]

PART: plain gzip zstd xz xz-blocks (the forms of a tar), layers (an image of eight gzip layers), removal, memory
(default: all). Tables on stdout, JSON in BUILD/perf. The large image is debian.tar of \$SANDBOX_TEST_IMAGES, enlarged
by directories of this machine to about 580 MB; the small one is alpine's.
Each round does what is compared one after the other; what a round makes is removed, and the disk is synced, outside
of the measured time. Ratios are medians over the rounds, to the first line.
\$SANDBOX_PERF_RUNS: rounds (default 5). \$SANDBOX_PERF_PLACES: tmpfs disk (default both)."

[ $# -ge 1 ] || { echo "$usage" >&2; exit 2; }
case $1 in -h | --help) echo "$usage"; exit 0 ;; esac
build=$(cd "$1" && pwd)
shift
images=${SANDBOX_TEST_IMAGES:?names the directory of the test images}
runs=${SANDBOX_PERF_RUNS:-5}
read -ra places <<<"${SANDBOX_PERF_PLACES:-tmpfs disk}"
sandbox=$build/bin/sandbox
results=$build/perf
disk=$(mktemp -d "${TMPDIR:-/var/tmp}/sandbox-images.XXXXXX")
memory=$(mktemp -d /dev/shm/sandbox-images.XXXXXX)
[ $# -gt 0 ] || set -- plain gzip zstd xz xz-blocks layers removal memory

in_own_namespace() { unshare --user --map-auto --map-root-user -- "$@"; }
clean_up() { in_own_namespace rm -rf "$disk" "$memory"; }
trap clean_up EXIT

place_of() { case $1 in tmpfs) echo "$memory" ;; disk) echo "$disk" ;; *) echo "$usage" >&2; exit 2 ;; esac; }

make_large_tar() {
    local directory
    cp "$images/debian.tar" "$memory/large.tar"
    chmod u+w "$memory/large.tar"
    for directory in usr/lib/gcc usr/lib/python3 usr/lib/python3.11 usr/share/perl usr/include usr/lib/llvm-14/lib; do
        [ "$(stat -c %s "$memory/large.tar")" -lt 560000000 ] || break
        # Under other names than the image's own: podman takes no name twice.
        [ ! -d "/$directory" ] || tar -C / --owner=0 --group=0 --hard-dereference --transform='s,^,opt/large/,S' \
            -rf "$memory/large.tar" "$directory"
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
    esac
}

# docker's archive of eight layers, compressed one by one; a file's hard links stay in its layer.
make_layers() {
    [ -e "$memory/layers.tar" ] || python3 - "$memory/large.tar" "$memory/layers.tar" <<'PYTHON'
import gzip, hashlib, io, json, sys, tarfile
count = 8
source = tarfile.open(sys.argv[1])
buffers = [io.BytesIO() for _ in range(count)]
tars = [tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) for buffer in buffers]
homes = {}
for entry in source:
    where = homes.get(entry.linkname) if entry.islnk() else min(range(count), key=lambda i: buffers[i].tell())
    if where is None:
        continue
    homes[entry.name] = where
    tars[where].addfile(entry, source.extractfile(entry) if entry.isreg() else None)
for tar in tars:
    tar.close()
layers = [buffer.getvalue() for buffer in buffers]
config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids":
                     ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]}}).encode()
name = hashlib.sha256(config).hexdigest() + ".json"
names = [hashlib.sha256(layer).hexdigest() + ".tar" for layer in layers] # as skopeo and podman call them
files = {name: gzip.compress(layer, 6, mtime=0) for name, layer in zip(names, layers)}
files[name] = config
files["manifest.json"] = json.dumps([{"Config": name, "RepoTags": ["perf:layers"],
                                      "Layers": names}]).encode()
with tarfile.open(sys.argv[2], "w") as archive:
    for name, content in files.items():
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
PYTHON
    [ -d "$memory/layers" ] || { mkdir "$memory/layers"; tar -C "$memory/layers" -xf "$memory/layers.tar"; }
}

# --- what is measured: each is given an empty directory and an archive ---

by_tar() { in_own_namespace tar --exclude='./dev/*' -xpf "$2" -C "$1"; }
by_sandbox() { "$sandbox" run --quiet --root "$1/store" --network none "$2" true; }
import_by_sandbox() { "$sandbox" import --root "$1/store" "$2" perf >/dev/null; }
# One core at a time: an image's layers cannot be side by side on it.
by_sandbox_on_one_core() { taskset -c 0 "$sandbox" run --quiet --root "$1/store" --network none "$2" true; }
layers_by_tar() { in_own_namespace sh -c 'for layer in "$1"/*.tar; do tar --exclude="./dev/*" -xpf "$layer" -C "$0" || exit; done' "$1" "$memory/layers"; }
podman_in() { local place=$1; shift; XDG_RUNTIME_DIR=$place podman --root "$place/podman" --runroot "$place/run" --storage-driver overlay "$@"; }
by_podman_import() { podman_in "$1" import --quiet "$2" perf >/dev/null; }
by_podman_load() { podman_in "$1" load --quiet -i "$2" >/dev/null; }

forget_podman() {
    local pause=$1/libpod/tmp/pause.pid
    [ ! -e "$pause" ] || kill "$(cat "$pause")" 2>/dev/null || true
}

podman_works() {
    local place=$memory/podman-test status=0
    mkdir "$place"
    podman_in "$place" info >/dev/null 2>&1 || status=1
    forget_podman "$place"
    in_own_namespace rm -rf "$place"
    return $status
}

# milliseconds FUNCTION PLACE ARGUMENT
milliseconds() {
    local begin=$EPOCHREALTIME
    "$@" </dev/null || { echo "images.sh: $* failed" >&2; return 1; }
    local end=$EPOCHREALTIME
    echo $(((${end/./} - ${begin/./}) / 1000))
}

# table TITLE JSON LABEL...: of lines "TIME TIME ..." (one a round), each LABEL's median, spread and ratio
table() {
    local title=$1 json=$2
    shift 2
    python3 -c '
import json, statistics, sys
title, path, labels = sys.argv[1], sys.argv[2], sys.argv[3:]
rounds = [[float(word) for word in line.split()] for line in sys.stdin]
result = []
print(f"\n{title}")
for i, label in enumerate(labels):
    times = [each[i] for each in rounds]
    ratio = statistics.median(each[i] / max(each[0], 1) for each in rounds)
    result.append({"name": label, "milliseconds": times, "ratio": ratio})
    print(f"  {label:28} {statistics.median(times):9.0f} ms  ({min(times):.0f}-{max(times):.0f})  {ratio:6.2f}")
with open(path, "w") as file:
    json.dump({"title": title, "contenders": result}, file)
' "$title" "$json" "$@"
}

# contest PLACE ARCHIVE LABEL FUNCTION ...
contest() {
    local place archive=$2 name=$1 round directory labels=() functions=() times
    place=$(place_of "$1")
    shift 2
    while [ $# -gt 0 ]; do labels+=("$1"); functions+=("$2"); shift 2; done
    for ((round = 0; round <= runs; ++round)); do # the first is thrown away
        times=()
        for function in "${functions[@]}"; do
            directory=$(mktemp -d "$place/round.XXXXXX")
            times+=("$(milliseconds "$function" "$directory" "$archive")")
            forget_podman "$directory"
            in_own_namespace rm -rf "$directory"
            sync -f "$place"
        done
        [ "$round" -eq 0 ] || echo "${times[*]}"
    done | table "$name: $(basename "$archive")" "$results/images-$name-$(basename "$archive").json" "${labels[@]}"
}

forms() {
    local tar place archive podman
    for tar in "$memory/large.tar" "$memory/alpine.tar"; do
        [ -e "$tar" ] || continue
        archive=$(form "$1" "$tar")
        podman=()
        ! $has_podman || podman=('podman import' by_podman_import)
        for place in "${places[@]}"; do
            contest "$place" "$archive" 'tar -xp' by_tar 'sandbox run, new image' by_sandbox "${podman[@]}"
        done
    done
}

layers() {
    local place podman=()
    make_layers
    ! $has_podman || podman=('podman load' by_podman_load)
    for place in "${places[@]}"; do
        contest "$place" "$memory/layers.tar" 'tar -xp, layer by layer' layers_by_tar \
            'sandbox run, new image' by_sandbox 'the same on one core' by_sandbox_on_one_core "${podman[@]}"
    done
}

remove_by_rm() { in_own_namespace rm -rf "$1/store/layers"; }
remove_by_sandbox() { "$sandbox" rmi --root "$1/store" perf >/dev/null; }

removal() {
    local place name round directory times
    for name in "${places[@]}"; do
        place=$(place_of "$name")
        for ((round = 0; round < runs; ++round)); do
            times=()
            for function in remove_by_rm remove_by_sandbox; do
                directory=$(mktemp -d "$place/round.XXXXXX")
                import_by_sandbox "$directory" "$memory/large.tar"
                times+=("$(milliseconds "$function" "$directory")")
                in_own_namespace rm -rf "$directory"
            done
            echo "${times[*]}"
        done | table "$name: removal of large.tar's image" "$results/images-$name-removal.json" 'rm -rf' 'sandbox rmi'
    done
}

# The largest process below each import, in MB: what its decoder's window is, is said beside it.
memory() {
    local kind archive
    printf '\nmemory: the largest process of an import\n'
    make_layers
    for kind in plain gzip zstd xz xz-blocks layers; do
        archive=$memory/layers.tar
        [ "$kind" = layers ] || archive=$(form "$kind" "$memory/large.tar")
        directory=$(mktemp -d "$disk/round.XXXXXX")
        printf '  %-28s ' "$(basename "$archive")"
        python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000:9.1f} MB")' \
            "$sandbox" import --domain off --root "$directory/store" "$archive" perf
        in_own_namespace rm -rf "$directory"
    done
}

mkdir -p "$results"
make_large_tar
for alpine in "$images"/alpine-minirootfs-*.tar; do
    [ ! -e "$alpine" ] || cp "$alpine" "$memory/alpine.tar"
done
for alpine in "$images"/alpine-minirootfs-*.tar.gz; do
    [ -e "$memory/alpine.tar" ] || [ ! -e "$alpine" ] || gzip -dc "$alpine" >"$memory/alpine.tar"
done
has_podman=false
! podman_works || has_podman=true
$has_podman || echo "podman does not work here: it is left out"
for part; do
    case $part in
    plain | gzip | zstd | xz | xz-blocks) forms "$part" ;;
    layers | removal | memory) "$part" ;;
    *) echo "$usage" >&2; exit 2 ;;
    esac
done
