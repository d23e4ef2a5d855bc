"""python3 -m apigen generate|opcodes|coverage|parity|import|dump — the commands of the generator."""
from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from . import model, opcodes
from .model import ApiError, write_if_changed
from .parse import load

ROOT = Path(__file__).resolve().parent.parent
EMITTERS = ("emit_abi", "emit_proc", "emit_softgpu", "emit_wire", "emit_client", "emit_worker", "emit_test")


def generate(api, out: Path):
    """Runs every emitter that is there: each has emit(api, out) and writes with write_if_changed."""
    for call in opcodes.missing(api):
        raise ApiError(f"{api.root / call.file}.api", call.line, f"{call.name} has no number: run `python3 -m apigen opcodes`")
    for name in EMITTERS:
        if (Path(__file__).parent / f"{name}.py").exists():
            importlib.import_module(f".{name}", __package__).emit(api, out)
    remove_stale(out)


def remove_stale(out: Path):
    """Deletes what an earlier run wrote and this one did not; out/.manifest lists what is ours."""
    manifest = out / ".manifest"
    now = sorted(str(p.relative_to(out)) for p in set(model.written) if p.is_relative_to(out))
    before = manifest.read_text(encoding="utf-8").split() if manifest.exists() else []
    for name in set(before) - set(now):
        (out / name).unlink(missing_ok=True)
    write_if_changed(manifest, "\n".join(now) + "\n")


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(prog="apigen", description=__doc__)
    parser.add_argument("--api", type=Path, default=ROOT / "api", help="the folder of .api files")
    commands = parser.add_subparsers(dest="command", required=True)
    p = commands.add_parser("generate", help="write all generated code")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--stamp", type=Path, help="touched at the end")
    commands.add_parser("opcodes", help="append numbers for new calls to opcodes.txt")
    p = commands.add_parser("coverage", help="write docs/coverage.md")
    p.add_argument("--out", type=Path, default=ROOT / "docs" / "coverage.md")
    p.add_argument("--check", action="store_true", help="only fail if it is stale")
    p = commands.add_parser("parity", help="compare with NVIDIA's headers")
    p.add_argument("--cuda-include", type=Path)
    p.add_argument("--nvml-include", type=Path)
    p.add_argument("--cxx", default="g++")
    p.add_argument("--work", type=Path, help="keep the generated checks here")
    p = commands.add_parser("import", help="draft .api lines from an installed header")
    p.add_argument("header", type=Path)
    p.add_argument("--typedefs", type=Path, help="cudaTypedefs.h, for `since`")
    p.add_argument("what", choices=("types", "calls"))
    commands.add_parser("dump", help="print every call with its kind")
    options = parser.parse_args(argv)
    try:
        if options.command == "import":
            from .import_header import draft
            print(draft(options.header, options.typedefs, options.what), end="")
            return 0
        api = load(options.api)
        if options.command == "generate":
            generate(api, options.out)
            if options.stamp:
                options.stamp.parent.mkdir(parents=True, exist_ok=True)
                options.stamp.write_text("")
        elif options.command == "opcodes":
            print(f"{opcodes.append_missing(api)} numbers appended")
        elif options.command == "coverage":
            from .emit_coverage import page
            if options.check:
                if not options.out.exists() or options.out.read_text(encoding="utf-8") != page(api):
                    print(f"{options.out} is stale: run `python3 -m apigen coverage`", file=sys.stderr)
                    return 1
            else:
                write_if_changed(options.out, page(api))
        elif options.command == "parity":
            from .emit_parity import check
            return check(api, options)
        else:
            for c in api.calls:
                print(c.opcode, c.kind, c.file, c.prototype())
    except ApiError as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
