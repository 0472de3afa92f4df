#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `sandbox` loads, and what its child calls between clone and exec: hot_path.sh SANDBOX CHILD-LIB LINUX-LIB
set -euo pipefail

sandbox=$1
child_library=$2
linux_library=$3
here=$(dirname "${BASH_SOURCE[0]}")
problems=0

problem() {
    echo "$*"
    problems=$((problems + 1))
}

# Nothing at all where libc is linked statically (SANDBOX_STATIC_LIBC), else libc.
check_needed() {
    local library
    while IFS= read -r library; do
        echo "needs $library"
        case $library in
        libc.so.* | ld-linux*.so.*) ;;
        *) problem "$sandbox: needs $library at its start" ;;
        esac
    done < <(readelf -dW "$sandbox" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
}

# Position-independent, relocations read-only and bound at once, no writable and executable segment.
check_hardening() {
    readelf -hW "$sandbox" | grep -q 'Type:.*DYN' || problem "$sandbox: not position-independent"
    readelf -lW "$sandbox" | grep -q GNU_RELRO || problem "$sandbox: no RELRO"
    readelf -dW "$sandbox" | grep -qE 'BIND_NOW|Flags:.* NOW' || problem "$sandbox: not bound at once"
    ! readelf -lW "$sandbox" | grep -E 'LOAD|GNU_STACK' | grep -q 'RWE' || problem "$sandbox: writable code"
}

check_child() {
    python3 "$here/child_symbols.py" "$child_library" "$linux_library" ||
        problem "the child calls what may not be called after clone"
}

check_needed
check_hardening
check_child
echo "$problems problems"
[ "$problems" -eq 0 ]
