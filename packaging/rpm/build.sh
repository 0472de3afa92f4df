#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the source .rpm and the .rpm with rpmbuild.
set -euo pipefail

usage() {
    cat <<'USAGE'
Usage: packaging/rpm/build.sh DIRECTORY [RPMBUILD-OPTION...]

Calls rpmbuild -ba with DIRECTORY as its top: SRPMS/ and RPMS/ come to lie there. On a machine whose packages are
not rpm's, --nodeps leaves the check of BuildRequires out.
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

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"/{BUILD,BUILDROOT,RPMS,SOURCES,SPECS,SRPMS}
out=$(cd "$1" && pwd)
shift
"$here/../source.sh" "$out/SOURCES" >/dev/null
cp "$here/sandbox.spec" "$out/SPECS/"
# Where rpm is a guest, on Debian, its own step that compresses pages fails (a script of bash's under dash), and there
# is no package of debugging symbols to strip for.
policy=()
if command -v dpkg >/dev/null; then
    policy=(--define '__brp_compress bash /usr/lib/rpm/brp-compress /usr' --define '_build_id_links none'
        --define '__brp_strip find %{buildroot} -type f -name sandbox* -perm -0100 -exec strip -s {} +')
fi
# Nothing of the machine or the hour: the same source gives the same bytes.
exec rpmbuild -ba --define "_topdir $out" --define '_buildhost localhost' --define 'source_date_epoch_from_changelog 1' \
    --define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1' "${policy[@]}" "$@" \
    "$out/SPECS/sandbox.spec"
