"""JAX: transformations, control flow, linear algebra, random numbers, convolutions, host callbacks, its autotuner, donation, command buffers, a long loop of
compiled steps. See compat.py."""
import os, time
from compat import each, error, main, near, note, show
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
import numpy as np, jax, jax.numpy as jnp
from jax import lax

def healthy(): return float((jnp.ones(3) + 1).sum()) == 6
def data(*shape, seed=1, kind=np.float32):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape).astype(kind))

def check_devices():
    d = jax.devices()[0]
    print(jax.devices(), d.device_kind, d.platform, jax.default_backend(), jax.local_device_count(), d.compute_capability)
    s = d.memory_stats()
    print(sorted(s) if s else s)
    x = jax.device_put(np.arange(9), d)
    print(x.devices(), x.sharding)
    show("put", x)
    error("too large", lambda: jnp.zeros((1 << 40,), jnp.int8).block_until_ready(), lines=1)
def check_jit(): # limit 100
    f = jax.jit(lambda x, w: jnp.tanh(x @ w).sum(1) + jnp.sort(x[:, 0]))
    x, w = data(64, 32), data(32, 16, seed=2)
    show("jit", f(x, w))
    show("grad", jax.grad(lambda w: f(x, w).sum())(w))
    show("vmap", jax.vmap(lambda r: (r * 2).cumsum())(x))
    show("jvp", *jax.jvp(jnp.sin, (x,), (x,)))
    show("hessian", jax.hessian(lambda v: (v ** 3).sum())(x[0]))
    show("jacrev", jax.jacrev(lambda v: jnp.exp(v) * v.sum())(x[0, :5]))
    show("value", *jax.value_and_grad(lambda v: (v @ v.T).mean())(x))
    show("checkpoint", jax.grad(lambda v: jax.checkpoint(lambda t: jnp.sin(t @ w))(v).sum())(x))
def check_ops():
    x = data(50, 40)
    each([(n, lambda n=n: getattr(jnp, n)(x))
        for n in "sin cos exp abs sqrt sum mean std var max argmax cumsum sort argsort median transpose isnan floor sign log1p unique nonzero".split()])
    each((f"{k.__name__}", lambda k=k: (x * 9).astype(k) * 2 + 1) for k in (jnp.float16, jnp.bfloat16, jnp.int8, jnp.int32, jnp.uint8,
        jnp.float8_e4m3fn))
    show("scatter", jnp.zeros(10).at[jnp.array([1, 1, 3])].add(2.0))
    show("gather", x[jnp.array([3, 1]), :5])
    show("einsum", jnp.einsum("ij,kj->ik", x, x))
    show("fft", jnp.fft.fft(x), jnp.fft.rfft2(x))
    show("segment", jax.ops.segment_sum(x, jnp.arange(50) // 10))
    show("softmax", jax.nn.softmax(x), jax.nn.gelu(x))
    show("top_k", *lax.top_k(x, 3))
    show("half", (x.astype(jnp.bfloat16) @ x.T.astype(jnp.bfloat16)))
def check_control():
    x = data(16)
    show("scan", *lax.scan(lambda c, a: (c * 0.9 + a, c), jnp.zeros(4), data(100, 4)))
    show("while", lax.while_loop(lambda s: s[0] < 50, lambda s: (s[0] + 1, s[1] * 1.01), (0, x))[1])
    show("fori", lax.fori_loop(0, 20, lambda i, v: v + i, x))
    show("cond", lax.cond(x.sum() > 0, lambda v: v * 2, lambda v: v - 1, x))
    show("switch", lax.switch(2, [jnp.sin, jnp.cos, jnp.tan], x))
    show("map", lax.map(jnp.exp, x))
    show("associative", lax.associative_scan(jnp.add, x))
    f = jax.jit(lambda x, n: lax.fori_loop(0, n, lambda i, v: jnp.sin(v) + i, x))
    show("dynamic", f(x, 7), f(x, 30))
def check_linalg(): # own limit 100
    jax.config.update("jax_enable_x64", True)
    a = data(40, 40, kind=np.float64)
    s = a @ a.T + 40 * jnp.eye(40)
    b = data(40, 3, kind=np.float64)
    l = jnp.linalg
    each([("cholesky", lambda: l.cholesky(s)), ("qr", lambda: l.qr(a)), ("svd", lambda: l.svd(a)[1]), ("eigh", lambda: l.eigh(s)),
        ("solve", lambda: l.solve(a, b)), ("inv", lambda: l.inv(a)), ("det", lambda: l.det(a)), ("lu", lambda: lax.linalg.lu(a)[0]),
        ("triangular", lambda: lax.linalg.triangular_solve(jnp.tril(s), b, left_side=True, lower=True)), ("lstsq", lambda: l.lstsq(a, b)[0]),
        ("batched", lambda: jnp.linalg.cholesky(jnp.stack([s] * 4))), ("float", lambda: l.svd(a.astype(np.float32))[1]),
        ("expm", lambda: jax.scipy.linalg.expm(a * 0.1)), ("tridiagonal",
        lambda: lax.linalg.tridiagonal_solve(jnp.ones(9) * 0.1, jnp.ones(9) * 3, jnp.ones(9) * 0.2, jnp.ones((9, 2)))),
        ("not positive", lambda: l.cholesky(-jnp.eye(3)))])
def check_random():
    k = jax.random.key(3)
    each([(n, lambda n=n: getattr(jax.random, n)(k, shape=(500,)))
        for n in "uniform normal exponential gumbel laplace logistic bits rademacher cauchy".split()])
    show("more", jax.random.permutation(k, 1000), jax.random.randint(k, (99,), 0, 50), jax.random.categorical(k, jnp.zeros((20, 9))),
        jax.random.gamma(k, 2.0, (50,)), jax.random.truncated_normal(k, -1, 1, (99,)), jax.random.choice(k, 50, (9,), replace=False))
    show("split", jax.random.normal(jax.random.split(k)[1], (77,)))
    show("rbg", jax.random.normal(jax.random.key(1, impl="rbg"), (99,)))
def check_convolution(): # limit 100
    x, w = data(4, 16, 28, 28), data(32, 16, 3, 3, seed=2)
    f = jax.jit(lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME"))
    near("conv", jnp.abs(f(x, w)).sum())
    g = jax.jit(jax.grad(lambda w: (f(x, w) ** 2).sum()))
    near("gradient", jnp.abs(g(w)).sum())
    near("pool", lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID").sum())
    near("half", jnp.abs(f(x.astype(jnp.bfloat16), w.astype(jnp.bfloat16)).astype(jnp.float32)).sum())
def check_autotuner(): # limit 100
    for n in (128, 1024):
        for kind in (jnp.float32, jnp.bfloat16):
            a, b = data(n, n).astype(kind), data(n, n, seed=2).astype(kind)
            t = time.monotonic()
            y = jax.jit(lambda a, b: jax.nn.relu(a @ b) * 2 + 1)(a, b)
            near(f"{n} {kind.__name__}", jnp.abs(y.astype(jnp.float32)).mean())
            note(time.monotonic() - t)
def check_without_autotuner(): # env XLA_FLAGS=--xla_gpu_autotune_level=0
    a, b = data(512, 512), data(512, 512, seed=2)
    show("product", jax.jit(lambda a, b: jax.nn.relu(a @ b) * 2 + 1)(a, b))
    check_jit()
def check_deterministic(): # limit 100 env XLA_FLAGS=--xla_gpu_deterministic_ops=true
    check_jit()
    show("scatter", jnp.zeros(10).at[jnp.arange(1000) % 10].add(data(1000)))
def check_callbacks():
    from jax.experimental import io_callback
    seen = []
    f = jax.jit(lambda x: jax.pure_callback(lambda a: np.asarray(a) * 3, jax.ShapeDtypeStruct((8,), np.float32), x) + 1)
    show("pure_callback", f(jnp.arange(8.0)))
    g = jax.jit(lambda x: io_callback(lambda a: (seen.append(float(np.asarray(a).sum())), np.float32(7))[1], jax.ShapeDtypeStruct((), np.float32), x,
        ordered=True) * x)
    show("io_callback", g(jnp.arange(4.0)), g(jnp.ones(4)))
    h = jax.jit(lambda x: (jax.debug.callback(lambda a: seen.append(float(a[0])), x), x * 2)[1])
    h(jnp.ones(3))
    jax.effects_barrier()
    print(seen)
    p = jax.jit(lambda x: (jax.debug.print("inside {v}", v=x.sum()), x + 1)[1])
    p(jnp.arange(5.0))
    jax.effects_barrier()
    def bad(x): raise ValueError("by the callback")
    each([("in a scan", lambda: jax.jit(lambda x: lax.scan(lambda c,
        a: (jax.pure_callback(lambda v: np.asarray(v) + 1, jax.ShapeDtypeStruct((), np.float32), c), a), x, None, length=5)[0])(jnp.float32(1)))]);
    try:
        jax.block_until_ready(jax.jit(lambda x: jax.pure_callback(bad, jax.ShapeDtypeStruct((), np.float32), x))(jnp.float32(1)))
        print("no error")
    except Exception as e: print("error", "by the callback" in str(e))
def check_train():
    k = jax.random.key(0)
    p = {"a": jax.random.normal(k, (64, 128)) * 0.1, "b": jax.random.normal(k, (128, 10)) * 0.1}
    x, y = data(256, 64), jnp.arange(256) % 10
    def loss(p):
        return -jnp.take_along_axis(jax.nn.log_softmax(jnp.tanh(x @ p["a"]) @ p["b"]), y[:, None], 1).mean()
    step = jax.jit(lambda p: jax.tree.map(lambda w, g: w - 0.5 * g, p, jax.grad(loss)(p)), donate_argnums=0)
    for _ in range(100): p = step(p)
    near("loss", loss(p))
    [near(n, jnp.abs(w).sum()) for n, w in p.items()]
    each([("optax", lambda: optax_steps(x))])
def optax_steps(x):
    import optax
    o = optax.adamw(1e-2)
    w = jnp.zeros((64,))
    s = o.init(w)
    f = jax.jit(jax.grad(lambda w: ((x @ w - 1) ** 2).mean()))
    for _ in range(20):
        u, s = o.update(f(w), s, w)
        w = optax.apply_updates(w, u)
    return round(float(w.sum()), 2)
def check_donate():
    f = jax.jit(lambda x: x + 1, donate_argnums=0)
    x = jnp.zeros(1 << 20)
    for _ in range(50): x = f(x)
    show("donated", x)
    y = jnp.ones(5)
    f(y)
    print("deleted", y.is_deleted())
    error("deleted", lambda: np.asarray(y), lines=1)
    c = jax.jit(jnp.sin).lower(jnp.ones(5)).compile()
    show("ahead of time", c(jnp.ones(5)))
    print(sorted(c.cost_analysis() or {})[:3])
def check_command_buffers(): # env XLA_FLAGS=--xla_gpu_graph_min_graph_size=1
    f = jax.jit(lambda x: [x := jnp.sin(x @ x) * 0.5 + jnp.cumsum(x, 0) * 0.01 for _ in range(6)][-1])
    x = data(64, 64)
    for _ in range(6): y = f(x)
    near("graphs", jnp.abs(y).sum())
def check_transfers():
    h = np.arange(10 << 20, dtype=np.int32)
    x = jax.device_put(h)
    show("there and back", x + 1)
    show("many", *[jax.device_put(np.full(1000, i)) for i in range(20)][::5])
    x.copy_to_host_async()
    show("async", np.asarray(x)[:5])
    import torch
    t = torch.arange(99, device="cuda", dtype=torch.float32)
    each([("dlpack", lambda: jnp.from_dlpack(t) * 2), ("to torch", lambda: torch.from_dlpack(jnp.arange(5.0)) + 1),
        ("pinned", lambda: jax.device_put(jnp.arange(9.0), jax.sharding.SingleDeviceSharding(jax.devices()[0], memory_kind="pinned_host")))])
def check_pallas(): # limit 100
    from jax.experimental import pallas as pl
    def add(x, y, o): o[...] = x[...] + y[...]
    each([("pallas", lambda: pl.pallas_call(add, out_shape=jax.ShapeDtypeStruct((256,), jnp.float32))(data(256), data(256, seed=2)))])
def check_attention(): # limit 100
    q = data(2, 64, 4, 64).astype(jnp.bfloat16)
    show("xla", jax.nn.dot_product_attention(q, q, q))
    each([("cudnn", lambda: jax.nn.dot_product_attention(q, q, q, implementation="cudnn"))])
def check_profiler():
    import tempfile
    with tempfile.TemporaryDirectory() as d:
        with jax.profiler.trace(d): jax.jit(jnp.sin)(jnp.ones(9)).block_until_ready()
        print("trace", any(f for _, _, f in os.walk(d)))
def check_threads():
    from concurrent.futures import ThreadPoolExecutor
    f = jax.jit(lambda x: jnp.tanh(x @ x).sum())
    with ThreadPoolExecutor(8) as pool:
        show("threads", np.array(list(pool.map(lambda i: float(f(data(64, 64, seed=i))), range(40)))))

if __name__ == "__main__": main(globals())
