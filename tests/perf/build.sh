#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds in `sandbox build` beside bare ones and bwrap's. Called by run.sh.
set -euo pipefail

usage="usage: tests/perf/build.sh BUILD-DIR [make|starts|reads|copy-out]...

Tables on stdout, JSON in BUILD/perf. \$SANDBOX_PERF_RUNS: rounds (default 15).
\$SANDBOX_PERF_FILES: files of the C project (default 200); fifty times as many are copied out.
CPU time is user and system time of all processes; it means something on a busy machine as well, where wall time does
not."

[ $# -ge 1 ] || { echo "$usage" >&2; exit 2; }
build=$(cd "$1" && pwd)
shift
runs=${SANDBOX_PERF_RUNS:-15}
files=${SANDBOX_PERF_FILES:-200}
small_files=$((files * 50))
pairs=$build/bin/perf-pairs
sandbox=$build/bin/sandbox
results=$build/perf
work=$(mktemp -d "${TMPDIR:-/var/tmp}/sandbox-build.XXXXXX")
memory=$(mktemp -d /dev/shm/sandbox-build.XXXXXX)
export SANDBOX_ROOT=$work/store

clean_up() { unshare --user --map-auto --map-root-user -- rm -rf "$work" "$memory"; }
trap clean_up EXIT

title() { printf '\n%s\n' "$1"; }

# A program of many files, none of which takes long.
make_project() {
    local number
    mkdir -p "$work/project/src" "$work/project/notes"
    cd "$work/project"
    for ((number = 1; number <= files; ++number)); do
        cat >"src/part$number.c" <<EOF
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "parts.h"

static int compare(const void *left, const void *right) { return strcmp(*(char *const *)left, *(char *const *)right); }

int part$number(char **words, size_t count) {
    int sum = $number;
    qsort(words, count, sizeof *words, compare);
    for (size_t i = 0; i < count; i++) sum = sum * 31 + (int)strlen(words[i]);
    if (sum == 0) printf("part %d of %zu words\\n", $number, count);
    return sum;
}
EOF
        echo "int part$number(char **words, size_t count);" >>src/parts.h
        echo "    sum += part$number(argv, (size_t)argc);" >>body
        echo "notes on part $number" >"notes/part$number"
    done
    { echo '#include "parts.h"'; echo 'int main(int argc, char **argv) {'; echo '    int sum = 0;'; cat body
        echo '    return sum == 0;'; echo '}'; } >src/main.c
    sed -i '1i #include <stddef.h>' src/parts.h
    rm body
    cat >Makefile <<'EOF'
objects := $(patsubst src/%.c,out/%.o,$(wildcard src/*.c))
out/program: $(objects)
	cc -o $@ $^
out/%.o: src/%.c src/parts.h | out
	cc -O2 -c -o $@ $<
out:
	mkdir out
EOF
}

# contender NAME COMMAND...: NAME.sh, which begins without the objects of the last round
contender() {
    local name=$1
    shift
    printf 'cd %s && rm -rf out && mkdir out &&\nexec %s\n' "$work/project" "$*" >"$work/$name.sh"
}

measure_make() {
    title "make -j2 of a C project of $files files (cpu ratio to bare: at most 1.03)"
    contender bare make -j2
    contender build "$sandbox" build --output out -- make -j2
    "$pairs" --runs "$runs" --warmup 1 --json "$results/build-make.json" \
        'make' "sh $work/bare.sh" 'sandbox build -- make' "sh $work/build.sh"
}

# What `sandbox build` shows of the host, in bwrap's words.
bwrap_command() {
    local path words="bwrap --unshare-all --die-with-parent --clearenv --setenv PATH /usr/bin:/bin --setenv HOME /homeless"
    for path in /usr /etc /opt /var/lib /bin /sbin /lib*; do
        if [ -L "$path" ]; then
            words+=" --symlink $(readlink "$path") $path"
        elif [ -d "$path" ]; then
            words+=" --ro-bind $path $path"
        fi
    done
    echo "$words --tmpfs /tmp --tmpfs /run --proc /proc --dev /dev --hostname sandbox" \
        "--bind $work/project /build --chdir /build"
}

# starts NAME COMMAND...: NAME.sh, which compiles the files one by one, each under the command
starts() {
    local name=$1
    shift
    cat >"$work/$name.sh" <<EOF
cd $work/project && rm -rf out && mkdir out || exit
number=1
while [ \$number -le $files ]; do
    $* cc -O2 -c -o out/part\$number.o src/part\$number.c || exit
    number=\$((number + 1))
done
EOF
}

measure_starts() {
    title "$files compiles in a row, each under a start of its own (overhead: at most 1.5 times bwrap's)"
    starts bare
    starts bwrap "$(bwrap_command)"
    starts build "$sandbox" build --
    starts declared "$sandbox" build "--output out/part\$number.o" --
    "$pairs" --runs $((runs / 2 + 1)) --warmup 1 --overhead bwrap --json "$results/build-starts.json" \
        'cc' "sh $work/bare.sh" 'bwrap' "sh $work/bwrap.sh" 'sandbox build' "sh $work/build.sh" \
        'sandbox build --output FILE' "sh $work/declared.sh"
}

measure_reads() {
    title "What the same make costs when it is listened to (cpu ratio of --report: at most 1.10)"
    contender build "$sandbox" build --input Makefile --input src --output out -- make -j2
    contender report "$sandbox" build --report "$work/report.json" --input Makefile --input src --output out -- make -j2
    contender strict "$sandbox" build --strict --input Makefile --input src --output out -- make -j2
    "$pairs" --runs "$runs" --warmup 1 --json "$results/build-reads.json" \
        'sandbox build --input' "sh $work/build.sh" 'with --report' "sh $work/report.sh" \
        'with --strict' "sh $work/strict.sh"
}

median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

# after_command ARGUMENT...: milliseconds from the end of a build's command, which says when that was, to the end of the build
after_command() {
    local ended
    ended=$("$sandbox" build "$@")
    awk -v ended="$ended" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", (now - ended) * 1000 }'
}

milliseconds_of() {
    local begin=$EPOCHREALTIME
    "$@"
    awk -v begin="$begin" -v now="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", (now - begin) * 1000 }'
}

# The end of a build that made nothing is in each of the builds' times, and is told beside them.
measure_copy_out() {
    local round place
    title "Copy-out of $small_files files (ms from the command's end to the build's end; at most cp -a of the same tree)"
    cat >"$work/project/make-files.sh" <<EOF
mkdir -p tree/{0..99}
for ((number = 0; number < $small_files; ++number)); do echo "\$number" >"tree/\$((number % 100))/\$number"; done
echo "\$EPOCHREALTIME"
EOF
    # shellcheck disable=SC2016 # it is the script that is to say it
    echo 'echo $EPOCHREALTIME' >"$work/project/make-nothing.sh"
    for ((round = 0; round <= runs; ++round)); do
        cd "$work/project"
        rm -rf tree copy
        place=$work/samples.$([ $round -eq 0 ] && echo warmup || echo kept)
        after_command --output tree -- bash make-files.sh >>"$place.moved"
        [ "$(find tree -type f | wc -l)" -eq $small_files ]
        milliseconds_of cp -a tree copy >>"$place.cp"
        milliseconds_of cp -a tree/. copy >>"$place.cp-over"
        # The directories are there already, and so every file is put in place by itself.
        after_command --output tree -- bash make-files.sh >>"$place.replaced"
        after_command --root "$memory" --output tree -- bash make-files.sh >>"$place.copied"
        after_command -- bash make-nothing.sh >>"$place.nothing"
    done
    report_copy_out
}

report_copy_out() {
    local kept=$work/samples.kept cp name text=''
    printf '%-40s %9s %7s\n' '' 'median ms' 'ratio'
    for name in cp moved nothing cp-over replaced copied; do
        case $name in cp | cp-over) cp=$(median <"$kept.$name") ;; esac
        awk -v name="$name" -v cp="$cp" -v own="$(median <"$kept.$name")" 'BEGIN {
            says["cp"] = "cp -a"
            says["moved"] = "new directories"
            says["cp-over"] = "cp -a over an older tree"
            says["replaced"] = "every file over an older one"
            says["copied"] = "the same, from another file system"
            says["nothing"] = "a build that makes nothing"
            printf "%-40s %9.2f %7.2f\n", says[name], own, own / cp }'
        text+="${text:+,}{\"name\":\"$name\",\"runs\":$runs,\"median_ms\":\"$(median <"$kept.$name")\"}"
    done
    echo "[$text]" >"$results/build-copy-out.json"
}

mkdir -p "$results"
make_project
[ $# -gt 0 ] || set -- make starts reads copy-out
for part; do
    "measure_${part//-/_}"
done
