"""`python3 -m apigen parity`: compares api/ with NVIDIA's own headers where there are any, by compiling checks.

Sizes, alignments, offsets and enum values are static_asserts on our generated header (in a namespace) beside the real one; prototypes
are compared through decltype; constants at run time. Without a header it says so and succeeds.
"""
from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from .emit_abi import header
from .import_header import preprocess
from .model import Api, Callback, Const, Enum, Handle, Scalar, write_if_changed
from .tokens import Token, matching, split

TOKEN = re.compile(r"[A-Za-z_]\w*|\d+|\S")
LIBRARIES = {  # header, macro that tells its version, what to define and include
    "cuda": ("cuda.h", "CUDA_VERSION", "#define __CUDA_API_VERSION_INTERNAL\n#include <cuda.h>\n"),
    "nvml": ("nvml.h", "NVML_API_VERSION", "#define NVML_NO_UNVERSIONED_FUNC_DEFS\n#include <nvml.h>\n"),
}
GRAPHICS = {  # headers that need another package's headers
    "cudaGL.h": ("GL/gl.h", re.compile(r"^cu(Graphics)?GL|^CUGL|^GL")),
    "cudaEGL.h": ("EGL/eglext.h", re.compile(r"^cuEGL|^cuGraphicsEGL|EglFrame|^CUegl|^EGL")),
    "cudaVDPAU.h": ("vdpau/vdpau.h", re.compile(r"^cu(Graphics)?VDPAU|^Vdp")),
    "cudaProfiler.h": ("cudaProfiler.h", re.compile(r"^cuProfiler|^CUoutput_mode$")),
}


def members(body: str, prefix="") -> list:
    """Paths of all members of a struct body that offsetof can take."""
    body = re.sub(r"__attribute__\(\(.*?\)\)\)?", "", body)
    tokens = [Token(m.group(), 0) for m in TOKEN.finditer(body)]
    found = []
    for part in split(tokens, ";"):
        if "{" in part:
            open_at = part.index("{")
            close_at = matching(part, open_at)
            inner, names = " ".join(part[open_at + 1:close_at]), part[close_at + 1:]
            if names and ":" not in names:
                found.append(prefix + names[0])
            found += members(inner, prefix + (names[0] + "." if names and "[" not in names else "")) if "[" not in names else []
        elif part and ":" not in part and "(" not in part:
            for piece in split(part, ","):
                piece = piece[:piece.index("[")] if "[" in piece else piece
                found.append(prefix + piece[-1])
    return found


def type_checks(item) -> list:
    n = item.name
    if isinstance(item, Handle):
        return [f"sizeof(::{n}) == 8 && std::is_pointer_v<::{n}>"]
    if isinstance(item, Scalar):
        return [f"std::is_same_v<::{n}, ours::{n}>"]
    if isinstance(item, Callback):
        return [f"std::is_same_v<::{n}, {item.ret} (*)({item.params})>"]
    if item.alias_of:
        return [f"std::is_same_v<::{n}, ::{item.alias_of}>"]
    if isinstance(item, Enum):
        return [f"sizeof(::{n}) == sizeof(ours::{n})"] + [f"(long long)::{v} == (long long)ours::{v}" for v, _, _ in item.values]
    checks = [f"sizeof(::{n}) == sizeof(ours::{n}) && alignof(::{n}) == alignof(ours::{n})"]
    for m in members(item.body):
        checks.append(f"offsetof(::{n}, {m}) == offsetof(ours::{n}, {m}) && sizeof(((::{n} *)0)->{m}) == sizeof(((ours::{n} *)0)->{m})")
    return checks


def prototype_check(call, name) -> str:
    types = ", ".join("void *" if p.address else p.ctype for p in call.params)
    return f"std::is_same_v<decltype(&::{name}), {call.ret} (*)({types})>"


def source(api: Api, which: str, folder: Path) -> tuple:
    """(C++ text, number of checks, names that the header lacks)"""
    text = preprocess(folder / LIBRARIES[which][0])
    extra, absent = "", []
    if which == "cuda":
        for name, (needs, pattern) in GRAPHICS.items():
            there = (folder / name).exists() and (Path("/usr/include") / needs).exists() or (folder / needs).exists()
            if there:
                extra += f"#include <{name}>\n"
                text += preprocess(folder / name)
            else:
                absent.append(pattern)
    skip = lambda name: any(p.search(name) for p in absent)  # noqa: E731
    checks, lacking = [], []
    for item in api.types:
        if item.api == which and not isinstance(item, Const) and not skip(item.name):
            if re.search(rf"\b{item.name}\b", text):
                checks += type_checks(item)
            else:
                lacking.append(item.name)
    for call in api.calls_of(which):
        for name, _ in call.variants():
            if re.search(rf"\b{name}\s*\(", text) and not skip(name):
                checks.append(prototype_check(call, name))
            else:
                lacking.append(name)
    consts = [c for c in api.types if c.api == which and isinstance(c, Const) and not c.value.startswith('"')]
    out = "#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <type_traits>\n#define TF_ABI_TYPES_ONLY\n" \
          f'namespace ours {{\n#include "{which}_abi.h"\n}}\n{LIBRARIES[which][2]}{extra}'
    out += "".join(f'static_assert({c}, "{c}");\n'.replace('"' + c + '"', '"' + c.replace('"', "'") + '"') for c in checks)
    out += "static int wrong = 0;\nstatic void same(const char *name, unsigned long long real, unsigned long long ours) {\n" \
           "  if (real != ours) { printf(\"%s: %llu, not %llu\\n\", name, real, ours); wrong++; }\n}\nint main() {\n"
    out += "".join(f'#ifdef {c.name}\n  same("{c.name}", (unsigned long long)({c.name}), (unsigned long long)({c.value}));\n'
                   f"#else\n  printf(\"no {c.name}\\n\");\n#endif\n" for c in consts)
    return out + "  return wrong != 0;\n}\n", len(checks) + len(consts), lacking


def find(folder: Path | None, name: str):
    for place in [folder] if folder else [Path("/usr/local/cuda/include"), Path("/usr/include")]:
        if (place / name).exists():
            return place
    return None


def check_one(api: Api, which: str, given: Path | None, cxx: str, work: Path) -> int:
    name, macro, _ = LIBRARIES[which]
    folder = find(given, name)
    if folder is None:
        print(f"skipped: no {name}")
        return 0
    version = re.search(rf"#define\s+{macro}\s+(\d+)", (folder / name).read_text(encoding="utf-8", errors="replace"))
    if not version or version.group(1) != api.consts[macro].value:
        print(f"skipped: {folder / name} is {macro} {version.group(1) if version else '?'}, api/ describes {api.consts[macro].value}")
        return 0
    text, count, lacking = source(api, which, folder)
    write_if_changed(work / f"{which}_abi.h", header(api, which))
    write_if_changed(work / f"parity_{which}.cpp", text)
    program = work / f"parity_{which}"
    command = [cxx, "-std=c++20", "-w", "-Wno-invalid-offsetof", "-I", str(work), "-isystem", str(folder), str(work / f"parity_{which}.cpp"),
               "-o", str(program), "-Wl,--unresolved-symbols=ignore-all"]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        errors = [line for line in built.stderr.splitlines() if "error" in line]
        print("\n".join(errors[:40]))
        print(f"{name}: {len(errors)} of {count} checks failed")
        return 1
    ran = subprocess.run([str(program)], capture_output=True, text=True)
    print(ran.stdout, end="")
    print(f"{name}: {count} checks passed" if ran.returncode == 0 else f"{name}: constants differ")
    if lacking:
        print(f"  not declared there, so not compared: {' '.join(lacking)}")
    return ran.returncode


def check(api: Api, options) -> int:
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        results = [check_one(api, "cuda", options.cuda_include, options.cxx, work),
                   check_one(api, "nvml", options.nvml_include or options.cuda_include, options.cxx, work)]
    return max(results)
