#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the .rpm into a root of its own, looks at it, and erases it: rpm_root.sh RPM BUSYBOX.tar DIRECTORY
# To be run as root of a user namespace, or as root. The root is busybox, so that the package's scripts can run.
set -euo pipefail

rpm=$1
root=$3/root
rm -rf "$root"
mkdir -p "$root"
tar -C "$root" -xf "$2"

in_root() { rpm --root "$root" --define '_dbpath /var/lib/rpm' "$@"; }

# What its programs load is Debian's here and no package of this root: what is required is compared elsewhere.
in_root --initdb
in_root --install --nodeps "$rpm"
in_root --query sandbox
in_root --verify --nodeps sandbox

# sandbox itself loads no library, so it runs in any root.
chroot "$root" /usr/bin/sandbox --version
[ "$(readlink "$root/usr/bin/sbx")" = sandbox ]
[ -x "$root/usr/libexec/sandbox/sandbox-unpack" ]
# There is no AppArmor in this root.
[ ! -e "$root/etc/apparmor.d/usr.bin.sandbox" ]

in_root --erase sandbox
left=$(find "$root" '(' -name '*sandbox*' -o -name 'sbx*' ')')
[ -z "$left" ] || {
    echo "left: $left"
    exit 1
}
rm -rf "$root"
