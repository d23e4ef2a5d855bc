"""PyTorch's arithmetic: wide sweeps over operators and types, autograd, mixed precision, cuDNN, attention, FFT, linear algebra, sparse, random numbers,
optimizers. See compat.py."""
from compat import DEVICE, each, error, main, near, show, torch_healthy as healthy, torch_reset as reset
import torch
import torch.nn.functional as F

def host(*shape, seed=1, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
def tensor(*shape, seed=1, dtype=torch.float32): return host(*shape, seed=seed).to(DEVICE).to(dtype)
def integers(*shape, seed=1, dtype=torch.int32, low=0, high=50):
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE).to(dtype)

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]

def check_unary():
    names = "abs acos acosh asin asinh atan atanh ceil cos cosh digamma erf erfc erfinv exp exp2 expm1 floor frac lgamma log log10 log1p log2 logit neg reciprocal round rsqrt sigmoid sign sin sinc sinh sqrt square tan tanh trunc i0".split()
    for dtype in FLOATS:
        x = tensor(3001, dtype=dtype)
        each((f"{n} {dtype}", lambda n=n: getattr(torch, n)(x)) for n in names)
    special = "airy_ai bessel_j0 bessel_j1 bessel_y0 entr erfcx i0e i1 i1e log_ndtr modified_bessel_k0 ndtr ndtri scaled_modified_bessel_k1 spherical_bessel_j0".split()
    each((f"special.{n}", lambda n=n: getattr(torch.special, n)(tensor(501))) for n in special)
    z = torch.complex(tensor(777), tensor(777, seed=2))
    each((f"complex {n}", lambda n=n: getattr(torch, n)(z)) for n in "abs angle conj cos exp log reciprocal sigmoid sin sqrt tan tanh".split())

def check_binary():
    pairs = "add sub mul div atan2 fmod remainder hypot maximum minimum pow copysign fmax fmin nextafter logaddexp logaddexp2 eq ge lt ne xlogy heaviside".split()
    for dtype in FLOATS:
        a, b = tensor(40, 51, dtype=dtype), tensor(51, seed=2, dtype=dtype)
        each((f"{n} {dtype}", lambda n=n: getattr(torch, n)(a, b)) for n in pairs)
    for dtype in [torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64]:
        a, b = integers(999, dtype=dtype), integers(999, seed=2, dtype=dtype, low=1)
        each((f"{n} {dtype}", lambda n=n: getattr(torch, n)(a, b))
            for n in "add sub mul div floor_divide remainder bitwise_and bitwise_or bitwise_xor gcd lcm maximum eq lt".split())
    each([("shift", lambda: integers(99) << 3), ("bool", lambda: (integers(99) > 20) & (integers(99, seed=2) > 9)),
        ("lerp", lambda: torch.lerp(tensor(9), tensor(9, seed=2), 0.3)),
          ("addcmul", lambda: torch.addcmul(tensor(9), tensor(9, seed=2), tensor(9, seed=3), value=0.5)),
          ("where", lambda: torch.where(tensor(99) > 0, tensor(99, seed=2), 1.5)),
          ("mixed types", lambda: integers(9) * 1.5 + tensor(9, dtype=torch.float16)), ("clamp", lambda: tensor(99).clamp(-0.5, 0.25)),
          ("float8", lambda: tensor(99).to(torch.float8_e4m3fn).to(torch.float32))])

def check_reduce():
    for dtype in FLOATS:
        x = tensor(257, 1031, dtype=dtype)
        each((f"{n} {dtype} {d}", lambda n=n, d=d: getattr(torch, n)(x, d))
            for n in "sum mean std var prod norm amax amin argmax argmin logsumexp".split() for d in (0, 1)
            if not (n == "logsumexp" and dtype == torch.float16))
        each([(f"all {dtype}", lambda: x.sum()), (f"max {dtype}", lambda: x.max()), (f"aminmax {dtype}", lambda: torch.aminmax(x)),
            (f"median {dtype}", lambda: x.float().median(1).values)])
    i = integers(3000, 17)
    each([("sum", lambda: i.sum()), ("any", lambda: (i > 48).any(1)), ("all", lambda: (i > 48).all(0)), ("count", lambda: i.count_nonzero(0)),
        ("nansum", lambda: torch.nansum(tensor(99) / 0)),
          ("quantile", lambda: torch.quantile(tensor(999), 0.3)), ("histc", lambda: torch.histc(tensor(9999), 50, -3, 3)),
          ("bincount", lambda: torch.bincount(integers(9999, dtype=torch.int64))),
          ("cumsum", lambda: tensor(33, 999).cumsum(1)), ("cumprod", lambda: (tensor(9, 99) * 0.1 + 1).cumprod(1)),
          ("cummax", lambda: tensor(9, 999).cummax(1)), ("logcumsumexp", lambda: tensor(9, 999).logcumsumexp(1)),
          ("trace", lambda: tensor(99, 99).trace()), ("dist", lambda: torch.dist(tensor(99), tensor(99, seed=2))),
          ("cdist", lambda: torch.cdist(tensor(64, 40), tensor(70, 40, seed=2)))])

def check_index():
    x, i = tensor(500, 300), integers(200, dtype=torch.int64, high=300)
    rows = integers(64, dtype=torch.int64, seed=4, high=500)
    each([("gather", lambda: x.gather(1, i.expand(500, 200))), ("index_select", lambda: x.index_select(1, i)), ("take", lambda: x.take(rows)),
        ("mask", lambda: x[x > 1]), ("fancy", lambda: x[rows, i[:64]]),
          ("nonzero", lambda: (x > 2).nonzero()), ("scatter", lambda: torch.zeros_like(x).scatter_(1,
          torch.arange(300, device=DEVICE).expand(500, 300), x)),
          ("scatter_add int", lambda: torch.zeros(10, dtype=torch.int64, device=DEVICE).scatter_add_(0, integers(9999, dtype=torch.int64, high=10),
          torch.ones(9999, dtype=torch.int64, device=DEVICE))),
          ("index_put", lambda: torch.zeros(500, 300, device=DEVICE).index_put((torch.arange(64, device=DEVICE), i[:64]), x[:64, 0])),
          ("masked_fill", lambda: x.masked_fill(x > 0, -1)),
          ("sort", lambda: x.sort(1)), ("sort stable", lambda: integers(20000).sort(stable=True)), ("argsort", lambda: x.argsort(0)),
          ("topk", lambda: x.topk(7, 1)), ("kthvalue", lambda: x.kthvalue(5, 1)), ("unique", lambda: integers(9999).unique(return_counts=True)),
          ("unique_consecutive", lambda: integers(9999, high=3).unique_consecutive()),
          ("searchsorted", lambda: torch.searchsorted(x[0].sort().values, x[1])),
          ("bucketize", lambda: torch.bucketize(x, torch.linspace(-2, 2, 9, device=DEVICE))),
          ("tril", lambda: x.tril(3)), ("flip", lambda: x.flip(0, 1)), ("roll", lambda: x.roll(13, 1)),
          ("cat", lambda: torch.cat([x, x[:7], x[3:90]], 0)), ("stack", lambda: torch.stack([x] * 3, 2)), ("repeat", lambda: x.repeat(2, 3)),
          ("repeat_interleave", lambda: torch.repeat_interleave(rows, integers(64, dtype=torch.int64, high=4))),
          ("permute", lambda: tensor(5, 6, 7).permute(2, 0, 1).contiguous()), ("unfold", lambda: tensor(3, 40).unfold(1, 5, 3) * 2),
          ("meshgrid", lambda: torch.cartesian_prod(rows[:9], i[:9])),
          ("arange", lambda: torch.arange(0, 1, 0.001, device=DEVICE, dtype=torch.float64)),
          ("linspace", lambda: torch.linspace(0, 1, 777, device=DEVICE)), ("logspace", lambda: torch.logspace(0, 1, 77, device=DEVICE)),
          ("eye", lambda: torch.eye(40, 50, device=DEVICE)), ("item", lambda: x[3, 4].item()), ("tolist", lambda: i[:5].tolist()),
          ("equal", lambda: torch.equal(x, x.clone())), ("allclose", lambda: torch.allclose(x, x + 1e-9)), ("embedding", lambda: F.embedding(i, x)),
          ("one_hot", lambda: F.one_hot(i % 10, 10)), ("bag", lambda: F.embedding_bag(i.view(20, 10), x, mode="mean"))])

def check_nn():
    x, image = tensor(32, 100), tensor(4, 8, 33, 29)
    each([(n, lambda n=n: getattr(F, n)(x))
        for n in "relu gelu silu elu selu mish hardswish hardtanh leaky_relu logsigmoid softplus softsign tanhshrink relu6 celu".split()])
    each([("softmax", lambda: x.softmax(1)), ("log_softmax", lambda: x.log_softmax(0)), ("softmax half", lambda: x.half().softmax(1)),
        ("glu", lambda: F.glu(x)), ("layer_norm", lambda: F.layer_norm(x, (100,))), ("group_norm", lambda: F.group_norm(image, 4)),
          ("instance_norm", lambda: F.instance_norm(image)), ("batch_norm",
          lambda: F.batch_norm(image, torch.zeros(8, device=DEVICE), torch.ones(8, device=DEVICE), training=True)),
          ("rms_norm", lambda: F.rms_norm(x, (100,))), ("normalize", lambda: F.normalize(x)),
          ("max_pool2d", lambda: F.max_pool2d(image, 3, 2)), ("avg_pool2d", lambda: F.avg_pool2d(image, 3, 2)),
          ("adaptive", lambda: F.adaptive_avg_pool2d(image, 5)), ("lp_pool", lambda: F.lp_pool2d(image, 2, 3)),
          ("max_pool3d", lambda: F.max_pool3d(tensor(2, 3, 9, 9, 9), 2)),
          *[(f"interpolate {m}", lambda m=m: F.interpolate(image, scale_factor=1.7, mode=m)) for m in ("nearest", "bilinear", "bicubic", "area")],
          ("grid_sample", lambda: F.grid_sample(image, tensor(4, 9, 9, 2).tanh(), align_corners=False)),
          ("pad", lambda: F.pad(image, (1, 2, 3, 4), mode="reflect")), ("unfold", lambda: F.unfold(image, 3)),
          ("fold", lambda: F.fold(F.unfold(image, 3), (33, 29), 3)), ("pixel_shuffle", lambda: F.pixel_shuffle(tensor(2, 9, 5, 5), 3)),
          ("cosine", lambda: F.cosine_similarity(x, x.flip(0))),
          ("cross_entropy", lambda: F.cross_entropy(x, integers(32, dtype=torch.int64))),
          ("nll2d", lambda: F.nll_loss(image.log_softmax(1), integers(4, 33, 29, dtype=torch.int64, high=8))),
          ("bce", lambda: F.binary_cross_entropy_with_logits(x, x.sigmoid())), ("smooth_l1", lambda: F.smooth_l1_loss(x, x.flip(0))),
          ("kl_div", lambda: F.kl_div(x.log_softmax(1), x.flip(0).softmax(1), reduction="batchmean")), ("huber", lambda: F.huber_loss(x, x.flip(0))),
          ("margin", lambda: F.multi_margin_loss(x, integers(32, dtype=torch.int64))),
          ("ctc", lambda: F.ctc_loss(tensor(50, 4, 20).log_softmax(2), integers(4, 10, dtype=torch.int64, low=1, high=20), torch.full((4,), 50),
          torch.full((4,), 10))), ("bilinear", lambda: F.bilinear(x, x.flip(1), tensor(5, 100, 100)))])

def check_matmul():
    for dtype in FLOATS:
        a, b, v = tensor(300, 200, dtype=dtype), tensor(200, 130, seed=2, dtype=dtype), tensor(200, seed=3, dtype=dtype)
        each([(f"mm {dtype}", lambda: a @ b), (f"mv {dtype}", lambda: a @ v), (f"dot {dtype}", lambda: torch.dot(v, v)),
            (f"bmm {dtype}", lambda: torch.bmm(tensor(7, 60, 50, dtype=dtype), tensor(7, 50, 40, dtype=dtype))),
            (f"addmm {dtype}", lambda: torch.addmm(tensor(130, dtype=dtype), a, b, beta=0.5, alpha=2)),
              (f"transposed {dtype}", lambda: (b.T @ a.T)), (f"linear {dtype}", lambda: F.linear(a, b.T, b[0])),
              (f"einsum {dtype}", lambda: torch.einsum("bij,bjk->ik", tensor(5, 30, 20, dtype=dtype), tensor(5, 20, 10, dtype=dtype))),
              (f"outer {dtype}", lambda: torch.outer(v, v)), (f"baddbmm {dtype}",
              lambda: torch.baddbmm(tensor(7, 8, 8, dtype=dtype), tensor(7, 8, 9, dtype=dtype), tensor(7, 9, 8, dtype=dtype)))])
    for size in [64, 511, 1024, 4096]:
        show(f"bf16 {size}", tensor(size, size, dtype=torch.bfloat16) @ tensor(size, size, seed=2, dtype=torch.bfloat16))
    z = torch.complex(tensor(90, 80), tensor(90, 80, seed=2))
    show("complex", z @ z.mH)
    torch.backends.cuda.matmul.allow_tf32 = True
    show("tf32", tensor(512, 512) @ tensor(512, 512, seed=2))
    torch.backends.cuda.matmul.allow_tf32 = False
    each([("int8", lambda: torch._int_mm(integers(64, 128, dtype=torch.int8, low=-9, high=9),
        integers(128, 64, seed=2, dtype=torch.int8, low=-9, high=9))),
          ("fp8", lambda: torch._scaled_mm(tensor(64, 128).to(torch.float8_e4m3fn), tensor(64, 128, seed=2).to(torch.float8_e4m3fn).t(),
          scale_a=torch.ones((), device=DEVICE), scale_b=torch.ones((), device=DEVICE), out_dtype=torch.bfloat16))])
    def by_lt():
        torch.backends.cuda.preferred_blas_library("cublaslt")
        return tensor(300, 200) @ tensor(200, 100)
    each([("cublasLt", by_lt)])

def check_autograd():
    x = tensor(64, 64).requires_grad_()
    y = (x.sin() @ x.cos().T).softmax(1).logsumexp(0).sum() + (x ** 3).mean() + F.gelu(x).norm()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    show("first", g)
    g.square().sum().backward()
    show("second", x.grad)
    f = lambda t: (t.exp() * torch.arange(6., device=DEVICE)).sum()
    show("jacobian", torch.autograd.functional.jacobian(lambda t: t.sin() * t.sum(), tensor(6)))
    show("hessian", torch.autograd.functional.hessian(f, tensor(6)))
    show("vmap", torch.func.vmap(torch.func.grad(f))(tensor(5, 6))) if hasattr(torch, "func") else None
    print("gradcheck", torch.autograd.gradcheck(lambda a, b: (a @ b).tanh(),
        (tensor(4, 5, dtype=torch.float64).requires_grad_(), tensor(5, 3, dtype=torch.float64).requires_grad_())))
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, t):
            ctx.save_for_backward(t)
            return t ** 3
        @staticmethod
        def backward(ctx, grad): return grad * 3 * ctx.saved_tensors[0] ** 2
    t = tensor(99).requires_grad_()
    Cube.apply(t).sum().backward()
    show("own function", t.grad)
    from torch.utils.checkpoint import checkpoint
    t = tensor(50, 50).requires_grad_()
    checkpoint(lambda a: (a @ a).relu(), t, use_reentrant=False).sum().backward()
    show("checkpoint", t.grad)
    hooks = []
    t = tensor(5).requires_grad_()
    t.register_hook(lambda grad: hooks.append(grad.sum().item()))
    (t * 2).sum().backward()
    print("hook", hooks)
    error("anomaly", lambda: (tensor(3).requires_grad_().sqrt_().sum()))

def check_amp():
    for dtype in [torch.float16, torch.bfloat16]:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(128, 256), torch.nn.GELU(), torch.nn.LayerNorm(256), torch.nn.Linear(256, 16)).to(DEVICE)
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
        scaler = torch.amp.GradScaler(DEVICE, enabled=dtype == torch.float16, init_scale=2.0 ** 40, growth_interval=4)
        x, y = tensor(64, 128), integers(64, dtype=torch.int64, high=16)
        for step in range(30):
            with torch.autocast(DEVICE, dtype): loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            if step % 5 == 4: print(dtype, step, loss.item(), norm.item(), scaler.get_scale())
        show("weights", model[0].weight, model[3].bias)
        with torch.autocast(DEVICE, dtype):
            show("types", model(x), (x @ x.T), F.softmax(x, 1), x.sum())

def convolutions():
    for dtype in [torch.float32, torch.float16, torch.bfloat16]:
        for form in [torch.contiguous_format, torch.channels_last]:
            for groups, stride, dilation in [(1, 1, 1), (1, 2, 1), (4, 1, 2), (32, 1, 1)]:
                x = tensor(4, 32, 28, 28, dtype=dtype).to(memory_format=form).requires_grad_()
                w = (tensor(64, 32 // groups, 3, 3, seed=2, dtype=dtype) * 0.1).to(memory_format=form).detach().requires_grad_()
                y = F.conv2d(x, w, stride=stride, padding=1, dilation=dilation, groups=groups)
                y.square().mean().backward()
                yield f"conv {dtype} {str(form)[6:]} {groups} {stride} {dilation}", (y, x.grad, w.grad)
    for name, make in [("1d", lambda: F.conv1d(tensor(4, 16, 99), tensor(8, 16, 5, seed=2))),
            ("3d", lambda: F.conv3d(tensor(2, 4, 9, 9, 9), tensor(8, 4, 3, 3, 3, seed=2))),
            ("transposed", lambda: F.conv_transpose2d(tensor(2, 8, 9, 9), tensor(8, 4, 3, 3, seed=2), stride=2))]:
        yield name, (make(),)

def check_cudnn():
    print("cudnn", torch.backends.cudnn.version(), torch.backends.cudnn.is_acceptable(tensor(1)))
    torch.backends.cudnn.deterministic = True
    for name, values in convolutions(): show(name, *values)
def check_cudnn_benchmark():
    torch.backends.cudnn.benchmark = True  # which algorithm is fastest is not the same twice: compared roughly
    for name, values in convolutions():
        for i, v in enumerate(values): near(f"{name} {i}", v.detach().float().abs().double().mean())
def check_cudnn_recurrent():
    torch.manual_seed(0)
    torch.backends.cudnn.deterministic = True
    for kind in [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN]:
        net = kind(40, 64, 2, bidirectional=True, batch_first=True).to(DEVICE)
        x = tensor(8, 25, 40).requires_grad_()
        out, state = net(x)
        out.square().mean().backward()
        show(kind.__name__, out, x.grad, net.weight_hh_l0.grad)
    packed = torch.nn.utils.rnn.pack_padded_sequence(tensor(4, 9, 40), torch.tensor([9, 7, 4, 2]), batch_first=True)
    show("packed", net(packed)[0].data)
    show("batch norm", torch.nn.BatchNorm2d(16).to(DEVICE)(tensor(8, 16, 20, 20)))

def attention(kind, dtypes):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    torch.backends.cuda.enable_math_sdp(True)
    with sdpa_kernel(getattr(SDPBackend, kind)):
        for dtype in dtypes:
            for causal, length in [(False, 128), (True, 128), (True, 333), (False, 1)]:
                q = tensor(2, 8, length if length > 1 else 1, 64, dtype=dtype).requires_grad_()
                k, v = (tensor(2, 8, length if length > 1 else 77, 64, seed=s, dtype=dtype).requires_grad_() for s in (2, 3))
                y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
                y.float().square().mean().backward()
                if kind == "EFFICIENT_ATTENTION" or kind == "FLASH_ATTENTION" or kind == "CUDNN_ATTENTION":  # gradients by atomics
                    show(f"{dtype} {causal} {length}", y)
                    [near(f"{dtype} {causal} {length} {n}", t.grad.float().abs().double().mean()) for n, t in zip("qkv", (q, k, v))]
                else: show(f"{dtype} {causal} {length}", y, q.grad, k.grad, v.grad)
        if kind != "FLASH_ATTENTION":
            show("mask", F.scaled_dot_product_attention(*(tensor(2, 8, 64, 64, seed=s, dtype=dtypes[0]) for s in (1, 2, 3)),
                attn_mask=tensor(64, 64, seed=9, dtype=dtypes[0])))
HALVES = [torch.float16, torch.bfloat16]
def check_attention_math(): attention("MATH", [torch.float32, *HALVES])
def check_attention_flash(): attention("FLASH_ATTENTION", HALVES)
def check_attention_efficient(): attention("EFFICIENT_ATTENTION", [torch.float32, *HALVES])
def check_attention_cudnn(): attention("CUDNN_ATTENTION", HALVES)  # limit 100
def check_attention_module():
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(128, 8, 256, batch_first=True).to(DEVICE).eval()
    show("encoder", layer(tensor(4, 50, 128)))
    show("multihead", *torch.nn.MultiheadAttention(64, 4, batch_first=True).to(DEVICE)(*(tensor(2, 30, 64, seed=s) for s in (1, 2, 3))))

def check_fft():
    for dtype in [torch.float32, torch.float64]:
        for n in [16, 100, 1024, 4097, 65536]:
            x = tensor(3, n, dtype=dtype)
            f = torch.fft.rfft(x)
            show(f"rfft {dtype} {n}", f, torch.fft.irfft(f, n), torch.fft.fft(x), torch.fft.ifft(f))
        x = tensor(2, 48, 60, dtype=dtype)
        show(f"2d {dtype}", torch.fft.rfft2(x), torch.fft.fft2(x), torch.fft.fftn(tensor(8, 9, 10, dtype=dtype)), torch.fft.fftshift(x))
    show("half", torch.fft.fft(tensor(4, 256, dtype=torch.float16))) if DEVICE == "cuda" else None
    show("stft", torch.view_as_real(torch.stft(tensor(4000), 256, window=torch.hann_window(256, device=DEVICE), return_complex=True)))
    if DEVICE == "cuda": print("plans", torch.backends.cuda.cufft_plan_cache.size > 0)

def check_linalg():
    for dtype in [torch.float32, torch.float64, torch.complex64]:
        a = tensor(50, 50, dtype=torch.float64).to(dtype)
        s = a @ a.mH + 50 * torch.eye(50, device=DEVICE, dtype=dtype)
        b = tensor(50, 7, dtype=torch.float64).to(dtype)
        each([(f"{n} {dtype}", lambda n=n: getattr(torch.linalg, n)(s)) for n in "cholesky inv det slogdet eigvalsh svdvals matrix_exp pinv".split()])
        each([(f"qr {dtype}", lambda: torch.linalg.qr(a)), (f"eigh {dtype}", lambda: torch.linalg.eigh(s)),
            (f"svd {dtype}", lambda: torch.linalg.svd(a)[1]), (f"lu {dtype}", lambda: torch.linalg.lu_factor(a)),
            (f"solve {dtype}", lambda: torch.linalg.solve(a, b)), (f"triangular {dtype}",
            lambda: torch.linalg.solve_triangular(a.triu() + 9 * torch.eye(50, device=DEVICE, dtype=dtype), b, upper=True)),
              (f"lstsq {dtype}", lambda: torch.linalg.lstsq(tensor(60, 50, dtype=torch.float64).to(dtype),
              tensor(60, 2, dtype=torch.float64).to(dtype)).solution), (f"cholesky_solve {dtype}",
              lambda: torch.cholesky_solve(b, torch.linalg.cholesky(s))), (f"batched {dtype}", lambda: torch.linalg.cholesky(s.expand(9, 50, 50))),
              (f"batched inverse {dtype}", lambda: torch.linalg.inv(tensor(20, 8, 8, dtype=torch.float64).to(dtype))),
              (f"matrix_power {dtype}", lambda: torch.linalg.matrix_power(a * 0.01, 5)), (f"householder {dtype}", lambda: torch.geqrf(a)),
              (f"ldl {dtype}", lambda: torch.linalg.ldl_factor(s))])
    error("not positive definite", lambda: torch.linalg.cholesky(-torch.eye(4, device=DEVICE)))
    error("singular", lambda: torch.linalg.inv(torch.zeros(3, 3, device=DEVICE)))
    e = torch.linalg.eig(tensor(20, 20, dtype=torch.float64)).eigenvalues
    near("eig", e.abs().sum())
    for library in ["cusolver", "magma"]:
        def by_library():
            torch.backends.cuda.preferred_linalg_library(library)
            return torch.linalg.svdvals(tensor(40, 30)), torch.linalg.solve(tensor(30, 30), tensor(30, 2))
        each([(f"by {library}", by_library)])

def check_sparse():
    dense = tensor(200, 150) * (tensor(200, 150, seed=5) > 1)
    b = tensor(150, 40, seed=6)
    coo, csr = dense.to_sparse(), dense.to_sparse_csr()
    print("nnz", coo._nnz(), csr._nnz())
    each([("coo mm", lambda: torch.sparse.mm(coo, b)), ("csr mm", lambda: csr @ b), ("csr mv", lambda: csr @ b[:, 0]),
        ("indices", lambda: (csr.crow_indices(), csr.col_indices(), csr.values())), ("coo add", lambda: (coo + coo)),
        ("transpose", lambda: coo.t().coalesce()), ("spgemm", lambda: torch.sparse.mm(coo, coo.t())),
          ("sum", lambda: torch.sparse.sum(coo, 0)), ("softmax", lambda: torch.sparse.softmax(coo, 1)), ("csc", lambda: dense.to_sparse_csc()),
          ("bsr", lambda: dense[:, :144].to_sparse_bsr((8, 8)) @ tensor(144, 16)),
          ("sampled", lambda: torch.sparse.sampled_addmm(csr, tensor(200, 30), tensor(30, 150))),
          ("half", lambda: dense.half().to_sparse_csr() @ b.half()),
          ("solve", lambda: torch.triangular_solve(b[:40], (torch.eye(40, device=DEVICE) * 3 + dense[:40, :40].triu(1)).to_sparse_csr())[0])])
    near("double", (dense.double().to_sparse_csr() @ b.double()).abs().mean())  # its sums are not in the same order each time
    x = coo.detach().requires_grad_()
    torch.sparse.mm(x, b).sum().backward()
    show("gradient", x.grad)
    each([("2:4", lambda: torch.sparse.to_sparse_semi_structured(torch.tensor([0, 0, 1, 1], dtype=torch.float16,
        device=DEVICE).tile((128, 32))) @ torch.ones(128, 64, dtype=torch.float16, device=DEVICE))])

def check_random():
    torch.manual_seed(42)
    show("rand", torch.rand(1000, device=DEVICE), torch.randn(999, device=DEVICE), torch.randint(0, 99, (500,), device=DEVICE),
        torch.randperm(70000, device=DEVICE))
    show("drawn", torch.empty(99, device=DEVICE).exponential_(), torch.empty(99, device=DEVICE).cauchy_(),
        torch.empty(99, device=DEVICE).log_normal_(), torch.empty(99, device=DEVICE).geometric_(0.3), torch.empty(99, device=DEVICE).bernoulli_(0.3))
    show("multinomial", torch.multinomial(torch.rand(10, 50, device=DEVICE), 20), torch.poisson(torch.rand(99, device=DEVICE) * 9),
        torch.distributions.Gamma(torch.ones(99, device=DEVICE) * 2, 1.0).sample(),
        torch.distributions.Dirichlet(torch.ones(9, device=DEVICE)).sample())
    show("dropout", F.dropout(torch.ones(9999, device=DEVICE), 0.3))
    state = torch.cuda.get_rng_state() if DEVICE == "cuda" else torch.get_rng_state()
    first = torch.rand(50, device=DEVICE)
    (torch.cuda.set_rng_state if DEVICE == "cuda" else torch.set_rng_state)(state)
    print("again", torch.equal(first, torch.rand(50, device=DEVICE)))
    g = torch.Generator(DEVICE).manual_seed(7)
    show("generator", torch.rand(9, device=DEVICE, generator=g), torch.rand(9, device=DEVICE, generator=g))
    print("seed", g.initial_seed())
    with torch.random.fork_rng():
        torch.manual_seed(1)
        show("forked", torch.rand(9, device=DEVICE))
    show("after", torch.rand(9, device=DEVICE), torch.randn(100000, device=DEVICE, dtype=torch.float16),
        torch.rand(99, device=DEVICE, dtype=torch.float64))

def check_optimizers():
    kinds = [("AdamW fused", torch.optim.AdamW, dict(fused=True)), ("AdamW foreach", torch.optim.AdamW, dict(foreach=True)),
        ("AdamW loop", torch.optim.AdamW, dict(foreach=False)), ("AdamW capturable", torch.optim.AdamW, dict(capturable=True, foreach=True)),
        ("Adam amsgrad", torch.optim.Adam, dict(amsgrad=True)), ("SGD fused", torch.optim.SGD, dict(lr=0.1, momentum=0.9, fused=True)),
             ("SGD nesterov", torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True)), ("RMSprop", torch.optim.RMSprop, {}),
             ("Adagrad", torch.optim.Adagrad, {}), ("Adadelta", torch.optim.Adadelta, {}), ("NAdam", torch.optim.NAdam, {}),
             ("Rprop", torch.optim.Rprop, {}), ("LBFGS", torch.optim.LBFGS, {})]
    def train(kind, words):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 4)).to(DEVICE)
        o = kind(net.parameters(), **words)
        x = tensor(32, 64)
        def closure():
            o.zero_grad()
            loss = net(x).square().mean()
            loss.backward()
            return loss
        for _ in range(8): loss = o.step(closure)
        return net[0].weight, loss
    each((name, lambda kind=kind, words=words: train(kind, words)) for name, kind, words in kinds)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([tensor(3)], 0.1), 10)
    [schedule.step() for _ in range(4)]
    print("rate", schedule.get_last_lr())

def check_jiterator():
    f = torch.cuda.jiterator._create_jit_fn("template <typename T> T squared_plus(T x, T y, T a) { return a * x * x + y; }", a=2.0)
    each([("jiterator", lambda: (f(tensor(999), tensor(999, seed=2)), f(tensor(999), tensor(999, seed=2), a=0.5))),
        ("jiterator half", lambda: f(tensor(9, dtype=torch.float16), tensor(9, dtype=torch.float16)))])
    z = torch.complex(tensor(77), tensor(77, seed=2))
    show("nvrtc kernels", torch.sigmoid(z), torch.lcm(integers(99, low=1), integers(99, seed=3, low=1)), torch.special.bessel_j0(tensor(99)),
        z.prod())

if __name__ == "__main__": main(globals())
