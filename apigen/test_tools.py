"""The tools around the generator: drafting from a header, finding members for the parity check, writing and removing files."""
import tempfile
import unittest
from pathlib import Path

from apigen import __main__ as main
from apigen import model
from apigen.emit_parity import members
from apigen.import_header import draft
from apigen.parse import parse_text

HEADER = """
/* a comment */
#ifdef __cplusplus
extern "C" {
#endif
#define CU_SIZE 64 /* bytes */
typedef unsigned long long CUdeviceptr_v2;
typedef CUdeviceptr_v2 CUdeviceptr;
typedef struct CUstream_st *CUstream;
typedef enum cudaError_enum { CUDA_SUCCESS = 0, CUDA_ERROR = 1 /* bad */ } CUresult;
typedef struct CUthing_st { int a[CU_SIZE]; union { float f; CUstream s; } u; } CUthing_v1;
typedef CUthing_v1 CUthing;
typedef void (*CUhostFn)(void *userData);
CUresult cuCopy(CUdeviceptr dst, const void *src, size_t n, CUstream s);
CUresult cuCopy_ptsz(CUdeviceptr dst, const void *src, size_t n, CUstream s);
CUresult cuName(char *name, int len, const char *of);
#ifdef __cplusplus
}
#endif
"""


class Draft(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.header = Path(self.folder.name) / "cuda.h"
        self.header.write_text(HEADER)
        self.typedefs = Path(self.folder.name) / "cudaTypedefs.h"
        self.typedefs.write_text("typedef CUresult (CUDAAPI *PFN_cuCopy_v4000)(int);\n")

    def tearDown(self):
        self.folder.cleanup()

    def test_types_are_read_back(self):
        text = draft(self.header, None, "types")
        api = parse_text(text)
        self.assertEqual(list(api.handles), ["CUstream"])
        self.assertEqual(api.enumerators["CUDA_ERROR"], 1)
        self.assertFalse(api.structs["CUthing"].plain)
        self.assertEqual(api.structs["CUthing"].alias_of, "CUthing_v1")
        self.assertEqual(api.consts["CU_SIZE"].value, "64")
        self.assertEqual(api.callbacks["CUhostFn"].params, "void *userData")

    def test_calls(self):
        self.assertEqual(draft(self.header, self.typedefs, "calls").splitlines(), [
            "CUresult cuCopy(CUdeviceptr dst, in const void *src, size_t n, CUstream s) : ptsz since 4000;",
            "CUresult cuName(char *name, int len, in string const char *of);"])


class Members(unittest.TestCase):
    def test_paths(self):
        body = "int a; char b[4], *c; union { float f; struct { int x; } y; }; struct tag { int p; } q; unsigned bit : 3;" \
               " __attribute__((aligned(16))) long o[2]; struct { int z; } many[3];"
        self.assertEqual(members(body), ["a", "b", "c", "f", "y", "y.x", "q", "q.p", "o", "many"])


class Files(unittest.TestCase):
    def test_unchanged_is_not_touched_and_stale_goes(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            model.written.clear()
            self.assertTrue(model.write_if_changed(out / "a" / "x.cpp", "1"))
            self.assertTrue(model.write_if_changed(out / "y.cpp", "1"))
            main.remove_stale(out)
            before = (out / "a" / "x.cpp").stat().st_mtime_ns
            (out / "own.txt").write_text("not generated")
            model.written.clear()
            self.assertFalse(model.write_if_changed(out / "a" / "x.cpp", "1"))
            main.remove_stale(out)
            self.assertEqual((out / "a" / "x.cpp").stat().st_mtime_ns, before)
            self.assertFalse((out / "y.cpp").exists())
            self.assertTrue((out / "own.txt").exists())

    def test_generate_wants_numbers(self):
        import contextlib
        import io
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "api"
            (root / "cuda").mkdir(parents=True)
            (root / "cuda" / "types.api").write_text("enum CUresult { CUDA_SUCCESS = 0 };\n\nCUresult cuNew() : local;\n")
            told = io.StringIO()
            with contextlib.redirect_stderr(told):
                self.assertEqual(main.main(["--api", str(root), "generate", "--out", folder + "/gen"]), 1)
            self.assertIn("types.api:3: cuNew has no number", told.getvalue())


if __name__ == "__main__":
    unittest.main()
