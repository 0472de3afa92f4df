#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes the source as sandbox-VERSION.tar.gz, the same bytes from the same tree.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: packaging/source.sh DIRECTORY

Writes DIRECTORY/sandbox-VERSION.tar.gz, and prints its path. What git tracks is in it; in a tree without .git,
everything but build directories.
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

out=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(sed -n 's/^project(sandbox VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
# The newest entry's day, which is in the tree, and not the clock's.
epoch=$(date -d "$(sed -n 's/^ -- .*>  //p' packaging/deb/changelog | head -n 1)" +%s)

list_files() {
    if [ -d .git ] || [ -f .git ]; then
        git -c safe.directory="$PWD" ls-files -z
    else
        find . '(' -path './build*' -o -path ./.cache ')' -prune -o '(' -type f -o -type l ')' -print0
    fi
}

list_files | sed -z 's,^\./,,' | LC_ALL=C sort -z |
    tar --null --no-recursion --files-from=- --transform="s,^,sandbox-$version/," --mtime="@$epoch" --owner=0 \
        --group=0 --numeric-owner --mode=u=rwX,go=rX --format=gnu -cf - | gzip -9n >"$out/sandbox-$version.tar.gz"
echo "$out/sandbox-$version.tar.gz"
