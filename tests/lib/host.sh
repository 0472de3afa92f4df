# SPDX-License-Identifier: Apache-2.0
# To be sourced: what a distribution's installer and udev do for a user, done here where nobody did it yet.
# shellcheck shell=bash

host_note() { echo "${0##*/}: $*" >&2; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        host_note "not root, and there is no sudo: cannot $*"
        return 1
    fi
}

has_sub_ids() {
    local user=$1 file=$2 option=$3
    grep -qsE "^($user|$(id -u "$user")):" "$file" || getsubids ${option:+"$option"} "$user" >/dev/null 2>&1
}

# The first id above all ranges that anybody has, at least 100000 as useradd(8) begins.
first_free_sub_id() {
    cat /etc/subuid /etc/subgid 2>/dev/null |
        awk -F: 'BEGIN { free = 100000 } $2 + $3 > free { free = $2 + $3 } END { printf "%d\n", free }'
}

# Gives a user 65536 sub-ids of each kind unless it has some.
ensure_sub_ids() {
    local user=$1 first range changes=()
    first=$(first_free_sub_id)
    range=$first-$((first + 65535))
    has_sub_ids "$user" /etc/subuid "" || changes+=(--add-subuids "$range")
    has_sub_ids "$user" /etc/subgid -g || changes+=(--add-subgids "$range")
    if [ ${#changes[@]} -gt 0 ]; then
        host_note "giving $user the sub-ids $range, as useradd does for new users"
        as_root usermod "${changes[@]}" "$user"
    fi
}

# Makes a character device usable by everyone: open_to_everyone /dev/net/tun 10 200
open_to_everyone() {
    local path=$1 major=$2 minor=$3
    [ -d "${path%/*}" ] || as_root mkdir -p "${path%/*}"
    if [ ! -e "$path" ] && ! as_root mknod -m 0666 "$path" c "$major" "$minor"; then
        host_note "$path: not here, and cannot be made"
    elif [ "$(stat -c %a "$path")" != 666 ]; then
        host_note "making $path 0666, as udev's rules do on distributions"
        as_root chmod 0666 "$path" || host_note "$path: stays as it is"
    fi
}

# Debian up to 10 ships with user namespaces reserved for root.
allow_user_namespaces() {
    local switch=/proc/sys/kernel/unprivileged_userns_clone
    if [ -e "$switch" ] && [ "$(cat "$switch")" = 0 ]; then
        host_note "setting kernel.unprivileged_userns_clone=1, Debian's default since 11"
        as_root sysctl -qw kernel.unprivileged_userns_clone=1 || host_note "user namespaces stay forbidden"
    fi
}
