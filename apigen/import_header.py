"""Drafts .api lines from an installed cuda.h or nvml.h, for a person to finish: `python3 -m apigen import FILE types|calls`.

The draft knows what C knows: names, types, values. Directions, lengths and call words are for a person who reads the manual;
where a pointer is not const and not void, the grammar's default (out, one element) is what you get.
`since` comes from the PFN_cuX_vNNNN names of cudaTypedefs.h.
"""
from __future__ import annotations

import re
import subprocess
from pathlib import Path

CONST = re.compile(r"^#define[ \t]+((?:CU|CUDA|NVML|nvml)\w*)[ \t]+((?:[^\n\\]|\\\n)+)$", re.M)


def preprocess(header: Path, cxx="g++") -> str:
    """The header's own text without comments and macros."""
    command = [cxx, "-E", "-x", "c", "-D__CUDA_API_VERSION_INTERNAL", "-DNVML_NO_UNVERSIONED_FUNC_DEFS", "-I", str(header.parent), str(header)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    own, keep = [], False
    for line in text.split("\n"):
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            keep = Path(marker.group(1)).name == header.name
        elif keep:
            own.append(line)
    text = "\n".join(own)
    while "__attribute__" in text:
        at = text.index("__attribute__")
        text = text[:at] + text[closing(text, text.index("(", at)) + 1:]
    return re.sub(r'extern\s+"C"\s*\{', "", text)


def closing(text: str, at: int) -> int:
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] in "({[") - (text[i] in ")}]")
        if depth == 0:
            return i
    raise ValueError("unbalanced")


def statements(text: str):
    begin = depth = 0
    for i, c in enumerate(text):
        depth += (c in "({") - (c in ")}")
        if c == ";" and depth == 0:
            yield text[begin:i].strip()
            begin = i + 1


def tidy(body: str) -> str:
    """One member a line, two or more spaces to one."""
    return re.sub(r"[ \t]+", " ", body).strip()


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def indent(body: str) -> str:
    lines, depth = [], 1
    for line in body.split("\n"):
        line = tidy(line)
        if not line:
            continue
        if line.startswith("}"):
            depth -= 1
        lines.append("    " * depth + line)
        depth += line.count("{") - line.count("}") + (1 if line.startswith("}") else 0)
    return "\n".join(lines)


def draft_types(header: Path) -> list:
    """Lines of handle/scalar/enum/struct/callback in the header's order."""
    kinds, tags, out = {}, {}, []
    for s in statements(preprocess(header)):
        m = re.match(r"(typedef\s+)?(struct|union|enum)\s*(\w*)\s*\{", s)
        if m:
            open_at = m.end() - 1
            close_at = closing(s, open_at)
            name = s[close_at + 1:].strip() or m.group(3)
            body = s[open_at + 1:close_at]
            tag, kind = m.group(3), m.group(2)
            tags[f"{kind} {tag}"] = name
            kinds[name] = "enum" if kind == "enum" else "struct"
            if kind == "enum":
                rows = [one_line(r) for r in body.split(",") if r.strip()]
                out.append(f"enum {name} {{\n" + "".join(f"    {r},\n" for r in rows) + "};")
            else:
                for full, plain in tags.items():
                    body = re.sub(rf"\b{full}\b(?!\s*\{{)", plain, body) if not full.endswith(" ") else body
                out.append(f"{kind} {name} {{\n{indent(body)}\n}};")
            continue
        m = re.match(r"typedef\s+(.*?)\(\s*\*\s*(\w+)\s*\)\s*\((.*)\)$", s, re.S)
        if m:
            kinds[m.group(2)] = "callback"
            out.append(f"callback {m.group(2)} = {one_line(m.group(1))} ({one_line(m.group(3))});")
            continue
        m = re.match(r"typedef\s+(?:const\s+)?struct\s+\w+\s*\*\s*(\w+)$", s)
        if m:
            kinds[m.group(1)] = "handle"
            out.append(f"handle {m.group(1)};")
            continue
        m = re.match(r"typedef\s+([\w\s]+?)\s+(\w+)$", s)
        if m:
            target, name = one_line(m.group(1)), m.group(2)
            target = tags.get(target, target)
            kind = kinds.get(target, "scalar")
            if target == name:
                continue
            kinds[name] = kind
            out.append(f"{kind} {name} = {target};")
            continue
    return out


def draft_consts(header: Path) -> list:
    """const lines from the object-like macros that have a value and are no renamings of functions."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8", errors="replace"), flags=re.S)
    found = []
    for m in CONST.finditer(re.sub(r"//[^\n]*", "", text)):
        value = one_line(m.group(2).replace("\\\n", " "))
        if not re.match(r"cu[A-Z]|__CUDA", value):
            found.append(f"const {m.group(1)} = {value};")
    return found


def since_table(typedefs: Path | None) -> dict:
    """(base name, parameter types) is too fine; (base name) -> sorted versions is what a person needs."""
    table = {}
    if typedefs:
        for m in re.finditer(r"PFN_(cu\w+?)_v(\d+)\)", typedefs.read_text(encoding="utf-8", errors="replace")):
            table.setdefault(m.group(1), set()).add(int(m.group(2)))
    return {k: sorted(v) for k, v in table.items()}


def draft_calls(header: Path, typedefs: Path | None) -> list:
    since, prototypes = since_table(typedefs), {}
    for s in statements(preprocess(header)):
        m = re.match(r"(CUresult|nvmlReturn_t|const\s+char\s*\*)\s*(\w+)\s*\((.*)\)$", one_line(s))
        if m and m.group(2) not in prototypes:
            prototypes[m.group(2)] = (m.group(1), m.group(3))
    out = []
    for name, (ret, params) in prototypes.items():
        if re.search(r"_pt[sd][sz]$", name):
            continue
        words = [v for v in ("ptsz", "ptds") if f"{name}_{v}" in prototypes]
        base = re.sub(r"_v\d+$", "", name)
        versions = since.get(base, [])
        family = sorted(n for n in prototypes if re.fullmatch(base + r"(_v\d+)?", n))
        if len(versions) == len(family):
            words.append(f"since {versions[family.index(name)]}")
        elif versions:
            words.append("since " + "/".join(map(str, versions)))
        params = re.sub(r"\s*\*\s*", " *", params).replace("* *", "**")
        params = "" if params == "void" else re.sub(r"(^|, )const (\w+ )?char \*(\w+)", r"\1in string const char *\3", params)
        params = re.sub(r"(^|, )const ((?:unsigned )?\w+) \*(?!\*)", r"\1in const \2 *", params)
        out.append(f"{ret} {name}({params})" + (" : " + " ".join(words) if words else "") + ";")
    return out


def draft(header: Path, typedefs: Path | None, what: str) -> str:
    lines = draft_types(header) + draft_consts(header) if what == "types" else draft_calls(header, typedefs)
    return "\n".join(lines) + "\n"
