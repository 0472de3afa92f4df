#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds, makes the images and runs every test, as a plain user even when root calls.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: tests/run.sh [OPTIONS]

  --sanitize      also build with ASan and UBSan, and run the tests in that build first
  --perf          also measure: tests/perf/run.sh BUILD-DIR, between build and tests
  --filter REGEX  only the tests whose name matches (ctest -R)
  --quick         without the Debian image, the tests labelled `slow`, packages and virtual machines
  --no-packages   do not build and check the .deb and the .rpm
  --no-vm         do not install the .deb in virtual machines, Debian 12 and 13, and test it there
  --strict        compiler warnings are errors
  --jobs N        tests at a time (default: as many as processors)

Root's tests run as the user sandbox-test, which is made if need be, on a copy of the checkout in its home; the
builds and images there are used again by the next run. A plain user's run uses build-tests/ in the checkout, and
sudo only to install packages.

Labels that count here: `perf` never runs by ctest, `release` and `slow` not in the sanitized build, `slow` not with
--quick; `package` and `vm` come last. The machines' images are kept; the first run makes them, which takes some
minutes.
Tests find the images in $SANDBOX_TEST_IMAGES: busybox.tar, debian.tar, and what lies in ../shared/images. They skip
what is not there.
USAGE
}

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/lib/host.sh
. "$checkout/tests/lib/host.sh"

test_user=sandbox-test
sanitize=
perf=
quick=
packages=yes
machines=yes
jobs=$(nproc)
filter=()
strict=()
ran=
preparation=

die() {
    host_note "$@"
    exit 1
}

parse_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --sanitize) sanitize=yes ;;
        --perf) perf=yes ;;
        --quick) quick=yes packages='' machines='' ;;
        --no-packages) packages= ;;
        --no-vm) machines= ;;
        --strict) strict=(-DCMAKE_COMPILE_WARNING_AS_ERROR=ON) ;;
        --filter | --jobs)
            [ $# -ge 2 ] || die "$1 needs a value"
            if [ "$1" = --filter ]; then filter=(-R "$2"); else jobs=$2; fi
            shift
            ;;
        *) die "$1: no such option; --help lists them" ;;
        esac
        shift
    done
}

install_dependencies() {
    "$checkout/packaging/deps.sh" build run images test ${perf:+perf} ${packages:+packages}
    # Without an emulator that part says so, and is skipped.
    [ -z "$machines" ] || "$checkout/packaging/deps.sh" vm || host_note "going on without virtual machines"
}

# --- who runs the tests, and where -------------------------------------------------------------------------------

use_test_user() {
    tester=$test_user
    if ! id -u "$tester" >/dev/null 2>&1; then
        host_note "making the user $tester"
        useradd --create-home --shell /bin/bash --comment "runs sandbox's tests" "$tester"
    fi
    home=$(getent passwd "$tester" | cut -d: -f6)
    runtime_dir=/run/user/$(id -u "$tester")
    install -d -m 0755 /run/user
    install -d -m 0700 -o "$tester" -g "$(id -g "$tester")" "$runtime_dir"
    become=(setpriv "--reuid=$tester" "--regid=$(id -g "$tester")" --init-groups --inh-caps=-all --)
    work=$home/sandbox-tests
    source_dir=$work/source
    lock=/run/sandbox-tests.lock
    ensure_sub_ids "$tester"
    allow_user_namespaces
    open_to_everyone /dev/net/tun 10 200
    open_to_everyone /dev/fuse 10 229
}

use_self() {
    tester=$(id -un)
    home=$HOME
    become=()
    work=$checkout/build-tests
    source_dir=$checkout
    lock=$work/lock
    mkdir -p "$work"
    runtime_dir=${XDG_RUNTIME_DIR:-$work/runtime}
    [ -d "$runtime_dir" ] || mkdir -m 0700 "$runtime_dir"
    has_sub_ids "$tester" /etc/subuid "" || host_note "$tester has no sub-ids, many tests will fail or be skipped"
    [ -w /dev/net/tun ] || host_note "/dev/net/tun is not usable, tests of the network will be skipped"
    [ -w /dev/fuse ] || host_note "/dev/fuse is not usable, tests of fuse-overlayfs will be skipped"
}

# as_tester [NAME=VALUE...] COMMAND [ARG...]: as the test user, in an environment that owes nothing to the caller's.
as_tester() {
    # No terminal, and not the lock: what outlives a test must not hold up the next run.
    "${become[@]}" env -i -C "$work" HOME="$home" USER="$tester" LOGNAME="$tester" SHELL=/bin/bash LANG=C.UTF-8 \
        TERM="${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        XDG_RUNTIME_DIR="$runtime_dir" SANDBOX_TEST_RUN="$run_id" SANDBOX_TEST_IMAGES="$work/images" \
        "$@" </dev/null 9>&-
}

wait_for_other_runs() {
    exec 9>>"$lock"
    flock -n 9 || {
        host_note "another run is under way, waiting for its end"
        flock 9
    }
}

# Every process of this run carries its number in the environment that it was started with.
end_leftovers() {
    local pid
    [ -z "$preparation" ] || kill "$preparation" 2>/dev/null || true
    {
        grep -lzxF "SANDBOX_TEST_RUN=$run_id" /proc/[0-9]*/environ || true
    } 2>/dev/null | while IFS=/ read -r _ _ pid _; do
        kill -KILL "$pid" 2>/dev/null || true
    done
}

# --- what is tested ----------------------------------------------------------------------------------------------

# A checkout of root's may lie where the test user cannot look. Times are kept: only what changed is built again.
copy_checkout() {
    local keep_out=(--anchored --no-wildcards-match-slash --exclude=./.git --exclude='./build*' --exclude=./.cache
        --exclude='./*.tar' --exclude='./*.tar.*')
    as_tester rm -rf "$source_dir.new"
    as_tester mkdir -p "$source_dir.new"
    # The tester's tar reads the pipe as a file of its own, as_tester gives no stdin.
    tar -C "$checkout" "${keep_out[@]}" -cf - . | unpack_as_tester "$source_dir.new"
    as_tester rm -rf "$source_dir"
    as_tester mv "$source_dir.new" "$source_dir"
}

unpack_as_tester() { "${become[@]}" tar -C "$1" --no-same-owner --no-same-permissions -xf - 9>&-; }

build() {
    local dir=$1
    shift
    as_tester cmake --log-level=WARNING -S "$source_dir" -B "$dir" -G Ninja -DSANDBOX_TESTS=ON "$@"
    as_tester cmake --build "$dir"
}

# What leads to the distribution's mirrors, and nothing else of the caller's environment.
take_proxies() {
    local variable
    proxies=()
    for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        [ -z "${!variable-}" ] || proxies+=("$variable=${!variable}")
    done
}

# Runs images/NAME.sh unless the image is there, made by this very recipe.
make_image() {
    local recipe=$source_dir/images/$1.sh image=$work/images/$1.tar
    if [ -e "$image" ] && cmp -s "$recipe" "$image.recipe"; then
        return
    fi
    host_note "making $1.tar"
    as_tester "${proxies[@]}" "$recipe" "$image" && as_tester cp "$recipe" "$image.recipe"
}

# Copies an archive that is at hand, and unpacks its compression beside it.
take_image() {
    local copy=$work/images/${1##*/}
    if ! cmp -s "$1" "$copy" || [ ! -e "${copy%.gz}" ]; then
        write_as_tester "$copy" <"$1"
        as_tester gzip -dkf "$copy"
    fi
}

write_as_tester() { "${become[@]}" dd of="$1" status=none 9>&-; }

make_images() {
    local archive
    as_tester mkdir -p "$work/images"
    make_image busybox
    [ -n "$quick" ] || make_image debian || host_note "no Debian image this time: tests that need it will be skipped"
    for archive in "$checkout"/../shared/images/*.tar.gz; do
        [ ! -e "$archive" ] || take_image "$archive"
    done
}

# is_asked_for BUILD-DIR SELECTION...
is_asked_for() {
    local dir=$1
    shift
    [ ${#filter[@]} -eq 0 ] ||
        as_tester ctest --test-dir "$dir" -N "$@" "${filter[@]}" | grep '^Total Tests: [1-9]' >/dev/null
}

# run_tests BUILD-DIR SELECTION... -- [NAME=VALUE...]: with --filter there need not be any in each part of the whole
run_tests() {
    local dir=$1 selection=()
    shift
    while [ "$1" != -- ]; do
        selection+=("$1")
        shift
    done
    shift
    is_asked_for "$dir" "${selection[@]}" || return 0
    ran=yes
    as_tester "$@" ctest --test-dir "$dir" --output-on-failure --no-tests=error --timeout 300 --parallel "$jobs" \
        "${selection[@]}" "${filter[@]}"
}

# Beside the builds: the mirror takes most of the time. What goes wrong here is told by the test, which tries again.
prepare_machines() {
    local suite
    as_tester mkdir -p "$work/vm"
    for suite in bookworm trixie; do
        as_tester "${proxies[@]}" SANDBOX_TEST_MACHINES="$work/vm" nice "$source_dir/tests/vm/run.sh" --prepare "$suite" \
            2>&1 | write_as_tester "$work/vm/$suite.log" || true
    done
}

# Packages and machines beside each other, as far as memory goes: emulated in software, a machine fills a processor and
# a half, and has 1.5 GB.
test_what_is_installed() {
    local memory_gb
    is_asked_for "$work/release" -L "^($installed)\$" || return 0
    as_tester rm -rf "$work/release/packages" "$work/vm/package"
    as_tester mkdir -p "$work/vm/package"
    as_tester cmake --build "$work/release" --target package
    as_tester find "$work/release/packages" -name 'sandbox_*.deb' -exec cp {} "$work/vm/package/" ';'
    memory_gb=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
    [ "$memory_gb" -ge 6 ] || jobs=1
    run_tests "$work/release" -V -L "^($installed)\$" -- CCACHE_DIR="$home/.cache/ccache" "${proxies[@]}" \
        ${packages:+SANDBOX_TEST_PACKAGES="$work/packages"} ${machines:+SANDBOX_TEST_MACHINES="$work/vm"}
}

measure() {
    [ -e "$source_dir/tests/perf/run.sh" ] || die "tests/perf/run.sh is not in this tree"
    as_tester bash "$source_dir/tests/perf/run.sh" "$work/release"
}

parse_options "$@"
install_dependencies
take_proxies
run_id=$$-$(date +%s)
if [ "$(id -u)" -eq 0 ]; then use_test_user; else use_self; fi
umask 022
cd /
wait_for_other_runs
if [ "$(id -u)" -eq 0 ]; then
    install -d -o "$tester" -g "$(id -g "$tester")" "$work"
    copy_checkout
fi
trap end_leftovers EXIT

# From here on everything runs as the tester, and nothing touches the caller's checkout.
if [ -n "$machines" ] && [ ${#filter[@]} -eq 0 ]; then
    prepare_machines 9>&- &
    preparation=$!
fi
build "$work/release" -DCMAKE_BUILD_TYPE=Release "${strict[@]}"
if [ -n "$sanitize" ]; then
    build "$work/sanitize" -DCMAKE_BUILD_TYPE=Debug -DSANDBOX_SANITIZE=ON "${strict[@]}"
fi
make_images
left_out="perf|package|vm${quick:+|slow}"
if [ -n "$sanitize" ]; then
    # 99: no test expects it, so that a report from any process of a test is seen. `slow` repeats what others do once.
    run_tests "$work/sanitize" -LE "^($left_out|release|slow)\$" -- ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=print_stacktrace=1
fi
if [ -n "$perf" ]; then
    measure
fi
run_tests "$work/release" -LE "^($left_out)\$" --
[ -z "$preparation" ] || wait "$preparation"
installed=${packages:+package}${packages:+${machines:+|}}${machines:+vm}
if [ -n "$installed" ]; then
    test_what_is_installed
fi
[ -n "$ran" ] || die "no test's name matches that"
