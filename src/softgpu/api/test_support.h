// What the tests of the driver API share: a check of result codes by name, a context per test, and the PTX of their kernels.
#pragma once
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "abi/cuda_abi.h"

inline std::string name_of(CUresult code) {
  const char* name = nullptr;
  return cuGetErrorName(code, &name) == CUDA_SUCCESS ? name : std::to_string(code);
}
#define EXPECT_CU(expected, call) EXPECT_EQ(name_of(expected), name_of(call)) << #call
#define ASSERT_CU(expected, call) ASSERT_EQ(name_of(expected), name_of(call)) << #call
#define OK(call) ASSERT_CU(CUDA_SUCCESS, call)

// Kernels: add(p, v): p[i] += v for every thread; wild(p, v): writes outside every allocation; slow(p, v): writes p[0] after v turns of a loop.
constexpr char kPtx[] = R"(.version 8.0
.target sm_75
.address_size 64
.visible .global .align 4 .u32 counter = 7;
.visible .entry add(.param .u64 p, .param .u32 v)
{
  .reg .b32 %r<9>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [p];
  ld.param.u32 %r1, [v];
  cvta.to.global.u64 %rd2, %rd1;
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.s32 %r5, %r2, %r3, %r4;
  mul.wide.s32 %rd3, %r5, 4;
  add.s64 %rd4, %rd2, %rd3;
  ld.global.u32 %r6, [%rd4];
  add.s32 %r7, %r6, %r1;
  st.global.u32 [%rd4], %r7;
  ret;
}
.visible .entry wild(.param .u64 p, .param .u32 v)
{
  .reg .b32 %r<3>;
  .reg .b64 %rd<3>;
  mov.u64 %rd1, 64;
  ld.param.u32 %r1, [v];
  st.global.u32 [%rd1], %r1;
  ret;
}
.visible .entry slow(.param .u64 p, .param .u32 v)
{
  .reg .pred %p<2>;
  .reg .b32 %r<5>;
  .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [p];
  ld.param.u32 %r1, [v];
  cvta.to.global.u64 %rd2, %rd1;
  mov.u32 %r2, 0;
$again:
  add.s32 %r2, %r2, 1;
  setp.lt.u32 %p1, %r2, %r1;
  @%p1 bra $again;
  st.global.u32 [%rd2], %r2;
  ret;
}
)";

class DriverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    OK(cuInit(0));
    OK(cuDeviceGet(&device, 0));
    OK(cuCtxCreate_v2(&context, 0, device));
  }
  void TearDown() override {
    if (context) {
      EXPECT_CU(CUDA_SUCCESS, cuCtxDestroy_v2(context));
    }
  }
  // One block of `threads` threads of kernel(p, v).
  CUresult launch(CUfunction f, CUdeviceptr p, unsigned v, CUstream stream, unsigned threads = 1) {
    void* params[] = {&p, &v};
    return cuLaunchKernel(f, 1, 1, 1, threads, 1, 1, 0, stream, params, nullptr);
  }
  CUdevice device = 0;
  CUcontext context = nullptr;
};

// A word in pinned memory at which a stream can be held.
struct Gate {
  Gate() {
    void* p = nullptr;
    EXPECT_CU(CUDA_SUCCESS, cuMemHostAlloc(&p, 64, 0));
    word = static_cast<uint32_t*>(p);
  }
  ~Gate() {
    open();
    EXPECT_CU(CUDA_SUCCESS, cuCtxSynchronize());
    EXPECT_CU(CUDA_SUCCESS, cuMemFreeHost(word));
  }
  CUresult hold(CUstream s) { return cuStreamWaitValue32_v2(s, reinterpret_cast<CUdeviceptr>(word), 1, CU_STREAM_WAIT_VALUE_GEQ); }
  void open() { __atomic_store_n(word, 1u, __ATOMIC_RELEASE); }
  uint32_t* word = nullptr;
};

inline void nap(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }
