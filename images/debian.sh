#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a root-filesystem tar of a small Debian with apt in it, by mmdebstrap, as root or as a plain user.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: images/debian.sh [OUT.tar] [SUITE]

Writes OUT.tar (default: debian.tar in the current directory) with SUITE (default: bookworm). A plain user needs
ranges in /etc/subuid and /etc/subgid. The mirrors that the machine's own apt uses for SUITE are used, and are
what apt inside the image uses later; where it has none for SUITE, Debian's own.
USAGE
}

die() {
    echo "debian.sh: $1" >&2
    [ $# -lt 2 ] || echo "hint: $2" >&2
    exit 1
}

# All words that stand as a suite or a component in an apt source file, in either of its two formats.
suites_and_components() {
    case $1 in
    *.sources) sed -nE 's/^(Suites|Components):[[:space:]]*//ip' "$1" ;;
    *) sed -nE 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?[^[:space:]]+[[:space:]]+([^#]*).*/\2/p' "$1" ;;
    esac | tr -s '[:space:]' '\n'
}

# Only SUITE and its updates, only Debian's components: no third party's source may get into the image.
serves_only() {
    local suite=$1 words
    words=$(suites_and_components "$2")
    grep -qx "$suite" <<<"$words" && grep -qx main <<<"$words" &&
        ! grep -qvxE "$suite(-updates|-security|-backports)?|main|contrib|non-free|non-free-firmware" <<<"$words"
}

host_sources() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
        if [ -r "$file" ] && serves_only "$1" "$file"; then
            echo "$file"
        fi
    done
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
-?*) die "$1: no such option" "images/debian.sh --help" ;;
esac
[ $# -le 2 ] || die "two arguments at most" "images/debian.sh --help"
out=${1:-debian.tar}
suite=${2:-bookworm}
[[ $suite =~ ^[a-z]+$ ]] || die "$suite: not the name of a suite" "images/debian.sh --help"

command -v mmdebstrap >/dev/null || die "mmdebstrap is not here" "packaging/deps.sh images"
mode=root
if [ "$(id -u)" -ne 0 ]; then
    mode=unshare
    grep -qsE "^($(id -un)|$(id -u)):" /etc/subuid || getsubids "$(id -un)" >/dev/null 2>&1 ||
        die "$(id -un) has no range in /etc/subuid" \
            "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)"
fi

umask 022
mapfile -t sources < <(host_sources "$suite")
# In the same directory as OUT, so that the last step is a rename; .tar tells mmdebstrap the format.
partial=$(mktemp "$out.XXXXXX.tar")
trap 'rm -f "$partial"' EXIT
mmdebstrap --quiet --mode="$mode" --variant=minbase --format=tar "$suite" "$partial" "${sources[@]}" ||
    die "mmdebstrap failed for $suite" "the lines above say why; are the mirrors within reach?"
chmod 0644 "$partial"
mv -f "$partial" "$out"
