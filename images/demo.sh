#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh checkout to a shell in a busybox sandbox: installs what is missing, builds, makes the image, starts.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: images/demo.sh                    open `sandbox shell` on a busybox image
       images/demo.sh COMMAND [ARG...]   run COMMAND in it instead: images/demo.sh uname -a

For root, or a user with sudo. Builds in build-demo/; a second start does only what is left to do.
USAGE
}

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_dir=$source_dir/build-demo
# shellcheck source=tests/lib/host.sh
. "$source_dir/tests/lib/host.sh"

build_sandbox() {
    [ -e "$build_dir/build.ninja" ] ||
        cmake -S "$source_dir" -B "$build_dir" -G Ninja -DCMAKE_BUILD_TYPE=Release -DSANDBOX_TESTS=OFF
    cmake --build "$build_dir"
}

make_image() {
    [ -e "$build_dir/busybox.tar" ] || "$source_dir/images/busybox.sh" "$build_dir/busybox.tar"
}

prepare_host() {
    # Root needs no range: `sandbox` writes root's id maps itself, single-id ones where root has no line.
    if [ "$(id -u)" -ne 0 ]; then
        ensure_sub_ids "$(id -un)"
        allow_user_namespaces
    fi
    if [ ! -r /dev/net/tun ] || [ ! -w /dev/net/tun ]; then
        open_to_everyone /dev/net/tun 10 200
    fi
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac

# Nothing but the command's own output may come out of stdout.
{
    "$source_dir/packaging/deps.sh" build run images
    build_sandbox
    make_image
    prepare_host
} >&2

if [ $# -eq 0 ]; then
    exec "$build_dir/bin/sandbox" shell "$build_dir/busybox.tar"
fi
exec "$build_dir/bin/sandbox" run "$build_dir/busybox.tar" -- "$@"
