#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds every package in every way there is, twice, and holds them against each other and against lintian and rpmlint.
set -uo pipefail

usage() {
    cat <<'USAGE'
Usage: tests/package/run.sh BUILD-DIR

BUILD-DIR is a release build: its `package` target is used. The builds by Debian's and rpm's tools happen in the
directory $SANDBOX_TEST_PACKAGES, without which nothing is done; with ccache they compile only what changed.
$SANDBOX_TEST_IMAGES holds busybox.tar. TAP comes on stdout.
USAGE
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac
[ $# -eq 1 ] || {
    usage >&2
    exit 2
}
[ -n "${SANDBOX_TEST_PACKAGES-}" ] || {
    echo "1..0 # SKIP \$SANDBOX_TEST_PACKAGES names no directory to build in"
    exit 77
}
build_dir=$1
images=${SANDBOX_TEST_IMAGES-}
mkdir -p "$SANDBOX_TEST_PACKAGES"
work=$(cd "$SANDBOX_TEST_PACKAGES" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
packaging=$here/../../packaging
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
# Sources that were just unpacked are new to ccache, which would take them for changed in the meantime.
export CCACHE_DIR=${CCACHE_DIR:-$work/ccache} CCACHE_SLOPPINESS=include_file_ctime,include_file_mtime LC_ALL=C.UTF-8
umask 022

only() {
    local files=("$@")
    [ ${#files[@]} -eq 1 ] && [ -e "${files[0]}" ] && echo "${files[0]}"
}

# --- builds ------------------------------------------------------------------------------------------------------

cpack_packages() {
    rm -rf "$build_dir/packages"
    cmake --build "$build_dir" --target package && mkdir -p "$work/$1" && rm -f "$work/$1"/*.* &&
        cp "$build_dir"/packages/sandbox[_-]* "$work/$1/"
}

# Whoever builds it has run the tests: here they run from the build directory.
debian_packages() { DEB_BUILD_OPTIONS="nocheck parallel=2" "$packaging/deb/build.sh" "$work/$1" -us -uc; }

# rpm knows nothing of Debian's packages, so that what is required to build is not looked for.
rpm_packages() {
    local leave_out=()
    ! command -v dpkg >/dev/null || leave_out=(--nodeps)
    "$packaging/rpm/build.sh" "$work/$1" "${leave_out[@]}"
}

same_bytes() {
    local file
    for file in "$work/$1"/$3; do
        cmp "$file" "$work/$2/${file#"$work/$1/"}" || return
    done
}

# --- what packages say -------------------------------------------------------------------------------------------

deb_files() { dpkg-deb -c "$1" | awk '{ print $1, $2, $6, $7, $8 }' | grep -v '^d' | LC_ALL=C sort; }

deb_fields() {
    dpkg-deb -f "$1" Package Version Architecture Maintainer Depends Recommends Suggests Conflicts Section Priority \
        Description
}

# debhelper leaves an empty line where it had nothing to add.
deb_script() { dpkg-deb -I "$1" "$2" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'; }

# The directory of the licence carries the version in some of rpm's versions.
rpm_files() {
    rpm -qp --qf '[%{FILEMODES:perms} %{FILEUSERNAME} %{FILENAMES} %{FILELINKTOS}\n]' "$1" | grep -v '^d' |
        sed -E 's,(/licenses/sandbox)-[0-9.]+/,\1/,' | LC_ALL=C sort
}

rpm_fields() {
    rpm -qp --qf '%{NAME} %{VERSION} %{RELEASE} %{ARCH} %{LICENSE} %{SUMMARY}\n%{DESCRIPTION}\n' "$1"
    rpm -qp --requires --recommends --conflicts --scripts --changelog "$1" | sed -e '/^$/d' -e '/^rpmlib(/d'
}

agree() { diff <("$1" "$2") <("$1" "$3"); }

debs_agree() {
    agree deb_files "$cpack_deb" "$debian_deb" && agree deb_fields "$cpack_deb" "$debian_deb" || return
    local script
    for script in postinst prerm triggers; do
        diff <(deb_script "$cpack_deb" "$script") <(deb_script "$debian_deb" "$script") || return
    done
}

rpms_agree() { agree rpm_files "$cpack_rpm" "$rpm_rpm" && agree rpm_fields "$cpack_rpm" "$rpm_rpm"; }

# Names alone, without what only one kind of package has: licences, history, lintian's overrides.
deb_names() {
    deb_files "$1" | awk '{ print $3 }' | sed 's/^\.//' | grep -vE '^/usr/share/(doc|lintian)/'
}
rpm_names() { rpm_files "$1" | awk '{ print $3 }' | grep -vE '^/usr/share/(doc|licenses)/'; }
kinds_agree() { diff <(deb_names "$cpack_deb" | LC_ALL=C sort) <(rpm_names "$cpack_rpm" | LC_ALL=C sort); }

# --- what they must say ------------------------------------------------------------------------------------------

deb_needs() {
    local depends name
    depends=", $(dpkg-deb -f "$1" Depends),"
    for name in uidmap libarchive13 libslirp0; do
        [[ $depends == *", $name"[\ ,t]* ]] || { echo "no $name in $depends" && return 1; }
    done
    ! grep -E 'boost|nftables|fuse' <<<"$depends" && [ "$(dpkg-deb -f "$1" Recommends)" = fuse-overlayfs ] &&
        [ "$(dpkg-deb -f "$1" Conflicts)" = policycoreutils-sandbox ]
}

rpm_needs() {
    local name
    for name in 'shadow-utils' 'libarchive\.so\.13.*' 'libslirp\.so\.0.*'; do
        rpm -qp --requires "$1" | grep -qx "$name" || { echo "no $name" && return 1; }
    done
    ! rpm -qp --requires "$1" | grep -E 'boost|nftables|fuse' && rpm -qp --recommends "$1" | grep -qx fuse-overlayfs &&
        rpm -qp --conflicts "$1" | grep -qx policycoreutils-sandbox
}

versions_agree() {
    local version
    version=$(sed -n 's/^project(sandbox VERSION \([0-9.]*\).*/\1/p' "$packaging/../CMakeLists.txt")
    [ -n "$version" ] && head -n 1 "$packaging/deb/changelog" | grep -qF "sandbox ($version-1)" &&
        grep -qE "^Version: +$version\$" "$packaging/rpm/sandbox.spec" &&
        grep -A1 '^%changelog' "$packaging/rpm/sandbox.spec" | grep -q " - $version-1\$"
}

# What packaging/deps.sh installs to build, the packages' own lists must have. ccache is for haste alone, and Debian's
# compiler is understood.
build_requirements_agree() {
    local lists missing=0 name debian fedora
    lists=$(sed '/^groups=()/,$d' "$packaging/deps.sh")
    debian=$(sed -n '/^Build-Depends:/,/^Standards-Version:/s/^[^ ]* *\([a-z0-9.+-]*\).*/\1/p' "$packaging/deb/control")
    fedora=$(sed -n 's/^BuildRequires: *\([^ ]*\).*/\1/p' "$packaging/rpm/sandbox.spec")
    for name in $(bash -c "$lists"$'\n''debian_packages build'); do
        [[ $name == ccache || $name == g++ ]] || grep -qxF "$name" <<<"$debian" ||
            { echo "deb/control: no $name" && missing=1; }
    done
    for name in $(bash -c "$lists"$'\n''fedora_packages build'); do
        [ "$name" = ccache ] || grep -qxF "$name" <<<"$fedora" || { echo "sandbox.spec: no $name" && missing=1; }
    done
    return $missing
}

# What they find and we do not hold is in packaging/deb/*.lintian-overrides and packaging/rpm/rpmlint.toml.
lintian_is_content() { lintian --fail-on error,warning --allow-root --suppress-tags bad-distribution-in-changes-file "$@"; }

rpmlint_is_content() {
    local told
    told=$(rpmlint -c "$packaging/rpm/rpmlint.toml" "$@" 2>&1)
    echo "$told"
    grep -q ' 0 errors, 0 warnings' <<<"$told"
}

rpm_installs() {
    local as_owner=()
    [ "$(id -u)" -eq 0 ] || as_owner=(unshare --map-auto --map-root-user)
    "${as_owner[@]}" bash "$here/rpm_root.sh" "$cpack_rpm" "$images/busybox.tar" "$work"
}

# --- the checks --------------------------------------------------------------------------------------------------

has() { command -v "$1" >/dev/null; }

check "versions agree" versions_agree
check "what is needed to build agrees" build_requirements_agree
check "cpack builds" cpack_packages cpack
check "cpack builds again" cpack_packages cpack-again
if has dpkg-buildpackage && has lintian; then
    check "dpkg-buildpackage builds from a clean tree" debian_packages debian
    check "dpkg-buildpackage builds elsewhere" debian_packages debian-again
    cpack_deb=$(only "$work"/cpack/sandbox_*.deb)
    debian_deb=$(only "$work"/debian/sandbox_*.deb)
    check "the .deb has the same bytes twice" same_bytes cpack cpack-again 'sandbox_*.deb'
    check "so have dpkg-buildpackage's and its source" same_bytes debian debian-again 'sandbox*[bz]'
    check "both .debs agree in files, fields and scripts" debs_agree
    check "the .deb needs what it should" deb_needs "$debian_deb"
    check "lintian is content with cpack's" lintian_is_content "$cpack_deb"
    check "lintian is content with dpkg-buildpackage's" lintian_is_content "$work"/debian/*.changes
else
    skip_check "the .deb" "dpkg-buildpackage or lintian is not installed"
fi
if has rpmbuild && has rpmlint; then
    check "rpmbuild builds" rpm_packages rpm
    rm -rf "$work/rpm-first" && mkdir -p "$work/rpm-first" && cp -r "$work"/rpm/{RPMS,SRPMS} "$work/rpm-first/"
    check "rpmbuild builds again" rpm_packages rpm
    cpack_rpm=$(only "$work"/cpack/sandbox-*.rpm)
    rpm_rpm=$(only "$work"/rpm/RPMS/*/sandbox-[0-9]*.rpm)
    check "the .rpm has the same bytes twice" same_bytes cpack cpack-again 'sandbox-*.rpm'
    check "so have rpmbuild's and its source" same_bytes rpm-first rpm '*/*.rpm'
    check "both .rpms agree in files, fields and scripts" rpms_agree
    check "the .rpm needs what it should" rpm_needs "$rpm_rpm"
    check "rpmlint is content" rpmlint_is_content "$cpack_rpm" "$rpm_rpm" "$work"/rpm/SRPMS/*.rpm
    check "the .rpm installs into a root of its own, and leaves it" rpm_installs
    if [ -n "${cpack_deb-}" ]; then
        check ".deb and .rpm have the same files" kinds_agree
    fi
else
    skip_check "the .rpm" "rpmbuild or rpmlint is not installed"
fi
end_of_checks
