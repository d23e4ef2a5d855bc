"""NVIDIA's Python bindings and compilers: cuda.bindings (driver and runtime), cuda.core, NVRTC to PTX, cubin and LTO-IR, nvJitLink, the driver's linker,
onnxruntime if it has the CUDA provider. See compat.py."""
import ctypes
import os
from compat import NOT_REMOTE, NOT_REMOTE_NAMES, each, main, note, plain, show
import numpy as np

SOURCE = b'extern "C" __device__ float part(float); extern "C" __global__ void f(float* p) { p[threadIdx.x] = part(p[threadIdx.x]) + 1; }'
PART = b'extern "C" __device__ float part(float x) { return x * x; }'
WHOLE = b'extern "C" __global__ void f(float* p) { p[threadIdx.x] = p[threadIdx.x] * p[threadIdx.x] + 1; }'

def ok(result):
    assert int(result[0]) == 0, result
    return result[1] if len(result) == 2 else result[1:]
def start():
    from cuda.bindings import driver as d
    ok(d.cuInit(0))
    dev = ok(d.cuDeviceGet(0))
    context = ok(d.cuDevicePrimaryCtxRetain(dev))
    ok(d.cuCtxSetCurrent(context))
    return d, dev
def nvrtc(source, *options):
    from cuda.bindings import nvrtc as n
    p = ok(n.nvrtcCreateProgram(source, b"f.cu", 0, [], []))
    r = n.nvrtcCompileProgram(p, len(options), list(options))
    assert int(r[0]) == 0, options
    def get(kind):
        b = b" " * ok(getattr(n, f"nvrtcGet{kind}Size")(p))
        getattr(n, f"nvrtcGet{kind}")(p, b)
        return b
    return get
def launch(image, name=b"f"):
    d, _ = start()
    m = ok(d.cuModuleLoadData(image))
    f = ok(d.cuModuleGetFunction(m, name))
    x = np.arange(64, dtype=np.float32)
    p = ok(d.cuMemAlloc(256))
    ok(d.cuMemcpyHtoD(p, x.ctypes.data, 256))
    arg = np.array([int(p)], np.uint64)
    slots = np.array([arg.ctypes.data], np.uint64)
    ok(d.cuLaunchKernel(f, 1, 1, 1, 64, 1, 1, 0, 0, slots.ctypes.data, 0))
    ok(d.cuMemcpyDtoH(x.ctypes.data, p, 256))
    ok(d.cuMemFree(p))
    ok(d.cuModuleUnload(m))
    return x

def check_nvrtc():
    each([("ptx", lambda: launch(nvrtc(WHOLE, b"--gpu-architecture=compute_90")("PTX"))),
        ("cubin", lambda: launch(nvrtc(WHOLE, b"--gpu-architecture=sm_90")("CUBIN"))),
        ("old ptx", lambda: launch(nvrtc(WHOLE, b"--gpu-architecture=compute_75")("PTX")))])
def check_nvjitlink():
    from cuda.bindings import nvjitlink as j
    lto = [nvrtc(s, b"--gpu-architecture=sm_90", b"-dlto", b"--relocatable-device-code=true")("LTOIR") for s in (SOURCE, PART)]
    h = j.create(2, ["-arch=sm_90", "-lto"])
    [j.add_data(h, j.InputType.LTOIR, l, len(l), "part") for l in lto]
    j.complete(h)
    n = j.get_linked_cubin_size(h)
    b = bytearray(n)
    j.get_linked_cubin(h, b)
    show("LTO", launch(bytes(b)))
    print(j.version())
    ptx = [nvrtc(s, b"--gpu-architecture=compute_90", b"--relocatable-device-code=true")("PTX") for s in (SOURCE, PART)]
    h = j.create(1, ["-arch=sm_90"])
    [j.add_data(h, j.InputType.PTX, p, len(p), "part") for p in ptx]
    j.complete(h)
    b = bytearray(j.get_linked_cubin_size(h))
    j.get_linked_cubin(h, b)
    show("PTX", launch(bytes(b)))
def check_driver_linker():
    d, _ = start()
    ptx = [nvrtc(s, b"--gpu-architecture=compute_90", b"--relocatable-device-code=true")("PTX") for s in (SOURCE, PART)]
    s = ok(d.cuLinkCreate(0, [], []))
    for p in ptx: ok(d.cuLinkAddData(s, d.CUjitInputType.CU_JIT_INPUT_PTX, p, len(p), b"part", 0, [], []))
    image, size = ok(d.cuLinkComplete(s))
    show("linked", launch(ctypes.string_at(int(image), size)))
    ok(d.cuLinkDestroy(s))
    bad = d.cuModuleLoadData(b"this is no image at all, certainly not one with a kernel")
    print("bad image", int(bad[0]), d.cuGetErrorName(bad[0])[1], d.cuGetErrorString(bad[0])[1])
def check_device_name(): # every byte of it, those after its end too
    d, dev = start()
    print(ok(d.cuDeviceGetName(64, dev)))
def check_driver():
    d, dev = start()
    print(ok(d.cuDeviceTotalMem(dev)), ok(d.cuDriverGetVersion()),
        bytes(ok(d.cuDeviceGetUuid(dev)).bytes).hex())
    for a in sorted(set(int(a) for a in d.CUdevice_attribute)):
        r = d.cuDeviceGetAttribute(d.CUdevice_attribute(a), dev)
        if a in NOT_REMOTE:
            print(a, "is not remote", int(r[0]))
            note(r[1])
            assert not os.environ.get("COMPAT_REMOTE") or r[1] == 0 or a == 119, a
        else: print(a, int(r[0]), r[1] if int(r[0]) == 0 else "")
    x = np.arange(1000, dtype=np.int32)
    p = ok(d.cuMemAllocAsync(4000, 0))
    ok(d.cuMemcpyHtoDAsync(p, x.ctypes.data, 4000, 0))
    y = np.zeros_like(x)
    ok(d.cuMemcpyDtoHAsync(y.ctypes.data, p, 4000, 0))
    ok(d.cuStreamSynchronize(0))
    show("copied", y)
    ok(d.cuMemsetD32Async(p, 7, 500, 0))
    ok(d.cuMemcpyDtoH(y.ctypes.data, p, 4000))
    show("set", y)
    ok(d.cuMemFreeAsync(p, 0))
    print([int(r) for r in d.cuMemFree(12345)], [int(r) for r in d.cuCtxSetCurrent(d.CUcontext(0))])
def check_runtime():
    from cuda.bindings import runtime as r
    p = ok(r.cudaGetDeviceProperties(0))
    [print(n, plain(getattr(p, n))) for n in sorted(dir(p)) if not n.startswith("_") and n not in ("getPtr", "reserved")
        and not NOT_REMOTE_NAMES.search(n)]
    m = ok(r.cudaMalloc(4096))
    x = np.arange(1024, dtype=np.float32)
    ok(r.cudaMemcpy(m, x.ctypes.data, 4096, r.cudaMemcpyKind.cudaMemcpyHostToDevice))
    y = np.zeros_like(x)
    ok(r.cudaMemcpy(y.ctypes.data, m, 4096, r.cudaMemcpyKind.cudaMemcpyDeviceToHost))
    show("copied", y)
    print([int(e) for e in r.cudaFree(m)], int(r.cudaMalloc(1 << 55)[0]), r.cudaGetErrorString(r.cudaError_t(2))[1])
    g = ok(r.cudaGraphCreate(0))
    n = ok(r.cudaGraphAddEmptyNode(g, [], 0))
    e = ok(r.cudaGraphInstantiate(g, 0))
    ok(r.cudaGraphLaunch(e, 0))
    ok(r.cudaDeviceSynchronize())
    print("graph", int(r.cudaGetLastError()[0]), ok(r.cudaRuntimeGetVersion()), ok(r.cudaDriverGetVersion()))
def check_core():
    try: from cuda.core import Device, LaunchConfig, Program, ProgramOptions, launch as go
    except ImportError:
        from cuda.core.experimental import Device, LaunchConfig, Program, ProgramOptions, launch as go
    d = Device()
    d.set_current()
    s = d.create_stream()
    print(d.name, d.compute_capability, d.uuid, d.pci_bus_id)
    import cupy as cp
    for kind in ("ptx", "cubin"):
        m = Program(WHOLE.decode(), code_type="c++", options=ProgramOptions(std="c++17", arch="sm_90")).compile(kind)
        k = m.get_kernel("f")
        x = cp.arange(64, dtype=np.float32)
        cp.cuda.Device().synchronize()
        go(s, LaunchConfig(grid=1, block=64), k, x.data.ptr)
        s.sync()
        show(kind, x)
    b = d.memory_resource.allocate(4096, stream=s)
    print(b.size, b.is_device_accessible, b.is_host_accessible)
    b.close(s)
    s.sync()
    e = s.record()
    e.sync()
    print(e.is_done)
    print(d.properties.multiprocessor_count, d.properties.max_threads_per_block)
def check_onnxruntime():
    import onnxruntime as o
    print(o.get_available_providers())
    assert "CUDAExecutionProvider" in o.get_available_providers(), "no CUDA provider in this onnxruntime"
    from onnx import TensorProto as t, helper as h
    m = h.make_model(h.make_graph([h.make_node("MatMul", ["x", "x"], ["y"]), h.make_node("Relu", ["y"], ["z"])], "g",
        [h.make_tensor_value_info("x", t.FLOAT, [32, 32])], [h.make_tensor_value_info("z", t.FLOAT, [32, 32])]),
        opset_imports=[h.make_opsetid("", 17)], ir_version=9)
    s = o.InferenceSession(m.SerializeToString(), providers=["CUDAExecutionProvider"])
    print(s.get_providers())
    show("z", s.run(None, {"x": np.random.default_rng(1).standard_normal((32, 32)).astype(np.float32)})[0])

if __name__ == "__main__": main(globals())
