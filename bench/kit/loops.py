"""`loops.py jax` and `loops.py cupy`: a compiled step of JAX and an element-wise operation of CuPy, thousands in a row."""
import json, os, statistics, sys, time

QUICK = os.environ.get("BENCH_QUICK") == "1"
def emit(name, value, unit, **more):
    print(json.dumps(dict(suite="loops", name=name, value=float(f"{value:.6g}"), unit=unit) | more), flush=True)
def rounds(name, step, wait, count):
    step(count // 10)
    wait()
    times = []
    for _ in range(3 if QUICK else 7):
        t = time.perf_counter()
        step(count)
        wait()
        times.append((time.perf_counter() - t) / count * 1e6)
    emit(name, statistics.median(times), "us", runs=[round(t, 2) for t in times])

def jax():
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    import jax, jax.numpy as jnp
    x = [jnp.zeros(1000)]
    f = jax.jit(lambda x: x * 1.000001 + 1)
    w = jnp.eye(256) * 0.5
    g = jax.jit(lambda x: jnp.tanh(x @ w) + x)
    y = [jnp.ones((64, 256))]
    def small(n):
        for _ in range(n): x[0] = f(x[0])
    def layer(n):
        for _ in range(n): y[0] = g(y[0])
    rounds("jax_jit", small, lambda: x[0].block_until_ready(), 3000)
    rounds("jax_jit_layer", layer, lambda: y[0].block_until_ready(), 2000)
    t = time.perf_counter()
    [float(f(x[0])[0]) for _ in range(200)]
    emit("jax_read_each", (time.perf_counter() - t) / 200 * 1e6, "us")
    print(json.dumps(dict(suite="loops", name="jax_sum", near=float(x[0].sum()))))
def cupy():
    import cupy
    x = cupy.zeros(1000, cupy.float32)
    wait = cupy.cuda.Device().synchronize
    def inplace(n):
        for _ in range(n): cupy.add(x, 1, x)
    def fresh(n):
        for _ in range(n): y = x * 2 + 1
    rounds("cupy_elementwise", inplace, wait, 10000)
    rounds("cupy_two_operations", fresh, wait, 5000)
    print(json.dumps(dict(suite="loops", name="cupy_sum", near=float(x.sum()))))

for name in sys.argv[1:] or ["jax", "cupy"]:
    try: {"jax": jax, "cupy": cupy}[name]()
    except Exception as e:
        print(json.dumps(dict(suite="loops", name=name, error=f"{type(e).__name__}: {e}"[:300])), flush=True)
