"""Several GPUs in one process and in several: selection, peer access and copies, contexts of threads and processes, NCCL with two ranks, torch DDP, CUDA_VISIBLE_DEVICES, NVML.
Run by `script/compat run --gpus 2`, natively and remotely; see compat.py. NVLink multicast stays off in every process (NCCL_NVLS_ENABLE=0 and the like are in the environment)."""
import os, subprocess, sys, threading
from compat import children, each, error, main, near, note, show, torch_healthy as healthy, torch_reset as reset
import torch, torch.cuda.comm

def tensor(*shape, seed=1, device=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(f"cuda:{device}")
for name in ("NCCL_NVLS_ENABLE", "TORCH_SYMM_MEM_DISABLE_MULTICAST", "NVSHMEM_DISABLE_NVLS"):
    assert name in os.environ, name

def check_selection():
    print(torch.cuda.device_count(), torch.cuda.current_device())
    torch.cuda.set_device(1)
    print(torch.cuda.current_device(), torch.zeros(1, device="cuda").device)
    with torch.cuda.device(0):
        print(torch.zeros(1, device="cuda").device, torch.cuda.current_device())
    torch.cuda.set_device(0)
    for i in range(torch.cuda.device_count()):
        p = torch.cuda.get_device_properties(i)
        print(i, p.name, p.uuid, p.pci_bus_id, p.pci_device_id, p.total_memory, p.multi_processor_count)
    for i in range(2):
        show(f"product on {i}", tensor(200, 300, device=i) @ tensor(300, 100, device=i))
        print(torch.cuda.mem_get_info(i)[1])
    error("mixed", lambda: tensor(3, device=0) + tensor(3, device=1))
    error("third", lambda: torch.zeros(1, device="cuda:2"))
    s = torch.cuda.Stream(1)
    print(s.device, s.priority)
    with torch.cuda.stream(s): x = tensor(1000, device=1) * 2
    s.synchronize()
    show("stream of the second", x)

def check_peer():
    print(torch.cuda.can_device_access_peer(0, 1), torch.cuda.can_device_access_peer(1, 0))
    x = tensor(1 << 22)
    y = x.to("cuda:1")
    show("copied", y)
    z = torch.empty_like(x)
    z.copy_(y, non_blocking=True)
    torch.cuda.synchronize()
    print(torch.equal(x, z))
    w = tensor(100, 99, device=1).t().to("cuda:0")
    show("strided", w)
    for _ in range(50):
        y = (x + 1).to("cuda:1", non_blocking=True) + 1
        x = y.to("cuda:0", non_blocking=True)
    show("to and fro", x)
    show("gathered", *torch.cuda.comm.scatter(tensor(10, 20), [0, 1]))
    show("reduced", torch.cuda.comm.reduce_add([tensor(1000, device=i) for i in range(2)]))
    show("broadcast", *torch.cuda.comm.broadcast(tensor(100), devices=[0, 1]))

def runtime():
    from cuda.bindings import runtime as r
    def ok(result):
        assert int(result[0]) == 0, result
        return result[1] if len(result) == 2 else result[1:]
    return r, ok
def check_peer_runtime():
    r, ok = runtime()
    ok(r.cudaSetDevice(0))
    print([[ok(r.cudaDeviceCanAccessPeer(a, b)) for b in range(2)] for a in range(2)], [int(r.cudaDeviceEnablePeerAccess(1, 0)[0]) for _ in range(2)],
        int(r.cudaDeviceEnablePeerAccess(0, 0)[0]), int(r.cudaDeviceEnablePeerAccess(5, 0)[0]))
    r.cudaGetLastError()
    for attribute in r.cudaDeviceP2PAttr:
        v = r.cudaDeviceGetP2PAttribute(attribute, 0, 1)
        print(attribute.name, int(v[0]), v[1])
    import numpy as np
    x = np.arange(1 << 20, dtype=np.int32)
    y = np.zeros_like(x)
    a = ok(r.cudaMalloc(x.nbytes))
    ok(r.cudaSetDevice(1))
    b = ok(r.cudaMalloc(x.nbytes))
    ok(r.cudaSetDevice(0))
    kind = r.cudaMemcpyKind
    ok(r.cudaMemcpy(a, x.ctypes.data, x.nbytes, kind.cudaMemcpyHostToDevice))
    ok(r.cudaMemcpyPeer(b, 1, a, 0, x.nbytes))
    ok(r.cudaMemcpy(y.ctypes.data, b, x.nbytes, kind.cudaMemcpyDeviceToHost))
    print((x == y).all())
    y[:] = 0
    ok(r.cudaMemset(b, 1, x.nbytes))
    ok(r.cudaMemcpyPeerAsync(a, 0, b, 1, x.nbytes, 0))
    ok(r.cudaMemcpy(y.ctypes.data, a, x.nbytes, kind.cudaMemcpyDefault))
    print((y == 0x01010101).all())
    q = ok(r.cudaPointerGetAttributes(b))
    print(q.device, int(q.type))
    print([int(r.cudaDeviceDisablePeerAccess(1)[0]) for _ in range(2)])
def check_peer_kernel(): # a kernel on one device reads and writes the other's memory
    import cupy as cp
    with cp.cuda.Device(1):
        far = cp.arange(1000, dtype=cp.float32)
        cp.cuda.Device(1).synchronize()
    with cp.cuda.Device(0):
        near_ = cp.zeros(1000, cp.float32)
        k = cp.RawKernel('extern "C" __global__ void f(float* a, float* b, int n) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) { a[i] = b[i] * 2; b[i] += 1; } }',
            "f")
        try: cp.cuda.runtime.deviceEnablePeerAccess(1)
        except Exception as e: print("enable", type(e).__name__, e)
        k((4,), (256,), (near_, far, 1000))
        cp.cuda.Device(0).synchronize()
        show("read from the peer", near_)
    with cp.cuda.Device(1):
        show("written to the peer", far)
        print(float(far.sum()))

def check_threads():
    results, lock = {}, threading.Lock()
    def work(i):
        torch.cuda.set_device(i % 2)
        x = tensor(300, 300, seed=i, device=i % 2)
        for _ in range(100): x = (x @ x).tanh()
        with lock: results[i] = x.cpu()
    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for i in sorted(results): show(f"thread {i}", results[i])
    print(torch.cuda.current_device())
    events = [torch.cuda.Event() for _ in range(2)]
    for i in range(2):
        with torch.cuda.device(i):
            x = tensor(500, 500, device=i)
            y = x @ x
            events[i].record()
    [e.synchronize() for e in events]
    print([e.query() for e in events])
    with torch.cuda.device(1):
        events[0].wait()
        show("after an event of the other device", tensor(9, device=1) + 1)
def check_processes(): # own
    code = "import torch; torch.cuda.set_device({0}); g = torch.Generator().manual_seed({0}); x = torch.randn(300, 300, generator=g).cuda(); [x := (x @ x).tanh() for _ in range(50)]; print({0}, torch.cuda.current_device(), x.double().sum().item())"
    for answer in children([code.format(i % 2) for i in range(4)]): print(answer[0], answer[1].strip())

def check_visible_devices(): # own limit 100
    r = "import torch; n = torch.cuda.device_count(); print(n, [torch.cuda.get_device_properties(i).uuid for i in range(n)], torch.zeros(1).cuda().device if n else None)"
    uuids = [l.split("UUID: ")[1].rstrip(")") for l in subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout.splitlines()
        if "UUID" in l]
    values = ["0", "1", "1,0", "0,1", "", "-1", "7", "0,7", "1,1", "7,0", "abc", "0,-1,1", " 1", "00", *uuids, uuids[1][:12],
        ",".join(reversed(uuids)), "GPU-none"]
    low = "import ctypes, os\nos.environ['CUDA_VISIBLE_DEVICES'] = {0!r}\nc = ctypes.CDLL('libcuda.so.1'); n = ctypes.c_int(-1); print(c.cuInit(0), c.cuDeviceGetCount(ctypes.byref(n)), n.value)\nfor i in range(max(n.value, 0)):\n    u = (ctypes.c_ubyte * 16)(); print(c.cuDeviceGetUuid(u, i), bytes(u).hex())"
    for value, answer in zip(values, children([low.format(v) for v in values])):
        print(repr(value), answer[0], *answer[1].split())
    for value, answer in zip(["1", "1,0", ""], children([f"import os; os.environ['CUDA_VISIBLE_DEVICES'] = {v!r}\n" + r for v in ("1", "1,0", "")])):
        print(repr(value), answer[0], answer[1].strip(), answer[2].splitlines()[-1:])
    for answer in children(["import os; os.environ['CUDA_DEVICE_ORDER'] = 'PCI_BUS_ID'\n" + r]):
        print(answer[0], answer[1].strip())

def check_nccl_one_process(): # own limit 100
    import torch.cuda.nccl as nccl
    x = [tensor(1 << 20, seed=i, device=i) for i in range(2)]
    nccl.all_reduce(x)
    torch.cuda.synchronize(0)
    torch.cuda.synchronize(1)
    show("all_reduce", *x)
    y = [tensor(1000, seed=i, device=i) for i in range(2)]
    nccl.broadcast(y)
    show("broadcast", *y)
    out = [torch.empty(2000, device=f"cuda:{i}") for i in range(2)]
    nccl.all_gather(y, out)
    show("all_gather", *out)
    z = [tensor(2000, seed=i, device=i) for i in range(2)]
    half = [torch.empty(1000, device=f"cuda:{i}") for i in range(2)]
    nccl.reduce_scatter(z, half)
    show("reduce_scatter", *half)
    print(nccl.version())

RANK = '''
import os, sys, torch, torch.distributed as dist, hashlib
rank = int(os.environ["RANK"]); torch.cuda.set_device(rank)
dist.init_process_group("nccl", init_method="file://" + os.environ["RENDEZVOUS"], rank=rank, world_size=2, device_id=torch.device(f"cuda:{rank}"))
d = lambda t: hashlib.sha256(t.detach().cpu().numpy().tobytes()).hexdigest()[:16]
x = torch.randn(1 << 20, generator=torch.Generator().manual_seed(rank)).cuda(); dist.all_reduce(x); print("all_reduce", d(x))
y = [torch.empty(1000, device="cuda") for _ in range(2)]; dist.all_gather(y, torch.full((1000,), float(rank), device="cuda")); print("all_gather", d(torch.cat(y)))
s = torch.full((10,), float(rank), device="cuda"); r = torch.empty(10, device="cuda")
ops = dist.batch_isend_irecv([dist.P2POp(dist.isend, s, 1 - rank), dist.P2POp(dist.irecv, r, 1 - rank)]); [o.wait() for o in ops]; print("exchanged", r.sum().item())
t = torch.arange(8, device="cuda") + 10 * rank; u = torch.empty_like(t); dist.all_to_all_single(u, t); print("all_to_all", u.tolist()); dist.barrier()
big = torch.full((64 << 20,), float(rank + 1), device="cuda"); dist.all_reduce(big); print("large", big.min().item(), big.max().item())
from torch.nn.parallel import DistributedDataParallel as DDP
torch.manual_seed(0); net = DDP(torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.GELU(), torch.nn.Linear(256, 8)).cuda(), device_ids=[rank]); o = torch.optim.AdamW(net.parameters(), 1e-3)
for i in range(20): loss = net(torch.randn(32, 64, generator=torch.Generator().manual_seed(2 * i + rank)).cuda()).square().mean(); o.zero_grad(); loss.backward(); o.step()
print("ddp", rank, loss.item(), d(net.module[0].weight)); dist.destroy_process_group()
'''
def ranks(**environment):
    path = f"{os.environ['COMPAT_TEMP']}/rendezvous{os.getpid()}"
    logs = [open(f"{path}.{i}", "w+") for i in range(2)]
    all_ = [subprocess.Popen([sys.executable, "-c", RANK], env={**os.environ, "RANK": str(i), "RENDEZVOUS": path, "NCCL_DEBUG": "WARN",
        **environment}, stdout=logs[i], stderr=subprocess.STDOUT) for i in range(2)]
    for i, p in enumerate(all_):
        try: p.wait(70)
        except subprocess.TimeoutExpired:
            [q.kill() for q in all_]
            print("rank", i, "did not end")
    for i, p in enumerate(all_):
        logs[i].seek(0)
        text = logs[i].read()
        print("rank", i, "exit", p.returncode, *[l for l in text.splitlines() if l.split(" ")[0] in ("all_reduce", "all_gather", "exchanged",
            "all_to_all", "large", "ddp")], sep="\n  ")
        note(text[-3000:].replace("\n", "\n~ "))
    if any(p.returncode for p in all_): raise SystemExit(1)
def check_nccl_two_processes(): # own limit 100 cores 2
    ranks()
def check_nccl_without_p2p(): # own limit 100 cores 2 asked
    ranks(NCCL_P2P_DISABLE="1")
def check_nccl_by_sockets(): # own limit 100 cores 2 asked
    ranks(NCCL_P2P_DISABLE="1", NCCL_SHM_DISABLE="1")

def check_data_parallel():
    torch.manual_seed(0)
    net = torch.nn.DataParallel(torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 8)).cuda(), [0, 1])
    o = torch.optim.SGD(net.parameters(), 0.1)
    for i in range(10):
        loss = net(tensor(32, 64, seed=i)).square().mean()
        o.zero_grad()
        loss.backward()
        o.step()
    near("loss", loss.item())
    near("weights", net.module[0].weight.detach().abs().double().mean())
def consume(queue, answers):
    x = queue.get()
    answers.put((str(x.device), x.sum().item()))
    y = x.to("cuda:0")
    answers.put(y.sum().item())
    queue.get()
def check_ipc(): # own limit 100 cores 2
    import torch.multiprocessing as mp
    c = mp.get_context("spawn")
    q, a = c.Queue(), c.Queue()
    p = c.Process(target=consume, args=(q, a))
    p.start()
    x = torch.arange(1000, device="cuda:1")
    q.put(x)
    print(a.get(timeout=70), a.get(timeout=70))
    q.put(None)
    p.join(20)
    print(p.exitcode)

def check_nvml():
    import pynvml as n
    n.nvmlInit()
    print(n.nvmlDeviceGetCount())
    h = [n.nvmlDeviceGetHandleByIndex(i) for i in range(n.nvmlDeviceGetCount())]
    for d in h:
        print(n.nvmlDeviceGetIndex(d), n.nvmlDeviceGetUUID(d), n.nvmlDeviceGetPciInfo(d).busId, n.nvmlDeviceGetMemoryInfo(d).total,
            n.nvmlDeviceGetMinorNumber(d))
    for level in range(6): each([(f"p2p {level}", lambda: n.nvmlDeviceGetP2PStatus(h[0], h[1], level))])
    each([("ancestor", lambda: n.nvmlDeviceGetTopologyCommonAncestor(h[0], h[1])),
        ("nearest", lambda: len(n.nvmlDeviceGetTopologyNearestGpus(h[0], n.NVML_TOPOLOGY_SYSTEM))),
        ("same board", lambda: n.nvmlDeviceOnSameBoard(h[0], h[1])), *[(f"link {i}",
        lambda i=i: (n.nvmlDeviceGetNvLinkState(h[0], i), n.nvmlDeviceGetNvLinkRemotePciInfo(h[0], i).busId)) for i in range(18)]])
    for words in (["-L"], ["topo", "-m"], ["--query-gpu=index,name,uuid,memory.total", "--format=csv"],
            ["-i", "1", "--query-gpu=index,uuid", "--format=csv"], ["nvlink", "-s"], ["topo", "-p2p", "r"]):
        run = subprocess.run(["nvidia-smi", *words], capture_output=True, text=True)
        print(*words, run.returncode, run.stdout)

if __name__ == "__main__": main(globals())
