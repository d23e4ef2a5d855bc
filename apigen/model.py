"""What the API description says, as plain data.

parse.py fills these classes, emit_*.py read them. Nothing here knows the grammar or writes C++.
Order is kept everywhere: types in the order of their files (so a C header may simply list them), calls in
the order of files and lines.
"""
from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


class ApiError(Exception):
    """A mistake in a .api file; its text is `file:line: message`."""

    def __init__(self, file, line, message):
        super().__init__(f"{file}:{line}: {message}")
        self.file, self.line, self.message = str(file), line, message


BUILTIN_TYPES = {
    "void", "char", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned int", "long", "unsigned long",
    "long long", "unsigned long long", "float", "double", "size_t", "bool",
    "int8_t", "uint8_t", "int16_t", "uint16_t", "int32_t", "uint32_t", "int64_t", "uint64_t", "intptr_t", "uintptr_t",
}


@dataclass
class Handle:
    """An opaque pointer. Values below `reserved` (at least NULL) pass unchanged."""
    name: str
    reserved: int = 1
    api: str = ""
    line: int = 0


@dataclass
class Scalar:
    """A number that is never translated; `ctype` is the C type it stands for."""
    name: str
    ctype: str
    api: str = ""
    line: int = 0


@dataclass
class Enum:
    name: str
    values: list  # of (name, C text after '=' or None, value as int)
    api: str = ""
    line: int = 0
    alias_of: str | None = None  # `enum A = B;`


@dataclass
class Const:
    name: str
    value: str  # C text
    api: str = ""
    line: int = 0


@dataclass
class Struct:
    """`body` is C text between the braces. plain: no pointer, handle or callback inside, also not in members, or declared plain."""
    name: str
    body: str
    plain: bool = False
    union: bool = False
    api: str = ""
    line: int = 0
    alias_of: str | None = None  # `struct A = B;`


@dataclass
class Callback:
    """A function pointer type: `ret (*name)(params)`."""
    name: str
    ret: str
    params: str  # C text
    api: str = ""
    line: int = 0


@dataclass
class Param:
    name: str
    ctype: str              # as in C, e.g. 'CUdeviceptr *', 'const char *'
    base: str               # without pointers and const, e.g. 'CUdeviceptr'
    pointer_depth: int = 0
    direction: str = "in"   # in | out | inout
    length: str | None = None   # None = one element, else C text (bytes when base is void)
    string: bool = False
    opt: bool = False
    zero: bool = False
    local: bool = False
    address: bool = False   # NVIDIA's prototype has void * here, ours the number
    line: int = 0
    said: bool = False      # in, out or inout was written

    @property
    def const(self) -> bool:
        return self.ctype.startswith("const ")

    def declaration(self) -> str:
        """The parameter as C text: 'CUdeviceptr *dptr'."""
        return self.ctype + ("" if self.ctype.endswith("*") else " ") + self.name


FLAG_WORDS = ("waits", "async", "cached", "local", "blocks", "unsafe", "works", "looks", "ptsz", "ptds", "unsupported", "denied")


class Words(dict):
    """Call words: words['async'], words.cached, words.creates, words.since (None when not said). `async_` reads 'async'."""

    def __init__(self):
        super().__init__({w: False for w in FLAG_WORDS})
        self.update(custom_client=False, custom_worker=False, creates=[], destroys=[], since=None, answers=None)

    def __getattr__(self, name):
        try:
            return self[name.rstrip("_")]
        except KeyError:
            raise AttributeError(name) from None


@dataclass
class Call:
    name: str
    ret: str
    params: list
    words: Words
    file: str = ""          # 'cuda/stream', 'nvml/device', 'session'
    api: str = ""           # 'cuda' | 'nvml' | 'session'
    line: int = 0
    opcode: int | None = None   # None until `python3 -m apigen opcodes` gave it one

    @property
    def forwarded(self) -> bool:
        """Has a form on the wire."""
        w = self.words
        return not (w["local"] or w["unsupported"] or w["denied"])

    @property
    def waits(self) -> bool:
        return self.forwarded and not self.words["async"]

    @property
    def library(self) -> str:
        """'cuda' | 'nvml': which client library makes the call and whose codes it answers; calls of session.api say it by their type."""
        return "nvml" if self.ret == "nvmlReturn_t" or self.api == "nvml" else "cuda"

    @property
    def kind(self) -> str:
        """plain | custom | local | denied | unsupported: the coverage page's columns."""
        w = self.words
        for k in ("unsupported", "denied", "local"):
            if w[k]:
                return k
        return "custom" if w["custom_client"] or w["custom_worker"] else "plain"

    @property
    def base_name(self) -> str:
        """The name that cuGetProcAddress is asked for: without _vK, or the one `since N as NAME` gives."""
        if self.words["answers"]:
            return self.words["answers"]
        head, sep, tail = self.name.rpartition("_v")
        return head if sep and tail.isdigit() else self.name

    def variants(self) -> list:
        """Every exported name with its suffix: [('cuX', ''), ('cuX_ptsz', 'ptsz')]."""
        return [(self.name, "")] + [(f"{self.name}_{s}", s) for s in ("ptsz", "ptds") if self.words[s]]

    def param(self, name) -> Param | None:
        return next((p for p in self.params if p.name == name), None)

    def prototype(self, name=None) -> str:
        """C text without ';'."""
        args = ", ".join(p.declaration() for p in self.params) or "void"
        ret = self.ret + ("" if self.ret.endswith("*") else " ")
        return f"{ret}{name or self.name}({args})"


@dataclass
class Export:
    """A name of unknown prototype: exported, answers NOT_SUPPORTED."""
    name: str
    file: str = ""
    api: str = ""
    line: int = 0


@dataclass
class Api:
    root: Path | None = None                      # the folder api/
    files: list = field(default_factory=list)     # 'cuda/types', … in reading order
    types: list = field(default_factory=list)     # every Handle/Scalar/Enum/Const/Struct/Callback in order
    handles: dict = field(default_factory=dict)
    scalars: dict = field(default_factory=dict)
    enums: dict = field(default_factory=dict)
    structs: dict = field(default_factory=dict)
    callbacks: dict = field(default_factory=dict)
    consts: dict = field(default_factory=dict)
    enumerators: dict = field(default_factory=dict)   # name -> int
    calls: list = field(default_factory=list)
    exports: list = field(default_factory=list)

    def calls_of(self, api: str) -> list:
        return [c for c in self.calls if c.api == api]

    def files_of(self, api: str) -> list:
        """Files of this api that declare calls."""
        return list(dict.fromkeys(c.file for c in self.calls if c.api == api))

    def call(self, name: str) -> Call | None:
        return next((c for c in self.calls if c.name == name), None)

    def exported_names(self, api: str) -> list:
        """Every symbol the library of this api exports, sorted; session calls are never exported."""
        names = [n for c in self.calls_of(api) for n, _ in c.variants()]
        return sorted(names + [e.name for e in self.exports if e.api == api])

    def is_plain(self, type_name: str) -> bool:
        """May a value of this type be sent as its bytes?"""
        if type_name in self.structs:
            return self.structs[type_name].plain
        return type_name not in self.handles and type_name not in self.callbacks and type_name != "void"


written = []  # every path that write_if_changed was asked for in this run


def write_if_changed(path: Path, text: str) -> bool:
    """Writes text unless the file holds it already, so that ninja rebuilds only what changed."""
    path = Path(path)
    written.append(path)
    try:
        if path.read_text(encoding="utf-8") == text:
            return False
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
    return True
