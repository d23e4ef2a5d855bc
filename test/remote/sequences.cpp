// Typical sequences of calls for test_waits.py, which runs each with few and with many rounds and looks at how many calls waited for the worker:
// sequences NAME ROUNDS. Results are checked as well.
#include <functional>
#include <map>
#include <string>

#include "../calls/check.h"

static const char one_kernel[] = ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry nothing() { ret; }\n";
static CUstream g_stream;
static CUfunction g_step;
static CUdeviceptr g_value;

static void forward(CUstream stream) { CU(launch(g_step, 1, 1, stream, g_value, 1u)); }

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  Gpu gpu;
  const int rounds = atoi(argv[2]);
  g_step = gpu.kernel("step");
  CUfunction slow = gpu.kernel("slow_store");
  g_value = allocate(1 << 20);
  CUdeviceptr second = allocate(1 << 20);
  CU(cuStreamCreate(&g_stream, CU_STREAM_NON_BLOCKING));
  CUstream other;
  CU(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  CUevent event, timing;
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  CU(cuEventCreate(&timing, 0));
  unsigned* pinned;
  CU(cuMemHostAlloc((void**)&pinned, 1 << 20, 0));
  std::vector<unsigned> pageable(1 << 16);
  CUgraph graph;
  CUgraphExec executable;
  CU(cuStreamBeginCapture_v2(g_stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  forward(g_stream);
  CU(cuStreamEndCapture(g_stream, &graph));
  CU(cuGraphInstantiateWithFlags(&executable, graph, 0));
  CUlibrary library;
  CU(cuLibraryLoadData(&library, kernels_ptx, nullptr, nullptr, 0, nullptr, nullptr, 0));
  CUkernel kernel;
  CU(cuLibraryGetKernel(&kernel, library, "step"));
  CUkernel same;
  CUfunction roomy;   // of a kernel that nobody has asked about yet
  CU(cuLibraryLoadData(&library, kernels_ptx, nullptr, nullptr, 0, nullptr, nullptr, 0));
  CU(cuLibraryGetKernel(&same, library, "step"));
  CU(cuKernelGetFunction(&roomy, same));
  CU(cuFuncSetAttribute(roomy, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 64 << 10));
  forward(g_stream);
  CU(launch(slow, 1, 1, g_stream, second, 1u, 1ull));
  CU(cuStreamSynchronize(g_stream));

  CUdeviceptr mapped = 0;
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = gpu.device;
  size_t chunk = 0;
  CU(cuMemGetAllocationGranularity(&chunk, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  CU(cuMemAddressReserve(&mapped, 2 * chunk, 0, 0, 0));
  for (int i = 0; i < 2; i++) {
    CUmemGenericAllocationHandle piece;
    CUmemAccessDesc access{};
    access.location = properties.location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    CU(cuMemCreate(&piece, chunk, &properties, 0));
    CU(cuMemMap(mapped + i * chunk, chunk, 0, piece, 0));
    CU(cuMemSetAccess(mapped + i * chunk, chunk, &access, 1));
    CU(cuMemRelease(piece));
  }

  const std::map<std::string, std::function<void()>> sequences{
      {"nothing", [] {}},
      {"launch", [&] { forward(g_stream); }},
      {"launch_kernel_of_library", [&] { CU(launch((CUfunction)kernel, 1, 1, g_stream, g_value, 1u)); }},
      {"launch_sync", [&] { forward(g_stream); CU(cuStreamSynchronize(g_stream)); }},
      {"sync_idle", [&] { CU(cuStreamSynchronize(g_stream)); CU(cuStreamQuery(g_stream)); }},
      {"read_pinned", [&] { CU(cuMemcpyDtoHAsync_v2(pinned, g_value, 4, g_stream)); CU(cuStreamSynchronize(g_stream)); }},
      {"read_pageable", [&] { CU(cuMemcpyDtoHAsync_v2(pageable.data(), g_value, 4, g_stream)); CU(cuStreamSynchronize(g_stream)); }},
      {"read", [&] { CU(cuMemcpyDtoH_v2(pageable.data(), g_value, 4)); }},
      {"write", [&] { CU(cuMemcpyHtoD_v2(second, pageable.data(), 4)); }},
      {"write_pageable_sync", [&] { CU(cuMemcpyHtoDAsync_v2(second, pageable.data(), 1 << 18, g_stream)); CU(cuStreamSynchronize(g_stream)); }},
      {"memset_copy", [&] {
         CU(cuMemsetD32Async(second, 1, 16, g_stream));
         CU(cuMemsetD8_v2(second, 1, 16));
         CU(cuMemcpyDtoDAsync_v2(second, g_value, 64, g_stream));
       }},
      {"objects", [&] {
         CUstream s;
         CUevent e;
         CU(cuStreamCreateWithPriority(&s, CU_STREAM_NON_BLOCKING, 0));
         CU(cuEventCreate(&e, 0));
         CU(cuEventRecord(e, s));
         CU(cuStreamWaitEvent(g_stream, e, 0));
         CU(cuEventDestroy_v2(e));
         CU(cuStreamDestroy_v2(s));
       }},
      {"streams_meet", [&] {
         CU(cuEventRecord(event, g_stream));
         CU(cuStreamWaitEvent(other, event, 0));
         forward(other);
       }},
      {"events_done", [&] {   // as a caching allocator polls
         CU(cuEventRecord(event, g_stream));
         forward(g_stream);
         CU(cuStreamSynchronize(g_stream));
         for (int i = 0; i < 10; i++) CU(cuEventQuery(event));
         CU(cuEventSynchronize(event));
       }},
      {"event_sync_then_queries", [&] {
         CU(cuEventRecord(event, g_stream));
         CU(cuEventSynchronize(event));
         for (int i = 0; i < 10; i++) CU(cuEventQuery(event));
       }},
      {"event_polled", [&] {   // until it is done, and that is all that the program does
         CU(launch(slow, 1, 1, g_stream, second, 1u, 1'000'000ull));
         CU(cuEventRecord(event, g_stream));
         while (cuEventQuery(event) == CUDA_ERROR_NOT_READY) {}
       }},
      {"graph", [&] { CU(cuGraphLaunch(executable, g_stream)); }},
      {"questions", [&] {
         CUstreamCaptureStatus status;
         cuuint64_t id;
         int value, priority;
         size_t limit, bytes;
         CUdeviceptr base;
         unsigned kind;
         CUdevice device;
         CUfunction function;
         CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE};
         void* to[] = {&kind};
         CU(cuStreamIsCapturing(g_stream, &status));
         CU(cuStreamGetCaptureInfo(g_stream, &status, &id));
         CU(cuStreamGetPriority(g_stream, &priority));
         CU(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_NUM_REGS, g_step));
         CU(cuKernelGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, kernel, gpu.device));
         CU(cuOccupancyMaxActiveBlocksPerMultiprocessor(&value, g_step, 128, 0));
         CU(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(&value, g_step, 128, 0, 0));
         CU(cuOccupancyAvailableDynamicSMemPerBlock(&bytes, g_step, 1, 128));
         CU(cuCtxGetLimit(&limit, CU_LIMIT_STACK_SIZE));
         CU(cuCtxGetDevice(&device));
         CU(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, device));
         CU(cuPointerGetAttribute(&kind, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, g_value));
         CU(cuPointerGetAttributes(1, which, to, g_value));
         CU(cuMemGetAddressRange_v2(&base, &bytes, g_value));
         CU(cuModuleGetFunction(&function, gpu.module, "step"));
         CU(cuKernelGetFunction(&function, kernel));
         CU(cuCtxGetStreamPriorityRange(&priority, &value));
       }},
      {"capture", [&] {   // as PyTorch asks at each operation and allocation
         CUgraph captured, told;
         CUstreamCaptureStatus status;
         cuuint64_t id, first = 0;
         CU(cuStreamBeginCapture_v2(g_stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
         for (int i = 0; i < 20; i++) {
           CU(cuStreamGetCaptureInfo(g_stream, &status, &id));
           CHECK(status == CU_STREAM_CAPTURE_STATUS_ACTIVE && id && (i == 0 || id == first));
           first = id;
           CU(cuStreamGetCaptureInfo_v2(g_stream, &status, &id, &told, nullptr, nullptr));
           CU(cuStreamIsCapturing(g_stream, &status));
           CHECK(status == CU_STREAM_CAPTURE_STATUS_ACTIVE);
           forward(g_stream);
         }
         CU(cuStreamEndCapture(g_stream, &captured));
         CHECK(captured == told);
         CU(cuGraphDestroy(captured));
       }},
      {"attributes_of_new_kernel", [&] {   // as cuBLASLt and cuDNN ask before a kernel's first launch
         CUlibrary many;
         CUkernel one;
         int value;
         CU(cuLibraryLoadData(&many, kernels_ptx, nullptr, nullptr, 0, nullptr, nullptr, 0));   // too many kernels to tell all about them
         for (const char* name : {"step", "fill"}) {
           CU(cuLibraryGetKernel(&one, many, name));
           for (int attribute = 0; attribute < 10; attribute++) CU(cuKernelGetAttribute(&value, (CUfunction_attribute)attribute, one, gpu.device));
         }
         CU(cuLibraryUnload(many));
       }},
      {"kernels_of_new_library", [&] {   // what is left out of the load's answer is asked for once a kernel, and then its launch need not wait
         CUlibrary many;
         CU(cuLibraryLoadData(&many, kernels_ptx, nullptr, nullptr, 0, nullptr, nullptr, 0));
         for (int i = 0; i < 4; i++) {
           CUkernel one;
           CU(cuLibraryGetKernel(&one, many, i == 2 ? "slow_store" : "step"));
           if (i == 2) CU(launch((CUfunction)one, 1, 1, g_stream, second, 1u, 1ull));
           else CU(launch((CUfunction)one, 1, 1, g_stream, g_value, 1u));
         }
         CU(cuStreamSynchronize(g_stream));
         CU(cuLibraryUnload(many));
       }},
      {"launch_of_function_with_attribute", [&] {
         CUdeviceptr value = g_value;
         unsigned by = 1;
         void* params[] = {&value, &by};
         CU(cuLaunchKernel(roomy, 1, 1, 1, 1, 1, 1, 64 << 10, g_stream, params, nullptr));
       }},
      {"new_module", [&] {   // as a JIT compiler's: one kernel, launched at once in several shapes
         CUmodule m;
         CUfunction f;
         int value;
         CU(cuModuleLoadData(&m, one_kernel));
         CU(cuModuleGetFunction(&f, m, "nothing"));
         CU(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_NUM_REGS, f));
         CU(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, f));
         CU(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 40 << 10));
         for (unsigned threads : {32, 128, 1024})
           for (unsigned shared : {0, 1 << 10, 40 << 10}) CU(cuLaunchKernel(f, 1, 1, 1, threads, 1, 1, shared, g_stream, nullptr, nullptr));
         CU(cuModuleUnload(m));
       }},
      {"mapped_memory", [&] {
         CU(cuMemsetD32Async(mapped, 1, 1 << 20, g_stream));   // beyond the first chunk
         CU(cuMemcpyDtoDAsync_v2(mapped + 64, g_value, 64, g_stream));
         CU(cuMemcpyHtoDAsync_v2(mapped + 64, pageable.data(), 64, g_stream));
         unsigned kind;
         CU(cuPointerGetAttribute(&kind, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, mapped));
         CHECK(kind == CU_MEMORYTYPE_DEVICE);
         CU(cuMemcpyDtoHAsync_v2(pinned, mapped + chunk - 8, 16, g_stream));   // across two chunks
         CU(cuStreamSynchronize(g_stream));
         CHECK(pinned[0] == 1 && pinned[3] == 1);
       }},
      {"set_attribute", [&] { CU(cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 50, kernel, gpu.device)); }},
      {"host_function", [&] { CU(cuLaunchHostFunc(g_stream, [](void*) {}, nullptr)); }},
      {"pool", [&] {
         CUdeviceptr p;
         CU(cuMemAllocAsync(&p, 1 << 16, g_stream));
         CU(cuMemFreeAsync(p, g_stream));
       }},
  };
  auto it = sequences.find(argv[1]);
  if (it == sequences.end()) {
    for (auto& s : sequences) printf("%s\n", s.first.c_str());
    return 0;
  }
  for (int i = 0; i < rounds; i++) it->second();
  CU(cuCtxSynchronize());
  return 0;
}
