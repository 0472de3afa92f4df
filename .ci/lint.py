#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy on each unit of a build made by ninja and clang, but on none that passed before as it is now.

usage: .ci/lint.py BUILD-DIR REGEX

REGEX picks units by their paths. A unit's key is a hash of its bytes, those of every header that ninja saw it read,
its command line, .clang-tidy and clang-tidy's version; only that it passed is kept, in $XDG_CACHE_HOME/sandbox-lint.
"""
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

KEPT_DAYS = 30


@functools.cache
def hash_of(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def dependencies(build):
    """{object: [file it was made of, ...]} by ninja's own record. https://ninja-build.org/manual.html, -t deps"""
    found, current = {}, None
    text = subprocess.run(["ninja", "-C", build, "-t", "deps"], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        if match := re.match(r"(\S+): #deps \d+, .*\(VALID\)", line):
            current = found.setdefault(match[1], [])
        elif line.startswith("    ") and current is not None:
            current.append(os.path.join(build, line.strip()))
        else:
            current = None
    return found


class Linter:
    def __init__(self, build, source):
        self.build = build
        self.source = source
        self.made_of = dependencies(build)
        version = subprocess.run(["clang-tidy", "--version"], check=True, capture_output=True, text=True).stdout
        self.rules = version + (source / ".clang-tidy").read_text()
        home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self.passed = pathlib.Path(home, "sandbox-lint")
        self.passed.mkdir(parents=True, exist_ok=True)

    def key(self, unit):
        """None where ninja has no valid record of what the unit was made of: then nothing is known of it."""
        files = self.made_of.get(unit["output"])
        if not files:
            return None
        # Where the checkout lies says nothing of what is in it, nor may it decide the order.
        parts = [self.rules, unit["command"].replace(str(self.source), ".")]
        parts += sorted(
            f"{file.replace(str(self.source), '.')} {hash_of(file)}" for file in map(os.path.normpath, files)
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def passes(self, unit):
        """(whether it passes, whether that was known, what clang-tidy said)"""
        key = self.key(unit)
        if key and (self.passed / key).exists():
            os.utime(self.passed / key)
            return True, True, ""
        run = subprocess.run(["clang-tidy", "--quiet", "-p", self.build, unit["file"]], capture_output=True, text=True)
        if key and run.returncode == 0:
            (self.passed / key).touch()
        # stderr counts the warnings that were suppressed, and holds the error where it does not start at all.
        return run.returncode == 0, False, run.stdout + (run.stderr if run.returncode and not run.stdout else "")

    def forget_old(self):
        oldest = time.time() - KEPT_DAYS * 86400
        for mark in self.passed.iterdir():
            if mark.stat().st_mtime < oldest:
                mark.unlink()


def units(build, regex):
    for unit in json.loads(pathlib.Path(build, "compile_commands.json").read_text()):
        if re.search(regex, unit["file"]):
            words = shlex.split(unit["command"])
            unit["output"] = words[words.index("-o") + 1]
            yield unit


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, regex = os.path.abspath(sys.argv[1]), sys.argv[2]
    linter = Linter(build, pathlib.Path(__file__).resolve().parent.parent)
    chosen = list(units(build, regex))
    failed = known = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for passed, was_known, said in pool.map(linter.passes, chosen):
            failed += not passed
            known += was_known
            if not passed:
                print(said, flush=True)
    linter.forget_old()
    print(f"{len(chosen)} units, {known} known to pass, {failed} with problems")
    return 0 if chosen and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
