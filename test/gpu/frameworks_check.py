"""One small computation each by CuPy, JAX and Triton: `frameworks_check.py cupy|jax|triton`. Prints a digest; natively and remotely equal."""
import hashlib, os, sys

def digest(name, array): print(name, array.shape, hashlib.sha256(array.tobytes()).hexdigest()[:16], flush=True)

def cupy():
    import cupy
    x = cupy.arange(100_000, dtype=cupy.float32)
    digest("cupy elementwise", cupy.asnumpy(cupy.sqrt(x) * 2 + 1)); digest("cupy sort", cupy.asnumpy(cupy.sort(x * 7919 % 1013)))
    kernel = cupy.RawKernel('extern "C" __global__ void twice(float *p) { p[threadIdx.x] *= 2; }', "twice")
    y = cupy.arange(256, dtype=cupy.float32); kernel((1,), (256,), (y,)); digest("cupy raw kernel", cupy.asnumpy(y))
    digest("cupy matmul", cupy.asnumpy(cupy.arange(65536, dtype=cupy.float32).reshape(256, 256) % 7 @ cupy.eye(256, dtype=cupy.float32)))

def jax():
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    import jax, numpy
    import jax.numpy as jnp
    @jax.jit
    def step(x, w): return jnp.tanh(x @ w).sum(axis=1) + jnp.sort(x[:, 0])
    x = jnp.asarray(numpy.arange(64 * 32, dtype=numpy.float32).reshape(64, 32) % 13 / 13); w = jnp.asarray(numpy.eye(32, 16, dtype=numpy.float32))
    print("jax devices", jax.devices()); digest("jax step", numpy.asarray(step(x, w)))
    digest("jax gradient", numpy.asarray(jax.grad(lambda w: step(x, w).sum())(w)))

def triton():
    import torch, triton, triton.language as tl
    global add_one
    @triton.jit
    def add_one(p, n, B: tl.constexpr):
        i = tl.program_id(0) * B + tl.arange(0, B)
        tl.store(p + i, tl.load(p + i, mask=i < n) + 1, mask=i < n)
    x = torch.arange(10_000, device="cuda", dtype=torch.float32)
    add_one[(10,)](x, 10_000, B=1024)
    digest("triton add", x.cpu().numpy())
    compiled = torch.compile(lambda t: (t.sin() * 2 + t.cos()).sum())
    print("compiled", compiled(x).item())

{"cupy": cupy, "jax": jax, "triton": triton}[sys.argv[1]]()
print("done")
