#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a bootable Debian with systemd from the distribution's packages, as a plain user or as root.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: tests/vm/make_image.sh SUITE DIRECTORY
       tests/vm/make_image.sh --probe SUITE

Writes DIRECTORY/root.img (a file system), DIRECTORY/kernel and DIRECTORY/initrd. SUITE is bookworm or trixie. A plain
user needs ranges in /etc/subuid and /etc/subgid. $SANDBOX_TEST_MIRROR names a mirror other than Debian's own. --probe
makes nothing, and fails where the mirror cannot be reached.

The machine has a user, debian, and what the package depends on and nothing of sandbox itself. Once up, it runs `run`
from the disk labelled payload, its output on the second serial line, and powers off.
USAGE
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
--probe)
    mirror=${SANDBOX_TEST_MIRROR:-http://deb.debian.org/debian}
    probe=$(mktemp)
    trap 'rm -f "$probe"' EXIT
    /usr/lib/apt/apt-helper -o Acquire::Retries=3 download-file "${mirror%/}/dists/$2/InRelease" "$probe" >/dev/null
    exit
    ;;
bookworm) variant= ;;
trixie) variant=t64 ;;
*)
    usage >&2
    exit 2
    ;;
esac
suite=$1
out=$(cd "$2" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
size=4G

# The first line is the machine, the second what the .deb depends on, the third what the tests use.
packages=(systemd-sysv udev kmod dbus dbus-user-session libpam-systemd linux-image-cloud-amd64 zstd apparmor login
    uidmap fuse-overlayfs "libslirp0" "libarchive13$variant" "libglib2.0-0$variant" "libssl3$variant" libisal2 liblzma5 libzstd1 libstdc++6
    iproute2 procps util-linux)

customize=(
    'useradd --root "$1" --create-home --shell /bin/bash debian'
    'echo machine >"$1/etc/hostname"'
    'printf "127.0.0.1 localhost\n127.0.1.1 machine\n::1 localhost\n" >"$1/etc/hosts"'
    'printf "/dev/vda / ext4 defaults 0 0\n" >"$1/etc/fstab"'
    "copy-in '$here/payload.service' /etc/systemd/system"
    'systemctl --root="$1" -q enable payload.service'
    'systemctl --root="$1" -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
        fstrim.timer systemd-networkd-wait-online.service'
    'rm -rf "$1"/var/cache/apt/* "$1"/usr/share/doc/*'
)
hooks=()
for line in "${customize[@]}"; do
    hooks+=("--customize-hook=$line")
done

# Owners are kept by being root where the tree lies: in a user namespace, unless it is root who calls.
mode=root
as_owner=()
if [ "$(id -u)" -ne 0 ]; then
    mode=unshare
    as_owner=(unshare --map-auto --map-root-user)
fi

tree=$out/tree
clear_up() { "${as_owner[@]}" rm -rf "$tree"; }
trap clear_up EXIT
clear_up
mkdir "$tree"
mmdebstrap --quiet --mode="$mode" --variant=minbase --format=tar --include="$(IFS=, && echo "${packages[*]}")" \
    "${hooks[@]}" "$suite" - ${SANDBOX_TEST_MIRROR:+"$SANDBOX_TEST_MIRROR"} |
    "${as_owner[@]}" tar -C "$tree" --exclude='./dev/*' --numeric-owner -xpf -
"${as_owner[@]}" sh -c 'cat "$1"/boot/vmlinuz-* >"$2/kernel" && cat "$1"/boot/initrd.img-* >"$2/initrd" && rm -r "$1"/boot/*' \
    sh "$tree" "$out"
"${as_owner[@]}" mke2fs -q -t ext4 -L root -d "$tree" "$out/root.img" "$size"
