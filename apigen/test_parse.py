"""The grammar of api/README.md: what each declaration becomes, and that every mistake is told at its line."""
import unittest

from apigen.model import ApiError
from apigen.parse import parse_text

TYPES = """handle CUstream reserved 3; handle CUevent; scalar CUdeviceptr = unsigned long long;
enum CUresult { CUDA_SUCCESS = 0 }; struct Plain { int a[4]; }; struct Pointer { void *p; };
callback CUhostFn = void (void *userData);
"""  # three lines: a declaration that follows begins on line 4


def call(text):
    return parse_text(TYPES + text).calls[0]


class Declarations(unittest.TestCase):
    def test_types(self):
        api = parse_text(TYPES + "struct Outer { Plain p; CUdeviceptr d; }; struct Holder { CUevent e; }; struct Named = Pointer;"
                         "enum E { A = 1 << 4, B, C = A | 2 }; union U { struct { CUhostFn f; } x; };"
                         "struct Told plain { void *unused; };")
        self.assertEqual(api.handles["CUstream"].reserved, 3)
        self.assertEqual(api.handles["CUevent"].reserved, 1)
        self.assertEqual(api.scalars["CUdeviceptr"].ctype, "unsigned long long")
        self.assertEqual([v for _, _, v in api.enums["E"].values], [16, 17, 18])
        plain = {n: s.plain for n, s in api.structs.items()}
        self.assertEqual(plain, {"Plain": True, "Pointer": False, "Outer": True, "Holder": False, "Named": False, "U": False,
                                 "Told": True})
        self.assertEqual(api.callbacks["CUhostFn"].params, "void *userData")

    def test_parameters(self):
        c = call("CUresult f(CUstream s, CUdeviceptr *d, opt out[n * 2] Plain *p, in[4] const void *v, in string const char *t,"
                 " inout size_t *k, unsigned n, zero void *z, local void **l, CUdeviceptr const *q) : local;")
        s, d, p, v, t, k, n, z, l, q = c.params
        self.assertEqual((s.direction, s.pointer_depth, s.base), ("in", 0, "CUstream"))
        self.assertEqual((d.direction, d.ctype, d.length), ("out", "CUdeviceptr *", None))
        self.assertEqual((p.opt, p.direction, p.length), (True, "out", "n * 2"))
        self.assertEqual((v.ctype, v.direction, v.length), ("const void *", "in", "4"))
        self.assertTrue(t.string)
        self.assertEqual(k.direction, "inout")
        self.assertEqual(n.ctype, "unsigned int")
        self.assertTrue(z.zero and l.local)
        self.assertEqual((l.ctype, l.pointer_depth), ("void **", 2))
        self.assertEqual(q.ctype, "const CUdeviceptr *")

    def test_words(self):
        c = call("CUresult cuX_v2(CUstream *s, CUevent e) : async creates(s) destroys(e) ptsz since 3020;")
        self.assertTrue(c.words.async_ and c.words["async"] and not c.words.cached)
        self.assertEqual((c.words.creates, c.words.destroys, c.words.since), (["s"], ["e"], 3020))
        self.assertEqual(c.base_name, "cuX")
        self.assertEqual(c.variants(), [("cuX_v2", ""), ("cuX_v2_ptsz", "ptsz")])
        self.assertEqual(c.prototype(), "CUresult cuX_v2(CUstream *s, CUevent e)")
        self.assertEqual(call("CUresult cuX() : since 12000 as cuY;").base_name, "cuY")
        kinds = {w: call(f"CUresult f() : {w};").kind for w in ("async", "cached", "local", "unsupported", "denied", "custom(worker)")}
        self.assertEqual(kinds, {"async": "plain", "cached": "plain", "local": "local", "unsupported": "unsupported",
                                 "denied": "denied", "custom(worker)": "custom"})

    def test_comments_and_lines(self):
        api = parse_text(TYPES + "# a; comment\nCUresult f(CUstream s, # here too ;\n  CUevent e);")
        self.assertEqual([p.line for p in api.calls[0].params], [5, 6])


class Mistakes(unittest.TestCase):
    """Each bad text stands on line 4; `line` says where the message must point."""

    def wrong(self, text, message, line=4):
        with self.assertRaises(ApiError) as caught:
            parse_text(TYPES + text)
        self.assertEqual((caught.exception.line, caught.exception.file), (line, "cuda/tiny.api"), str(caught.exception))
        self.assertIn(message, caught.exception.message)
        self.assertTrue(str(caught.exception).startswith(f"cuda/tiny.api:{line}: "))

    def test_declarations(self):
        self.wrong("handle CUstream;", "already declared at cuda/tiny.api:1")
        self.wrong("\n\nhandle X reserved;", "reserved N", 6)
        self.wrong("scalar X = void *;", "make it a handle")
        self.wrong("scalar X = Unknown;", "unknown type 'Unknown'")
        self.wrong("enum E { A = Z };", "'Z' has no known value")
        self.wrong("enum E { A,\n\n A };", "already declared", 6)
        self.wrong("struct S {\n Unknown u;\n};", "unknown type 'Unknown'", 5)
        self.wrong("struct S = CUstream;", "not a struct")
        self.wrong("const X;", "'const X …' is no declaration")
        self.wrong("handle X", "without ';'")
        self.wrong("}", "'}' without '{'")
        self.wrong("export a b;", "one name")
        self.wrong("nonsense;", "no declaration")

    def test_parameters(self):
        self.wrong("CUresult f(\n  void *p);", "unknown memory", 5)
        self.wrong("CUresult f(const Plain *p);", "needs 'in'")
        self.wrong("CUresult f(void **p);", "pointer to pointers")
        self.wrong("CUresult f(Pointer *p);", "only custom calls")
        self.wrong("CUresult f(Pointer p);", "only custom calls")
        self.wrong("CUresult f(CUhostFn fn);", "callback")
        self.wrong("CUresult f(in[*n] int *p, int *n);", "make it inout")
        self.wrong("CUresult f(in[n] int *p, inout int *n);", "write *n")
        self.wrong("CUresult f(in[m] int *p);", "length names 'm'")
        self.wrong("CUresult f(in[] int *p);", "needs a length")
        self.wrong("CUresult f(out int n);", "no pointer")
        self.wrong("CUresult f(in out int *n);", "both in and out")
        self.wrong("CUresult f(out const int *n);", "const")
        self.wrong("CUresult f(in string int *n);", "string is for")
        self.wrong("CUresult f(int a, int a);", "two parameters named a")
        self.wrong("CUresult f(Nothing a);", "unknown type 'Nothing'")
        self.wrong("CUresult f(address void *p);", "address is for")
        self.wrong("CUresult f(int a, );", "empty parameter")

    def test_words(self):
        self.wrong("CUresult f() : quickly;", "unknown word 'quickly'")
        self.wrong("CUresult f(int *n) : async;", "async, but n is out")
        self.wrong("CUresult f() : async cached;", "exclude each other")
        self.wrong("CUresult f() : ptsz ptds;", "exclude each other")
        self.wrong("CUresult f() : local custom(client);", "excludes custom(client)")
        self.wrong("CUresult f() : custom(both);", "only client and worker")
        self.wrong("CUresult f() : creates(x);", "no such parameter")
        self.wrong("CUresult f(int *x) : creates(x);", "no handle")
        self.wrong("CUresult f(CUstream x) : creates(x);", "needs an out")
        self.wrong("CUresult f(CUstream *x) : destroys(x);", "by value")
        self.wrong("CUresult f() : since soon;", "number")
        self.wrong("CUresult f() ptsz;", "expected ':'")
        self.wrong("CUresult f(int a;", "'(' without ')'")
        self.wrong("CUresult f() : ptsz; CUresult f_ptsz();", "already declared")


if __name__ == "__main__":
    unittest.main()
