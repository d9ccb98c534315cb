"""Which room may use which, and where the third parties may be mentioned.

Reads the sources as text: it sees every include, also in branches that this build does not compile.
"""

import re
from dataclasses import dataclass

# The house, from the ground up. A room may include its own headers and those of the rooms named here.
MAY_USE = {
    "core": set(),
    "device": {"core"},
    "ops": {"core", "device"},
    "media": {"core", "device"},
    "infer": {"core", "device"},
    "pipeline": {"core", "device", "ops", "media", "infer"},
    "engine": {"core", "device", "ops", "media", "infer", "pipeline"},
    "app": {"core", "engine"},
}

# Headers of the public face, include/millrace/, belong to the engine.
PUBLIC = "millrace"

SOURCES = {".h", ".cc", ".cu", ".cuh"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(<[^>]+>|"[^"]+")', re.MULTILINE)
LIBAV = re.compile(r"lib(av\w+|sw\w+|postproc)/")
CUDA = re.compile(r"(cuda|nvcuvid|cuviddec|cupti|nvEncodeAPI|cub/|thrust/|cooperative_groups|ffnvcodec/)")
HIGHWAY = re.compile(r"hwy/")
ONNX = re.compile(r"onnx/|google/protobuf/")
ONNXRUNTIME = re.compile(r"(.*/)?onnxruntime_\w+\.h$")
# As the last argument it is handed on to a child process, unread.
GETENV = re.compile(r"\b(secure_)?getenv\s*\(|\b(set|put|unset)env\s*\(|\benviron\b(?!\);)")


@dataclass(frozen=True)
class Finding:
    file: str
    line: int
    rule: str

    def __str__(self):
        return f"{self.file}:{self.line}: {self.rule}"


def without_comments(text):
    """The text with comments and string literals blanked, line numbers kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def is_cuda_file(path):
    """Files that may include CUDA: kernels, cuda/ and nvidia/ folders but for their stubs, and *_cuda files."""
    if "stub" in path.parts:
        return False
    return path.suffix in {".cu", ".cuh"} or {"cuda", "nvidia"} & set(path.parts) or path.stem.endswith("_cuda")


def check_include(path, room, name, quoted):
    """The rule that including `name` from `path` (relative to src/ or include/) breaks, or None."""
    target = name.split("/")[0]
    if HIGHWAY.match(name):  # its own documentation quotes its headers
        return None if room == "ops" else f"Highway belongs to ops ({name})"
    if quoted or target in MAY_USE or target == PUBLIC:
        if "/" not in name or target not in MAY_USE.keys() | {PUBLIC}:
            return f'"{name}": our headers are included by room, as in "core/error.h"'
        owner = "engine" if target == PUBLIC else target
        if owner != room and owner not in MAY_USE[room]:
            return f"{room} must not use {owner} ({name})"
        return None
    if LIBAV.match(name) and path.parts[:2] != ("media", "ffmpeg"):
        return f"FFmpeg belongs to media/ffmpeg ({name})"
    if CUDA.match(name) and not is_cuda_file(path):
        return f"CUDA belongs to cuda/ and nvidia/ folders and .cu files ({name})"
    if ONNXRUNTIME.match(name) and path.parts[:2] != ("infer", "onnxruntime"):
        return f"ONNX Runtime belongs to infer/onnxruntime ({name})"
    if ONNX.match(name) and path.parts[:2] != ("infer", "graph"):
        return f"ONNX's classes belong to infer/graph ({name})"
    return None


def check_file(file, path, room):
    text = file.read_text(encoding="utf-8")
    blank = without_comments(text)
    findings = []
    for match in INCLUDE.finditer(text):
        if not blank[match.start() : match.end()].strip().startswith("#"):
            continue  # inside a comment
        spelled = match.group(1)
        rule = check_include(path, room, spelled[1:-1], spelled.startswith('"'))
        if rule:
            findings.append((text.count("\n", 0, match.start(1)) + 1, rule))
    if room != "app":
        for match in GETENV.finditer(blank):
            findings.append((text.count("\n", 0, match.start()) + 1, "only app reads the environment"))
    return findings


def files_of(repository):
    """Every source file with its path below src/ (or include/) and its room."""
    for top in ("src", "include"):
        for file in sorted((repository / top).rglob("*")):
            path = file.relative_to(repository / top)
            if file.suffix in SOURCES and file.is_file():
                yield file, path, path.parts[0] if top == "src" else "engine"


def check_sources(repository):
    findings = []
    for file, path, room in files_of(repository):
        name = str(file.relative_to(repository))
        if room not in MAY_USE:
            findings.append(Finding(name, 1, f"{room} is no room; add it to tests/structure/rooms.py"))
            continue
        findings += [Finding(name, line, rule) for line, rule in check_file(file, path, room)]
    return findings


def links(repository):
    """The rooms that each room's CMakeLists.txt links, as {room: set of rooms}."""
    found = {}
    for listing in sorted((repository / "src").glob("*/CMakeLists.txt")):
        call = re.search(r"millrace_room\(\s*(\w+)([^)]*)\)", listing.read_text(encoding="utf-8"))
        if call:
            uses = re.search(r"\bUSES\b((?:\s+(?!WITH\b)\w+)*)", call.group(2))
            found[call.group(1)] = set(uses.group(1).split()) if uses else set()
    return found
