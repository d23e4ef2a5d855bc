"""CuPy: kernels of every kind, pools, FFT, cuSOLVER, cuSPARSE, cuRAND, graphs by capture, textures and surfaces, pinned and managed memory, NVTX. See compat.py."""
from compat import NOT_REMOTE_NAMES, each, error, main, near, show
import cupy as cp, numpy as np

def reset(): cp.cuda.set_allocator(cp.get_default_memory_pool().malloc)
def healthy(): return int(cp.arange(4).sum()) == 6
def data(*shape, seed=1, kind=np.float32):
    return cp.asarray(np.random.default_rng(seed).standard_normal(shape).astype(kind))

@cp.fuse()
def fused(a, b): return a * b + cp.sin(a)
def check_elementwise(): # limit 120
    for kind in [np.float32, np.float16, np.int32, np.complex64]:
        x, y = (data(3000, seed=s) * 9 for s in (1, 2))
        x, y = x.astype(kind), y.astype(kind)
        each([(f"{n} {kind.__name__}", lambda n=n: getattr(cp, n)(x, y)) for n in "add subtract multiply maximum power".split()
            if not (n == "power" and kind in (np.int32,))])
        each([(f"{n} {kind.__name__}", lambda n=n: getattr(cp, n)(x)) for n in "abs square sign sum max argmax sort cumsum".split()])
    x = data(2000)
    each([(n, lambda n=n: getattr(cp, n)(x))
        for n in "sin cos tan exp log1p sqrt cbrt floor rint isnan sinh arctan std var median nonzero argsort flip".split()])
    m = data(50, 60)
    each([("matmul", lambda: m @ m.T), ("einsum", lambda: cp.einsum("ij,kj->ik", m, m)), ("tensordot", lambda: cp.tensordot(m, m, 2)),
        ("where", lambda: cp.where(m > 0, m, -m)), ("take", lambda: m.take(cp.arange(9), 1)), ("fancy", lambda: m[cp.arange(5), cp.arange(5)]),
        ("mask", lambda: m[m > 1]), ("concatenate", lambda: cp.concatenate([m, m])), ("histogram", lambda: cp.histogram(m, 9)[0]),
        ("percentile", lambda: cp.percentile(m, 30)), ("fuse", lambda: fused(m, m)),
        ("interp", lambda: cp.interp(x[:9], cp.arange(9.0), cp.arange(9.0))), ("convolve", lambda: cp.convolve(x, x[:9])),
        ("topk", lambda: cp.partition(x, 9)[:9].sort()), ("bincount", lambda: cp.bincount(cp.arange(99) % 7)),
        ("digitize", lambda: cp.digitize(x, cp.arange(-2., 2.)))])

SOURCE = r"""
#include <cuda_fp16.h>
struct pair { float a; int b; };
__constant__ float scale[4]; __device__ int counter;
template <typename T> __global__ void twice(T* p, int n) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) p[i] *= 2; }
extern "C" __global__ void scaled(float* p, pair q, char c, double d) { int i = threadIdx.x; p[i] = p[i] * scale[i & 3] + q.a + q.b + c + (float)d; atomicAdd(&counter, 1); }
extern "C" __global__ void shared(float* p) { extern __shared__ float s[]; s[threadIdx.x] = p[threadIdx.x]; __syncthreads(); p[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x]; }
extern "C" __global__ void half_add(__half* p) { p[threadIdx.x] = __hadd(p[threadIdx.x], __float2half(1.5f)); }
"""
def check_raw():
    k = cp.RawKernel('extern "C" __global__ void f(float* p, float a, int n) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) p[i] = p[i] * a + i; }',
        "f")
    x = data(5000)
    k((20,), (256,), (x, np.float32(1.5), np.int32(5000)))
    show("RawKernel", x)
    print(k.num_regs, k.max_threads_per_block, k.binary_version, k.attributes["ptx_version"])
    k.compile()
    m = cp.RawModule(code=SOURCE, options=("--std=c++17",), name_expressions=["twice<float>", "twice<double>"])
    y = data(300)
    m.get_function("twice<float>")((2,), (256,), (y, np.int32(300)))
    show("template", y)
    z = data(300, kind=np.float64)
    m.get_function("twice<double>")((2,), (256,), (z, np.int32(300)))
    show("double", z)
    scale = cp.ndarray(4, np.float32, m.get_global("scale"))
    scale[:] = cp.arange(4)
    pair = np.array([(1.5, 7)], dtype=np.dtype([("a", "f4"), ("b", "i4")], align=True))
    f = data(64)
    m.get_function("scaled")((1,), (64,), (f, pair[0], np.int8(3), np.float64(0.25)))
    show("struct parameters", f, cp.ndarray(1, np.int32, m.get_global("counter")))
    s = data(256)
    m.get_function("shared")((1,), (256,), (s,), shared_mem=1024)
    show("shared", s)
    h = data(32, kind=np.float16)
    m.get_function("half_add")((1,), (32,), (h,))
    show("half", h)
    big = m.get_function("shared")
    big.max_dynamic_shared_size_bytes = 100_000
    print("attribute", big.max_dynamic_shared_size_bytes)
    error("no such function", lambda: m.get_function("absent"))
    error("does not compile", lambda: cp.RawKernel("nonsense", "f").compile(), lines=3)
    error("too many threads", lambda: k((1,), (4096,), (x, np.float32(1), np.int32(1))))
    ptx = cp.RawModule(code=SOURCE, backend="nvrtc", options=("-arch=compute_90",))
    cub = cp.cuda.compiler.compile_using_nvrtc('extern "C" __global__ void g(int* p) { p[0] = 42; }')
    mod = cp.cuda.function.Module()
    mod.load(cub[0] if isinstance(cub, tuple) else cub)
    o = cp.zeros(1, np.int32)
    mod.get_function("g")((1,), (1,), (o,))
    show("module", o)

def check_kernels():
    e = cp.ElementwiseKernel("T x, T y, raw float32 w", "T z", "z = x * y + w[i % 3]", "e")
    show("elementwise", e(data(999), data(999, seed=2), cp.arange(3, dtype=np.float32)),
        e(data(9).astype(np.float64), data(9).astype(np.float64), cp.arange(3, dtype=np.float32)))
    r = cp.ReductionKernel("T x, T y", "T z", "x * y", "a + b", "z = sqrt(a)", "0", "r")
    show("reduction", r(data(100, 300), data(100, 300, seed=2), axis=1), r(data(999), data(999)))
    from cupyx import jit
    @jit.rawkernel()
    def f(x, y, n):
        i = jit.grid(1)
        if i < n: y[i] = x[i] * cp.float32(2) + jit.threadIdx.x
    y = cp.zeros(1000, np.float32)
    f[4, 256](data(1000), y, 1000)
    show("jit", y)

def pool_work():
    kept = []
    for i in range(60):
        kept.append(cp.full((i * 7919 % 97 + 1) << 12, i, np.float32))
        kept.pop(0) if len(kept) > 10 else None
    show("kept", cp.asarray([float(k.sum()) for k in kept]))
def check_pools():
    pool = cp.get_default_memory_pool()
    pool_work()
    print(pool.used_bytes() > 0, pool.total_bytes() >= pool.used_bytes(), pool.n_free_blocks())
    pool.free_all_blocks()
    print(pool.total_bytes())
    pool.set_limit(size=64 << 20)
    error("limit", lambda: cp.zeros(100 << 20, np.uint8))
    pool.set_limit(size=0)
    error("too much", lambda: cp.zeros(1 << 50, np.uint8))
def check_async_pool():
    cp.cuda.set_allocator(cp.cuda.MemoryAsyncPool().malloc)
    pool_work()
    s = cp.cuda.Stream(non_blocking=True)
    with s:
        x = cp.arange(100_000) * 2
        pool_work()
    s.synchronize()
    show("stream", x)
def check_managed():
    cp.cuda.set_allocator(cp.cuda.MemoryPool(cp.cuda.malloc_managed).malloc)
    pool_work()
    x = cp.arange(1000, dtype=np.float32)
    y = x * 2 + 1
    cp.cuda.Device().synchronize()
    import ctypes
    host = np.ctypeslib.as_array(ctypes.cast(y.data.ptr, ctypes.POINTER(ctypes.c_float)), (1000,))
    show("read by the host", host)
    host[:] = 5
    show("written by the host", x + y)
def check_plain_allocator():
    cp.cuda.set_allocator(None)
    pool_work()
    print(cp.cuda.runtime.memGetInfo()[1])

def check_fft():
    for kind in [np.complex64, np.complex128]:
        for n in [16, 100, 1024, 4099]:
            x = (data(3, n, kind=np.float64) + 1j * data(3, n, seed=2, kind=np.float64)).astype(kind)
            show(f"fft {kind.__name__} {n}", cp.fft.fft(x), cp.fft.ifft(x), cp.fft.rfft(x.real))
    x = data(40, 60)
    show("2d", cp.fft.fft2(x), cp.fft.fftn(data(8, 9, 10)))
    import cupyx.scipy.fft as f
    show("scipy", f.dct(x), f.fft(x, axis=0))
    near("convolve", abs(__import__("cupyx.scipy.signal").scipy.signal.fftconvolve(x, x[:5, :5])).sum())

def check_linalg(): # limit 100
    a = data(60, 60, kind=np.float64)
    s = a @ a.T + 60 * cp.eye(60)
    b = data(60, 3, kind=np.float64)
    l = cp.linalg
    each([("cholesky", lambda: l.cholesky(s)), ("qr", lambda: l.qr(a)), ("svd", lambda: l.svd(a)[1]), ("eigh", lambda: l.eigh(s)),
        ("solve", lambda: l.solve(a, b)), ("inv", lambda: l.inv(a)), ("det", lambda: l.det(a)), ("slogdet", lambda: l.slogdet(a)),
        ("lstsq", lambda: l.lstsq(a, b)[0]), ("norm", lambda: l.norm(a)), ("pinv", lambda: l.pinv(a)), ("rank", lambda: l.matrix_rank(a)),
        ("power", lambda: l.matrix_power(a * 0.1, 5)), ("batched", lambda: l.solve(cp.stack([s] * 5), cp.stack([b] * 5))),
        ("float", lambda: l.svd(a.astype(np.float32))[1]), ("complex", lambda: l.eigvalsh((s + 0j)))])
    import cupyx.scipy.linalg as sl
    each([("lu", lambda: sl.lu(a)), ("triangular", lambda: sl.solve_triangular(cp.tril(s), b, lower=True)), ("expm", lambda: sl.expm(a * 0.1))])

def check_sparse(): # limit 100
    import cupyx.scipy.sparse as sp, cupyx.scipy.sparse.linalg as sl
    d = data(200, 150, kind=np.float64) * (data(200, 150, seed=5) > 1)
    m = sp.csr_matrix(d)
    v = data(150, kind=np.float64)
    each([("mv", lambda: m @ v), ("mm", lambda: m @ data(150, 9, kind=np.float64)), ("spgemm", lambda: (m @ m.T).toarray()),
        ("csc", lambda: m.tocsc().toarray()), ("coo", lambda: m.tocoo().row), ("sum", lambda: m.sum(0)), ("add", lambda: (m + m).data),
        ("transpose", lambda: m.T.tocsr().data), ("spsolve", lambda: sl.spsolve((sp.eye(150) * 40 + m[:150]).tocsr(), v)),
        ("cg", lambda: sl.cg(sp.eye(150) * 40.0, v)[0]), ("slice", lambda: m[5:9].toarray()),
        ("random", lambda: sp.random(50, 50, 0.1, random_state=1).nnz)])
    near("norm", sl.norm(m))

def check_random():
    cp.random.seed(3)
    show("legacy", cp.random.rand(1000), cp.random.randn(999), cp.random.randint(0, 99, 500), cp.random.permutation(1000), cp.random.normal(size=77))
    each([(n, lambda n=n: getattr(cp.random, n)(2.0, size=99)) for n in "exponential poisson gamma chisquare standard_gamma".split()])
    g = cp.random.default_rng(5)
    show("generator", g.random(500), g.integers(0, 99, 500), g.standard_normal(99)); 
    for kind in [cp.random.XORWOW, cp.random.MRG32k3a, cp.random.Philox4x3210]:
        show(kind.__name__, cp.random.Generator(kind(7)).random(99))

def check_graphs():
    x, s = cp.zeros(1000, np.float32), cp.cuda.Stream(non_blocking=True)
    k = cp.ElementwiseKernel("", "float32 x", "x = x * 1.5f + 1", "k")
    k(x)
    with s:
        s.begin_capture()
        [k(x) for _ in range(5)]
        print("capturing", s.is_capturing())
        g = s.end_capture()
        [g.launch() for _ in range(4)]
        s.synchronize()
        g.upload()
    show("graph", x)
    with s:
        s.begin_capture()
        try:
            s.synchronize()
            print("no error")
        except Exception as e: print(type(e).__name__, e)
        try: s.end_capture()
        except Exception as e: print(type(e).__name__, e)

def check_streams():
    a, b, e = cp.cuda.Stream(), cp.cuda.Stream(non_blocking=True, priority=-5), cp.cuda.Event()
    x = cp.zeros(1 << 20)
    with a:
        for _ in range(20): x += 1
        e.record()
    b.wait_event(e)
    with b: x *= 2
    b.synchronize()
    show("order", x)
    print(a.done, e.done, b.priority, cp.cuda.get_current_stream() == cp.cuda.Stream.null)
    s, t = cp.cuda.Event(), cp.cuda.Event()
    s.record()
    x @ x
    t.record()
    t.synchronize()
    print(cp.cuda.get_elapsed_time(s, t) > 0)
    seen = []
    with a:
        a.launch_host_func(lambda v: seen.append(v), 41)
        a.add_callback(lambda stream, status, v: seen.append((status, v)), 42)
    a.synchronize()
    print(seen)
    from cupyx.profiler import benchmark, time_range
    cp.cuda.nvtx.RangePush("x")
    cp.cuda.nvtx.RangePop()
    print(benchmark(lambda: x + 1, n_repeat=5).gpu_times.shape)
    with time_range("t"): x.sum()
    each([("profiler", lambda: (cp.cuda.runtime.profilerStart(), cp.cuda.runtime.profilerStop())),
        ("per-thread", lambda: (cp.cuda.Stream(ptds=True).synchronize(), 1))])

def check_pinned():
    import cupyx
    h = cupyx.zeros_pinned(100_000, np.float32)
    h[:] = 3
    d = cp.empty(100_000, np.float32)
    s = cp.cuda.Stream()
    d.set(h, stream=s)
    out = cupyx.empty_pinned(100_000, np.float32)
    d.get(stream=s, out=out)
    s.synchronize()
    show("pinned", out)
    mem = cp.cuda.alloc_pinned_memory(4096)
    a = np.frombuffer(mem, np.float32, 1024)
    a[:] = 7
    show("frombuffer", cp.asarray(a))
    p = cp.get_default_pinned_memory_pool()
    print(p.n_free_blocks())
    p.free_all_blocks()
    flag = cp.cuda.runtime.hostAlloc(4096, cp.cuda.runtime.hostAllocMapped)
    dev = cp.cuda.runtime.pointerGetAttributes(flag).devicePointer
    z = cp.ndarray(1024, np.float32, cp.cuda.MemoryPointer(cp.cuda.UnownedMemory(dev, 4096, None), 0))
    z[:] = 9
    cp.cuda.Device().synchronize()
    import ctypes
    show("mapped", np.ctypeslib.as_array(ctypes.cast(flag, ctypes.POINTER(ctypes.c_float)), (1024,)))
    print(cp.cuda.runtime.pointerGetAttributes(flag).type, cp.cuda.runtime.pointerGetAttributes(d.data.ptr).type)
    cp.cuda.runtime.freeHost(flag)

TEXTURES = r"""
extern "C" __global__ void sample(cudaTextureObject_t t, float* out, int w, int h) { int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y; if (x < w && y < h) out[y * w + x] = tex2D<float>(t, x + 0.25f, y + 0.75f); }
extern "C" __global__ void fetch(cudaTextureObject_t t, float* out, int n) { int i = threadIdx.x; if (i < n) out[i] = tex1Dfetch<float>(t, i); }
extern "C" __global__ void volume(cudaTextureObject_t t, float* out) { int i = threadIdx.x; out[i] = tex3D<float>(t, i % 4 + 0.5f, i / 4 % 4 + 0.5f, i / 16 + 0.3f); }
extern "C" __global__ void draw(cudaSurfaceObject_t s) { surf2Dwrite(threadIdx.x * 2.0f + threadIdx.y, s, threadIdx.x * 4, threadIdx.y); }
"""
def check_textures():
    from cupy.cuda import texture as t, runtime as r
    m = cp.RawModule(code=TEXTURES)
    form = t.ChannelFormatDescriptor(32, 0, 0, 0, r.cudaChannelFormatKindFloat)
    d = data(32, 64)
    a = t.CUDAarray(form, 64, 32)
    a.copy_from(d)
    for mode in (r.cudaFilterModePoint, r.cudaFilterModeLinear):
        for border in (r.cudaAddressModeClamp, r.cudaAddressModeBorder):
            o = t.TextureObject(t.ResourceDescriptor(r.cudaResourceTypeArray, cuArr=a),
                t.TextureDescriptor((border, border), mode, r.cudaReadModeElementType))
            out = cp.zeros((32, 64), np.float32)
            m.get_function("sample")((4, 4), (16, 16), (o, out, np.int32(64), np.int32(32)))
            show(f"sampled {mode} {border}", out)
    x = data(128)
    o = t.TextureObject(t.ResourceDescriptor(r.cudaResourceTypeLinear, arr=x, chDesc=form, sizeInBytes=512), t.TextureDescriptor())
    out = cp.zeros(128, np.float32)
    m.get_function("fetch")((1,), (128,), (o, out, np.int32(128)))
    show("linear", out)
    print(cp.array_equal(out, x))
    v = t.CUDAarray(form, 4, 4, 4)
    v.copy_from(data(4, 4, 4))
    o = t.TextureObject(t.ResourceDescriptor(r.cudaResourceTypeArray, cuArr=v), t.TextureDescriptor((0, 0, 0), r.cudaFilterModeLinear, 0))
    out = cp.zeros(64, np.float32)
    m.get_function("volume")((1,), (64,), (o, out))
    show("volume", out)
    s = t.CUDAarray(form, 16, 16, 0, r.cudaArraySurfaceLoadStore)
    m.get_function("draw")((1,), (16, 16), (t.SurfaceObject(t.ResourceDescriptor(r.cudaResourceTypeArray, cuArr=s)),))
    back = cp.zeros((16, 16), np.float32)
    s.copy_to(back)
    show("surface", back)

def check_scipy(): # limit 100
    import cupyx.scipy.ndimage as n, cupyx.scipy.special as sp, cupyx.scipy.signal as sg
    x = data(40, 50)
    each([("gaussian", lambda: n.gaussian_filter(x, 2)), ("rotate", lambda: n.rotate(x, 30)), ("label", lambda: n.label(x > 1)[0]),
        ("median", lambda: n.median_filter(x, 3)), ("zoom", lambda: n.zoom(x, 1.5)), ("gamma", lambda: sp.gamma(abs(x) + 1)),
        ("erf", lambda: sp.erf(x)), ("convolve2d", lambda: sg.convolve2d(x, x[:3, :3])),
        ("texture map", lambda: n.map_coordinates(x, cp.stack([x * 3 + 9, x * 3 + 9])))])

def check_device():
    r = cp.cuda.runtime
    d = cp.cuda.Device()
    p = r.getDeviceProperties(0)
    [print(k, p[k]) for k in sorted(p) if not NOT_REMOTE_NAMES.search(k)]
    print(d.compute_capability, d.pci_bus_id, r.driverGetVersion(), r.runtimeGetVersion(), r.getDeviceCount(),
        [i for i in sorted(d.attributes.items()) if not NOT_REMOTE_NAMES.search(i[0])])
    print(r.deviceGetLimit(0), r.deviceCanAccessPeer(0, 0) if r.getDeviceCount() > 1 else "")
    error("no such device", lambda: cp.cuda.Device(9).use())

if __name__ == "__main__": main(globals())
