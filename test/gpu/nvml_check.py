"""NVML by ctypes: prints what the library tells about device 0, without what changes from moment to moment."""
import ctypes as c

nvml = c.CDLL("libnvidia-ml.so.1")
def call(name, *args):
    code = getattr(nvml, name)(*args)
    if code: raise SystemExit(f"{name} answered {code}")
call("nvmlInit_v2")
count, device, text, number = c.c_uint(), c.c_void_p(), c.create_string_buffer(96), c.c_uint()
call("nvmlDeviceGetCount_v2", c.byref(count)); print("count", count.value)
call("nvmlSystemGetDriverVersion", text, 96); print("driver", text.value.decode())
call("nvmlDeviceGetHandleByIndex_v2", 0, c.byref(device))
for name in ["nvmlDeviceGetName", "nvmlDeviceGetUUID"]: call(name, device, text, 96); print(name, text.value.decode())
memory = (c.c_ulonglong * 3)()
call("nvmlDeviceGetMemoryInfo", device, memory); print("memory", memory[0] >> 20, "MiB,", "consistent" if memory[1] + memory[2] <= memory[0] else "inconsistent")
major, minor = c.c_int(), c.c_int()
call("nvmlDeviceGetCudaComputeCapability", device, c.byref(major), c.byref(minor)); print("compute", major.value, minor.value)
for what, name in [("clock", "nvmlDeviceGetMaxClockInfo")]: call(name, device, 1, c.byref(number)); print(what, number.value)
call("nvmlDeviceGetTemperature", device, 0, c.byref(number)); print("temperature", 0 < number.value < 120)
call("nvmlDeviceGetIndex", device, c.byref(number)); print("index", number.value)
call("nvmlShutdown")
