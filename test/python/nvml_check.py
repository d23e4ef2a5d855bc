"""What NVML's users see, through nvidia-ml-py, gpustat and nvitop: one line a check, exit status 1 when one fails.

    nvml_check.py direct|remote [H200]      the profile's name, when the software GPU is under it
NVIDIA_SMI names nvidia-smi of driver 580 (default: the one on the PATH, if any): then it runs as well. Runs on whatever libraries the loader finds. A child process holds a context and memory through libcuda meanwhile; TF_TEST_LIMIT_MIB says which
memory limit the worker has. `remote`: settings are refused, and the list of processes holds this machine's processes only.
"""
import ctypes
import json
import os
import shutil
import subprocess
import sys
import time

import pynvml as nvml

remote = sys.argv[1] == "remote"
expected_name = sys.argv[2] if len(sys.argv) > 2 else None
limit = int(os.environ.get("TF_TEST_LIMIT_MIB", "0")) << 20
MEGABYTES = 24
failures = 0

HOLDER = f"""
import ctypes, sys
cuda, context, memory = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p(), ctypes.c_uint64()
assert cuda.cuInit(0) == 0
assert cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0) == 0 and cuda.cuCtxSetCurrent(context) == 0
assert cuda.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t({MEGABYTES} << 20)) == 0
print("holding", flush=True)
sys.stdin.read()
"""


def check(name, passed, seen=""):
    global failures
    print(("pass " if passed else "FAIL ") + name + ("" if passed else f": {seen}"), flush=True)
    failures += not passed


def answer(function, *arguments):
    """What a call gives, or the number of its error."""
    try:
        return function(*arguments)
    except nvml.NVMLError as error:
        return error.value


def raw(name, *arguments):
    """The library's own function, past what nvidia-ml-py makes of it."""
    return getattr(ctypes.CDLL("libnvidia-ml.so.1"), name)(*arguments)


def life():
    check("before init: uninitialized", answer(nvml.nvmlDeviceGetCount) == nvml.NVML_ERROR_UNINITIALIZED)
    check("shutdown before init: uninitialized", answer(nvml.nvmlShutdown) == nvml.NVML_ERROR_UNINITIALIZED)
    check("texts of codes before init", str(nvml.NVMLError(nvml.NVML_ERROR_NOT_SUPPORTED)) == "Not Supported")
    nvml.nvmlInit()
    nvml.nvmlInit()
    nvml.nvmlShutdown()
    check("inits are counted", answer(nvml.nvmlDeviceGetCount) >= 1)


def identity(device):
    name, uuid, pci = nvml.nvmlDeviceGetName(device), nvml.nvmlDeviceGetUUID(device), nvml.nvmlDeviceGetPciInfo(device)
    check("name", not expected_name or expected_name in name, name)
    check("by UUID", nvml.nvmlDeviceGetIndex(nvml.nvmlDeviceGetHandleByUUID(uuid)) == 0)
    check("by bus address", nvml.nvmlDeviceGetIndex(nvml.nvmlDeviceGetHandleByPciBusId(pci.busId)) == 0)
    check("unknown UUID: not found", answer(nvml.nvmlDeviceGetHandleByUUID, "GPU-00000000-0000-0000-0000-000000000000") == nvml.NVML_ERROR_NOT_FOUND)
    check("index beyond the last", answer(nvml.nvmlDeviceGetHandleByIndex, 99) == nvml.NVML_ERROR_INVALID_ARGUMENT)
    check("versions", len(nvml.nvmlSystemGetDriverVersion()) > 3 and nvml.nvmlSystemGetCudaDriverVersion() >= 11000)
    short = ctypes.create_string_buffer(4)
    check("text that does not fit: insufficient size", raw("nvmlDeviceGetUUID", device, short, 4) == nvml.NVML_ERROR_INSUFFICIENT_SIZE)
    check("no handle: invalid argument", raw("nvmlDeviceGetTemperature", None, 0, ctypes.byref(ctypes.c_uint())) == nvml.NVML_ERROR_INVALID_ARGUMENT)
    check("null pointer: invalid argument", raw("nvmlDeviceGetMemoryInfo", device, None) == nvml.NVML_ERROR_INVALID_ARGUMENT)
    check("null array: invalid argument", raw("nvmlDeviceGetFieldValues", device, 1, None) == nvml.NVML_ERROR_INVALID_ARGUMENT)
    check("one of two outs: as the driver takes it", raw("nvmlDeviceGetDriverModel_v2", device, ctypes.byref(ctypes.c_uint()), None) == nvml.NVML_ERROR_NOT_SUPPORTED)
    check("and the library still answers", answer(nvml.nvmlDeviceGetCount) >= 1)


def memory(device):
    plain, versioned = nvml.nvmlDeviceGetMemoryInfo(device), nvml.nvmlDeviceGetMemoryInfo(device, version=nvml.nvmlMemory_v2)
    check("total, used and free add up", plain.used + plain.free <= plain.total and plain.used >= MEGABYTES << 20, (plain.total, plain.used, plain.free))
    check("both forms agree", versioned.total == plain.total and versioned.free == plain.free, (plain.total, versioned.total))
    if limit:
        check("the limit is the card's memory", plain.total == limit, plain.total)
        check("BAR1 is the card's own", nvml.nvmlDeviceGetBAR1MemoryInfo(device).bar1Total >= 128 << 20)
    wrong = nvml.c_nvmlMemory_v2_t()
    wrong.version = 7
    check("unknown version: mismatch", raw("nvmlDeviceGetMemoryInfo_v2", device, ctypes.byref(wrong)) == nvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH)


def processes(device, child):
    listed = {p.pid: p.usedGpuMemory for p in nvml.nvmlDeviceGetComputeRunningProcesses(device)}
    check("the process that uses the device is listed by its own number", child in listed, (child, listed))
    check("and what it uses", (listed.get(child) or 0) >= MEGABYTES << 20, listed)
    check("its name", "python" in str(answer(nvml.nvmlSystemGetProcessName, child)), answer(nvml.nvmlSystemGetProcessName, child))
    check("a process that there is not", answer(nvml.nvmlSystemGetProcessName, 0x7ffffff0) == nvml.NVML_ERROR_NOT_FOUND)
    none = ctypes.c_uint(0)
    code = raw("nvmlDeviceGetComputeRunningProcesses_v3", device, ctypes.byref(none), None)
    check("no room: insufficient size and how many", code == nvml.NVML_ERROR_INSUFFICIENT_SIZE and none.value >= 1, (code, none.value))
    if remote:
        check("no process of other machines", all(os.path.exists(f"/proc/{pid}") for pid in listed), listed)


def settings(device):
    for name, arguments in (("nvmlDeviceSetPersistenceMode", (1,)), ("nvmlDeviceSetPowerManagementLimit", (100000,)), ("nvmlDeviceSetComputeMode", (0,)),
                            ("nvmlDeviceSetEccMode", (1,)), ("nvmlDeviceSetGpuLockedClocks", (300, 300)), ("nvmlDeviceResetGpuLockedClocks", ()),
                            ("nvmlDeviceClearEccErrorCounts", (0,)), ("nvmlDeviceSetAccountingMode", (1,))):
        check(f"{name}: no permission", answer(getattr(nvml, name), device, *arguments) == nvml.NVML_ERROR_NO_PERMISSION)
    check("MIG mode: no permission", raw("nvmlDeviceSetMigMode", device, 1, ctypes.byref(ctypes.c_uint())) == nvml.NVML_ERROR_NO_PERMISSION)


def events(device):
    """A set can be waited for; meanwhile other threads' calls are answered."""
    import threading
    events = answer(nvml.nvmlEventSetCreate)
    if isinstance(events, int):
        return check("event sets: not supported", events == nvml.NVML_ERROR_NOT_SUPPORTED, events)
    done = []
    waiter = threading.Thread(target=lambda: done.append(answer(nvml.nvmlEventSetWait_v2, events, 700)))
    begin = time.time()
    waiter.start()
    time.sleep(0.05)
    for _ in range(20):
        nvml.nvmlDeviceGetUtilizationRates(device)
    check("calls are answered while a thread waits for events", time.time() - begin < 0.6 and not done)
    waiter.join()
    check("and it gets its time-out", done == [nvml.NVML_ERROR_TIMEOUT] and time.time() - begin >= 0.69, done)
    check("the set is freed", answer(nvml.nvmlEventSetFree, events) is None)


def tools(child):
    here = os.path.dirname(sys.executable)
    if not os.path.exists(f"{here}/gpustat"):
        return print("gpustat and nvitop are not installed here")
    told = json.loads(subprocess.run([f"{here}/gpustat", "--json", "--show-all"], capture_output=True, text=True, timeout=60).stdout)
    gpu = told["gpus"][0]
    check("gpustat: name and memory", (not expected_name or expected_name in gpu["name"]) and gpu["memory.total"] > gpu["memory.used"] >= MEGABYTES, gpu)
    check("gpustat: the process", [p for p in gpu["processes"] if p["pid"] == child and "python" in p["command"]], gpu["processes"])
    done = subprocess.run([f"{here}/nvitop", "--once", "--colorful"], capture_output=True, text=True, timeout=60)
    check("nvitop: the device and the process", done.returncode == 0 and "MiB" in done.stdout and str(child) in done.stdout, done.stdout[-2000:] + done.stderr)


def nvidia_smi(child):
    program = os.environ.get("NVIDIA_SMI") or shutil.which("nvidia-smi")
    if not program:
        return

    def run(*arguments):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
        return done.stdout if done.returncode == 0 else f"exit {done.returncode}: {done.stdout}{done.stderr}"
    name, total = nvml.nvmlDeviceGetName(device), nvml.nvmlDeviceGetMemoryInfo(device).total >> 20
    out = run()
    check("nvidia-smi: table", name[:20] in out and f"{total}MiB" in out and any(str(child) in line and "python" in line for line in out.splitlines()), out)
    check("nvidia-smi -L", name in run("-L") and nvml.nvmlDeviceGetUUID(device) in run("-L"), run("-L"))
    out = run("-q")
    check("nvidia-smi -q", f": {total} MiB" in out and "ECC Mode" in out and str(child) in out and "Invalid" not in out, out)
    out = run("-q", "-x")
    check("nvidia-smi -q -x", f"<total>{total} MiB</total>" in out and out.rstrip().endswith("</nvidia_smi_log>"), out[-500:])
    out = run("--query-gpu=name,memory.total,utilization.gpu,temperature.gpu,power.draw,driver_version,uuid,pci.bus_id,clocks.sm", "--format=csv,noheader")
    check("nvidia-smi --query-gpu", f"{name}, {total} MiB" in out and out.count(",") % 8 == 0 and "[N/A]" not in out, out)
    out = run("--query-compute-apps=pid,name,used_memory", "--format=csv,noheader")
    check("nvidia-smi --query-compute-apps", any(line.startswith(f"{child}, ") and "python" in line for line in out.splitlines()), out)
    out = run("dmon", "-c", "2").splitlines()
    check("nvidia-smi dmon", [line.split()[0] for line in out if not line.startswith("#")].count("0") == 2, out)
    out = run("pmon", "-c", "1")
    check("nvidia-smi pmon", str(child) in out, out)
    check("nvidia-smi topo -m", "GPU0" in run("topo", "-m") and "X = Self" in " ".join(run("topo", "-m").split()), run("topo", "-m"))
    if remote:
        for words in (("-lgc", "300,400"), ("-am", "1"), ("-mig", "1")):
            denied = subprocess.run([program, *words], capture_output=True, text=True, timeout=60)
            check(f"nvidia-smi {words[0]}: no permission", denied.returncode == 4 and "ermission" in denied.stdout, (denied.returncode, denied.stdout))


life()
device = nvml.nvmlDeviceGetHandleByIndex(0)
with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
    check("a process holds memory", holder.stdout.readline() == "holding\n")
    identity(device)
    memory(device)
    processes(device, holder.pid)
    if remote:
        settings(device)
    events(device)
    tools(holder.pid)
    nvidia_smi(holder.pid)
    holder.stdin.close()
nvml.nvmlShutdown()
check("after shutdown: uninitialized", answer(nvml.nvmlDeviceGetCount) == nvml.NVML_ERROR_UNINITIALIZED)
sys.exit(failures != 0)
