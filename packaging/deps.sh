#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the distribution's packages that building, running, testing and measuring need; quick when all are there.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: packaging/deps.sh [GROUP...]

Groups: build   compiler, build tools and libraries
        run     what `sandbox` calls when it runs
        images  what the recipes in images/ need
        test    what tests/run.sh and .ci/run need
        packages  what building and checking the .deb and the .rpm needs
        vm      what tests/vm needs
        perf    the tools that tests/perf compares with
Default: build run images test. As a plain user the installation goes through sudo.
USAGE
}

die() {
    echo "deps.sh: $1" >&2
    [ $# -lt 2 ] || echo "hint: $2" >&2
    exit 1
}

debian_packages() {
    case $1 in
    build)
        echo g++ cmake ninja-build pkg-config ccache libboost-program-options-dev libboost-filesystem-dev \
            libarchive-dev liblzma-dev libzstd-dev libisal-dev libslirp-dev libglib2.0-dev libssl-dev nlohmann-json3-dev \
            libseccomp-dev libsystemd-dev
        ;;
    run) echo uidmap fuse-overlayfs fuse3 ;;
    images) echo busybox-static mmdebstrap uidmap debian-archive-keyring ;;
    test)
        echo libgtest-dev clang libclang-rt-dev clang-format clang-tidy shellcheck git strace iproute2 procps util-linux ncat iperf3 \
            python3 attr libcap2-bin binutils gzip xz-utils zstd bzip2 lz4 skopeo umoci mandoc groff bash-completion zsh fish \
            dnsmasq-base bind9-dnsutils podman crun
        ;;
    packages) echo debhelper dpkg-dev fakeroot lintian rpm rpmlint xz-utils ;;
    vm) echo qemu-system-x86 e2fsprogs mmdebstrap uidmap dpkg-dev ;;
    perf) echo bubblewrap podman crun slirp4netns passt hyperfine iperf3 ncat iproute2 python3 ;;
    esac
}

fedora_packages() {
    case $1 in
    build)
        echo gcc-c++ libstdc++-static cmake ninja-build pkgconf-pkg-config ccache boost-devel boost-static glibc-static libstdc++-static \
            libarchive-devel xz-devel libzstd-devel isa-l-devel libslirp-devel glib2-devel openssl-devel json-devel \
            libseccomp-devel systemd-devel
        ;;
    run) echo shadow-utils shadow-utils-subid fuse-overlayfs fuse3 ;;
    # No Debian image there: what makes it is not counted on, and the tests do without it.
    images) echo busybox ;;
    test)
        echo gtest-devel libasan libubsan clang compiler-rt clang-tools-extra ShellCheck git-core strace iproute procps-ng \
            util-linux nmap-ncat iperf3 python3 attr libcap binutils gzip xz zstd bzip2 lz4 skopeo mandoc groff bash-completion zsh fish \
            dnsmasq bind-utils podman crun
        ;;
    packages) echo rpm-build rpmlint ;;
    # The virtual machines are made of Debian's packages.
    vm) ;;
    perf) echo bubblewrap podman crun slirp4netns passt hyperfine iperf3 nmap-ncat iproute python3 ;;
    esac
}

# The packages among the arguments that are not installed, one a line.
missing_debian() {
    # The second letter of the status is the state: "ii" and "hi" (on hold) are both installed.
    comm -23 <(printf '%s\n' "$@" | sort -u) \
        <(dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' "$@" 2>/dev/null | sed -n 's/ .i.*//p' | sort -u)
}

missing_fedora() {
    local package
    for package in "$@"; do
        # A name may have become another package's: --whatprovides finds those too.
        rpm -q --whatprovides "$package" >/dev/null 2>&1 || echo "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "not root, and there is no sudo" "run it as root: packaging/deps.sh ${groups[*]}"
    fi
}

install_debian() {
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600)
    # One source out of order need not stop the rest: the installation will tell whether it mattered.
    as_root "${apt[@]}" update || echo "deps.sh: apt-get update failed, trying with the lists at hand" >&2
    as_root "${apt[@]}" install -y --no-install-recommends "$@"
}

install_fedora() {
    as_root dnf -q install -y --setopt=install_weak_deps=False "$@"
}

install_what_is_missing() {
    local family=$1 group names=() packages=() missing=()
    shift
    for group in "$@"; do
        read -ra names < <("${family}_packages" "$group")
        packages+=("${names[@]}")
    done
    mapfile -t missing < <("missing_$family" "${packages[@]}")
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    echo "deps.sh: installing ${missing[*]}" >&2
    "install_$family" "${missing[@]}" >&2 || die "could not install: ${missing[*]}" \
        "the lines above say why; with these packages in place this script changes nothing"
}

groups=()
for argument in "$@"; do
    case $argument in
    -h | --help)
        usage
        exit 0
        ;;
    build | run | images | test | packages | vm | perf) groups+=("$argument") ;;
    *) die "$argument: no such group" "packaging/deps.sh --help lists them" ;;
    esac
done
[ ${#groups[@]} -gt 0 ] || groups=(build run images test)

if command -v apt-get >/dev/null; then
    install_what_is_missing debian "${groups[@]}"
elif command -v dnf >/dev/null; then
    install_what_is_missing fedora "${groups[@]}"
else
    die "neither apt-get nor dnf is here" "install by hand what this script lists for your groups: ${groups[*]}"
fi
