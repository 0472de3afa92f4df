#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the Debian source package and the .deb with Debian's own tools.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: packaging/deb/build.sh DIRECTORY [DPKG-BUILDPACKAGE-OPTION...]

Unpacks a clean copy of the source in DIRECTORY, with packaging/deb as its debian/, and calls dpkg-buildpackage
there (by default with -us -uc, unsigned). Packages and source package come to lie in DIRECTORY.
USAGE
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
"" | -*)
    usage >&2
    exit 2
    ;;
esac

mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- -us -uc
source_tar=$("$(dirname "${BASH_SOURCE[0]}")/../source.sh" "$out")
tree=${source_tar%.tar.gz}
version=${tree##*-}

mv "$source_tar" "$out/sandbox_$version.orig.tar.gz"
rm -rf "$tree"
tar -C "$out" -xf "$out/sandbox_$version.orig.tar.gz"
cp -a "$tree/packaging/deb" "$tree/debian"
rm "$tree/debian/build.sh"
cd "$tree"
exec dpkg-buildpackage "$@"
