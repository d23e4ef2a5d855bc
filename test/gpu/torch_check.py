"""PyTorch, stock wheel: prints digests of what the GPU computed. Run natively and through the client, the lines must be equal.
`torch_check.py PART` runs one part: tensors, matmul, pinned, train, graph, or all."""
import hashlib, os, sys
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
import torch

def digest(name, tensor):
    data = tensor.detach().cpu().contiguous()
    print(name, tuple(data.shape), hashlib.sha256(data.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest()[:16], flush=True)

def tensors():
    x = torch.arange(100_000, device="cuda", dtype=torch.float32) / 777
    digest("sin", x.sin()); digest("sum", x.double().sum().reshape(1)); digest("sort", (x * 7919 % 101).sort().values)
    digest("cumsum", x.double().cumsum(0)); digest("nonzero", (x.long() % 3 == 0).nonzero()); digest("topk", x.cos().topk(10).values)
    digest("random", torch.randn(1000, device="cuda", generator=torch.Generator("cuda").manual_seed(3)))
    digest("softmax", torch.softmax(x[:10000].view(100, 100), 1)); print("item", x[12345].item(), bool((x > 1).any()))

def matmul():
    g = torch.Generator().manual_seed(1)
    for dtype in [torch.float32, torch.bfloat16, torch.float16]:
        a, b = (torch.randn(512, 512, generator=g).to("cuda", dtype) for _ in range(2))
        digest(f"matmul {dtype}", a @ b)
        digest(f"linear {dtype}", torch.nn.functional.gelu(torch.nn.functional.linear(a, b, b[0])))

def pinned():
    for megabytes in [1, 16, 64]:
        host = torch.arange(megabytes << 18, dtype=torch.int32).pin_memory()
        device = host.to("cuda", non_blocking=True) * 3
        back = torch.empty_like(host, pin_memory=True)
        back.copy_(device, non_blocking=True)
        event = torch.cuda.Event(); event.record()
        while not event.query(): pass
        print("pinned", megabytes, bool((back == host * 3).all()), flush=True)
    streams = [torch.cuda.Stream() for _ in range(4)]
    parts = [torch.full((1 << 20,), i, dtype=torch.float32).pin_memory() for i in range(4)]
    out = []
    for stream, part in zip(streams, parts):
        with torch.cuda.stream(stream): out.append((part.to("cuda", non_blocking=True) + 1).to("cpu", non_blocking=True))
    torch.cuda.synchronize()
    print("streams", [float(o.sum()) for o in out])

def train():
    torch.manual_seed(0); torch.use_deterministic_algorithms(True)
    net = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.ReLU(), torch.nn.LayerNorm(512), torch.nn.Linear(512, 10)).cuda()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-3)
    x, y = torch.randn(128, 256).cuda(), torch.randint(0, 10, (128,)).cuda()
    for step in range(20):
        loss = torch.nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        if step % 5 == 4: print("loss", step, loss.item(), flush=True)
    digest("weights", net[0].weight); digest("logits", net(x))

def graph():
    static = torch.zeros(4096, device="cuda"); g = torch.cuda.CUDAGraph(); s = torch.cuda.Stream()
    with torch.cuda.stream(s):
        for _ in range(2): static.mul_(1.5).add_(1)
    torch.cuda.current_stream().wait_stream(s)
    with torch.cuda.graph(g):
        for _ in range(10): static.mul_(1.01).add_(1)
    for _ in range(50): g.replay()
    digest("graph", static)

parts = {"tensors": tensors, "matmul": matmul, "pinned": pinned, "train": train, "graph": graph}
chosen = sys.argv[1] if len(sys.argv) > 1 else "all"
print("device", torch.cuda.get_device_name(0), torch.cuda.device_count(), torch.cuda.get_device_capability(0))
for name, part in parts.items():
    if chosen in ("all", name): part()
print("done")
