#!/usr/bin/env python3
"""Folders depend downwards only, and no folder includes another's private headers.

    include_order.py ROOT

Reads every #include "..." under include/, src/, preprocess/, tests/ and bench/. Fails, naming file and line, where a
folder of the library includes one that stands above it in ORDER, or where a header that lies in src/ or preprocess/ is
included from another folder. `--self-test` shows that both are found.
"""
import re
import sys
import tempfile
from pathlib import Path

# From the ground up: a folder may include its own headers and those of the folders before it.
ORDER = ["core", "random", "sampling", "data", "ops", "comm", "nn", "config", "evaluate", "checkpoint", "report", "train",
         "serve", "program"]
# Folders of one height: none includes the other.
APART = [("train", "serve"), ("data", "ops"), ("nn", "comm")]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
SOURCES = {".cpp", ".hpp", ".cu", ".cuh"}


def room(path, root):
    """The folder of the library that a file belongs to, or None."""
    parts = path.relative_to(root).parts
    if parts[:2] == ("include", "neumf"):
        return parts[2]
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    return None


def may_include(user, used):
    if user == used:
        return True
    if (user, used) in APART or (used, user) in APART:
        return False
    return ORDER.index(used) < ORDER.index(user)


def faults_of(path, root):
    text = path.read_text()
    own = room(path, root)
    for match in INCLUDE.finditer(text):
        name = match.group(1)
        where = f"{path.relative_to(root)}:{text.count(chr(10), 0, match.start(1)) + 1}"
        if name.startswith("neumf/"):
            if not (root / "include" / name).exists():
                yield f"{where}: {name} does not exist"
            elif own and not may_include(own, Path(name).parts[1]):
                yield f"{where}: {own} may not include {name}"
        elif (path.parent / name).exists():
            used = (path.parent / name).resolve()
            private = [folder for folder in ("src", "preprocess") if used.is_relative_to(root / folder)]
            if private and own and room(used, root) != own:
                yield f"{where}: {name} is private to {room(used, root)}"


def faults(root):
    root = root.resolve()
    for folder in ("include", "src", "preprocess", "tests", "bench"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SOURCES:
                yield from faults_of(path, root)


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        files = {"include/neumf/core/error.hpp": "", "include/neumf/train/trainer.hpp": "",
                 "src/ops/cpu/private.hpp": "",
                 "src/core/upwards.cpp": '#include "neumf/train/trainer.hpp"\n',
                 "src/comm/stranger.cpp": '#include "../ops/cpu/private.hpp"\n',
                 "src/ops/cpu/right.cpp": '#include "neumf/core/error.hpp"\n#include "private.hpp"\n',
                 "src/train/missing.cpp": '#include "neumf/core/no.hpp"\n'}
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        found = list(faults(root))
        assert [line.split(":")[0] for line in found] == ["src/comm/stranger.cpp", "src/core/upwards.cpp",
                                                         "src/train/missing.cpp"], found


if __name__ == "__main__":
    self_test()
    found = list(faults(Path(sys.argv[1])))
    print("\n".join(found) if found else "every include goes downwards")
    sys.exit(bool(found))
