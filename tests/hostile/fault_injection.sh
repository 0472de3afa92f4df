#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each system call of a start made to fail in turn, and a start killed at each of its stages:
#   fault_injection.sh SANDBOX [IMAGE.tar]
# One clear error and status 125, or the command's own success where there is another way; nothing left behind.
# Needs root: strace(1) as the user would strip newuidmap of its set-uid bit. USER_NAME runs the starts.
set -uo pipefail

sandbox=$1
image=${2:-${SANDBOX_TEST_IMAGES:-}/busybox.tar}
user=${USER_NAME:-sandbox-test}
if [ "$(id -u)" -ne 0 ] || ! id "$user" >/dev/null 2>&1 || ! command -v strace >/dev/null || [ ! -r "$image" ]; then
    echo "needs root, strace, the user $user and an image: $image"
    exit 77
fi

# CALL ERROR MOST: from the first to the MOST-th time that the call is made, in any process of the start.
table='
clone3 EPERM 2
clone3 EAGAIN 2
socketpair EMFILE 1
pidfd_open EMFILE 2
openat EMFILE 12
openat2 EMFILE 6
mount EPERM 8
open_tree EPERM 8
move_mount EPERM 8
mount_setattr EPERM 6
pivot_root EINVAL 1
umount2 EINVAL 1
setresuid EPERM 2
setresgid EPERM 2
setgroups EPERM 1
sethostname EPERM 1
unshare EPERM 1
setns EPERM 2
prctl EPERM 6
seccomp EINVAL 1
close_range EINVAL 2
chdir ENOENT 3
getcwd ENOENT 2
vfork EAGAIN 1
ioctl EIO 4
socket EMFILE 3
sendmsg EPIPE 2
signalfd4 EMFILE 1
mkdirat ENOSPC 4
pwrite64 ENOSPC 2
ftruncate ENOSPC 1
renameat EIO 2
flock EINTR 1
fstat EIO 3
'

# The same for a start that joins the domain of an earlier one, and for one that makes it. Most of these are no errors:
# such a start does without.
join_table='
setns EPERM 1
flock EINTR 1
openat EMFILE 8
openat EACCES 8
ioctl EIO 1
fstat EIO 3
read EIO 4
utimensat EROFS 1
clone3 EPERM 1
clone3 EAGAIN 1
'
make_table='
clone3 EPERM 2
clone3 EAGAIN 2
mkdir EACCES 2
openat EMFILE 10
openat ENOSPC 10
flock ENOLCK 3
socketpair EMFILE 2
pipe2 EMFILE 3
vfork EAGAIN 3
renameat ENOSPC 1
setns EPERM 1
setsid EPERM 1
close_range EINVAL 2
'

home=$(getent passwd "$user" | cut -d: -f6)
scratch=$(mktemp -d "$home/fault.XXXXXX")
chown "$user" "$scratch"
trap 'new_runtime; rm -rf "$scratch"' EXIT
problems=0
runs=0

problem() {
    problems=$((problems + 1))
    echo "$*"
}

# start STRACE-ARGUMENT...: one start under strace; its status, stdout and stderr. $domain is off, join or make.
domain=off
runtime=$scratch/runtime
start() {
    timeout -k 5 60 env -i HOME="$home" PATH=/usr/bin:/bin:/usr/sbin:/sbin XDG_RUNTIME_DIR="$runtime" \
        strace -f -q -o "$scratch/trace" -u "$user" "$@" \
        "$sandbox" run --root "$scratch/store" --domain "${domain/#[jm]*/auto}" --network none "$image" echo it-ran \
        >"$scratch/out" 2>"$scratch/err" </dev/null &
    local timeout=$!
    [ "$domain" = off ] || end_new_holder "$timeout"
    wait "$timeout"
    status=$?
} 2>/dev/null # the shell's own word about a killed strace

# The holders whose state lies in $runtime/sandbox, or in $scratch/store where that could not be: the third descriptor
# is that directory.
holders() {
    local pid
    for pid in $(pgrep -u "$user" -x sandbox-domain); do
        case $(readlink "/proc/$pid/fd/3") in "$runtime/sandbox" | "$scratch/store") echo "$pid" ;; esac
    done
}

is_known() { [ "$(cut -d' ' -f2 "$(readlink "/proc/$1/fd/3")/domain")" = "$1" ]; }

# strace waits for all that it follows, and a holder stays for minutes: one that was made under strace has to go once
# sandbox, its parent, has ended. One that no state file names should have gone by itself.
end_new_holder() {
    local holder parent traced
    while kill -0 "$1"; do
        for holder in $(holders); do
            read -r parent traced < <(awk '/^PPid/ { p = $2 } /^TracerPid/ { print p, $2 }' "/proc/$holder/status")
            [ "${traced:-0}" -ne 0 ] && [ "$(cat "/proc/$parent/comm")" != sandbox ] || continue
            is_known "$holder" || sleep 0.5
            is_known "$holder" || ! kill -0 "$holder" || problem "a holder that nobody knows of stays"
            kill -KILL "$holder"
        done
        sleep 0.02
    done
}

new_runtime() {
    holders | xargs -r kill -KILL
    rm -rf "$runtime"
    install -d -m 0700 -o "$user" "$runtime"
}

# A domain that is there, made by a start that nothing follows.
with_domain() {
    [ -z "$(holders)" ] || return
    env -i HOME="$home" PATH=/usr/bin:/bin:/usr/sbin:/sbin XDG_RUNTIME_DIR="$runtime" \
        setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups \
        "$sandbox" run --root "$scratch/store" --network none "$image" true </dev/null
    [ -n "$(holders)" ] || problem "no domain can be made"
}

prepare() {
    case $domain in
    make) new_runtime ;;
    join) with_domain ;;
    esac
}

living() {
    pgrep -u "$user" -f "$scratch|it-ran" -a || true
}

left_behind() {
    [ -z "$(living)" ] || sleep 0.2
    local alive
    alive=$(living)
    [ -z "$alive" ] || problem "$1: still alive: $alive"
    ! grep -q "$scratch" /proc/self/mountinfo || problem "$1: a mount is left"
}

# One error of ours, at most a hint, no success that is none.
judge() {
    local name="$domain: $1"
    runs=$((runs + 1))
    case $status in
    0) grep -qx it-ran "$scratch/out" || problem "$name: status 0, and the command did not run" ;;
    125 | 126)
        grep -q '^sandbox: .' "$scratch/err" || problem "$name: status $status without a word: $(cat "$scratch/err")"
        ! grep -q it-ran "$scratch/out" || problem "$name: status $status, and the command ran"
        ;;
    *) problem "$name: status $status: $(cat "$scratch/err")" ;;
    esac
    ! grep -qiE 'terminate called|assert|sanitizer' "$scratch/err" || problem "$name: $(cat "$scratch/err")"
    left_behind "$name"
}

plain_start() {
    prepare
    start -e trace=none
    [ "$status" -eq 0 ] || problem "$domain: the start $1 fails: $(cat "$scratch/err")"
}

each_of() {
    local call error most when
    while read -r call error most; do
        [ -n "$call" ] || continue
        for ((when = 1; when <= most; when++)); do
            prepare
            start -e trace="$call" -e inject="$call:error=$error:when=$when"
            judge "$call fails with $error, time $when"
        done
    done <<<"$1"
    plain_start "after all faults"
}

# SIGKILL on entering a call: of the child it is an error, of sandbox itself the end of everything.
killed_at() {
    local call when
    for call; do
        for when in 1 2 3; do
            prepare
            start -e trace="$call" -e inject="$call:signal=KILL:when=$when"
            runs=$((runs + 1))
            case $status in
            0 | 125 | 137) ;;
            *) problem "$domain: SIGKILL at $call, time $when: status $status: $(cat "$scratch/err")" ;;
            esac
            left_behind "$domain: SIGKILL at $call, time $when"
        done
    done
    plain_start "after all kills"
}

# The holder dies when its maps are written, and before it hears so: the start goes on without it.
holder_killed() {
    new_runtime
    start -e trace=renameat,openat -P "$runtime/sandbox/domain.new" -P /dev/null \
        -e inject=renameat:delay_enter=1500000 -e inject=openat:signal=KILL:delay_enter=700000
    grep -q "killed by SIGKILL" "$scratch/trace" || problem "the holder was not killed"
    [ "$status" -eq 0 ] || problem "the holder is killed: status $status: $(cat "$scratch/err")"
    judge "the holder is killed"
}

new_runtime
plain_start "without any fault"
[ "$problems" -eq 0 ] || exit 1

each_of "$table"
killed_at clone3 openat2 mount move_mount pivot_root setresuid seccomp execve keyctl
domain="join"
each_of "$join_table"
killed_at setns openat flock clone3 utimensat
domain="make"
each_of "$make_table"
killed_at clone3 setsid flock vfork renameat setns
holder_killed
new_runtime
rmdir "$runtime"

runs_left=$(find "$scratch/store/runs" -mindepth 3 2>/dev/null | grep -cvE '/(upper|work|lock|copy)(/work)?$' || true)
[ "$runs_left" -le 2 ] || problem "$runs_left files of killed starts are left in the store"

echo "$runs starts with a fault, $problems problems"
[ "$problems" -eq 0 ]
