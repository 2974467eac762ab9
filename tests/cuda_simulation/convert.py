"""Rewrites a CUDA source for an ordinary C++ compiler that sees language.hpp first: convert.py SOURCE OUTPUT

    kernel<<<grid, block, bytes, stream>>>(arguments)   becomes a call of launch(), which copies the arguments
    extern __shared__ T name[];                         becomes a pointer to the simulated shared memory
    __shared__ T name;                                  becomes a reference into it
    #ifdef __CUDACC__, __CUDA_ARCH__ >= N               become true

Lines keep their numbers, and #line names the source, so that compilers and debuggers show the original.
"""

import re
import sys
from pathlib import Path

SHARED = re.compile(r"(?<!extern )__shared__ ([\w:]+(?: \w+)*) (\w+)((?:\[[^\]]*\])*);")
# What the source itself calls a kernel that it launches through a pointer.
CHECK = re.compile(r'check_launch\("(\w+)"\)')
# A kernel's name with template arguments (which may have some of their own), and the configuration.
LAUNCH = re.compile(r"([\w:]+(?:<(?:[^<>;]|<[^<>;]*>)*>)?)(\s*)<<<(.*?)>>>(?=\()", re.DOTALL)


def closing(text: str, opening: int) -> int:
    """Where the bracket that opens at `opening` closes."""
    depth = 0
    for i in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    raise ValueError("a kernel's arguments are not closed")


def convert_launches(text: str) -> str:
    out = []
    position = 0
    while match := LAUNCH.search(text, position):
        end = closing(text, match.end()) + 1
        kernel, space, configuration = match.groups()
        arguments = text[match.end() + 1 : end - 1]
        name = re.sub(r"<.*", "", kernel, flags=re.DOTALL).split("::")[-1]
        if name == "kernel" and (check := CHECK.search(text, end)):
            name = check.group(1)
        out.append(text[position : match.start()])
        call = f"[=](const auto&... passed) {{ {kernel}(passed...); }}"
        separator = ", " if arguments.strip() else ""
        out.append(f'::neumf::simulation::launch("{name}", {configuration},{space} {call}{separator}{arguments})')
        position = end
    out.append(text[position:])
    converted = "".join(out)
    if "<<<" in converted:
        raise ValueError("a kernel launch is written in a way that convert.py does not know")
    return converted


def convert(text: str) -> str:
    text = convert_launches(text)
    text = re.sub(
        r"extern __shared__ ([\w:]+) (\w+)\[\];",
        r"auto* \2 = static_cast<\1*>(::neumf::simulation::dynamic_shared_memory());",
        text,
    )
    text = SHARED.sub(
        r"static const char \2_tag = 0; using \2_type = \1\3; auto& \2 = "
        r"*static_cast<\2_type*>(::neumf::simulation::shared_variable(&\2_tag, sizeof(\2_type)));",
        text,
    )
    text = text.replace("#ifdef __CUDACC__", "#if 1")
    return re.sub(r"__CUDA_ARCH__ >= \d+", "1", text)


def main() -> None:
    source, output = map(Path, sys.argv[1:])
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        output.write_text(f'#line 1 "{source.resolve()}"\n{convert(source.read_text())}')
    except ValueError as error:
        sys.exit(f"{source}: {error}")


if __name__ == "__main__":
    main()
