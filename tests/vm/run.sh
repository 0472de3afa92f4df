#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Boots a Debian in QEMU, installs the .deb there and tests it as its users would.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: tests/vm/run.sh SUITE BUILD-DIR
       tests/vm/run.sh --prepare SUITE

SUITE is bookworm or trixie, BUILD-DIR holds bin/behaviour_tests. $SANDBOX_TEST_MACHINES is a directory with the package
to test, package/sandbox_*.deb; the machine's image lies in its SUITE/, is made anew when its recipe changes, and is all
that --prepare makes. $SANDBOX_TEST_IMAGES holds busybox.tar. TAP comes on stdout; the exit status is 0 where every test
passed, 77 where this host cannot make or run the machine. SUITE/console.log is the machine's console.
USAGE
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
longest=2400

skip() {
    echo "1..0 # SKIP $1"
    exit 77
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac
[ $# -eq 2 ] || {
    usage >&2
    exit 2
}
[ -n "${SANDBOX_TEST_MACHINES-}" ] || skip "\$SANDBOX_TEST_MACHINES names no directory for the machines' images"
only_prepare=
suite=$1
build_dir=$2
if [ "$1" = --prepare ]; then
    only_prepare=yes
    suite=$2
fi
images=${SANDBOX_TEST_IMAGES-}
mkdir -p "$SANDBOX_TEST_MACHINES/$suite"
work=$(cd "$SANDBOX_TEST_MACHINES/$suite" && pwd)

[ "$(uname -m)" = x86_64 ] || skip "the machine is an x86_64"
for program in qemu-system-x86_64 mmdebstrap mke2fs dpkg-deb; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || skip "$program is not installed"
done

recipe_hash() { cat "$here/make_image.sh" "$here/payload.service" <(echo "$suite") | sha256sum | cut -d' ' -f1; }

# Only one at a time makes it. Without the distribution's mirror there is nothing to make it of.
prepare_image() {
    exec 8>>"$work/lock"
    flock 8
    if [ "$(cat "$work/recipe" 2>/dev/null)" != "$(recipe_hash)" ]; then
        rm -f "$work/recipe"
        "$here/make_image.sh" --probe "$suite" >&2 || skip "the mirror of $suite cannot be reached"
        "$here/make_image.sh" "$suite" "$work" >&2 8>&-
        recipe_hash >"$work/recipe"
    fi
    exec 8>&-
}

# The same package under a lower version: what an upgrade comes from.
repack_as_older() {
    local tree=$work/older
    rm -rf "$tree"
    dpkg-deb -R "$deb" "$tree"
    sed -i 's/^Version: .*/Version: 0.0.1-1/' "$tree/DEBIAN/control"
    dpkg-deb --root-owner-group -Znone -b "$tree" "$1" >/dev/null
    rm -rf "$tree"
}

make_payload() {
    local tree=$work/payload
    rm -rf "$tree" "$work/payload.img"
    mkdir -p "$tree/new" "$tree/old" "$tree/images"
    cp "$here"/guest/* "$here/../lib/tap.sh" "$build_dir/bin/behaviour_tests" "$tree"
    cp "$deb" "$tree/new"
    repack_as_older "$tree/old/sandbox_0.0.1-1.deb"
    cp "$images/busybox.tar" "$tree/images"
    tar -xf "$images/busybox.tar" -C "$tree" --strip-components=2 --no-same-owner ./bin/busybox 2>/dev/null ||
        tar -xf "$images/busybox.tar" -C "$tree" --strip-components=1 --no-same-owner bin/busybox
    chmod -R a+rX "$tree"
    PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -L payload -d "$tree" "$work/payload.img" 160M
    rm -rf "$tree"
}

# KVM where this user may use it, else in software. Nothing of the image is changed, and there is no network card.
boot() {
    local accelerator=tcg,thread=multi
    if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then accelerator=kvm; fi
    timeout "$longest" qemu-system-x86_64 -machine q35 -accel "$accelerator" -cpu max -smp 2 -m 1536 -nodefaults \
        -display none -no-reboot -nic none \
        -kernel "$work/kernel" -initrd "$work/initrd" \
        -append "root=/dev/vda ro console=ttyS0 panic=-1 quiet systemd.show_status=error systemd.mask=serial-getty@ttyS0.service" \
        -drive "file=$work/root.img,format=raw,if=virtio,snapshot=on" \
        -drive "file=$work/payload.img,format=raw,if=virtio,readonly=on" \
        -serial "file:$work/console.log" -serial stdio </dev/null | sed -u 's,\r$,,'
}

prepare_image
[ -z "$only_prepare" ] || exit 0
deb=$(find "$SANDBOX_TEST_MACHINES/package" -name 'sandbox_*.deb')
make_payload
boot | tee "$work/result.tap"
rm -f "$work/payload.img"

# A plan comes at the end: without it the machine did not get there.
if ! grep -q '^1\.\.[1-9]' "$work/result.tap"; then
    echo "Bail out! the machine ended before its tests did"
    tail -n 30 "$work/console.log" | sed 's/^/# /'
    exit 1
fi
! grep -q '^not ok' "$work/result.tap"
