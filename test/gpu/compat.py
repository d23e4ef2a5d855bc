"""Shared by the compat_*.py checks: each is a function check_NAME of such a file, run by `compat_FILE.py NAME...`, natively and through the client. What it prints must be equal both ways, but for lines that begin with "~" (for the reader), "near" (numbers, equal to
one part in a thousand) and "time" (seconds, and how many times native's they may be). script/compat runs and compares them."""
import hashlib, os, re, sys, time, traceback
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
DEVICE = os.environ.get("COMPAT_DEVICE", "cuda")  # "cpu" tries the scripts where there is no GPU

def _array(value):
    """A numpy array of bytes and a description, of a tensor or array of any framework; None if it is no array."""
    import numpy
    kind = type(value).__module__.split(".")[0]
    if kind == "torch" and hasattr(value, "detach"):
        import torch
        if value.layout != torch.strided: value = value.to_dense()
        value = value.detach().resolve_conj().resolve_neg().cpu().contiguous()
        if value.is_quantized: value = value.int_repr()
        return value.reshape(-1).view(torch.uint8).numpy() if value.numel() else numpy.zeros(0,
            numpy.uint8), f"{value.dtype} {tuple(value.shape)}".replace("torch.", "")
    if kind in ("cupy", "jaxlib", "jax", "numpy", "numba"):
        if hasattr(value, "copy_to_host"): value = value.copy_to_host()
        value = numpy.ascontiguousarray(value.get() if kind == "cupy" and hasattr(value, "get") else numpy.asarray(value))
        return value.reshape(-1).view(numpy.uint8), f"{value.dtype} {value.shape}"
    return None

def show(name, *values):
    """One line: a digest of every bit of an array, the text of anything else."""
    words = []
    for value in values:
        array = _array(value) if hasattr(value, "shape") and hasattr(value, "dtype") else None
        words.append(f"{array[1]} {hashlib.sha256(array[0].tobytes()).hexdigest()[:16]}" if array else repr(value))
    print(name, *words, flush=True)

def near(name, value): print("near", name.replace(" ", "_"), float(value), flush=True)
def note(*words): print("~", *words, flush=True)
def duration(name, seconds, limit):
    print("time", name.replace(" ", "_"), round(seconds, 4), limit, flush=True)

def plain(text):
    """Without what differs from process to process."""
    text = re.sub(r"0x[0-9a-fA-F]+", "0x…", str(text))
    text = re.sub(r"/tmp/\S+/|\btmp\w{8}\b|\b[0-9a-f]{40}\b", "…", text)
    text = re.sub(r"[\d.]+ [KMG]iB (is free|memory in use|is allocated|is reserved)", r"N \1", text)
    text = re.sub(r"\bPID:? ?\d+|\bpid=\d+|Process \d+ has [^.]*\.\d+ \w+ memory in use\. ?", "", text)
    return text.split("\nException raised from")[0].strip()

def error(name, action, lines=12):
    """The type and text of the exception that the action must raise."""
    try: value = action()
    except Exception as e:
        print(name, type(e).__name__, *plain(e).splitlines()[:lines], sep="\n    ", flush=True)
    else: print(name, "raised nothing:", plain(repr(value))[:200], flush=True)

def each(actions):
    """Runs every (name, action); one that raises prints that and the others go on. For wide sweeps in one process."""
    for name, action in actions:
        try: value = action()
        except Exception as e:
            print(name, type(e).__name__, plain(e).splitlines()[0][:160] if str(e) else "", flush=True)
            if "CUDA error" in str(e) or "CUDA_ERROR" in str(e): raise
        else: show(name, *(value if isinstance(value, (tuple, list)) else (value,)))

def children(codes, seconds=80):
    """Runs pieces of Python code at the same time, each in a process of its own: (exit status, output, errors) of each."""
    import subprocess
    from concurrent.futures import ThreadPoolExecutor
    def one(code):
        try:
            run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=seconds, errors="replace")
        except subprocess.TimeoutExpired: return "no end", "", ""
        return run.returncode, run.stdout, run.stderr
    with ThreadPoolExecutor(8) as pool: return list(pool.map(one, codes))

# Attributes of the device that a remote GPU denies on purpose (kNotRemote in src/worker/device.cpp): RDMA, fabric handles, multicast, dma-buf, memory on NUMA nodes of the GPU's host, handles other than descriptors.
NOT_REMOTE = {110, 116, 117, 118, 119, 124, 128, 132, 141, 142, 144, 145}
NOT_REMOTE_NAMES = re.compile(r"(?i)gpu_?direct|handle_?types|fabric|multicast|dma_?buf|host_?numa|host_?memory_?pools|host_?virtual")

def torch_reset():
    """What one check has set must not reach the next in the same process."""
    import torch
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = torch.backends.cudnn.benchmark = False
    if DEVICE != "cuda": return
    torch.backends.cuda.matmul.allow_tf32 = False
    for choose in (torch.backends.cuda.preferred_blas_library, torch.backends.cuda.preferred_linalg_library):
        try: choose("default")
        except Exception: pass  # a version that has no such name
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
def torch_healthy():
    import torch
    return (torch.ones(3, device=DEVICE) + 1).sum().item() == 6

def libraries():
    """Which CUDA driver and NVML this process has mapped: remotely only the client's may be there."""
    maps = {line.split()[-1] for line in open("/proc/self/maps") if re.search(r"/lib(cuda|nvidia-ml)\.so[^ ]*$", line)}
    print("~ maps", *sorted(maps), flush=True)

def main(functions):
    """The rest of the process: the checks that the command line names, one after the other. "@@" lines tell the runner where each begins and ends. One that
    fails ends the process if the device no longer works in it; the runner starts another for the rest."""
    sys.stdout.reconfigure(line_buffering=True)
    for name in sys.argv[1:]:
        for stream in (sys.stdout, sys.stderr): print("@@ begin", name, file=stream, flush=True)
        start, status = time.monotonic(), "ok"
        try:
            functions.get("reset", lambda: None)()
            functions["check_" + name]()
            if DEVICE == "cuda": libraries()
        except BaseException as e:
            traceback.print_exc()
            status = "failed"
        print("@@ end", name, status, round(time.monotonic() - start, 2), flush=True)
        if status == "failed":
            try: well = functions["healthy"]()
            except BaseException: well = False
            if not well: os._exit(1)
