#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds every #include and a few calls against the arrows that sandbox_room() lines declare: arrows.py SOURCE-DIR."""
import pathlib
import re
import sys

ROOM = re.compile(r"sandbox_room\(\s*(\w+)(.*?)\)", re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+([<"])([^>"]+)[>"]', re.MULTILINE)
NOT_CODE = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)

# What no closure of the declared arrows says: who may include which single header beyond them, and why.
EXTRA = {"child": {"plan/plan.hpp"}}  # the flat struct that crosses clone

# After clone there is no allocation, exception or other room's code.
CHILD_FORBIDDEN = re.compile(
    r"^(string|string_view|iostream|ostream|istream|fstream|sstream|vector|memory|functional|map|unordered_map|set|"
    r"list|deque|optional|variant|any|stdexcept|exception|new|thread|mutex|future|filesystem|regex|format|boost/.*)$"
)
# Writing JSON is a printer in base; the rest belongs to helpers.
SANDBOX_FORBIDDEN = re.compile(r"^(archive|archive_entry|libslirp|glib|openssl/.*|slirp/.*|nlohmann/.*|thread|pthread)(\.h)?$")
HELPER_ROOMS = {"unpack", "net", "aid"}

PRINTS = re.compile(r"std::c(?:err|log)\b|\bfprintf\s*\(\s*stderr|\bperror\s*\(|\bwarnx?\s*\(|\bwrite(?:_all)?\s*\(\s*STDERR_FILENO")
EXITS = re.compile(r"(?<![\w.>])(?:std::|::)?(?:exit|quick_exit|abort|_Exit)\s*\(")
MAY_PRINT = {"main.cpp", "base/log.cpp", "image/progress.cpp"}


def read_rooms(source):
    rooms = {}
    for file in sorted(source.glob("*/CMakeLists.txt")):
        for name, arguments in ROOM.findall(file.read_text()):
            words, keyword = {"MAY_INCLUDE": []}, None
            for word in arguments.split():
                if word in ("SOURCES", "MAY_INCLUDE", "LINK"):
                    keyword = word
                elif keyword == "MAY_INCLUDE":
                    words[keyword].append(word)
            if name != file.parent.name:
                yield_problem(file, f"declares room {name} in the folder {file.parent.name}")
            rooms[name] = words["MAY_INCLUDE"]
    return rooms


problems = []


def yield_problem(where, text):
    problems.append(f"{where}: {text}")


def closure(rooms, name):
    reached, waiting = {name}, [name]
    while waiting:
        for room in rooms.get(waiting.pop(), []):
            if room not in reached:
                reached.add(room)
                waiting.append(room)
    return reached


def check_cycles(rooms):
    for name, targets in rooms.items():
        for room in targets:
            if room not in rooms:
                yield_problem(name, f"may include {room}, which is no room")
            elif name in closure(rooms, room):
                yield_problem(name, f"may include {room}, and the other way round: a cycle")
    if rooms.get("base"):
        yield_problem("base", "may include no sibling")


def check_include(name, room, allowed, bracket, target, source):
    if target.endswith(".cpp"):
        yield_problem(name, f"includes a source file: {target}")
    if target.startswith("boost/program_options") and room != "cli":
        yield_problem(name, f"{target} is for cli alone")
    if room == "child" and bracket == "<" and CHILD_FORBIDDEN.match(target):
        yield_problem(name, f"<{target}> allocates or throws: not after clone")
    if room not in HELPER_ROOMS and bracket == "<" and SANDBOX_FORBIDDEN.match(target):
        yield_problem(name, f"<{target}> must not become part of sandbox")
    if bracket != '"':
        return
    if not (source / target).is_file():
        yield_problem(name, f'"{target}" is not a path from src/')
        return
    owner = target.split("/")[0] if "/" in target else None
    if name == "plan/plan.hpp":
        yield_problem(name, f'includes "{target}": the flat struct includes nothing of the project')
    if room is None or target in EXTRA.get(room, ()):
        return
    if owner is None:
        yield_problem(name, f'"{target}" is main\'s own')
    elif owner not in allowed:
        yield_problem(name, f'"{target}": no arrow leads from {room} to {owner}')


def check_calls(name, code):
    is_main = name.endswith("main.cpp")
    if PRINTS.search(code) and name not in MAY_PRINT and not is_main:
        yield_problem(name, "prints on stderr: only main, base/log and image/progress do")
    if EXITS.search(code) and not is_main:
        yield_problem(name, "ends the process: only main does (a forked child uses _exit)")


def main():
    source = pathlib.Path(sys.argv[1]) / "src"
    rooms = read_rooms(source)
    if not rooms:
        sys.exit("no sandbox_room() found: this check reads nothing")
    check_cycles(rooms)
    files = sorted(path for path in source.rglob("*") if path.suffix in (".cpp", ".hpp", ".h"))
    for path in files:
        name = path.relative_to(source).as_posix()
        room = name.split("/")[0] if "/" in name else None
        if room is not None and room not in rooms:
            yield_problem(name, f"lies in {room}, which declares no room")
            continue
        text = path.read_text()
        for bracket, target in INCLUDE.findall(text):
            check_include(name, room, closure(rooms, room) if room else set(), bracket, target, source)
        check_calls(name, NOT_CODE.sub("", text))
    print(*problems, f"{len(rooms)} rooms, {len(files)} files, {len(problems)} problems", sep="\n")
    sys.exit(1 if problems else 0)


main()
