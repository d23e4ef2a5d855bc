"""Generated text of a tiny description, compared with golden/out. After a wanted change: APIGEN_GOLDEN=write python3 -m unittest apigen.test_golden"""
import importlib
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from apigen import emit_abi, emit_coverage, emit_proc, emit_softgpu
from apigen.__main__ import EMITTERS
from apigen.parse import load

CXX = os.environ.get("CXX", "g++")
GOLDEN = Path(__file__).resolve().parent / "golden"


def emitters():
    for name in EMITTERS:
        try:
            yield importlib.import_module(f"apigen.{name}")
        except ModuleNotFoundError:
            pass


class Golden(unittest.TestCase):
    def setUp(self):
        self.api = load(GOLDEN / "tiny")
        self.folder = tempfile.TemporaryDirectory()
        self.out = Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def test_text(self):
        for module in emitters():
            module.emit(self.api, self.out)
        (self.out / "coverage.md").write_text(emit_coverage.page(self.api))
        kept = GOLDEN / "out"
        if os.environ.get("APIGEN_GOLDEN") == "write":
            for path in kept.rglob("*"):
                if path.is_file():
                    path.write_text((self.out / path.relative_to(kept)).read_text())
        compared = [p for p in sorted(kept.rglob("*")) if p.is_file()]
        self.assertGreaterEqual(len(compared), 8)
        for path in compared:
            with self.subTest(file=str(path.relative_to(kept))):
                self.assertEqual((self.out / path.relative_to(kept)).read_text(), path.read_text())

    def test_headers_compile_as_c_and_cpp(self):
        emit_abi.emit(self.api, self.out)
        emit_softgpu.emit(self.api, self.out)
        emit_proc.emit(self.api, self.out)
        user = self.out / "user.c"
        user.write_text("".join(f'#include "abi/{h}_abi.h"\n' for h in ("cuda", "nvml", "session")))
        for language in ("c", "c++"):
            subprocess.run([CXX, "-x", language, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", str(self.out), str(user)], check=True)
        for folder in ("softgpu", "softgpu_nvml"):
            subprocess.run([CXX, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", str(self.out),
                            str(self.out / folder / "unsupported.cpp")], check=True)


if __name__ == "__main__":
    unittest.main()
