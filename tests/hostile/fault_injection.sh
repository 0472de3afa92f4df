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

home=$(getent passwd "$user" | cut -d: -f6)
scratch=$(mktemp -d "$home/fault.XXXXXX")
chown "$user" "$scratch"
trap 'rm -rf "$scratch"' EXIT
problems=0
runs=0

problem() {
    problems=$((problems + 1))
    echo "$*"
}

# start STRACE-ARGUMENT...: one start under strace; its status, stdout and stderr
start() {
    # strace waits for all that it follows, and a domain's holder stays for minutes: no domain here.
    timeout -k 5 20 env -i HOME="$home" PATH=/usr/bin:/bin:/usr/sbin:/sbin XDG_RUNTIME_DIR="$scratch" \
        strace -f -q -o "$scratch/trace" -u "$user" "$@" \
        "$sandbox" run --root "$scratch/store" --domain off --network none "$image" echo it-ran \
        >"$scratch/out" 2>"$scratch/err" </dev/null
    status=$?
} 2>/dev/null # the shell's own word about a killed strace

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
    local name=$1
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

start -e trace=none
[ "$status" -eq 0 ] || {
    echo "the start without any fault fails: $(cat "$scratch/err")"
    exit 1
}

while read -r call error most; do
    [ -n "$call" ] || continue
    for ((when = 1; when <= most; when++)); do
        start -e trace="$call" -e inject="$call:error=$error:when=$when"
        judge "$call fails with $error, time $when"
    done
done <<<"$table"

# A plain start again after all that: what was left does not stand in its way.
start -e trace=none
[ "$status" -eq 0 ] || problem "the start after all faults fails: $(cat "$scratch/err")"

# SIGKILL on entering a call: of the child it is an error, of sandbox itself the end of everything.
for call in clone3 openat2 mount move_mount pivot_root setresuid seccomp execve; do
    for when in 1 2 3; do
        start -e trace="$call" -e inject="$call:signal=KILL:when=$when"
        runs=$((runs + 1))
        case $status in
        0 | 125 | 137) ;;
        *) problem "SIGKILL at $call, time $when: status $status: $(cat "$scratch/err")" ;;
        esac
        left_behind "SIGKILL at $call, time $when"
    done
done
start -e trace=none
[ "$status" -eq 0 ] || problem "the start after all kills fails: $(cat "$scratch/err")"
runs_left=$(find "$scratch/store/runs" -mindepth 3 2>/dev/null | grep -cvE '/(upper|work|lock|copy)(/work)?$' || true)
[ "$runs_left" -le 2 ] || problem "$runs_left files of killed starts are left in the store"

echo "$runs starts with a fault, $problems problems"
[ "$problems" -eq 0 ]
