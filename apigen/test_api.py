"""The real description in api/: complete, numbered, and cuGetProcAddress answers as the driver does."""
import unittest
from pathlib import Path

from apigen import opcodes
from apigen.emit_proc import lookup, rows
from apigen.model import ApiError
from apigen.parse import load

HERE = Path(__file__).resolve().parent
API = load(HERE.parent / "api")
DATA = HERE / "testdata"
# Variables that cuda-gdb writes and reads in the driver library: api/cuda/misc.api says why they are left out.
DEBUGGER_VARIABLES = 25


def names(file):
    return [line.strip() for line in (DATA / file).read_text().splitlines() if line.strip()]


class Complete(unittest.TestCase):
    def test_every_name_of_libcuda_once(self):
        exported, real = API.exported_names("cuda"), names("libcuda-580.sym")
        self.assertEqual(len(exported), len(set(exported)))
        left_out = set(real) - set(exported)
        self.assertTrue(all(n.startswith("cudbg") for n in left_out), left_out)
        self.assertEqual(len(left_out), DEBUGGER_VARIABLES)
        self.assertEqual(set(exported) - set(real), set())

    def test_every_name_of_libnvidia_ml_once(self):
        exported = API.exported_names("nvml")
        self.assertEqual(len(exported), len(set(exported)))
        self.assertEqual(sorted(exported), sorted(names("libnvidia-ml-580.sym")))

    def test_cu_get_proc_address(self):
        table = rows(API)
        lines = (DATA / "gpa_map.tsv").read_text().splitlines()[1:]
        self.assertEqual(len(lines), 518)
        for line in lines:
            symbol, version, flags, expected = line.split("\t")
            with self.subTest(symbol=symbol, version=version, flags=flags):
                self.assertEqual(lookup(table, symbol, int(version), int(flags)) or "-", expected)
        self.assertIsNone(lookup(table, "cuGetProcAddress", 11000, 0))
        self.assertEqual(lookup(table, "cuMemcpyHtoD", 5000, 2), "cuMemcpyHtoD_v2")

    def test_every_public_call_has_since(self):
        missing = [c.name for c in API.calls_of("cuda") if c.words.since is None]
        self.assertEqual(missing, [])


class Opcodes(unittest.TestCase):
    def test_every_call_has_its_own(self):
        self.assertEqual([c.name for c in opcodes.missing(API)], [])
        numbers = [c.opcode for c in API.calls]
        self.assertEqual(len(numbers), len(set(numbers)))

    def test_bad_files(self):
        import tempfile
        for text, line in (("1 a\n1 b\n", 2), ("1 a\n2 a\n", 2), ("0 a\n", 1), ("65536 a\n", 1), ("# x\nfoo\n", 2)):
            with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
                f.write(text)
                f.flush()
                with self.assertRaises(ApiError) as caught:
                    opcodes.read_opcodes(f.name)
                self.assertEqual(caught.exception.line, line)

    def test_append_only(self):
        import shutil
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "tiny"
            shutil.copytree(HERE / "golden" / "tiny", root)
            (root / "opcodes.txt").write_text("7 cuGone\n9 cuInit\n")
            count = opcodes.append_missing(load(root))
            text = (root / "opcodes.txt").read_text()
            self.assertTrue(text.startswith("7 cuGone\n9 cuInit\n10 "))
            self.assertEqual(len(text.splitlines()), count + 2)
            self.assertEqual(opcodes.append_missing(load(root)), 0)


if __name__ == "__main__":
    unittest.main()
