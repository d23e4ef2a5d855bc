"""PyTorch's CUDA graphs, torch.compile (Inductor and Triton, its compile workers), whole models, the guide's Qwen3 program. See compat.py."""
import os, subprocess, sys, time
from compat import DEVICE, children, duration, each, error, main, near, note, show, torch_healthy as healthy, torch_reset as reset
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
def tensor(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE)
def mlp(width=128):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.GELU(), torch.nn.LayerNorm(width), torch.nn.Linear(width, 8)).to(DEVICE)

def check_graph():
    x = torch.zeros(4096, device="cuda")
    g = torch.cuda.CUDAGraph()
    s = torch.cuda.Stream()
    with torch.cuda.stream(s):
        for _ in range(2): x.mul_(1.5).add_(1)
    torch.cuda.current_stream().wait_stream(s)
    with torch.cuda.graph(g):
        for _ in range(10): x.mul_(1.01).add_(1)
    for _ in range(50): g.replay()
    show("replayed", x)
    host = torch.empty(4096, pin_memory=True)
    g2 = torch.cuda.CUDAGraph()
    with torch.cuda.graph(g2):
        y = x.sqrt()
        host.copy_(y, non_blocking=True)
    x.fill_(16)
    g2.replay()
    torch.cuda.synchronize()
    show("copied to the host in a graph", host)
    g2.reset()
    with torch.cuda.graph(g2): z = torch.rand(1000, device="cuda") + 1
    torch.cuda.manual_seed(5)
    g2.replay()
    a = z.clone()
    g2.replay()
    show("random in a graph", a, z)

def check_graph_pools():
    first, second, pool = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle()
    x = tensor(256, 256)
    (x @ x).relu()
    torch.cuda.synchronize()
    with torch.cuda.graph(first, pool=pool): a = (x @ x).relu() + 1
    with torch.cuda.graph(second, pool=first.pool()):
        b = (a @ x).softmax(1)
        c = torch.cat([a, b])
    first.replay()
    second.replay()
    show("pools", a, b, c)
    print("pool", pool, torch.cuda.memory_allocated() > 0)
    x.fill_(0.25)
    first.replay()
    second.replay()
    show("again", c)
    side = torch.cuda.Stream()
    third = torch.cuda.CUDAGraph()
    with torch.cuda.graph(third):
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side): p = x * 2
        q = x * 3
        torch.cuda.current_stream().wait_stream(side)
        r = p + q
    third.replay()
    show("branches", r)
    def own_pool():
        pool = torch.cuda.MemPool()
        with torch.cuda.use_mem_pool(pool): m = torch.ones(1 << 20, device="cuda")
        return pool.use_count() > 0, m.sum().item()
    each([("pool of its own", own_pool)])
    del first, second, third, a, b, c
    torch.cuda.synchronize()
    torch.cuda.empty_cache()

def check_graph_callables():
    net = mlp()
    sample = tensor(32, 64).requires_grad_()
    graphed = torch.cuda.make_graphed_callables(net, (sample,))
    o = torch.optim.SGD(net.parameters(), 0.1)
    for i in range(10):
        o.zero_grad(set_to_none=True)
        loss = graphed(tensor(32, 64, seed=i).requires_grad_()).square().mean()
        loss.backward()
        o.step()
    show("graphed callables", loss, net[0].weight)

def check_graph_training():
    net, x, y = mlp(), tensor(32, 64), torch.randint(0, 8, (32,), generator=torch.Generator().manual_seed(1)).cuda()
    o = torch.optim.AdamW(net.parameters(), 1e-3, capturable=True)
    s = torch.cuda.Stream()
    s.wait_stream(torch.cuda.current_stream())
    def step():
        o.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        o.step()
        return loss
    with torch.cuda.stream(s): [step() for _ in range(3)]
    torch.cuda.current_stream().wait_stream(s)
    g = torch.cuda.CUDAGraph()
    o.zero_grad(set_to_none=True)
    with torch.cuda.graph(g): loss = step()
    for i in range(30):
        x.copy_(tensor(32, 64, seed=i))
        g.replay()
    show("trained in a graph", net[0].weight, loss)

def check_graph_errors(): # own
    x = torch.ones(10, device="cuda")
    g = torch.cuda.CUDAGraph()
    def wait():
        with torch.cuda.graph(g):
            x.add_(1)
            x.sum().item()
    error("a read under capture", wait)
    torch.cuda.synchronize()
    print("alive", x.sum().item())
    error("replay of nothing", lambda: torch.cuda.CUDAGraph().replay())
    code = "import torch\ng = torch.cuda.CUDAGraph(); x = torch.ones(9).cuda()\nwith torch.cuda.graph(g): torch.cuda.synchronize()"
    status, out, err = children([code])[0]
    print(status, [l for l in err.splitlines() if "Error" in l or "operation" in l])

def check_graph_dump():
    g = torch.cuda.CUDAGraph(keep_graph=True)
    x = torch.zeros(99, device="cuda")
    with torch.cuda.graph(g):
        x.add_(1)
        x.mul_(2)
    g.instantiate()
    g.replay()
    show("kept", x)
    print("raw", g.raw_cuda_graph() != 0)

def compiled(mode=None, **words):
    torch._dynamo.reset()
    f = torch.compile(lambda t, u: ((t.sin() * 2 + u.cos()).softmax(1) @ u.T).relu().sum(0), mode=mode, **words)
    x, y = tensor(128, 96), tensor(128, 96, seed=2)
    for _ in range(3): z = f(x, y)
    near(f"compiled {mode}", z.double().abs().mean())
    note("bits differ with the block sizes, which Inductor chooses by time")
    net = mlp()
    net = torch.compile(net, mode=mode)
    o = torch.optim.AdamW(net.parameters(), 1e-3)
    for i in range(5):
        loss = net(tensor(32, 64, seed=i)).square().mean()
        o.zero_grad()
        loss.backward()
        o.step()
    near(f"trained {mode}", loss.item())
def check_compile(): # own limit 120 cores 2
    compiled()
def check_compile_forked(): # cores 2 limit 120 env TORCHINDUCTOR_WORKER_START=fork
    compiled()
def check_compile_graphs(): # own limit 120 cores 2
    compiled("reduce-overhead")
def check_compile_autotune(): # own limit 120 cores 2
    torch._dynamo.reset()
    f = torch.compile(lambda a, b: (a @ b).relu(), mode="max-autotune-no-cudagraphs")
    a, b = tensor(256, 256).half(), tensor(256, 256, seed=2).half()
    near("autotuned", f(a, b).double().abs().mean())
def check_compile_dynamic(): # own limit 120 cores 2
    f = torch.compile(lambda t: (t * 2).cumsum(0).sum(1), dynamic=True)
    [near(f"dynamic {n}", f(tensor(n, 7)).double().abs().mean()) for n in (8, 16, 33)]
    from torch.nn.attention.flex_attention import flex_attention
    q = tensor(1, 4, 128, 64)
    near("flex", torch.compile(flex_attention)(q, q, q).double().abs().mean())

def check_resnet50(): # limit 100
    import torchvision
    torch.backends.cudnn.deterministic = True
    torch.manual_seed(0)
    net = torchvision.models.resnet50(weights=None).cuda().to(memory_format=torch.channels_last)
    o = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)
    for step in range(4):
        x, y = tensor(16, 3, 224, 224, seed=step).to(memory_format=torch.channels_last), torch.arange(16, device="cuda")
        with torch.autocast("cuda", torch.bfloat16): loss = F.cross_entropy(net(x), y)
        o.zero_grad()
        loss.backward()
        o.step()
        near(f"loss {step}", loss.item())
    net.eval()
    near("eval", net(tensor(2, 3, 224, 224)).detach().abs().double().mean())
    boxes = torch.rand(300, 4, generator=torch.Generator().manual_seed(1))
    boxes[:, 2:] += boxes[:, :2]
    show("nms", torchvision.ops.nms(boxes.cuda(), torch.arange(300, device="cuda").float(), 0.5))
    show("roi", torchvision.ops.roi_align(tensor(1, 4, 32, 32), [boxes.cuda() * 16], 7))
    each([("jpeg", lambda: torchvision.io.decode_jpeg(torchvision.io.encode_jpeg((torch.arange(3 * 64 * 64) % 255).to(torch.uint8).view(3, 64, 64)),
        device="cuda").shape)])

def check_transformers(): # limit 100
    from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel
    torch.manual_seed(0)
    ids = torch.randint(0, 1000, (2, 48), generator=torch.Generator().manual_seed(3)).cuda()
    bert = BertModel(BertConfig(num_hidden_layers=4)).half().eval().cuda()
    with torch.inference_mode(): show("bert", bert(input_ids=ids).last_hidden_state)
    gpt = GPT2LMHeadModel(GPT2Config(n_layer=4)).eval().cuda()
    show("greedy", gpt.generate(ids[:, :8], max_new_tokens=40, do_sample=False, pad_token_id=0))
    torch.manual_seed(1)
    show("sampled", gpt.generate(ids[:, :8], max_new_tokens=40, do_sample=True, top_k=50, pad_token_id=0))
    show("beams", gpt.generate(ids[:, :8], max_new_tokens=20, num_beams=3, do_sample=False, pad_token_id=0))

def check_jit_script():
    @torch.jit.script
    def f(x, n: int):
        for _ in range(n): x = x * 2 + x.sin()
        return x
    each([(f"script {i}", lambda: f(tensor(500), 3)) for i in range(4)])
    show("traced", torch.jit.trace(mlp(), tensor(4, 64))(tensor(9, 64)))

def check_attention_lengths(): # own cores 4 limit 100
    from torch.nn.attention import SDPBackend, sdpa_kernel
    k, v, q = tensor(1, 16, 600, 128).bfloat16(), tensor(1, 16, 600, 128, seed=2).bfloat16(), tensor(1, 16, 1, 128, seed=3).bfloat16()
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION), torch.inference_mode():
        for turn, limit in [("first", 2), ("again", 3)]:
            t = time.monotonic()
            out = [F.scaled_dot_product_attention(q, k[:, :, :n], v[:, :, :n]) for n in range(500, 564)]
            torch.cuda.synchronize()
            duration(f"64 lengths, {turn}", time.monotonic() - t, limit)
            near(turn, torch.cat(out).float().abs().double().mean())  # cuDNN may choose another kernel

def check_guide_qwen3(): # own limit 200 cores 2
    import fcntl, importlib.util
    top = os.environ["COMPAT_TEMP"]
    folder = top + "/Qwen/Qwen3-0.6B"
    environment = dict(os.environ)
    with open(top + "/Qwen.lock", "w") as lock:  # the native and the remote run share it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(folder + "/generation_config.json"):
            subprocess.run([sys.executable, HERE + "/qwen3_folder.py", folder], check=True, stdout=subprocess.DEVNULL)
    if importlib.util.find_spec("modelscope") is None: environment["PYTHONPATH"] = HERE + "/stand_in"
    t = time.monotonic()
    run = subprocess.run([sys.executable, HERE + "/qwen3_guide.py"], env=environment, cwd=top, capture_output=True, text=True, errors="replace")
    print("exit", run.returncode, "words", len(run.stdout.split()), run.stdout)
    note("seconds", time.monotonic() - t)
    if run.returncode:
        print(run.stderr[-2000:], file=sys.stderr)
        raise SystemExit(1)

if __name__ == "__main__": main(globals())
