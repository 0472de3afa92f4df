#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sandbox run by root in a container of podman's, with the settings that the README names: inside_podman.sh SANDBOX
set -uo pipefail

sandbox=$1
images=${SANDBOX_TEST_IMAGES-}

skip() {
    echo "skipped: $1"
    exit 77
}

command -v podman >/dev/null || skip "podman is not installed"
[ -e "$images/busybox.tar" ] || skip "no busybox.tar in \$SANDBOX_TEST_IMAGES"

# Podman as root of a user namespace, with directories of its own, of which nothing stays. Where version 1 of cgroups is
# mounted beside an empty version 2, crun refuses to start: that is out of sight here, and so are the locks that another
# user's run has left in /dev/shm.
if [ "${2-}" != inside ]; then
    disk=$(mktemp -d)
    unshare --user --map-root-user --map-auto --mount --pid --fork --kill-child bash "$0" "$sandbox" inside "$disk"
    status=$?
    rmdir "$disk"
    exit $status
fi
disk=$3
trap 'rm -rf "$disk"/*' EXIT
scratch=/var/tmp
for directory in /run /dev/shm /var/tmp /var/cache /sys/fs/cgroup/unified; do
    [ ! -d "$directory" ] || mount -t tmpfs none "$directory"
done
mount -t proc proc /proc
export HOME=$scratch XDG_CONFIG_HOME=$scratch/config XDG_DATA_HOME=$scratch/data XDG_RUNTIME_DIR=$scratch/run
export CONTAINERS_STORAGE_CONF=$scratch/storage.conf
mkdir -p "$XDG_CONFIG_HOME" "$XDG_DATA_HOME" "$XDG_RUNTIME_DIR"
printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/graph"\nrunroot = "%s/runroot"\n' "$scratch" "$scratch" \
    >"$CONTAINERS_STORAGE_CONF"

# in_container OPTION... -- COMMAND...: with this machine's /usr, so that the helpers have their libraries
in_container() {
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    podman --cgroup-manager=cgroupfs run --rm --cgroups=disabled --network none --ulimit nofile=1024:1024 \
        --ulimit nproc=1000:1000 -v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro \
        -v "$(dirname "$(dirname "$sandbox")"):/opt/sandbox:ro" -v "$images:/images:ro" "${options[@]}" busybox "$@"
}

podman --cgroup-manager=cgroupfs import -q "$images/busybox.tar" busybox >"$scratch/log" 2>&1 &&
    in_container -- true >>"$scratch/log" 2>&1 || skip "podman does not start here: $(tail -n 1 "$scratch/log")"

problems=0
# says TEXT STATUS OPTION... -- COMMAND...
says() {
    local text=$1 wanted=$2 told status=0
    shift 2
    told=$(in_container "$@" 2>&1) || status=$?
    if [ "$status" -ne "$wanted" ] || [[ $told != *"$text"* ]]; then
        echo "$*: exit status $status, and says: $told"
        problems=$((problems + 1))
    fi
}

run=(/opt/sandbox/bin/sandbox run --root /tmp/store)
one_command=("${run[@]}" --network none /images/busybox.tar)
settings=(--security-opt seccomp=unconfined --security-opt unmask=ALL)

says "--security-opt unmask=ALL" 125 --security-opt seccomp=unconfined -- "${one_command[@]}" true
says "--security-opt seccomp=unconfined" 125 --security-opt unmask=ALL -- "${one_command[@]}" true
says "seccomp=unconfined" 1 --security-opt unmask=ALL -- /opt/sandbox/bin/sandbox doctor
says "it works" 0 "${settings[@]}" -- "${one_command[@]}" echo "it works"
says "it works" 0 "${settings[@]}" -v "$disk:/srv" -e SANDBOX_ROOT=/srv/store -- /opt/sandbox/bin/sandbox run \
    --network none --storage overlay --upper disk /images/busybox.tar echo "it works"
says "/dev/net/tun" 125 "${settings[@]}" -- "${run[@]}" /images/busybox.tar true
says "10.0.2.15/24" 0 "${settings[@]}" --device /dev/net/tun -- "${run[@]}" /images/busybox.tar ip -4 -o addr show eth0
says "sandbox works here." 0 "${settings[@]}" --device /dev/net/tun -- /opt/sandbox/bin/sandbox doctor

echo "$problems problems"
[ "$problems" -eq 0 ]
