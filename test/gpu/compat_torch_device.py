"""PyTorch and the device: memory, pinned copies, streams, threads, processes, errors, what the device says about itself, profiler, NCCL with one rank.
See compat.py."""
import os, threading
from compat import children, each, error, main, note, plain, show, torch_healthy as healthy, torch_reset as reset
import torch

MIB = 1 << 20
def tensor(*shape, seed=1): return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).cuda()

def check_properties():
    p = torch.cuda.get_device_properties(0)
    for name in sorted(n for n in dir(p) if not n.startswith("_")): print(name, getattr(p, name))
    print(torch.cuda.get_device_name(), torch.cuda.get_device_capability(), torch.cuda.device_count(), torch.cuda.current_device(),
        torch.cuda.is_bf16_supported(), torch.cuda.get_arch_list(), torch.version.cuda)
    print("peer", torch.cuda.can_device_access_peer(0, 0) if torch.cuda.device_count() > 1 else None, torch.cuda.get_sync_debug_mode(),
        torch.cuda.is_initialized(), torch.cuda.nvtx.range_push("x"), torch.cuda.nvtx.range_pop())
    error("no such device", lambda: torch.zeros(1, device="cuda:7"))
    error("set", lambda: torch.cuda.set_device(9))
    print(torch.cuda.current_stream(), torch.cuda.default_stream())
    print("blas handle", torch.cuda.current_blas_handle() != 0, "priority",
        torch.cuda.Stream.priority_range() if hasattr(torch.cuda.Stream, "priority_range") else None)

def check_nvml_queries():
    each([("memory", lambda: 0 < torch.cuda.device_memory_used()), ("utilization", lambda: 0 <= torch.cuda.utilization() <= 100),
        ("memory_usage", lambda: 0 <= torch.cuda.memory_usage() <= 100), ("temperature", lambda: 0 < torch.cuda.temperature() < 120),
        ("power", lambda: 0 < torch.cuda.power_draw()), ("clock", lambda: 0 < torch.cuda.clock_rate()),
          ("processes", lambda: "GPU:0" in torch.cuda.list_gpu_processes()), ("uuids", lambda: torch.cuda._raw_device_uuid_nvml()),
          ("count", lambda: torch.cuda._device_count_nvml())])

def check_own_process(): # what NVML tells of the program's own memory
    x = torch.zeros(64 * MIB, device="cuda")
    text = torch.cuda.list_gpu_processes()
    print("own process is listed", str(os.getpid()) in text)
    note(text.replace("\n", "\n~ "))  # natively with the processes of all

def check_memory(): # own
    free, total = torch.cuda.mem_get_info()
    print("total", total, "free is less", 0 < free <= total)
    x = [torch.empty(n, device="cuda", dtype=torch.uint8) for n in (1, 512, 513, MIB, 3 * MIB, 50 * MIB)]
    print("allocated", torch.cuda.memory_allocated(), torch.cuda.memory_reserved(), torch.cuda.max_memory_allocated())
    del x[3:5]
    print("after", torch.cuda.memory_allocated(), torch.cuda.memory_reserved())
    torch.cuda.empty_cache()
    print("emptied", torch.cuda.memory_reserved())
    stats = torch.cuda.memory_stats()
    [print(k, v) for k, v in sorted(stats.items())]
    print(sorted(s["total_size"] for s in torch.cuda.memory_snapshot()))  # in the order of their addresses
    torch.cuda.reset_peak_memory_stats()
    print(torch.cuda.max_memory_allocated())
    y = torch.zeros(7 * MIB, device="cuda")
    print("pointer", y.data_ptr() % 512, y.untyped_storage().nbytes())
    torch.cuda.memory._record_memory_history(max_entries=100)
    z = y + 1
    print("history", len(torch.cuda.memory._snapshot()["device_traces"][0]) > 0)
    print(torch.cuda.memory_summary().splitlines()[4])

def check_out_of_memory(): # own
    keep = torch.arange(1000, device="cuda")
    def much(gib): return torch.empty(gib << 30, dtype=torch.uint8, device="cuda")
    for gib in [200, 1000]:
        try:
            much(gib)
            print("no error")
        except torch.OutOfMemoryError as e: print(type(e).__name__, plain(e))
    print("alive", int(keep.sum()))
    blocks = []
    torch.cuda.set_per_process_memory_fraction(0.02)  # less than 3 GiB: others run meanwhile
    try:
        while True:
            blocks.append(much(1) if len(blocks) < 2 else torch.empty(256 * MIB, dtype=torch.uint8, device="cuda").fill_(len(blocks)))
    except torch.OutOfMemoryError as e: print("blocks", len(blocks), type(e).__name__)
    del blocks
    torch.cuda.empty_cache()
    print("recovered", int(much(1)[:1000].fill_(3).sum()), torch.cuda.memory_stats()["num_ooms"], torch.cuda.memory_stats()["num_alloc_retries"] >= 0)
    error("too large for any", lambda: torch.empty(1 << 60, dtype=torch.uint8, device="cuda"))

def churn():
    torch.manual_seed(0)
    live = []
    for i in range(200):
        live.append(torch.full(((i * 7919 % 97 + 1) << 14,), float(i), device="cuda"))
        if len(live) > 20: live.pop(i * 31 % 20)
    show("sums", torch.stack([t.double().sum() for t in live]))
    print("allocated", torch.cuda.memory_allocated())
    big = torch.zeros(512 * MIB, device="cuda", dtype=torch.uint8)
    del big
    grown = torch.ones(300 * MIB, device="cuda")
    show("grown", grown[:: 1 << 20])
    del grown
    torch.cuda.empty_cache()
    print("reserved", torch.cuda.memory_reserved() < 512 * MIB)
    show("product", tensor(500, 400) @ tensor(400, 300, seed=2))
def check_expandable_segments(): # env PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True
    churn()
    print("segments", {s.get("is_expandable") for s in torch.cuda.memory_snapshot()})
def check_async_allocator(): # env PYTORCH_CUDA_ALLOC_CONF=backend:cudaMallocAsync
    print(torch.cuda.get_allocator_backend())
    churn()
    s = torch.cuda.Stream()
    with torch.cuda.stream(s):
        x = torch.ones(MIB, device="cuda") * 2
        x.record_stream(torch.cuda.current_stream())
    s.synchronize()
    show("other stream", x)
    g = torch.cuda.CUDAGraph()
    y = torch.zeros(1000, device="cuda")
    with torch.cuda.graph(g): z = (y + 1) * 2
    y.fill_(5)
    g.replay()
    show("graph", z)
def check_rounding(): # env PYTORCH_CUDA_ALLOC_CONF=roundup_power2_divisions:4,max_split_size_mb:64,garbage_collection_threshold:0.8
    churn()
def check_no_caching(): # env PYTORCH_NO_CUDA_MEMORY_CACHING=1
    churn()
def check_blocking(): # env CUDA_LAUNCH_BLOCKING=1
    churn()

def check_pinned():
    for mib in (1, 16, 64, 300):
        h = torch.arange(mib << 18, dtype=torch.int32).pin_memory()
        print("pinned", mib, h.is_pinned())
        d = h.to("cuda", non_blocking=True) * 3
        back = torch.empty_like(h, pin_memory=True)
        back.copy_(d, non_blocking=True)
        e = torch.cuda.Event()
        e.record()
        while not e.query(): pass
        print(bool((back == h * 3).all()))
    streams = [torch.cuda.Stream() for _ in range(4)]
    parts = [torch.full((MIB,), i, dtype=torch.float32).pin_memory() for i in range(4)]
    out = []
    for s, p in zip(streams, parts):
        with torch.cuda.stream(s):
            out.append((p.to("cuda", non_blocking=True) + 1).to("cpu", non_blocking=True))
    torch.cuda.synchronize()
    print([float(o.sum()) for o in out])
    for _ in range(50):
        x = torch.empty(MIB, pin_memory=True)
        x.fill_(1)
        y = x.cuda(non_blocking=True)
        del x  # the host allocator polls events before it gives a block again
    print(float(y.sum()))
    registered = torch.zeros(MIB)
    print("register", int(torch.cuda.cudart().cudaHostRegister(registered.data_ptr(), registered.nbytes, 0)), registered.is_pinned())
    registered.copy_(y, non_blocking=True)
    torch.cuda.synchronize()
    print(float(registered.sum()), int(torch.cuda.cudart().cudaHostUnregister(registered.data_ptr())))
    stats = getattr(torch.cuda, "host_memory_stats", dict)()
    print(sorted(k for k in stats if "current" in k))

def check_copies():
    x = tensor(1000, 999)
    each([("strided", lambda: x[::3, 1::7].cpu()), ("transposed", lambda: x.t().cpu()),
        ("to strided", lambda: torch.zeros(2000, 999, device="cuda")[::2].copy_(x.cpu())), ("cast", lambda: x.cpu().to("cuda", torch.float16)),
        ("numpy", lambda: torch.from_numpy(x.cpu().numpy()[::2].copy()).cuda()), ("empty", lambda: torch.zeros(0, 5).cuda().cpu()),
        ("scalar", lambda: torch.tensor(3.5).cuda()),
          ("large", lambda: torch.arange(100 * MIB, dtype=torch.int32).cuda().cpu()),
          ("save", lambda: (torch.save(x, (f := os.environ["COMPAT_TEMP"] + f"/save{os.getpid()}")), torch.load(f, map_location="cuda"))[1]),
          ("clone", lambda: x.clone()), ("array interface", lambda: x.__cuda_array_interface__["shape"]), ("dlpack", lambda: torch.from_dlpack(x))])
    for _ in range(200):
        v = torch.tensor([1.0])
        d = v.cuda(non_blocking=True)
        v.fill_(7)
        assert d.item() == 1.0  # a pageable source may change at once
    print("source reuse")

def check_streams():
    a, b = torch.cuda.Stream(), torch.cuda.Stream(priority=-1)
    print("priority", a.priority, b.priority)
    x = torch.zeros(MIB, device="cuda")
    done = torch.cuda.Event()
    torch.cuda.current_stream().synchronize()
    with torch.cuda.stream(a):
        for _ in range(50): x.add_(1)
        done.record()
    b.wait_event(done)
    with torch.cuda.stream(b): x.mul_(2)
    b.synchronize()
    show("order", x)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    y = tensor(2048, 2048)
    z = y @ y
    end.record()
    end.synchronize()
    print("elapsed", 0 < start.elapsed_time(end) < 10000, a.query(), done.query())
    error("no timing", lambda: done.elapsed_time(done))
    print(torch.cuda.ExternalStream(a.cuda_stream) == a, torch.cuda.Stream() != a)
    torch.cuda._sleep(1000)
    torch.cuda.synchronize()
    fresh = torch.cuda.Event()
    print("unrecorded", fresh.query())
    x.record_stream(a)
    shared = torch.cuda.Event(interprocess=True)
    shared.record()
    print("handle", len(shared.ipc_handle()))

def check_threads():
    results, lock = {}, threading.Lock()
    def work(i):
        with torch.cuda.stream(torch.cuda.Stream() if i % 2 else torch.cuda.default_stream()):
            x = tensor(256, 256, seed=i)
            w = tensor(256, 256, seed=99).requires_grad_()
            for _ in range(50): y = (x @ w).tanh()
            y.sum().backward()
            s = (y.detach().cpu(), w.grad.cpu())
        with lock: results[i] = s
    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for i in sorted(results): show(f"thread {i}", *results[i])
    x = torch.zeros(1, device="cuda")
    lost = 0  # a launch in one thread is seen by a read in another, once the call has returned
    for i in range(2000):
        t = threading.Thread(target=lambda: x.add_(1)) if i % 100 == 0 else None
        if t:
            t.start()
            t.join()
        else: x.add_(1)
        if i % 10 == 0: lost += x.item() != i + 1
    print("lost", lost)
    event, ready = torch.cuda.Event(), threading.Event()
    def record():
        x.mul_(0).add_(41)
        event.record()
        ready.set()
    t = threading.Thread(target=record)
    t.start()
    ready.wait()
    event.synchronize()
    print("event of a thread", x.item())
    t.join()

def check_parallel_inference():
    torch.manual_seed(0)
    from concurrent.futures import ThreadPoolExecutor
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 32, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(8), torch.nn.Flatten(),
        torch.nn.Linear(2048, 100)).cuda().eval()
    torch.backends.cudnn.deterministic = True
    inputs = [torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(i)) for i in range(40)]
    def infer(x):
        with torch.inference_mode(): return model(x.cuda()).cpu()
    with ThreadPoolExecutor(8) as pool: outputs = list(pool.map(infer, inputs))
    show("outputs", torch.stack(outputs))
    show("data parallel", torch.nn.DataParallel(model, [0])(inputs[0].cuda()))

class Squares(torch.utils.data.Dataset):
    def __len__(self): return 512
    def __getitem__(self, i): return torch.full((3, 32, 32), float(i)), i * i
def check_dataloader(): # own limit 120 cores 3
    torch.zeros(1).cuda()  # workers are forked from a process that has used CUDA
    for workers, kind in [(0, None), (4, "fork"), (2, "spawn"), (2, "forkserver")]:
        loader = torch.utils.data.DataLoader(Squares(), 64, num_workers=workers, pin_memory=True, persistent_workers=workers > 0,
            multiprocessing_context=kind)
        total = 0
        for _ in range(2):
            for x, y in loader:
                total += int(x.cuda(non_blocking=True).double().mean().item()) + int(y.cuda().sum())
                assert x.is_pinned()
        print("loader", workers, kind, total)
    code = "import torch, os\ntorch.zeros(1).cuda()\npid = os.fork()\nif pid == 0:\n    try: torch.zeros(1).cuda()\n    except Exception as e: print(type(e).__name__, str(e)[:120], flush=True)\n    os._exit(0)\nos.waitpid(pid, 0); print(torch.ones(3).cuda().sum().item())"
    print(children([code])[0][:2])

def consume(queue, answers):
    x = queue.get()
    y = queue.get()
    answers.put((x.sum().item(), y.shape[0]))
    x.add_(1)
    torch.cuda.synchronize()
    answers.put("added")
    queue.get()
    del x, y
def check_multiprocessing(): # own limit 100 cores 2
    import torch.multiprocessing as mp
    context = mp.get_context("spawn")
    queue, answers = context.Queue(), context.Queue()
    p = context.Process(target=consume, args=(queue, answers))
    p.start()
    x = torch.ones(1000, device="cuda")
    y = torch.arange(77, device="cuda")
    queue.put(x)
    queue.put(y)
    print(answers.get(timeout=60), answers.get(timeout=60))
    torch.cuda.synchronize()
    show("changed by the other process", x)
    queue.put(None)
    p.join(30)
    print("exit", p.exitcode)
    event = torch.cuda.Event(interprocess=True)
    event.record()
    print(len(event.ipc_handle()))
    event.synchronize()
    torch.cuda.ipc_collect()
    print("collected")

ASSERT = "import torch\nx = torch.arange(10, device='cuda'); i = torch.tensor([3, 99], device='cuda')\n"
def check_device_assert(): # own limit 100 cores 3
    after = "try: x[i].cpu()\nexcept Exception as e: print(type(e).__name__)\nfor f in (lambda: torch.zeros(1).cuda(), lambda: torch.cuda.synchronize(), lambda: x.add_(1)):\n    try: f()\n    except Exception as e: print(type(e).__name__, str(e).splitlines()[0])\n    else: print('fine')"
    pieces = [("index", "print(x[i])"), ("embedding", "torch.nn.functional.embedding(i, torch.zeros(5, 3, device='cuda')).sum().item()"),
        ("loss", "torch.nn.functional.nll_loss(torch.zeros(2, 5, device='cuda'), i).item()"),
        ("assert", "torch._assert_async(torch.zeros(1, device='cuda')); torch.cuda.synchronize()"), ("later", "y = x[i]; torch.cuda.synchronize()"),
        ("sticky", after)]
    for (name, _), (status, out, err) in zip(pieces, children([ASSERT + code for _, code in pieces])):
        lines = [plain(l) for l in err.splitlines() if "Assertion" in l or "Error" in l or "CUDA" in l]
        print(name, status, out.strip(), *sorted(set(lines)), sep="\n  ")

def check_fault_elsewhere(): # own: one client's fault reaches nobody else
    x = tensor(1000)
    before = x.sum().item()
    print(children(["import torch\ntorch.cuda.synchronize(); torch.zeros(1).cuda(); torch.ones(5, device='cuda')[torch.tensor([10**6], device='cuda')].cpu()"])[0][0])
    print("same", x.sum().item() == before, (x + 1).sum().item() != before)

def check_profiler(): # own
    from torch.profiler import ProfilerActivity, profile, record_function
    x = tensor(512, 512)
    x @ x
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as p:
        with record_function("part"): (x @ x).relu().sum().item()
    names = {e.key for e in p.key_averages()}
    print("cpu", sorted(n for n in names if n.startswith("aten::")), "part" in names)
    path = f"{os.environ['COMPAT_TEMP']}/trace{os.getpid()}.json"
    p.export_chrome_trace(path)
    print("trace", os.path.getsize(path) > 1000)
def check_profiler_kernels(): # own; kernel times: CUPTI
    from torch.profiler import ProfilerActivity, profile
    x = tensor(512, 512)
    x @ x
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as p:
        (x @ x).relu().sum().item()
    kernels = sorted(e.name for e in p.events() if e.device_type == torch.autograd.DeviceType.CUDA)
    times = sum(e.device_time_total for e in p.events()) > 0
    note("kernel times", times, kernels)
    remote = "COMPAT_REMOTE" in os.environ
    print("kernels and their times are told where the GPU is:", times != remote and bool(kernels) != remote)
def check_autograd_profiler(): # own
    with torch.autograd.profiler.profile(use_device="cuda") as p: tensor(64, 64).sin().sum().item()
    print(sorted(e.key for e in p.key_averages() if e.key.startswith("aten::si")))
    torch.autograd.profiler.emit_nvtx().__enter__()
    print(tensor(9).sum().item() != 0)

def check_nccl(): # own limit 100
    import torch.distributed as dist
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="0")
    store = dist.TCPStore("127.0.0.1", 0, 1, True)
    dist.init_process_group("nccl", store=store, rank=0, world_size=1, device_id=torch.device("cuda:0"))
    x = tensor(MIB)
    y = x.clone()
    dist.all_reduce(y)
    show("all_reduce", y)
    out = [torch.empty_like(x)]
    dist.all_gather(out, x)
    show("all_gather", out[0])
    dist.broadcast(x, 0)
    r = torch.empty(MIB, device="cuda")
    dist.reduce_scatter_tensor(r, x)
    show("reduce_scatter", r)
    dist.barrier()
    from torch.nn.parallel import DistributedDataParallel
    torch.manual_seed(0)
    net = DistributedDataParallel(torch.nn.Linear(64, 8).cuda())
    o = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(5):
        o.zero_grad()
        loss = net(tensor(32, 64)).square().mean()
        loss.backward()
        o.step()
    print("loss", loss.item(), torch.cuda.nccl.version())
    dist.destroy_process_group()

def check_exit(): # own limit 100 cores 2
    pieces = [("threads alive",
        "import torch, threading, time\nx = torch.zeros(1).cuda()\ndef f():\n    while True: x.add_(1)\nfor _ in range(4): threading.Thread(target=f, daemon=True).start()\ntime.sleep(0.5)"),
        ("exit", "import torch\nx = torch.zeros(1).cuda()\nraise SystemExit(5)"),
        ("abrupt", "import torch, os\nx = torch.zeros(1).cuda(); os._exit(3)"),
        ("queued", "import torch\nx = torch.zeros(1 << 24).cuda()\nfor _ in range(3000): x.add_(1)"),
        ("exception", "import torch\nx = torch.zeros(1).cuda()\nraise ValueError('mine')")]
    for (name, _), (status, out, err) in zip(pieces, children([code for _, code in pieces])):
        print(name, status, out, err.splitlines()[-1:])

if __name__ == "__main__": main(globals())
