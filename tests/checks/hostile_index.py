#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the index of attacks against the tests that it names: hostile_index.py SOURCE-DIR

Every test in tests/hostile/README.md must exist, and every test of tests/hostile must be in it. A name is written
`Suite.Name`, or `Suite.Begin*`; a script by its file's name. Every row has a test, or says why it needs none."""
import pathlib
import re
import sys

DECLARATION = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)
NAME = re.compile(r"`([A-Za-z]\w*\.[A-Za-z_]\w*\*?|[A-Za-z]\w*\.\*)`")
FILE = re.compile(r"`(\w+\.(?:sh|cpp|py))`")
REASON = re.compile(r"\b(?:cannot|not|no)\b")


def tests_below(directory):
    found = {}
    for path in directory.rglob("*.cpp"):
        for suite, name in DECLARATION.findall(path.read_text()):
            found[f"{suite}.{name}"] = path
    return found


def rows_of(index):
    """(line number, attack, what covers it)"""
    for number, line in enumerate(index.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 2 and not set(cells[0]) <= set("- ") and cells[1] != "test":
            yield number, cells[0], cells[1]


def main():
    tests = pathlib.Path(sys.argv[1]) / "tests"
    index = (tests / "hostile" / "README.md").read_text()
    declared = tests_below(tests)
    files = {path.name for path in tests.rglob("*") if path.is_file()}
    problems, covered, rows = [], set(), 0
    for number, attack, cover in rows_of(index):
        rows += 1
        names = [name for name in NAME.findall(cover) if not FILE.fullmatch(f"`{name}`")]
        scripts = FILE.findall(cover)
        if not names and not scripts and not REASON.search(cover):
            problems.append(f"README.md:{number}: {attack}: neither a test nor a reason")
        problems += [f"README.md:{number}: no file is called {name}" for name in scripts if name not in files]
        for name in names:
            found = [test for test in declared if test == name or (name[-1] == "*" and test.startswith(name[:-1]))]
            covered.update(found)
            if not found:
                problems.append(f"README.md:{number}: there is no test {name}")
    missing = sorted(test for test, path in declared.items() if path.parent.name == "hostile" and test not in covered)
    problems += [f"README.md names no row for {test}" for test in missing]
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{rows} rows, {len(covered)} tests, {len(problems)} problems")
    sys.exit(1 if problems or not rows else 0)


main()
