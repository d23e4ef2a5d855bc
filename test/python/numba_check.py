"""Kernels written in Python and compiled by numba-cuda, compared with numpy: one line a check, exit status 1 when one fails.

Runs on whatever libcuda the loader finds: the software GPU directly, or a client. numba links with the driver's linker (cuLink*) as long as
nvJitLink is not installed; what it links must stay PTX for the software GPU, so that package is left out of the environment on purpose.
"""
import math
import sys
import warnings

import numpy as np
from numba import cuda, float32, float64

warnings.filterwarnings("ignore")
failures = 0


def check(name, passed):
    global failures
    print(("pass " if passed else "FAIL ") + name, flush=True)
    failures += not passed


@cuda.jit
def add(x, y, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = x[i] + y[i]


@cuda.jit
def block_sum(x, out):
    tile = cuda.shared.array(256, float32)
    t, i = cuda.threadIdx.x, cuda.grid(1)
    tile[t] = x[i] if i < x.size else 0.0
    cuda.syncthreads()
    step = 128
    while step:
        if t < step:
            tile[t] += tile[t + step]
        cuda.syncthreads()
        step //= 2
    if t == 0:
        cuda.atomic.add(out, 0, tile[0])


@cuda.jit
def warp_sum(x, out):
    v = x[cuda.grid(1)]
    for offset in (16, 8, 4, 2, 1):
        v += cuda.shfl_down_sync(0xFFFFFFFF, v, offset)
    if cuda.laneid == 0:
        out[cuda.grid(1) // 32] = v


@cuda.jit
def histogram(x, bins, low, high):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        cuda.atomic.add(bins, min(bins.size - 1, int((x[i] - low) / (high - low) * bins.size)), 1)


@cuda.jit
def special(x, out):
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        out[i, 0] = math.sin(v)
        out[i, 1] = math.exp(-v * v)
        out[i, 2] = math.log1p(abs(v))
        out[i, 3] = math.erf(v)
        out[i, 4] = math.atan2(v, 2.0)
        out[i, 5] = math.lgamma(abs(v) + 0.5)
        out[i, 6] = math.pow(abs(v), 1.7)


@cuda.jit(device=True)
def escape(cr, ci, limit):
    zr, zi = float64(0), float64(0)
    for n in range(limit):
        zr, zi = zr * zr - zi * zi + cr, 2 * zr * zi + ci
        if zr * zr + zi * zi > 4:
            return n
    return limit


@cuda.jit
def mandelbrot(image, limit):
    x, y = cuda.grid(2)
    if y < image.shape[0] and x < image.shape[1]:
        image[y, x] = escape(-2.2 + 3.2 * x / image.shape[1], -1.2 + 2.4 * y / image.shape[0], limit)


@cuda.jit
def product(a, b, c):
    tile_a = cuda.shared.array((16, 16), float32)
    tile_b = cuda.shared.array((16, 16), float32)
    x, y = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    total = float32(0)
    for k in range(0, a.shape[1], 16):
        tile_a[ty, tx] = a[y, k + tx]
        tile_b[ty, tx] = b[k + ty, x]
        cuda.syncthreads()
        for j in range(16):
            total += tile_a[ty, j] * tile_b[j, tx]
        cuda.syncthreads()
    c[y, x] = total


@cuda.jit
def bits(x, out):
    i = cuda.grid(1)
    out[i, 0] = cuda.popc(x[i])
    out[i, 1] = cuda.clz(x[i])
    out[i, 2] = cuda.brev(x[i])
    out[i, 3] = cuda.ballot_sync(0xFFFFFFFF, x[i] & 1)


def main():
    random = np.random.default_rng(7)
    n = 100_000
    x, y = random.random(n, np.float32), random.random(n, np.float32)
    out = np.zeros_like(x)
    add[(n + 255) // 256, 256](x, y, out)
    check("vector addition", np.array_equal(out, x + y))

    total = np.zeros(1, np.float32)
    block_sum[(n + 255) // 256, 256](x, total)
    check("reduction in shared memory", abs(total[0] - x.sum(dtype=np.float64)) < 1e-4 * n)

    whole = random.integers(0, 100, 4096).astype(np.int32)
    sums = np.zeros(128, np.int32)
    warp_sum[16, 256](whole, sums)
    check("warp shuffles", np.array_equal(sums, whole.reshape(-1, 32).sum(axis=1)))

    bins = np.zeros(64, np.int32)
    histogram[32, 128](x, bins, np.float32(0), np.float32(1))
    want = np.bincount(np.minimum(63, (x * np.float32(64)).astype(int)), minlength=64)
    check("histogram by atomics", np.array_equal(bins, want))

    v = random.normal(size=5000) * 3
    results = np.zeros((v.size, 7))
    special[(v.size + 127) // 128, 128](v, results)
    want = np.stack([np.sin(v), np.exp(-v * v), np.log1p(np.abs(v)), np.vectorize(math.erf)(v), np.arctan2(v, 2.0),
                     np.vectorize(math.lgamma)(np.abs(v) + 0.5), np.abs(v) ** 1.7], axis=1)
    check("float64 functions of libdevice", np.allclose(results, want, rtol=1e-13, atol=1e-14))

    image = np.zeros((96, 128), np.int32)
    mandelbrot[(8, 6), (16, 16)](image, 200)
    want = np.array([[escape.py_func(-2.2 + 3.2 * i / 128, -1.2 + 2.4 * j / 96, 200) for i in range(128)] for j in range(96)])
    check("Mandelbrot with a device function", np.count_nonzero(image != want) <= 2)   # a last bit may differ by a fused multiply-add

    a, b = random.random((64, 48), np.float32), random.random((48, 80), np.float32)
    c = np.zeros((64, 80), np.float32)
    product[(5, 4), (16, 16)](a, b, c)
    check("matrix product in tiles", np.allclose(c, a @ b, rtol=1e-5))

    words = random.integers(0, 2**32, 256, dtype=np.uint32)
    answers = np.zeros((256, 4), np.uint32)
    bits[2, 128](words, answers)
    text = [f"{w:032b}" for w in words]
    want = np.array([[t.count("1"), len(t) - len(t.lstrip("0")), int(t[::-1], 2),
                      sum(int(words[i // 32 * 32 + k] & 1) << k for k in range(32))] for i, t in enumerate(text)], np.uint32)
    check("integer intrinsics and votes", np.array_equal(answers, want))

    stream = cuda.stream()
    device = cuda.to_device(x, stream=stream)
    add[(n + 255) // 256, 256, stream](device, device, device)
    doubled = device.copy_to_host(stream=stream)
    stream.synchronize()
    check("device arrays and streams", np.array_equal(doubled, 2 * x))
    return failures


sys.exit(1 if main() else 0)
