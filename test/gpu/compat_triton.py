"""Triton's kernels: several types, reductions, tl.dot, atomics, autotuning, its own launcher. See compat.py."""
import sys
from compat import each, main, near, note, show, torch_healthy as healthy, torch_reset as reset
import torch, triton, triton.language as tl

def tensor(*shape, seed=1, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).cuda().to(dtype)

@triton.jit
def add(a, b, c, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(c + i, tl.load(a + i, mask=i < n) + tl.load(b + i, mask=i < n), mask=i < n)
def check_types():
    for dtype in [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int32, torch.int64]:
        a, b = (tensor(10_001, seed=s) * 9 for s in (1, 2))
        a, b = a.to(dtype), b.to(dtype)
        c = torch.empty_like(a)
        add[(triton.cdiv(10_001, 512),)](a, b, c, 10_001, B=512)
        show(str(dtype), c)

@triton.jit
def softmax(x, y, columns, B: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, B)
    v = tl.load(x + row * columns + i, mask=i < columns, other=-float("inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(y + row * columns + i, e / tl.sum(e, 0), mask=i < columns)
def check_softmax():
    x = tensor(300, 777)
    y = torch.empty_like(x)
    softmax[(300,)](x, y, 777, B=1024, num_warps=8)
    show("softmax", y)
    print("close to torch's", torch.allclose(y, x.softmax(1), atol=1e-6))

@triton.jit
def product(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    m, n, k = tl.program_id(0) * BM + tl.arange(0, BM), tl.program_id(1) * BN + tl.arange(0, BN), tl.arange(0, BK)
    acc = tl.zeros((BM, BN), tl.float32)
    for at in range(0, K, BK):
        acc += tl.dot(tl.load(a + m[:, None] * K + (k + at)[None, :]), tl.load(b + (k + at)[:, None] * N + n[None, :]))
    tl.store(c + m[:, None] * N + n[None, :], acc.to(c.dtype.element_ty))
def check_dot():
    for dtype in [torch.float16, torch.bfloat16, torch.float32]:
        a, b = tensor(256, 256, dtype=dtype), tensor(256, 256, seed=2, dtype=dtype)
        c = torch.empty(256, 256, device="cuda", dtype=dtype)
        product[(4, 4)](a, b, c, 256, 256, 256, BM=64, BN=64, BK=32)
        show(f"dot {dtype}", c)

tuned = triton.autotune([triton.Config(dict(BM=m, BN=n, BK=k), num_warps=w, num_stages=s) for m, n, k, w,
    s in [(64, 64, 32, 4, 2), (128, 64, 32, 4, 3), (64, 128, 64, 8, 3), (128, 128, 32, 8, 4)]], key=["M", "N", "K"])(product)
def check_autotune(): # limit 100
    a, b = tensor(512, 512, dtype=torch.float16), tensor(512, 512, seed=2, dtype=torch.float16)
    c = torch.empty_like(a)
    for _ in range(3): tuned[lambda meta: (512 // meta["BM"], 512 // meta["BN"])](a, b, c, 512, 512, 512)
    near("tuned", c.double().abs().mean())
    print("close to torch's", torch.allclose(c, a @ b, atol=0.5, rtol=1e-2))
    note(tuned.best_config)
    t = triton.testing.do_bench(lambda: c.zero_())
    print("bench", 0 < t < 100)

@triton.jit
def count(x, bins, n, B: tl.constexpr):
    i = tl.program_id(0) * B + tl.arange(0, B)
    tl.atomic_add(bins + tl.load(x + i, mask=i < n, other=0), 1, mask=i < n)
@triton.jit
def lock(word, total, B: tl.constexpr):
    while tl.atomic_cas(word, 0, 1) == 1: pass
    tl.store(total, tl.load(total) + 1)
    tl.debug_barrier()
    tl.atomic_xchg(word, 0)
def check_atomics():
    x = torch.randint(0, 64, (100_000,), generator=torch.Generator().manual_seed(1)).cuda()
    bins = torch.zeros(64, dtype=torch.int32, device="cuda")
    count[(98,)](x, bins, 100_000, B=1024)
    show("histogram", bins)
    word, total = torch.zeros(2, 1, dtype=torch.int32, device="cuda")
    lock[(200,)](word, total, B=1)
    print("lock", total.item())

@triton.jit
def scan(x, y, B: tl.constexpr):
    i = tl.arange(0, B)
    v = tl.load(x + i)
    tl.store(y + i, tl.cumsum(v, 0))
    tl.store(y + B + i, tl.sort(v))
@triton.jit
def say(x): tl.device_print("value: ", tl.load(x + tl.program_id(0)))
def check_more():
    x = torch.randperm(256, generator=torch.Generator().manual_seed(1)).int().cuda()
    y = torch.empty(512, dtype=torch.int32, device="cuda")
    each([("scan", lambda: (scan[(1,)](x, y, B=256), y)[1])])
    h = add.warmup(x, x, y, 256, B=256, grid=(1,))
    print(h.name, h.metadata.num_warps, "ptx" in h.asm, "cubin" in h.asm)
    s = torch.cuda.Stream()
    with torch.cuda.stream(s): add[(1,)](x, x, y, 256, B=256)
    s.synchronize()
    show("stream", y)
    g = torch.cuda.CUDAGraph()
    with torch.cuda.graph(g):
        add[(1,)](x, x, y, 256, B=256)
        add[(1,)](y, x, y, 256, B=256)
    g.replay()
    show("graph", y)
def check_print(): # printed by the kernel
    import subprocess
    run = subprocess.run([sys.executable, __file__, "say"], capture_output=True, text=True)
    print(run.returncode, *sorted(run.stdout.splitlines()), sep="\n")
def speak():
    say[(3,)](torch.arange(3, dtype=torch.int32, device="cuda"))
    torch.cuda.synchronize()

if __name__ == "__main__": speak() if sys.argv[1] == "say" else main(globals())
