"""How each parameter of a call travels: the one place where the words of the API description become a wire form.

plan(api, call) gives a list of Slots in parameter order; the emitters only look at Slot.kind:
    value          plain by value                          Args: T name
    handle         handle by value                         Args: uint64_t name
    string         NUL-terminated in                       Args: const char *name
    in             pointer to plain data that is read      Args: const T *name (null when absent), n_name() elements
    in_handles     array of handles that is read           Args: const uint64_t *name
    inout          plain data both ways                    Args: const T *name, Outs: T *name
    out            plain data written                      Args: bool want_name, Outs: T *name
    out_handles    handles written, named by the worker    Args: bool want_name, Outs: uint64_t *name
    create         one handle minted by the client         Args: uint64_t name
    none           not sent (local, zero)
"""
from __future__ import annotations

import re
from dataclasses import dataclass

from .model import ApiError

IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


@dataclass
class Slot:
    p: object
    kind: str
    type: str       # element type in C
    length: str     # C text over the fields of Args: elements; "1" for one
    guard: list     # pointer fields that the length text dereferences

    @property
    def name(self):
        return self.p.name


def plan(api, call):
    slots = []
    for p in call.params:
        handle = p.base in api.handles
        where = f"{api.root / call.file}.api"
        element = "unsigned char" if p.base == "void" else p.base
        length = p.length or "1"
        named = [n for n in IDENTIFIER.findall(length) if call.param(n)]
        guard = [n for n in named if call.param(n).pointer_depth]
        if p.local or p.zero:
            kind = "none"
        elif p.pointer_depth == 0:
            kind = "handle" if handle else "value"
            if not handle and not api.is_plain(p.base):
                raise ApiError(where, call.line, f"{call.name}: {p.name} holds a pointer or a handle; mark it local and make the call custom")
        elif p.pointer_depth > 1:
            raise ApiError(where, call.line, f"{call.name}: {p.name} is a pointer to pointers; mark it local and make the call custom")
        elif p.name in call.words["creates"]:
            kind = "create"
        elif p.string:
            kind = "string"
        elif not handle and not (p.base == "void" or api.is_plain(p.base)):
            raise ApiError(where, call.line, f"{call.name}: what {p.name} points to holds pointers or handles; mark it local and make the call custom")
        elif handle and p.direction == "inout":
            raise ApiError(where, call.line, f"{call.name}: inout handles are not supported")
        else:
            kind = {"in": "in", "out": "out", "inout": "inout"}[p.direction]
            if handle:
                kind = {"in": "in_handles", "out": "out_handles"}[kind]
        for n in named:
            other = call.param(n)
            if other.local or other.zero or (other.pointer_depth and other.direction == "out"):
                raise ApiError(where, call.line, f"{call.name}: the length of {p.name} uses {n}, which is not sent")
        if call.words["async"] and kind in ("out", "out_handles", "inout"):
            raise ApiError(where, call.line, f"{call.name} is async but {p.name} is an out that it does not create")
        slots.append(Slot(p, kind, element, length, guard))
    return slots


def wire_calls(api):
    return [c for c in api.calls if c.forwarded]


def by_file(api):
    """{'cuda_stream': [calls that travel]} in file order."""
    files = {}
    for c in wire_calls(api):
        files.setdefault(c.file.replace("/", "_"), []).append(c)
    return files


def result_type(call):
    return call.ret.strip()
