#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures the user-mode network beside slirp4netns and pasta, as a plain user, all in turn in each round.
set -euo pipefail

usage="usage: tests/perf/network.sh BUILD-DIR

\$SANDBOX_PERF_ROUNDS (default 3) rounds of one-second samples; medians, and the median of each round's ratio to
slirp4netns. A peer that is not installed is left out, a figure that cannot be had is a dash. Below four minutes."

[ $# -eq 1 ] || { echo "$usage" >&2; exit 2; }
build=$(cd "$1" && pwd)
rounds=${SANDBOX_PERF_ROUNDS:-3}
sandbox=$build/bin/sandbox
rate=$build/bin/perf-connect-rate
work=$(mktemp -d "${TMPDIR:-/var/tmp}/sandbox-perf-network.XXXXXX")
samples=$work/samples
export SANDBOX_ROOT=${SANDBOX_ROOT:-$work/store}
readonly tcp_out=25201 echo_out=25202 tcp_in=25203 echo_in=25204
servers=() # for all contenders
held=()    # of the one whose turn it is

for tool in iperf3 python3 nsenter; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed: nothing is measured"; exit 0; }
done

end() {
    local pid
    for pid in "$@"; do kill "$pid" 2>/dev/null || true; done
    for pid in "$@"; do wait "$pid" 2>/dev/null || true; done
}

clean_up() {
    end "${held[@]}" "${servers[@]}"
    rm -rf "$work"
}
trap clean_up EXIT

# until_ready COMMAND...: for five seconds.
until_ready() {
    local _
    for _ in $(seq 100); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.05
    done
    return 1
}

listens() { [ -n "$("${@:2}" ss -Hltn "sport = :$1")" ]; }

# An address of the host that all contenders reach by the same name; its packets stay within the machine.
outer_address() { ip -4 -o addr show scope global | awk '$4 !~ /^10\.0\.2\./ { sub("/.*", "", $4); print $4; exit }'; }

cpu_ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat" 2>/dev/null || echo 0; }

# --- contenders: each sets `inside`, a prefix that runs a command in its network, and `helper`, the process that
# carries the packets; `target` is the host as seen from there, `published` an address of the host that leads in.

declare -A inside helper target published skipped
# A port of each one's own: closed connections keep theirs for a minute, and the next contender would find all ports of
# the host taken towards the same place.
declare -A connect_port=([direct]=25211 [slirp4netns]=25212 [pasta]=25213 [spliced]=$echo_out [sandbox]=25214)

# A network namespace without anything: enter_namespace NAME PID
enter_namespace() { inside[$1]="nsenter --preserve-credentials -U -n -t $2"; }

empty_namespace() {
    unshare --user --map-root-user --net sleep 1000 &
    held+=($!)
    namespace=$!
    until_ready nsenter --preserve-credentials -U -n -t "$namespace" ip link set lo up
}

start_direct() {
    inside[direct]="env"
    helper[direct]=
    target[direct]=$host
    published[direct]=$host
}

start_sandbox() {
    local supervisor command
    "$sandbox" run --quiet --userns single -p "0.0.0.0:$tcp_in:$tcp_in" -p "0.0.0.0:$echo_in:$echo_in" host sleep 1000 &
    supervisor=$!
    held+=("$supervisor")
    until_ready pgrep -P "$supervisor" -x sandbox-init || return 1
    until_ready pgrep -P "$(pgrep -P "$supervisor" -x sandbox-init)" -x sleep || return 1
    command=$(pgrep -P "$(pgrep -P "$supervisor" -x sandbox-init)" -x sleep)
    enter_namespace sandbox "$command"
    # It starts with the first packet.
    ${inside[sandbox]} ncat -z -w 1 "$host" 9 2>/dev/null || true
    until_ready pgrep -P "$supervisor" -x sandbox-net || return 1
    helper[sandbox]=$(pgrep -P "$supervisor" -x sandbox-net)
    target[sandbox]=$host
    published[sandbox]=$host
}

start_slirp4netns() {
    local port
    empty_namespace
    slirp4netns --configure --mtu=65520 --api-socket "$work/slirp4netns.sock" "$namespace" tap0 >"$work/slirp4netns.log" 2>&1 &
    held+=($!)
    helper[slirp4netns]=$!
    enter_namespace slirp4netns "$namespace"
    until_ready ${inside[slirp4netns]} ip link show tap0 up || return 1
    until_ready test -S "$work/slirp4netns.sock" || return 1
    for port in $tcp_in $echo_in; do
        printf '{"execute": "add_hostfwd", "arguments": {"proto": "tcp", "host_port": %s, "guest_port": %s}}' "$port" "$port" |
            ncat -U "$work/slirp4netns.sock" >/dev/null
    done
    target[slirp4netns]=$host
    published[slirp4netns]=$host
}

# pasta NAME OPTIONS...: with slirp's addresses, so that the host's own stay reachable
start_a_pasta() {
    local name=$1
    shift
    empty_namespace
    pasta --foreground --quiet --config-net -4 -a 10.0.2.15 -n 24 -g 10.0.2.2 --mtu 65520 -u none -U none "$@" \
        "$namespace" >"$work/$name.log" 2>&1 &
    held+=($!)
    helper[$name]=$!
    enter_namespace "$name" "$namespace"
    until_ready ${inside[$name]} sh -c 'ip -4 route | grep -q default'
}

start_pasta() {
    start_a_pasta pasta -T none -t "$host/$tcp_in,$echo_in" || return 1
    target[pasta]=$host
    published[pasta]=$host
}

# Loopback to loopback, where pasta joins sockets instead of writing packets.
start_spliced() {
    start_a_pasta spliced -T "$tcp_out,$echo_out" -t "127.0.0.1/$tcp_in,$echo_in" || return 1
    target[spliced]=127.0.0.1
    published[spliced]=127.0.0.1
}

# --- samples ---------------------------------------------------------------------------------------------------

# Of an iperf3 report: bits a second that arrived, and the CPU seconds of both ends for a gigabyte.
read_report() {
    python3 -c '
import json, sys
end = json.load(sys.stdin)["end"]
total = end.get("sum_received") or end["sum"]
if "sum" in end and "lost_percent" in end["sum"]:
    total = dict(end["sum"], bits_per_second=end["sum"]["bits_per_second"] * (1 - end["sum"]["lost_percent"] / 100))
cpu = end["cpu_utilization_percent"]
seconds = (cpu["host_total"] + cpu["remote_total"]) / 100 * total["seconds"]
print(total["bits_per_second"] / 1e9, seconds, total["bits_per_second"] * total["seconds"] / 8e9)'
}

# sample MEASURE CONTENDER VALUE
sample() { echo "$1 $2 $round $3" >>"$samples"; }

# take_throughput MEASURE CONTENDER PREFIX ADDRESS PORT OPTION...
take_throughput() {
    local measure=$1 name=$2 prefix=$3 before after gigabits seconds gigabytes report
    before=$([ -z "${helper[$name]}" ] || cpu_ticks "${helper[$name]}")
    report=$($prefix timeout 8 iperf3 --client "$4" --port "$5" --time 1 --json "${@:6}" 2>/dev/null | read_report 2>/dev/null) || return 0
    read -r gigabits seconds gigabytes <<<"$report"
    after=$([ -z "${helper[$name]}" ] || cpu_ticks "${helper[$name]}")
    sample "$measure" "$name" "$gigabits"
    [ "$measure" != out-1 ] && [ "$measure" != download-1 ] && return
    sample "cpu-$measure" "$name" "$(awk -v ticks="$((${after:-0} - ${before:-0}))" -v hertz="$(getconf CLK_TCK)" \
        -v seconds="$seconds" -v gigabytes="$gigabytes" 'BEGIN { print (ticks / hertz + seconds) / gigabytes }')"
}

# take MEASURE CONTENDER COMMAND...: what the command prints
take() {
    local value
    value=$(timeout 8 "${@:3}" 2>/dev/null) || return 0
    sample "$1" "$2" "$value"
}

measure_out() {
    local name=$1
    take_throughput out-1 "$name" "${inside[$name]}" "${target[$name]}" $tcp_out
    take_throughput out-8 "$name" "${inside[$name]}" "${target[$name]}" $tcp_out --parallel 8
    take_throughput download-1 "$name" "${inside[$name]}" "${target[$name]}" $tcp_out --reverse
    [ "$name" = spliced ] || take_throughput udp "$name" "${inside[$name]}" "${target[$name]}" $tcp_out --udp --bitrate 0 --length 1400
    # Words of the prefix are meant to be split.
    # shellcheck disable=SC2086
    take connects "$name" ${inside[$name]} "$rate" connect "${target[$name]}" "${connect_port[$name]}" 8 1
    # shellcheck disable=SC2086
    take latency "$name" ${inside[$name]} "$rate" latency "${target[$name]}" $echo_out 1
}

# The services are started for this contender alone: all of them listen on the same ports of the host otherwise.
measure_in() {
    local name=$1 services=()
    # shellcheck disable=SC2086
    ${inside[$name]} iperf3 --server --port $tcp_in >/dev/null 2>&1 &
    services+=($!)
    # shellcheck disable=SC2086
    ${inside[$name]} "$rate" server 0.0.0.0 $echo_in </dev/zero >/dev/null 2>&1 &
    services+=($!)
    # shellcheck disable=SC2086
    if until_ready listens $tcp_in ${inside[$name]} && until_ready listens $echo_in ${inside[$name]}; then
        take_throughput published-1 "$name" env "${published[$name]}" $tcp_in
        take_throughput published-8 "$name" env "${published[$name]}" $tcp_in --parallel 8
        take published-connects "$name" "$rate" connect "${published[$name]}" $echo_in 8 1
    fi
    end "${services[@]}"
}

print_table() {
    python3 - "$samples" "$build/perf/network.json" "$@" <<'PYTHON'
import collections, json, os, statistics, sys

samples_path, json_path, names = sys.argv[1], sys.argv[2], sys.argv[3:]
titles = {
    "out-1": "TCP out, 1 stream, Gbit/s", "out-8": "TCP out, 8 streams, Gbit/s",
    "download-1": "TCP in, 1 stream, Gbit/s", "published-1": "published port, 1 stream, Gbit/s",
    "published-8": "published port, 8 streams, Gbit/s", "udp": "UDP out, 1400 bytes, Gbit/s",
    "connects": "connects a second, 8 clients", "published-connects": "the same, published port",
    "latency": "round trip, us", "cpu-out-1": "CPU seconds a GB, TCP out", "cpu-download-1": "CPU seconds a GB, TCP in",
}
samples = collections.defaultdict(dict)
for line in open(samples_path):
    measure, name, number, value = line.split()
    samples[measure, name][number] = float(value)

def shown(value):
    return "-" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.2f}"

def median(measure, name):
    values = samples.get((measure, name), {}).values()
    return statistics.median(values) if values else None

def ratio(measure, name):
    mine, base = samples.get((measure, name), {}), samples.get((measure, "slirp4netns"), {})
    pairs = [mine[n] / base[n] for n in mine if base.get(n)]
    return statistics.median(pairs) if pairs else None

print(f"{'':34}" + "".join(f"{name:>20}" for name in names))
table = {}
for measure, title in titles.items():
    cells = [(median(measure, name), ratio(measure, name)) for name in names]
    table[measure] = {name: {"median": cell[0], "to_slirp4netns": cell[1]} for name, cell in zip(names, cells)}
    print(f"{title:34}" + "".join(f"{shown(value) + (f' ({part:.2f})' if part else ''):>20}" for value, part in cells))
os.makedirs(os.path.dirname(json_path), exist_ok=True)
json.dump(table, open(json_path, "w"), indent=1)
PYTHON
}

# --- the run ---------------------------------------------------------------------------------------------------

host=$(outer_address)
[ -n "$host" ] || { echo 'this host has no address but its loopback: nothing is measured'; exit 0; }
: >"$samples"
iperf3 --server --port $tcp_out >/dev/null 2>&1 &
servers+=($!)
"$rate" server 0.0.0.0 $echo_out </dev/zero >/dev/null &
servers+=($!)
for port in "${connect_port[@]}"; do
    [ "$port" = $echo_out ] && continue
    "$rate" server 0.0.0.0 "$port" </dev/zero >/dev/null &
    servers+=($!)
done
until_ready listens $tcp_out env
until_ready listens $echo_out env

# Each contender is there from start to end of its turn only: all publish the same ports.
names=()
for name in direct slirp4netns pasta spliced sandbox; do
    program=${name/spliced/pasta}
    if [ "$name" != direct ] && [ "$name" != sandbox ] && ! command -v "$program" >/dev/null; then
        skipped[$name]="$program is not installed"
        continue
    fi
    names+=("$name")
done
for round in $(seq "$rounds"); do
    for name in "${names[@]}"; do
        if "start_$name" 2>"$work/$name.err"; then
            measure_out "$name"
            measure_in "$name"
        else
            skipped[$name]="does not start: $(tail -n 1 "$work/$name.err" "$work/$name.log" 2>/dev/null | tail -n 1)"
        fi
        end "${held[@]}"
        held=()
    done
done

printf 'Medians of %s rounds; in brackets the median ratio to slirp4netns in the same round. spliced: pasta -T and -t.\n' "$rounds"
print_table "${names[@]}"
for name in "${!skipped[@]}"; do echo "$name: ${skipped[$name]}"; done
