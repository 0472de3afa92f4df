#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `sandbox build` as a wrapper of compilers, of make's shell, in ninja and in CMake: build_wrappers.sh SANDBOX
# $SANDBOX_TEST_SOURCE: a directory of a project with a plain Makefile, as apt-get source unpacks one, that is built too.
set -uo pipefail

sandbox=$1
files=36
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
scratch=$(mktemp -d "${TMPDIR:-$HOME}/build-wrappers.XXXXXX")
export SANDBOX_ROOT=$scratch/store
trap 'rm -rf "$scratch"' EXIT

has() { command -v "$1" >/dev/null; }

skip() {
    echo "skipped: $1"
    exit 77
}

# A project of files whose sum the program tells: it is wrong where one is missing or of another project.
make_project() {
    local project=$1 seed=$2 number
    mkdir -p "$project/src" "$project/include"
    cd "$project" || return
    expected=0
    echo '#include "parts.h"' >src/main.c
    printf '#include <stdio.h>\nint main(void) {\n    int sum = 0;\n' >>src/main.c
    for ((number = 1; number <= files; ++number)); do
        printf '#include "parts.h"\nint part%d(void) { return %d; }\n' $number $((number * seed)) >src/part$number.c
        echo "int part$number(void);" >>include/parts.h
        echo "    sum += part$number();" >>src/main.c
        expected=$((expected + number * seed))
    done
    printf '    printf("%%d\\n", sum);\n    return 0;\n}\n' >>src/main.c
    write_makefile
    write_ninja
    write_cmake
}

write_makefile() {
    cat >Makefile <<'EOF'
CC = cc
objects := $(patsubst src/%.c,out/%.o,$(sort $(wildcard src/*.c)))
out/program: $(objects)
	$(CC) -o $@ $^
out/%.o: src/%.c include/parts.h | out
	$(CC) -Iinclude -O1 -c -o $@ $<
out:
	mkdir -p out
EOF
}

write_ninja() {
    local source objects=
    {
        # shellcheck disable=SC2016 # ninja's own
        printf 'rule cc\n  command = %s build -C . -- cc -Iinclude -c -o $out $in\n' "$sandbox"
        # shellcheck disable=SC2016 # as above
        printf 'rule link\n  command = %s build -C . -- cc -o $out $in\n' "$sandbox"
        for source in src/*.c; do
            source=${source#src/}
            echo "build out/${source%.c}.o: cc src/$source"
            objects+=" out/${source%.c}.o"
        done
        echo "build out/program: link$objects"
    } >build.ninja
}

write_cmake() {
    cat >CMakeLists.txt <<'EOF'
cmake_minimum_required(VERSION 3.16)
project(parts C)
file(GLOB sources CONFIGURE_DEPENDS src/*.c)
add_executable(program ${sources})
target_include_directories(program PRIVATE include)
EOF
}

# The program is right, and nothing but what the build makes has come into the tree.
is_right() {
    local program=$1
    [ "$("$program")" = "$expected" ] || { echo "$program: $("$program"), not $expected"; return 1; }
    [ -z "$(find . -name '.*.sandbox-*')" ] || { find . -name '.*.sandbox-*'; return 1; }
}

# Each compile in a sandbox of its own, two at a time; all of them have the same workspace.
with_compiler() {
    make_project "$scratch/compiler" 1 &&
        make -j2 CC="$sandbox build -C $PWD -- cc" && is_right out/program &&
        [ "$(find out -name '*.o' | wc -l)" -eq $((files + 1)) ]
}

# Nothing of the host but what a build is given: the wrapped compiler sees no file beside the workspace.
with_compiler_that_is_confined() {
    make_project "$scratch/confined" 2 || return
    echo "#include \"$scratch/secret.h\"" >>src/part1.c
    : >"$scratch/secret.h"
    make -j2 CC=cc out/part1.o && rm -rf out || return
    ! make CC="$sandbox build -C $PWD -- cc" out/part1.o
}

with_shell_of_make() {
    make_project "$scratch/shell" 3 || return
    printf '#!/bin/sh\nexec %s build -C %s -- sh "$@"\n' "$sandbox" "$PWD" >"$scratch/build-sh"
    chmod +x "$scratch/build-sh"
    make -j2 SHELL="$scratch/build-sh" && is_right out/program
}

with_ninja() {
    make_project "$scratch/ninja" 4 && ninja -j2 && is_right out/program
}

# CMake names files by absolute paths: the workspace is seen where it is.
with_cmake() {
    local generator=$1
    make_project "$scratch/cmake-$2" 5 &&
        cmake -S . -B out -G "$generator" \
            -DCMAKE_C_COMPILER_LAUNCHER="$sandbox;build;-C;$PWD;--build-path;$PWD;--" &&
        grep -rqF -e "--build-path" out/CMakeFiles &&
        cmake --build out -j2 && is_right out/program
}

# One declared output a compile: what other compiles make at the same time is not touched. The directory of
# the objects is no input, and so the build has to make it.
with_declared_outputs() {
    make_project "$scratch/declared" 6 || return
    # shellcheck disable=SC2016 # make's own
    sed -i 's/^\t$(CC) -I/\t$(WRAP) --output $@ -- $(CC) -I/' Makefile
    make -j4 WRAP="$sandbox build --strict -C $PWD --input src --input include" && is_right out/program
}

# Two whole builds in one workspace at once, each with a directory of its own, do not disturb each other.
two_builds_at_once() {
    local first second
    make_project "$scratch/two" 7 || return
    sed -e 's,out/,second/,g' -e 's,| out$,| second,' -e 's,^out:,second:,' -e 's,mkdir -p out,mkdir -p second,' Makefile >Makefile.second
    "$sandbox" build --output out -- make -j2 &
    first=$!
    "$sandbox" build --output second -- make -j2 -f Makefile.second &
    second=$!
    wait $first && wait $second && is_right out/program && is_right second/program
}

# A real project's own build, whole and with the compiler wrapped, makes the same programs.
with_given_source() {
    cp -a "$SANDBOX_TEST_SOURCE" "$scratch/given" && cp -a "$scratch/given" "$scratch/wrapped" && cd "$scratch/given" || return
    [ ! -x configure ] || "$sandbox" build -- ./configure || return
    "$sandbox" build -- make -j2 || return
    cd "$scratch/wrapped" || return
    [ ! -x configure ] || ./configure CC="$sandbox build -C $PWD --build-path $PWD -- cc" || return
    make -j2 CC="$sandbox build -C $PWD --build-path $PWD -- cc" || return
    cd "$scratch/given" || return
    [ -n "$(find . -type f -newer "$SANDBOX_TEST_SOURCE" -name '*.o')" ] &&
        diff <(find . -type f -perm -100 | sort) <(cd ../wrapped && find . -type f -perm -100 | sort)
}

[ "$(id -u)" -ne 0 ] || skip "builds are a plain user's"
has cc || skip "no C compiler"
has make || skip "no make"
check "make with a wrapped compiler" with_compiler
check "a wrapped compiler sees the workspace alone" with_compiler_that_is_confined
check "make with a wrapped shell" with_shell_of_make
check "make with inputs and outputs declared a compile" with_declared_outputs
check "two builds in one workspace at once" two_builds_at_once
if has ninja; then check "ninja" with_ninja; else skip_check "ninja" "not installed"; fi
if has cmake; then
    check "CMake with a launcher, make" with_cmake "Unix Makefiles" make
    if has ninja; then check "CMake with a launcher, ninja" with_cmake Ninja ninja; else skip_check "CMake with a launcher, ninja" "no ninja"; fi
else
    skip_check "CMake with a launcher" "not installed"
fi
if [ -n "${SANDBOX_TEST_SOURCE-}" ]; then
    check "a project that was given" with_given_source
else
    skip_check "a project that was given" "no \$SANDBOX_TEST_SOURCE"
fi
end_of_checks
