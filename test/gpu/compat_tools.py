"""NVIDIA's tools and the readers of NVML: nvidia-smi as installed, pynvml's reading calls. What changes from moment to moment is compared by its shape. See compat.py."""
import re, shutil, subprocess, time
from compat import main, note, plain

def healthy(): return True
def smi(*words, seconds=40):
    t = time.monotonic()
    run = subprocess.run(["nvidia-smi", *words], capture_output=True, text=True, timeout=seconds)
    print("nvidia-smi", *words, "exit", run.returncode, run.stderr.strip())
    note(round(time.monotonic() - t, 2), "s")
    note(run.stdout.strip().replace("\n", "\n~ "))
    return run.stdout
def shape(text): return re.sub(r"\s+", " ", re.sub(r"-+", "-", re.sub(r"\d+(\.\d+)?", "N", text))).strip()

def check_smi_table():
    text = smi()
    table = text.split("| Processes:")[0]
    for line in table.splitlines()[1:]: print(shape(re.sub(r"(P\d|\d+C|\d+W|\d+MiB(?= /)|\d+%)", "0", line)))
    print(re.search(r"Driver Version: \S+|KMD Version: \S+", text)[0], re.search(r"CUDA Version: \S+", text)[0], re.search(r"/ *\d+MiB", text)[0],
        "Processes" in text)
def check_smi_list(): print(smi("-L"))
def check_smi_query_gpu():
    fixed = "index,name,uuid,driver_version,memory.total,pci.bus_id,pci.domain,pci.device_id,pci.sub_device_id,count,serial,vbios_version,compute_cap,compute_mode,persistence_mode,display_mode,display_active,accounting.mode,driver_model.current,mig.mode.current,ecc.mode.current,ecc.mode.pending,power.limit,power.max_limit,power.min_limit,power.default_limit,clocks.max.sm,clocks.max.memory,clocks.max.graphics,pcie.link.gen.max,pcie.link.width.max,inforom.img,inforom.oem,gom.current,fan.speed,addressing_mode"
    moving = "timestamp,memory.used,memory.free,memory.reserved,utilization.gpu,utilization.memory,temperature.gpu,temperature.memory,power.draw,pstate,clocks.sm,clocks.mem,clocks.gr,clocks_event_reasons.active,ecc.errors.corrected.volatile.total,pcie.link.gen.current,encoder.stats.sessionCount,retired_pages.pending"
    for form in ("csv", "csv,noheader", "csv,noheader,nounits"):
        print(smi(f"--query-gpu={fixed}", f"--format={form}"))
    print(shape(smi(f"--query-gpu={moving}", "--format=csv")))
    print(smi("--query-gpu=name", "--format=csv,noheader", "-i", "0"))
    print(smi("--query-gpu=nonsense", "--format=csv"))
def check_smi_full():
    text = smi("-q").split("    Processes")[0]
    moving = r"Timestamp|Used|Free|Reserved|Temp|Draw|Power|Energy|Clocks?$|^ *(Graphics|SM|Memory|Video) *$|Gpu|Replay|Throughput|Utilization|Performance|Idle|Util|Margin|T\.Limit|Attached|Link Gen|Current *$|Device Current|Jpeg|Ofa|Encoder|Decoder|Voltage|Slowdown|Average|Active Sessions"
    for line in text.splitlines():
        key, colon, value = line.partition(" : ")
        if key.split()[:1] == ["Latest"]: continue  # of an event that comes and goes
        print(key.rstrip(), colon.strip(), shape(re.sub(r"P\d\b", "P0", value)) if re.search(moving, key) else value)
def check_smi_sections():
    for section in ["MEMORY", "UTILIZATION", "ECC", "TEMPERATURE", "POWER", "CLOCK", "COMPUTE", "PIDS", "PERFORMANCE", "SUPPORTED_CLOCKS",
            "PAGE_RETIREMENT", "ACCOUNTING", "ROW_REMAPPER"]:
        text = smi("-q", "-d", section)
        print(shape("\n".join(re.sub(r":.*", ":", l) for l in text.splitlines() if not re.search("Process|Name|Instance", l)))
            if section != "SUPPORTED_CLOCKS" else text.split("\n", 4)[-1])
def check_smi_apps():
    for what, fields in [("compute", "pid,process_name,used_memory,gpu_name,gpu_uuid")]:
        text = smi(f"--query-{what}-apps={fields}", "--format=csv")
        print(text.splitlines()[0])
    print(smi("--query-accounted-apps=pid,gpu_name", "--format=csv").splitlines()[0])
    print(smi("-q", "-x").splitlines()[:3])
def check_smi_dmon(): # own limit 80
    for words in [("dmon", "-c", "5"), ("dmon", "-c", "2", "-s", "pucvmet"), ("pmon", "-c", "2")]:
        text = smi(*words, seconds=25)
        print(len([l for l in text.splitlines() if not l.startswith("#")]) if words[0] == "dmon" else "",
            [shape(l) for l in text.splitlines() if l.startswith("#")][:2])
    run = subprocess.run("nvidia-smi dmon & sleep 3; kill -INT $!; wait $!; echo $?", shell=True, capture_output=True, text=True, timeout=20)
    print("interrupted", len(run.stdout.splitlines()) > 3, run.stdout.split()[-1])
def check_smi_other():
    for words in [("topo", "-m"), ("nvlink", "-s"), ("-h",), ("--help-query-gpu",), ("mig", "-lgip"), ("nvlink", "-c"), ("-B",), ("--version",),
            ("-i", "7"), ("c2c", "-s"), ("vgpu",), ("--nonsense",)]:
        print(shape(smi(*words)))

def check_pynvml():
    import pynvml as n
    n.nvmlInit()
    print(n.nvmlSystemGetDriverVersion(), n.nvmlSystemGetCudaDriverVersion(), n.nvmlSystemGetNVMLVersion(), n.nvmlDeviceGetCount())
    h = n.nvmlDeviceGetHandleByIndex(0)
    print(n.nvmlDeviceGetIndex(n.nvmlDeviceGetHandleByUUID(n.nvmlDeviceGetUUID(h))),
        n.nvmlDeviceGetIndex(n.nvmlDeviceGetHandleByPciBusId(n.nvmlDeviceGetPciInfo(h).busId)))
    for name in ["Name", "UUID", "BoardId", "Brand", "Serial", "BoardPartNumber", "VbiosVersion", "CudaComputeCapability", "MultiGpuBoard",
            "PersistenceMode", "ComputeMode", "EccMode", "MaxPcieLinkGeneration", "MaxPcieLinkWidth", "NumGpuCores", "MemoryBusWidth",
            "PowerManagementLimit", "PowerManagementLimitConstraints", "PowerManagementDefaultLimit", "EnforcedPowerLimit",
                 "DisplayMode", "DisplayActive", "MigMode", "MaxMigDeviceCount", "Architecture", "BusType", "MinorNumber", "IrqNum", "PcieSpeed",
                 "PcieLinkMaxSpeed", "AccountingMode", "DefaultEccMode", "GspFirmwareMode", "InforomImageVersion", "SupportedMemoryClocks",
                 "BAR1MemoryInfo", "GpuMaxPcieLinkGeneration", "IsMigDeviceHandle", "VirtualizationMode", "NumFans", "Attributes",
                 "ConfComputeMemSizeInfo"]:
        call(n, "nvmlDeviceGet" + name if not name.startswith("Is") else "nvmlDevice" + name, h, fixed=name != "BAR1MemoryInfo")
    for kind in range(4):
        call(n, "nvmlDeviceGetMaxClockInfo", h, kind)
        call(n, "nvmlDeviceGetClockInfo", h, kind, fixed=False)
        call(n, "nvmlDeviceGetApplicationsClock", h, kind)
    for name in ["MemoryInfo", "UtilizationRates", "PowerUsage", "TotalEnergyConsumption", "PerformanceState", "CurrPcieLinkGeneration",
            "CurrPcieLinkWidth", "ComputeRunningProcesses", "GraphicsRunningProcesses", "MPSComputeRunningProcesses", "EncoderUtilization",
            "DecoderUtilization", "CurrentClocksThrottleReasons", "SupportedClocksThrottleReasons", "EncoderStats", "FBCStats",
            "RetiredPagesPendingStatus", "RemappedRows", "PcieReplayCounter", "FanSpeed", "ViolationStatus", "JpgUtilization", "OfaUtilization"]:
        call(n, "nvmlDeviceGet" + name, h, *([0] if name == "ViolationStatus" else []), fixed=False)
    for threshold in range(4): call(n, "nvmlDeviceGetTemperatureThreshold", h, threshold)
    call(n, "nvmlDeviceGetTemperature", h, 0, fixed=False)
    call(n, "nvmlDeviceGetTotalEccErrors", h, 0, 0)
    call(n, "nvmlDeviceGetCpuAffinity", h, 1)
    call(n, "nvmlDeviceGetFieldValues", h, [82, 167], fixed=False)
    call(n, "nvmlDeviceGetPcieThroughput", h, 0, fixed=False)
    call(n, "nvmlDeviceGetMemoryInfo", h, n.nvmlMemory_v2, fixed=False)
    for link in (0, 17):
        call(n, "nvmlDeviceGetNvLinkState", h, link)
        call(n, "nvmlDeviceGetNvLinkVersion", h, link)
    call(n, "nvmlDeviceGetProcessUtilization", h, 0, fixed=False)
    call(n, "nvmlDeviceGetSamples", h, 1, 0, fixed=False)
    call(n, "nvmlDeviceGetHandleByIndex", 99)
    call(n, "nvmlDeviceGetHandleByUUID", "GPU-nonsense")
    call(n, "nvmlUnitGetCount")
    call(n, "nvmlSystemGetProcessName", 1)
    print(n.nvmlErrorString(n.NVML_ERROR_NOT_SUPPORTED))
    m = n.nvmlDeviceGetMemoryInfo(h)
    print("memory", m.total, m.used + m.free <= m.total)
    n.nvmlShutdown()
    call(n, "nvmlDeviceGetName", h)
def call(n, name, *words, fixed=True):
    f = getattr(n, name, None)
    if f is None: return print(name, "is not in this pynvml")
    try: value = f(*words)
    except n.NVMLError as e: return print(name, words[1:], "error", e.value)
    text = plain({f: getattr(value, f, None) for f, *_ in value._fields_} if hasattr(value, "_fields_") else list(value) if hasattr(value, "__len__")
        and not isinstance(value, (str, list, tuple)) else value)
    print(name, [w for w in words[1:] if isinstance(w, (int, str))], text if fixed else type(value).__name__)
    note(name, text)
def check_refusals(): # remote: what would change a setting is refused
    import pynvml as n
    n.nvmlInit()
    h = n.nvmlDeviceGetHandleByIndex(0)
    for name in ["PersistenceMode", "ComputeMode", "PowerManagementLimit"]:  # to what they are: were one not refused, nothing would change
        now = getattr(n, "nvmlDeviceGet" + name)(h)
        try:
            getattr(n, "nvmlDeviceSet" + name)(h, now)
            raise SystemExit(f"{name} was not refused")
        except n.NVMLError as e:
            print(name, e.value)
            assert e.value == n.NVML_ERROR_NO_PERMISSION, name
def check_other_tools():
    for tool in ["gpustat", "nvitop"]:
        print(tool, "is installed" if shutil.which(tool) else "is not installed")

if __name__ == "__main__": main(globals())
