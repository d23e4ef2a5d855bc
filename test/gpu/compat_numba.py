"""numba-cuda: kernels, atomics, shared memory, streams, device arrays, reductions, ufuncs, cooperative groups, its memory manager. See compat.py."""
import math
from compat import each, error, main, show
import numpy as np
if not hasattr(np, "row_stack"): np.row_stack = np.vstack  # numba asks for it; numpy 2.5 has it no more
from numba import cuda, float32, vectorize

def data(n, seed=1): return np.random.default_rng(seed).standard_normal(n).astype(np.float32)

@cuda.jit
def axpy(a, x, y):
    i = cuda.grid(1)
    if i < x.size: y[i] = a * x[i] + y[i]
def check_kernel():
    x, y = data(100_001), data(100_001, 2)
    dx, dy = cuda.to_device(x), cuda.to_device(y)
    axpy[400, 256](2.5, dx, dy)
    cuda.synchronize()
    show("axpy", dy.copy_to_host())
    axpy[400, 256](1.0, x, y)
    show("host arrays", y)
    print(axpy.signatures)
    for kind in [np.float64, np.int32, np.int64]:
        z = np.arange(999, dtype=kind)
        axpy[4, 256](kind(3), z, z)
        show(str(kind), z)
    error("no such array", lambda: axpy[1, 1](1.0, "text", 3))

@cuda.jit
def tiled(a, b, c):
    sa, sb = cuda.shared.array((16, 16), float32), cuda.shared.array((16, 16), float32)
    x, y = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    s = float32(0)
    for t in range(a.shape[1] // 16):
        sa[tx, ty], sb[tx, ty] = a[x, ty + t * 16], b[tx + t * 16, y]
        cuda.syncthreads()
        for k in range(16): s += sa[tx, k] * sb[k, ty]
        cuda.syncthreads()
    c[x, y] = s
@cuda.jit
def dynamic(x, out):
    s = cuda.shared.array(0, float32)
    i = cuda.threadIdx.x
    s[i] = x[i]
    cuda.syncthreads()
    out[i] = s[cuda.blockDim.x - 1 - i]
def check_shared():
    a, b = data(64 * 96).reshape(64, 96), data(96 * 32, 2).reshape(96, 32)
    c = np.zeros((64, 32), np.float32)
    tiled[(4, 2), (16, 16)](a, b, c)
    show("tiled", c)
    out = np.zeros(256, np.float32)
    dynamic[1, 256, 0, 1024](data(256), out)
    show("dynamic", out)

@cuda.jit
def atoms(x, bins, peak, swapped):
    i = cuda.grid(1)
    cuda.atomic.add(bins, x[i] % 16, 1)
    cuda.atomic.max(peak, 0, x[i])
    cuda.atomic.cas(swapped, 0, 0, 7)
@cuda.jit
def warp(out):
    i = cuda.threadIdx.x
    v = cuda.shfl_down_sync(0xFFFFFFFF, i, 3)
    m = cuda.ballot_sync(0xFFFFFFFF, i % 3 == 0)
    out[i] = v * 100 + cuda.popc(m)
def check_atomics():
    x = np.arange(25600, dtype=np.int32) * 7 % 1001
    bins, peak, swapped = np.zeros(16, np.int32), np.zeros(1, np.int32), np.zeros(1, np.int32)
    atoms[100, 256](x, bins, peak, swapped)
    show("atomics", bins, peak, swapped)
    out = np.zeros(32, np.int32)
    each([("warp", lambda: (warp[1, 32](out), out)[1])])

@cuda.reduce
def total(a, b): return a + b
def check_reduce():
    x = np.arange(100_000, dtype=np.float64)
    print(total(x), total(cuda.to_device(x)), total(x, init=5.0))

def check_ufunc():
    @vectorize(["float32(float32, float32)", "float64(float64, float64)"], target="cuda")
    def f(a, b): return math.sqrt(a * a + b * b)
    each([("vectorize", lambda: f(data(5000), data(5000, 2))), ("on the device",
        lambda: f(cuda.to_device(data(5000)), cuda.to_device(data(5000, 2))))])

def check_streams():
    s = [cuda.stream() for _ in range(4)]
    pinned = [cuda.pinned_array(10_000, np.float32) for _ in s]
    out = []
    for i, (stream, p) in enumerate(zip(s, pinned)):
        p[:] = i
        d = cuda.to_device(p, stream)
        axpy[40, 256, stream](2.0, d, d)
        out.append((d, d.copy_to_host(stream=stream)))
    [x.synchronize() for x in s]
    print([float(h.sum()) for _, h in out])
    e, f = cuda.event(), cuda.event()
    e.record(s[0])
    axpy[40, 256, s[0]](1.0, out[0][0], out[0][0])
    f.record(s[0])
    f.synchronize()
    print(f.query(), cuda.event_elapsed_time(e, f) >= 0)
    mapped = cuda.mapped_array(100, np.float32)
    mapped[:] = 3
    axpy[1, 100](2.0, mapped, mapped)
    cuda.synchronize()
    show("mapped", np.array(mapped))
    done = []
    each([("callback", lambda: (s[1].add_callback(lambda *a: done.append(1), None), s[1].synchronize(), len(done))[2])])
    with cuda.pinned(h := data(1000)):
        d = cuda.to_device(h, s[2])
        s[2].synchronize()
        show("pinned by hand", d.copy_to_host())
def check_managed():
    m = cuda.managed_array(5000, np.float32)
    m[:] = 2
    axpy[20, 256](3.0, m, m)
    cuda.synchronize()
    show("managed", np.array(m))

def check_arrays():
    d = cuda.to_device(np.arange(1000, dtype=np.float32).reshape(20, 50))
    show("slice", d[3:7].copy_to_host(), d.reshape(50, 20).copy_to_host(), d.ravel().copy_to_host())
    e = cuda.device_array_like(d)
    e.copy_to_device(d)
    show("copied", e)
    z = cuda.device_array((5, 5), np.int32)
    z[:] = 4
    show("set", z)
    print(d.is_c_contiguous(), d.strides, d.__cuda_array_interface__["shape"], d[2, 3])
    s = cuda.to_device(np.zeros(3, dtype=[("a", "f4"), ("b", "i8")]))
    show("records", s.copy_to_host()["a"])

@cuda.jit(device=True)
def helper(x): return math.exp(-x) + cuda.fma(x, x, x)
@cuda.jit(fastmath=True, max_registers=32)
def many(x, y):
    local = cuda.local.array(8, float32)
    i = cuda.grid(1)
    if i < x.size:
        for k in range(8): local[k] = helper(x[i] + k)
        y[i] = local[3] + math.sin(local[5]) + math.erf(x[i]) + math.atan2(x[i], float32(2))
def check_device_functions():
    y = np.zeros(9000, np.float32)
    many[40, 256](data(9000), y)
    show("functions", y)
    print(many.get_regs_per_thread() if isinstance(many.get_regs_per_thread(), int) else sorted(many.get_regs_per_thread().values()))

@cuda.jit
def cooperative(x):
    g = cuda.cg.this_grid()
    i = cuda.grid(1)
    for step in range(5):
        x[i] = x[(i + 1) % x.size] + 1 if i % 2 == step % 2 else x[i]
        g.sync()
def check_cooperative():
    x = np.arange(512, dtype=np.int32)
    each([("grid sync", lambda: (cooperative[2, 256](x), x)[1])])

def check_random():
    from numba.cuda.random import create_xoroshiro128p_states, xoroshiro128p_normal_float32, xoroshiro128p_uniform_float32
    @cuda.jit
    def draw(states, out):
        i = cuda.grid(1)
        out[i] = xoroshiro128p_uniform_float32(states, i) + xoroshiro128p_normal_float32(states, i)
    out = np.zeros(2560, np.float32)
    draw[10, 256](create_xoroshiro128p_states(2560, seed=1), out)
    show("random", out)

@cuda.jit
def faulty(x): x[cuda.grid(1) + 100_000_000_000] = 1
@cuda.jit(debug=True, opt=False)
def checked(x):
    if cuda.threadIdx.x == 3: raise ValueError("three")
def check_errors():
    import subprocess, sys
    for what in ["faulty", "checked"]:
        run = subprocess.run([sys.executable, __file__, what], capture_output=True, text=True)
        print(what, run.returncode != 0, run.stderr.strip().splitlines()[-1][:200])
def check_device():
    d = cuda.get_current_device()
    print(d.name, d.compute_capability, d.MULTIPROCESSOR_COUNT, d.MAX_THREADS_PER_BLOCK, d.uuid, cuda.runtime.get_version(), len(cuda.gpus),
        cuda.detect())
    m = cuda.current_context().get_memory_info()
    print("total", m.total, 0 < m.free <= m.total)
    o = axpy.overloads
    print(cuda.is_available(), d.PCI_BUS_ID, d.WARP_SIZE)
@cuda.jit
def say(): print("thread", cuda.threadIdx.x, 1.5)
def check_print():
    import subprocess, sys
    run = subprocess.run([sys.executable, __file__, "say"], capture_output=True, text=True)
    print(run.returncode, *sorted(run.stdout.splitlines()), sep="\n")

if __name__ == "__main__":
    import sys
    x = np.zeros(32, np.float32)
    if sys.argv[1] == "faulty":
        faulty[1, 32](cuda.to_device(x))
        cuda.synchronize()
    elif sys.argv[1] == "checked":
        checked[1, 32](cuda.to_device(x))
        cuda.synchronize()
    elif sys.argv[1] == "say":
        say[1, 4]()
        cuda.synchronize()
    else: main(globals())
