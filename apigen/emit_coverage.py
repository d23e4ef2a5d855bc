"""docs/coverage.md: what happens to every exported name. `python3 -m apigen coverage [--check]`."""
from __future__ import annotations

from .model import Api

KINDS = ("plain", "custom", "local", "denied", "unsupported")
LIBRARIES = (("cuda", "libcuda.so.1"), ("nvml", "libnvidia-ml.so.1"))
MEANING = """\
| word | what the program gets |
|---|---|
| plain | the call travels to the worker; both sides are generated from its line in `api/` |
| custom | travels too, one side or both are hand-written (`src/client/`, `src/worker/`) |
| local | answered in the client |
| denied | answers NO_PERMISSION: it would change the host's devices |
| unsupported | exported, answers NOT_SUPPORTED, logs once; the comment above it in `api/` says why |
"""


def wrapped(names: list) -> str:
    return " ".join(f"`{n}`" for n in names)


def library(api: Api, which: str, title: str) -> str:
    calls, exports = api.calls_of(which), [e for e in api.exports if e.api == which]
    variants = sum(len(c.variants()) - 1 for c in calls)
    out = f"## {title}\n{len(api.exported_names(which))} names: {len(calls)} calls, {variants} per-thread variants of them" \
          f" (`_ptsz`, `_ptds`), {len(exports)} of unknown prototype.\n\n"
    out += "| object | calls | " + " | ".join(KINDS) + " |\n|---|---" + "|---" * len(KINDS) + "|\n"
    groups = [(f, [c for c in calls if c.file == f]) for f in sorted(api.files_of(which))]
    for file, group in groups + [("all", calls)]:
        counts = [sum(1 for c in group if c.kind == k) for k in KINDS]
        name = f"[{file}](../api/{file}.api)" if file != "all" else "**all**"
        out += f"| {name} | {len(group)} | " + " | ".join(str(n) if n else "" for n in counts) + " |\n"
    for kind in ("custom", "local", "denied", "unsupported"):
        listed = [(f, [c.name for c in g if c.kind == kind]) for f, g in groups]
        if any(names for _, names in listed):
            out += f"\n### {title}: {kind}\n" + "".join(f"- {f.split('/')[1]}: {wrapped(n)}\n" for f, n in listed if n)
    if exports:
        out += f"\n### {title}: unknown prototype\n{wrapped([e.name for e in exports])}\n"
    return out


def page(api: Api) -> str:
    text = "# Coverage\nWritten by `python3 -m apigen coverage` from `api/`; do not edit.\n\n" + MEANING
    for which, title in LIBRARIES:
        text += "\n" + library(api, which, title)
    return text
