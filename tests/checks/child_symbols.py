#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds what the child's objects need from outside against child_symbols.txt, and so for each object of linux/ that
they use: child_symbols.py CHILD-LIBRARY LINUX-LIBRARY"""
import pathlib
import re
import subprocess
import sys


def read_objects(library):
    """Object name -> (symbols it defines, symbols it needs), mangled."""
    objects, name = {}, None
    output = subprocess.run(["nm", "--format=posix", library], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        if line.endswith(":"):
            name = re.sub(r"^.*\[(.*)\]:$|^(.*):$", lambda match: match[1] or match[2], line)
            objects[name] = (set(), set())
        elif line.strip():
            symbol, kind = line.split()[:2]
            objects[name][1 if kind in "Uw" else 0].add(symbol)
    return objects


def read_allowed():
    lines = pathlib.Path(__file__).with_suffix(".txt").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def plain_name(symbol):
    """__snprintf_chk and __isoc23_strtol are snprintf and strtol."""
    fortified = re.fullmatch(r"__(\w+)_chk|__isoc23_(\w+)", symbol)
    return fortified[1] or fortified[2] if fortified else symbol


def readable(symbol):
    return subprocess.run(["c++filt", symbol], capture_output=True, text=True).stdout.strip() or symbol


def main():
    child, linux = read_objects(sys.argv[1]), read_objects(sys.argv[2])
    allowed = read_allowed()
    homes = {symbol: name for name, (defined, _) in {**linux, **child}.items() for symbol in defined}
    waiting, seen, problems = list(child), set(child), []
    while waiting:
        name = waiting.pop()
        for symbol in sorted((child.get(name) or linux[name])[1]):
            home = homes.get(symbol)
            if home is None:
                if plain_name(symbol) not in allowed:
                    problems.append(f"{name}: needs {readable(symbol)}, which is not in child_symbols.txt")
            elif home not in seen:
                seen.add(home)
                waiting.append(home)
    used = sorted(seen - set(child))
    print(f"child: {len(child)} objects; of linux/: {', '.join(used) or 'none'}")
    print(*problems, sep="\n", end="\n" if problems else "")
    if not child or not linux:
        sys.exit("no objects read")
    sys.exit(1 if problems else 0)


main()
