// What calls cost that the program makes by the ten thousand and that need nobody's answer: a decoded token of a small language model is 1,635
// launches and 17,000 of these. Driver API; prints a JSON line a figure, in microseconds a call, best of several rounds.
#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>
#include <cstdio>
#include <cstdlib>
#include <ctime>

static double now_us() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec * 1e-3;
}
static void must(CUresult rc, const char* what) {
  if (rc == CUDA_SUCCESS) return;
  fprintf(stderr, "%s: error %d\n", what, int(rc));
  exit(1);
}
#define MUST(call) must(call, #call)

// A fixed amount of arithmetic, some 12 us: what a Python program does between two launches.
static double work() {
  static volatile double seed = 1;
  double x = seed;
  for (int i = 0; i < 3000; i++) x = x * 0.999 + 1;
  seed = x;
  return x;
}

template <class F>
static void figure(const char* name, int calls, F f, void (*settle)() = [] {}) {
  double best = 1e30;
  for (int round = 0; round < 7; round++) {
    double start = now_us();
    for (int i = 0; i < calls; i++) f();
    double each = (now_us() - start) / calls;
    if (each < best) best = each;
    settle();
  }
  printf("{\"name\": \"%s\", \"value\": %.4g, \"unit\": \"us\"}\n", name, best);
  fflush(stdout);
}

static const char kEmpty[] = ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry empty(.param .u64 a, .param .u64 b, .param .u32 n) { ret; }\n";
using StorageGet = CUresult (*)(void**, CUcontext, void*);
using StoragePut = CUresult (*)(CUcontext, void*, void*, void*);

int main() {
  CUdevice device;
  CUcontext context;
  CUmodule module;
  CUfunction empty;
  CUstream stream;
  CUdeviceptr memory;
  MUST(cuInit(0));
  MUST(cuDeviceGet(&device, 0));
  MUST(cuDevicePrimaryCtxRetain(&context, device));
  MUST(cuCtxSetCurrent(context));
  MUST(cuModuleLoadData(&module, kEmpty));
  MUST(cuModuleGetFunction(&empty, module, "empty"));
  MUST(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  MUST(cuMemAlloc_v2(&memory, 4096));
  const unsigned char uuid[16] = {0xC6, 0x93, 0x33, 0x6E, 0x11, 0x21, 0xDF, 0x11, 0xA8, 0xC3, 0x68, 0xF3, 0x55, 0xD8, 0x95, 0x93};   // context-local storage
  CUuuid id;
  for (int i = 0; i < 16; i++) id.bytes[i] = char(uuid[i]);
  const void* table = nullptr;
  MUST(cuGetExportTable(&table, &id));
  auto put = reinterpret_cast<StoragePut>(static_cast<void* const*>(table)[0]);
  auto get = reinterpret_cast<StorageGet>(static_cast<void* const*>(table)[2]);
  static int key, value;
  MUST(put(nullptr, &key, &value, nullptr));

  CUdevice d;
  CUcontext c;
  unsigned flags;
  int number;
  void* stored;
  const char* text;
  size_t limit;
  CUstreamCaptureStatus status;
  constexpr int n = 200000;
  figure("cuCtxGetDevice", n, [&] { cuCtxGetDevice(&d); });
  figure("cuDevicePrimaryCtxGetState", n, [&] { cuDevicePrimaryCtxGetState(device, &flags, &number); });
  figure("cuCtxGetCurrent", n, [&] { cuCtxGetCurrent(&c); });
  figure("context-local storage, get", n, [&] { get(&stored, nullptr, &key); });
  figure("cuGetErrorString", n, [&] { cuGetErrorString(CUDA_SUCCESS, &text); });
  figure("cuStreamIsCapturing", n, [&] { cuStreamIsCapturing(stream, &status); });
  figure("cuFuncGetAttribute", n, [&] { cuFuncGetAttribute(&number, CU_FUNC_ATTRIBUTE_NUM_REGS, empty); });
  figure("cuDeviceGetAttribute", n, [&] { cuDeviceGetAttribute(&number, CU_DEVICE_ATTRIBUTE_WARP_SIZE, device); });
  figure("cuCtxGetLimit", n, [&] { cuCtxGetLimit(&limit, CU_LIMIT_STACK_SIZE); });
  figure("cuPointerGetAttribute", n, [&] { cuPointerGetAttribute(&number, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, memory); });
  CUdeviceptr a = memory, b = memory;
  unsigned count = 1;
  void* parameters[] = {&a, &b, &count};
  static CUstream settled;
  settled = stream;
  // At the pace of a Python program: whoever sends what is queued has time to fall asleep between two launches, and what it and the other end
  // do meanwhile may slow down the program itself. Everything that the program loses counts.
  for (int pace : {1, 10}) {
    double idle = 1e30, paced = 1e30, slow = 0;
    const int calls = 4000 / pace;
    for (int round = 0; round < 12; round++) {
      double start = now_us();
      for (int i = 0; i < calls * pace; i++) work();
      double each = (now_us() - start) / calls;
      if (each < idle) idle = each;
    }
    for (int round = 0; round < 12; round++) {
      double start = now_us();
      for (int i = 0; i < calls; i++) {
        for (int j = 0; j < pace; j++) work();
        cuLaunchKernel(empty, 1, 1, 1, 32, 1, 1, 0, stream, parameters, nullptr);
      }
      double each = (now_us() - start) / calls;
      if (each < paced) paced = each;
      if (each > slow) slow = each;
      cuStreamSynchronize(stream);
    }
    printf("{\"name\": \"launch between other work%s\", \"value\": %.4g, \"unit\": \"us\", \"work\": %.4g, \"slowest\": %.4g}\n", pace > 1 ? ", ten times as much" : "",
           paced - idle, idle, slow - idle);
  }
  figure("launch, queued", 500, [&] { cuLaunchKernel(empty, 1, 1, 1, 32, 1, 1, 0, stream, parameters, nullptr); }, [] { cuStreamSynchronize(settled); });
}
