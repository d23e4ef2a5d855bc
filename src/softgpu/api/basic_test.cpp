// Initialisation, devices, contexts, error codes.
#include "softgpu/api/test_support.h"

#include <sys/wait.h>
#include <unistd.h>

#include <set>

TEST(Before, NothingWorksBeforeInit) {
  int n = 0;
  CUcontext c = nullptr;
  EXPECT_CU(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&n));
  EXPECT_CU(CUDA_ERROR_NOT_INITIALIZED, cuCtxGetCurrent(&c));
  CUdeviceptr p;
  EXPECT_CU(CUDA_ERROR_NOT_INITIALIZED, cuMemAlloc_v2(&p, 16));
  int version = 0;
  EXPECT_CU(CUDA_SUCCESS, cuDriverGetVersion(&version));
  EXPECT_EQ(13000, version);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuInit(1));
}

TEST(Before, NoContext) {
  OK(cuInit(0));
  CUdeviceptr p;
  EXPECT_CU(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc_v2(&p, 16));
  CUstream s;
  EXPECT_CU(CUDA_ERROR_INVALID_CONTEXT, cuStreamCreate(&s, 0));
  CUcontext c = reinterpret_cast<CUcontext>(1);
  OK(cuCtxGetCurrent(&c));
  EXPECT_EQ(nullptr, c);
  CUdevice d;
  EXPECT_CU(CUDA_ERROR_INVALID_CONTEXT, cuCtxGetDevice(&d));
}

TEST(Device, Description) {
  OK(cuInit(0));
  int n = 0;
  OK(cuDeviceGetCount(&n));
  EXPECT_EQ(1, n);
  CUdevice d;
  EXPECT_CU(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&d, 1));
  EXPECT_CU(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&d, -1));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuDeviceGet(nullptr, 0));
  OK(cuDeviceGet(&d, 0));
  char name[64];
  OK(cuDeviceGetName(name, sizeof name, d));
  EXPECT_STREQ("tensor-fusion software GPU", name);
  CUuuid a = {}, b = {};
  OK(cuDeviceGetUuid(&a, d));
  OK(cuDeviceGetUuid_v2(&b, d));
  EXPECT_EQ(0, memcmp(&a, &b, 16));
  char bus[32];
  OK(cuDeviceGetPCIBusId(bus, sizeof bus, d));
  CUdevice back = -1;
  OK(cuDeviceGetByPCIBusId(&back, bus));
  EXPECT_EQ(d, back);
  EXPECT_CU(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetByPCIBusId(&back, "0000:01:00.0"));
  size_t total = 0;
  OK(cuDeviceTotalMem_v2(&total, d));
  EXPECT_EQ(size_t(4096) << 20, total);
}

TEST(Device, EveryAttributeIsAnswered) {
  OK(cuInit(0));
  for (int a = 1; a < CU_DEVICE_ATTRIBUTE_MAX; a++) {
    int v = -12345;
    EXPECT_CU(CUDA_SUCCESS, cuDeviceGetAttribute(&v, CUdevice_attribute(a), 0)) << a;
    EXPECT_NE(-12345, v);
  }
  int v;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&v, CU_DEVICE_ATTRIBUTE_MAX, 0));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&v, CUdevice_attribute(0), 0));
  EXPECT_CU(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetAttribute(&v, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 5));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(nullptr, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 0));
  int major, minor;
  OK(cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0));
  OK(cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0));
  EXPECT_EQ(121, major * 10 + minor);
}

TEST(Context, Stack) {
  OK(cuInit(0));
  CUcontext a, b, c;
  OK(cuCtxCreate_v2(&a, 0, 0));
  OK(cuCtxCreate_v2(&b, CU_CTX_SCHED_YIELD, 0));
  EXPECT_NE(a, b);
  OK(cuCtxGetCurrent(&c));
  EXPECT_EQ(b, c);
  unsigned flags = 0;
  OK(cuCtxGetFlags(&flags));
  EXPECT_EQ(unsigned(CU_CTX_SCHED_YIELD), flags);
  OK(cuCtxPopCurrent_v2(&c));
  EXPECT_EQ(b, c);
  OK(cuCtxGetCurrent(&c));
  EXPECT_EQ(a, c);
  unsigned long long ia, ib;
  OK(cuCtxGetId(a, &ia));
  OK(cuCtxGetId(b, &ib));
  EXPECT_NE(ia, ib);
  OK(cuCtxDestroy_v2(b));
  EXPECT_CU(CUDA_ERROR_INVALID_CONTEXT, cuCtxSetCurrent(b));
  EXPECT_CU(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy_v2(b));
  OK(cuCtxDestroy_v2(a));        // current: it leaves the stack
  OK(cuCtxGetCurrent(&c));
  EXPECT_EQ(nullptr, c);
  EXPECT_CU(CUDA_ERROR_INVALID_CONTEXT, cuCtxPopCurrent_v2(&c));
}

TEST(Context, DestroyedUnderAnotherThread) {
  OK(cuInit(0));
  CUcontext a;
  OK(cuCtxCreate_v2(&a, 0, 0));
  std::thread([&] {
    CUcontext mine = a;
    EXPECT_CU(CUDA_SUCCESS, cuCtxSetCurrent(mine));
    std::thread([&] { EXPECT_CU(CUDA_SUCCESS, cuCtxDestroy_v2(a)); }).join();
    CUdeviceptr p;
    EXPECT_CU(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuMemAlloc_v2(&p, 16));
  }).join();
  OK(cuCtxSetCurrent(nullptr));
}

TEST(Context, Primary) {
  OK(cuInit(0));
  unsigned flags;
  int active = 7;
  OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
  EXPECT_EQ(0, active);
  EXPECT_CU(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease_v2(0));
  CUcontext a, b;
  OK(cuDevicePrimaryCtxRetain(&a, 0));
  OK(cuDevicePrimaryCtxRetain(&b, 0));
  EXPECT_EQ(a, b);
  OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
  EXPECT_EQ(1, active);
  EXPECT_CU(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy_v2(a));
  OK(cuCtxSetCurrent(a));
  CUdeviceptr p;
  OK(cuMemAlloc_v2(&p, 1 << 20));
  OK(cuDevicePrimaryCtxRelease_v2(0));
  OK(cuDevicePrimaryCtxRelease_v2(0));
  EXPECT_CU(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuMemAlloc_v2(&p, 16));
  OK(cuDevicePrimaryCtxRetain(&b, 0));
  EXPECT_EQ(a, b);               // the handle stays
  size_t free, total;
  OK(cuMemGetInfo_v2(&free, &total));
  EXPECT_EQ(total, free);        // what it owned is gone
  OK(cuDevicePrimaryCtxReset_v2(0));
  OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
  EXPECT_EQ(0, active);
  OK(cuCtxSetCurrent(nullptr));
}

TEST(Errors, NamesAndTexts) {
  const char* text = nullptr;
  OK(cuGetErrorName(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
  EXPECT_STREQ("CUDA_ERROR_ILLEGAL_ADDRESS", text);
  OK(cuGetErrorString(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
  EXPECT_STREQ("an illegal memory access was encountered", text);
  EXPECT_EQ(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(CUresult(12345), &text));
  EXPECT_EQ(nullptr, text);
}

TEST(ProcAddress, VersionsAndForms) {
  void *plain = nullptr, *p = nullptr;
  CUdriverProcAddressQueryResult status;
  OK(cuGetProcAddress_v2("", &p, 0, 0, &status));
  EXPECT_EQ(nullptr, p);
  OK(cuGetProcAddress_v2("cuMemAlloc", &p, 12000, 0, &status));
  EXPECT_EQ(reinterpret_cast<void*>(&cuMemAlloc_v2), p);
  EXPECT_EQ(CU_GET_PROC_ADDRESS_SUCCESS, status);
  OK(cuGetProcAddress_v2("cuLaunchKernel", &plain, 12000, 0, &status));
  OK(cuGetProcAddress_v2("cuLaunchKernel", &p, 12000, CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, &status));
  EXPECT_EQ(reinterpret_cast<void*>(&cuLaunchKernel), plain);
  EXPECT_EQ(reinterpret_cast<void*>(&cuLaunchKernel_ptsz), p);
  EXPECT_CU(CUDA_SUCCESS, cuGetProcAddress_v2("cuNothing", &p, 12000, 0, &status));
  EXPECT_EQ(nullptr, p);
  EXPECT_EQ(CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND, status);
  EXPECT_CU(CUDA_SUCCESS, cuGetProcAddress_v2("cuStreamGetId", &p, 9000, 0, &status));
  EXPECT_EQ(CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT, status);
}

// A child of a process that has used the GPU cannot use it.
TEST(Fork, ChildIsNotInitialized) {
  OK(cuInit(0));
  pid_t child = fork();
  if (child == 0) {
    int n;
    _exit(cuDeviceGetCount(&n) == CUDA_ERROR_NOT_INITIALIZED && cuInit(0) == CUDA_ERROR_NOT_INITIALIZED ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(0, status);
}

TEST(Unsupported, SaysSo) {
  OK(cuInit(0));
  EXPECT_CU(CUDA_ERROR_NOT_SUPPORTED, cuGraphicsUnregisterResource(nullptr));
}
