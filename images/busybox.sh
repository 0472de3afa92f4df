#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a root-filesystem tar from the distribution's static busybox, without root; same busybox, same bytes.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: images/busybox.sh [OUT.tar]

Writes OUT.tar (default: busybox.tar in the current directory). Takes the static busybox that is installed;
where there is none, fetches Debian's busybox-static with apt-get, which needs no root either.
USAGE
}

die() {
    echo "busybox.sh: $1" >&2
    [ $# -lt 2 ] || echo "hint: $2" >&2
    exit 1
}

is_static() {
    # ldd fails for a static program, so what it says is asked, not its status.
    [ -x "$1" ] && grep -qE 'not a dynamic executable|statically linked' <<<"$(LC_ALL=C ldd "$1" 2>&1)"
}

installed_busybox() {
    local path
    for path in /bin/busybox /usr/bin/busybox /sbin/busybox /usr/sbin/busybox; do
        if is_static "$path"; then
            echo "$path"
            return
        fi
    done
    return 1
}

# Debian's `busybox` (not static) and `busybox-static` cannot be installed together, so this is not an odd case.
fetch_busybox() {
    mkdir "$scratch/deb"
    (cd "$scratch/deb" && apt-get -q download busybox-static && dpkg-deb -x busybox-static_*.deb .) >&2 || return 1
    find "$scratch/deb" -type f -path '*/bin/busybox'
}

make_directories() {
    mkdir -p "$root"
    # sbin and usr/bin lead to bin, so that scripts that name either find every applet.
    install -d -m 0755 "$root"/{bin,dev,etc,home,lib,mnt,opt,run,srv,usr,usr/lib,usr/share,var,var/log}
    install -d -m 0555 "$root"/{proc,sys}
    install -d -m 0700 "$root/root"
    install -d -m 1777 "$root"/{tmp,var/tmp}
    install -d -m 0755 "$root/home/user"
    ln -s bin "$root/sbin"
    ln -s ../bin "$root/usr/bin"
    ln -s ../bin "$root/usr/sbin"
    ln -s ../run "$root/var/run"
}

install_applets() {
    local busybox=$1 applet
    install -m 0755 "$busybox" "$root/bin/busybox"
    while read -r applet; do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done < <("$busybox" --list)
}

write_etc() {
    cat >"$root/etc/passwd" <<'PASSWD'
root:x:0:0:root:/root:/bin/sh
user:x:1000:1000:user:/home/user:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/false
PASSWD
    cat >"$root/etc/group" <<'GROUP'
root:x:0:
tty:x:5:
users:x:100:user
user:x:1000:
nogroup:x:65534:
GROUP
    # Without it glibc asks the name servers before /etc/hosts.
    echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
    cat >"$root/etc/os-release" <<'RELEASE'
ID=busybox
NAME=BusyBox
PRETTY_NAME="BusyBox, the distribution's static build"
RELEASE
    chmod 0644 "$root"/etc/*
}

# Owners, times and order come from here, not from the caller; ustar because pax headers hold a process id.
pack() {
    local tar=(tar --format=ustar --sort=name --numeric-owner "--mtime=@${SOURCE_DATE_EPOCH:-0}" -C "$root")
    "${tar[@]}" --owner=0 --group=0 --exclude=./home/user -cf "$1" .
    "${tar[@]}" --owner=1000 --group=1000 -rf "$1" ./home/user
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
-?*) die "$1: no such option" "images/busybox.sh --help" ;;
esac
[ $# -le 1 ] || die "one argument at most" "images/busybox.sh --help"
out=${1:-busybox.tar}

umask 022
scratch=$(mktemp -d)
partial=
trap 'rm -rf "$scratch" ${partial:+"$partial"}' EXIT
root=$scratch/root

busybox=$(installed_busybox || fetch_busybox) ||
    die "no static busybox here" "install Debian's busybox-static (packaging/deps.sh images)"
make_directories
install_applets "$busybox"
write_etc

# Whoever looks sees the old tar or the new one, never half of it.
partial=$(mktemp "$out.XXXXXX")
pack "$partial"
chmod 0644 "$partial"
mv -f "$partial" "$out"
partial=
