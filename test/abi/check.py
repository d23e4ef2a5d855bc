#!/usr/bin/env python3
"""Looks at the built client libraries: what they need, what they export, and whether they take NVIDIA's place in a program.

    check.py DIST/client

Exit status 0: all good; 1: each finding is a line on stderr; 77: nothing built yet.
"""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEWEST_GLIBC = (2, 28)
SYSTEM = {"libc.so.6", "libpthread.so.0", "libdl.so.2", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
MARKER = "tensor_fusion_client_marker"

# file, soname, link name, what it needs beside the system's, names it exports (a list file or a pattern)
LIBRARIES = [
    ("libteleport.so", "libteleport.so", None, set(), re.compile(r"_ZN8teleport|_ZNK8teleport|_ZT[HW]N8teleport|tf_")),
    ("libcuda.so.1", "libcuda.so.1", "libcuda.so", {"libteleport.so"}, ROOT / "apigen/testdata/libcuda-580.sym"),
    ("libnvidia-ml.so.1", "libnvidia-ml.so.1", "libnvidia-ml.so", {"libteleport.so"}, ROOT / "apigen/testdata/libnvidia-ml-580.sym"),
]
# Of functions that lived in a library of their own before glibc 2.34: whoever uses them must ask for that library.
HOMES = {"libpthread.so.0": re.compile(r"(pthread_|sem_)"), "libdl.so.2": re.compile(r"dl(open|close|sym|vsym|error|addr|info)$"),
         "librt.so.1": re.compile(r"(shm_|timer_|mq_|aio_)")}

findings: list[str] = []


def expect(good: bool, text: str) -> None:
    if not good:
        findings.append(text)


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


class Symbols:
    """The dynamic symbol table: (name, version, binding) of what is undefined and what is defined."""

    def __init__(self, path: Path):
        self.undefined: list[tuple[str, str]] = []
        self.defined: list[tuple[str, str]] = []
        self.unique: list[str] = []
        for line in output("readelf", "-W", "--dyn-syms", str(path)).splitlines():
            columns = line.split()
            if len(columns) < 8 or not columns[0].rstrip(":").isdigit():
                continue
            binding, section, name = columns[4], columns[6], columns[7]
            if binding == "LOCAL":
                continue
            base, _, version = name.partition("@")
            (self.undefined if section == "UND" else self.defined).append((base, version.lstrip("@")))
            if binding == "UNIQUE":
                self.unique.append(base)


def check_library(folder: Path, file: str, soname: str, link: str | None, needs: set[str], exports) -> None:
    path = folder / file
    if not path.exists():
        expect(False, f"{file}: not built")
        return
    dynamic = output("readelf", "-W", "-d", str(path))
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic))
    expect(needs <= needed <= needs | SYSTEM, f"{file}: needs {sorted(needed)}")
    expect(re.findall(r"\(SONAME\).*\[(.+)\]", dynamic) == [soname], f"{file}: its soname is not {soname}")
    expect(re.findall(r"\(RUNPATH\).*\[(.+)\]", dynamic) == ["$ORIGIN"], f"{file}: its RUNPATH is not $ORIGIN")
    expect("NODELETE" in dynamic, f"{file}: can be unloaded")
    for tag in ("INIT", "FINI", "INIT_ARRAY", "FINI_ARRAY", "TEXTREL"):
        expect(f"({tag})" not in dynamic, f"{file}: has {tag}: a global with a constructor or destructor?")
    if link:
        expect((folder / link).exists() and (folder / link).resolve() == path.resolve(), f"{file}: {link} does not lead to it")

    symbols = Symbols(path)
    expect(not symbols.unique, f"{file}: unique symbols {symbols.unique[:5]}")
    for name, version in symbols.undefined:
        number = re.match(r"GLIBC_([\d.]+)", version)
        if number:
            expect(tuple(map(int, number[1].split("."))) <= NEWEST_GLIBC, f"{file}: {name}@{version} is newer than glibc 2.28 (see src/teleport/old_glibc.h)")
        else:
            expect(bool(needs) and name.startswith(("_ZN8teleport", "_ZNK8teleport", "_ZT", "tf_")) and not version, f"{file}: refers to {name}@{version}")
        for library, pattern in HOMES.items():
            expect(not pattern.match(name) or name.startswith("pthread_atfork") or library in needed, f"{file}: {name} without {library}")
    expect(needs == set() or ("__cxa_atexit", "GLIBC_2.2.5") not in symbols.undefined, f"{file}: registers a destructor of a static object")

    names = {name for name, _ in symbols.defined}
    for name, version in symbols.defined:
        expect(not version, f"{file}: {name} has version {version}")
    if isinstance(exports, Path):
        listed = set(exports.read_text().split()) | ({MARKER} if file.startswith("libcuda") else set())
        wanted = {name for name in listed if not re.match("cudbg[A-Z]", name)}   # the debugger's: some are variables, which we have no use for
        expect(wanted <= names, f"{file}: does not export {len(wanted - names)}: {sorted(wanted - names)[:8]}")
        expect(names <= listed, f"{file}: also exports {len(names - listed)}: {sorted(names - listed)[:8]}")
    else:
        strangers = sorted(name for name in names if not exports.match(name))
        expect(not strangers, f"{file}: also exports {strangers[:8]}")


# A program that asks for NVIDIA's libraries by name; says which files it got.
PROGRAM = f"""
import ctypes
cuda, nvml = ctypes.CDLL("libcuda.so.1"), ctypes.CDLL("libnvidia-ml.so.1")
ctypes.c_char.in_dll(cuda, "{MARKER}")
text = ctypes.c_char_p()
assert cuda.cuGetErrorName(2, ctypes.byref(text)) == 0 and text.value == b"CUDA_ERROR_OUT_OF_MEMORY"
nvml.nvmlErrorString.restype = ctypes.c_char_p
assert nvml.nvmlErrorString(0) == b"Success"
maps = open("/proc/self/maps").read().splitlines()
print("\\n".join(sorted({{line.split()[5] for line in maps if any(n in line for n in ("libcuda", "libnvidia-ml", "libteleport"))}})))
"""


def check_loading(folder: Path) -> None:
    loaded = "\n".join(str((folder / name[0]).resolve()) for name in sorted(LIBRARIES))
    ways = {
        "LD_PRELOAD of three": {"LD_PRELOAD": ":".join(str(folder / n) for n in ("libteleport.so", "libcuda.so", "libnvidia-ml.so"))},
        "LD_PRELOAD of two": {"LD_PRELOAD": ":".join(str(folder / n) for n in ("libcuda.so", "libnvidia-ml.so"))},
        "LD_LIBRARY_PATH": {"LD_LIBRARY_PATH": str(folder)},
    }
    for way, settings in ways.items():
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("LD_", "TF_", "TENSOR_FUSION"))}
        done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env={**clean, **settings})
        expect(done.returncode == 0 and done.stdout.strip() == loaded and not done.stderr,
               f"{way}: exit status {done.returncode}, loaded {done.stdout.split()}, said {done.stderr[-400:]!r}")


def main() -> int:
    folder = Path(sys.argv[1]).resolve()
    if not folder.is_dir():
        print(f"{folder} is not there: nothing built", file=sys.stderr)
        return 77
    for library in LIBRARIES:
        check_library(folder, *library)
    if all((folder / library[0]).exists() for library in LIBRARIES):
        check_loading(folder)
    for finding in findings:
        print(finding, file=sys.stderr)
    print(f"{len(findings)} findings in {folder}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
