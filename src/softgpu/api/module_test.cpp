// Code: modules, libraries, functions, launches, sticky errors, occupancy.
#include "softgpu/api/test_support.h"

#include <cstdio>
#include <unistd.h>

class Code : public DriverTest {
 protected:
  void SetUp() override {
    DriverTest::SetUp();
    OK(cuModuleLoadData(&module, kPtx));
    OK(cuModuleGetFunction(&add, module, "add"));
    OK(cuMemAlloc_v2(&p, 4096));
    OK(cuMemsetD8_v2(p, 0, 4096));
  }
  int at(int i) {
    int v = -1;
    EXPECT_CU(CUDA_SUCCESS, cuMemcpyDtoH_v2(&v, p + CUdeviceptr(i) * 4, 4));
    return v;
  }
  CUmodule module = nullptr;
  CUfunction add = nullptr;
  CUdeviceptr p = 0;
};

TEST_F(Code, ModuleCalls) {
  CUfunction f;
  EXPECT_CU(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&f, module, "nothing"));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuModuleGetFunction(&f, module, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuModuleGetFunction(&f, reinterpret_cast<CUmodule>(add), "add"));
  OK(cuModuleGetFunction(&f, module, "add"));
  EXPECT_EQ(add, f);
  unsigned n = 0;
  OK(cuModuleGetFunctionCount(&n, module));
  EXPECT_EQ(3u, n);
  CUfunction all[3] = {};
  OK(cuModuleEnumerateFunctions(all, 3, module));
  const char* name = nullptr;
  OK(cuFuncGetName(&name, add));
  EXPECT_STREQ("add", name);
  CUmodule back;
  OK(cuFuncGetModule(&back, all[2]));
  EXPECT_EQ(module, back);
  CUdeviceptr g;
  size_t bytes;
  OK(cuModuleGetGlobal_v2(&g, &bytes, module, "counter"));
  EXPECT_EQ(4u, bytes);
  int seven = 0;
  OK(cuMemcpyDtoH_v2(&seven, g, 4));
  EXPECT_EQ(7, seven);
  EXPECT_CU(CUDA_ERROR_NOT_FOUND, cuModuleGetGlobal_v2(&g, &bytes, module, "nothing"));
  OK(cuModuleUnload(module));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(module));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, launch(add, p, 1, nullptr));
}

TEST_F(Code, LoadFromFileAndBadImages) {
  char name[] = "/tmp/softgpu_api_XXXXXX";
  int fd = mkstemp(name);
  ASSERT_EQ(ssize_t(strlen(kPtx)), write(fd, kPtx, strlen(kPtx)));
  close(fd);
  CUmodule m;
  OK(cuModuleLoad(&m, name));
  unlink(name);
  EXPECT_CU(CUDA_ERROR_FILE_NOT_FOUND, cuModuleLoad(&m, name));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuModuleLoadData(&m, nullptr));
}

TEST_F(Code, JitLog) {
  std::string bad = kPtx;
  bad.replace(bad.find("add.s32 %r7"), 7, "frobnic");
  char error[200] = "x", info[200] = "x";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, CU_JIT_INFO_LOG_BUFFER,
                            CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {error, reinterpret_cast<void*>(sizeof error), info, reinterpret_cast<void*>(sizeof info)};
  CUmodule m;
  EXPECT_CU(CUDA_ERROR_INVALID_PTX, cuModuleLoadDataEx(&m, bad.c_str(), 4, options, values));
  EXPECT_NE(nullptr, strstr(error, "line ")) << error;
  EXPECT_EQ(strlen(error), size_t(values[1]));
  EXPECT_EQ(0u, size_t(values[3]));
  OK(cuCtxSynchronize());
}

TEST_F(Code, LaunchesRun) {
  OK(launch(add, p, 5, nullptr, 100));
  OK(launch(add, p, 6, nullptr, 50));
  EXPECT_EQ(11, at(0));
  EXPECT_EQ(11, at(49));
  EXPECT_EQ(5, at(99));
  EXPECT_EQ(0, at(100));
  struct { CUdeviceptr p; unsigned v; } block = {p, 2};
  size_t size = 12;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &block, CU_LAUNCH_PARAM_BUFFER_SIZE, &size, CU_LAUNCH_PARAM_END};
  OK(cuLaunchKernel(add, 2, 1, 1, 32, 1, 1, 0, nullptr, nullptr, extra));
  EXPECT_EQ(7 + 6, at(40));
  CUlaunchAttribute attribute = {};
  attribute.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  attribute.value.cooperative = 1;
  CUlaunchConfig config = {1, 1, 1, 8, 1, 1, 0, nullptr, &attribute, 1};
  OK(cuLaunchKernelEx(&config, add, nullptr, extra));
  EXPECT_EQ(15, at(0));
  void* params[] = {&block.p, &block.v};
  OK(cuLaunchCooperativeKernel(add, 1, 1, 1, 8, 1, 1, 0, nullptr, params));
  EXPECT_EQ(17, at(0));
}

TEST_F(Code, LaunchShapesAreChecked) {
  unsigned v = 1;
  void* params[] = {&p, &v};
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(add, 0, 1, 1, 1, 1, 1, 0, nullptr, params, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(add, 1, 65536, 1, 1, 1, 1, 0, nullptr, params, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(add, 1, 1, 1, 1025, 1, 1, 0, nullptr, params, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(add, 1, 1, 1, 32, 33, 1, 0, nullptr, params, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(add, 1, 1, 1, 1, 1, 65, 0, nullptr, params, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(add, 1, 1, 1, 1, 1, 1, 49 << 10, nullptr, params, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(add, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuLaunchKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, nullptr, params, nullptr));
  EXPECT_CU(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, cuLaunchCooperativeKernel(add, 100000, 1, 1, 256, 1, 1, 0, nullptr, params));
  OK(cuFuncSetAttribute(add, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 64 << 10));
  OK(cuLaunchKernel(add, 1, 1, 1, 1, 1, 1, 49 << 10, nullptr, params, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(add, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100 << 10));
  OK(cuCtxSynchronize());
  EXPECT_EQ(1, at(0));
}

TEST_F(Code, KernelsThatLaunchKernelsAreRefusedAtLaunch) {
  const char* ptx = ".version 8.0\n.target sm_90\n.address_size 64\n.extern .func (.param .b64 r) cudaGetParameterBufferV2(.param .b64 f);\n"
                    ".func start() { .param .b64 a, b; .reg .b64 %q; st.param.b64 [a], 0; call (b), cudaGetParameterBufferV2, (a); ret; }\n"
                    ".visible .entry parent() { call start; ret; }\n.visible .entry plain() { ret; }\n";
  CUmodule m;
  CUfunction parent, plain;
  OK(cuModuleLoadData(&m, ptx));
  OK(cuModuleGetFunction(&parent, m, "parent"));
  OK(cuModuleGetFunction(&plain, m, "plain"));
  EXPECT_CU(CUDA_ERROR_NOT_SUPPORTED, cuLaunchKernel(parent, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  OK(cuLaunchKernel(plain, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  OK(cuCtxSynchronize());
  OK(cuModuleUnload(m));
}

TEST_F(Code, FunctionFacts) {
  size_t offset, size;
  OK(cuFuncGetParamInfo(add, 1, &offset, &size));
  EXPECT_EQ(8u, offset);
  EXPECT_EQ(4u, size);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuFuncGetParamInfo(add, 2, &offset, &size));
  int v;
  OK(cuFuncGetAttribute(&v, CU_FUNC_ATTRIBUTE_PTX_VERSION, add));
  EXPECT_EQ(75, v);
  OK(cuFuncGetAttribute(&v, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, add));
  EXPECT_EQ(1024, v);
  for (int a = 0; a < CU_FUNC_ATTRIBUTE_MAX; a++) EXPECT_CU(CUDA_SUCCESS, cuFuncGetAttribute(&v, CUfunction_attribute(a), add));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuFuncGetAttribute(&v, CU_FUNC_ATTRIBUTE_MAX, add));
  int blocks, threads;
  OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, add, 256, 0));
  EXPECT_EQ(6, blocks);          // 1,536 threads a multiprocessor
  OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, add, 256, 40 << 10));
  EXPECT_EQ(2, blocks);
  OK(cuOccupancyMaxPotentialBlockSize(&blocks, &threads, add, nullptr, 0, 0));
  EXPECT_EQ(1536, blocks / 16 * threads);
  size_t shared;
  OK(cuOccupancyAvailableDynamicSMemPerBlock(&shared, add, 2, 256));
  EXPECT_EQ(size_t(49 << 10), shared);
}

TEST_F(Code, LibraryInTwoContexts) {
  CUlibrary library;
  OK(cuLibraryLoadData(&library, kPtx, nullptr, nullptr, 0, nullptr, nullptr, 0));
  CUkernel kernel;
  EXPECT_CU(CUDA_ERROR_NOT_FOUND, cuLibraryGetKernel(&kernel, library, "nothing"));
  OK(cuLibraryGetKernel(&kernel, library, "add"));
  unsigned n;
  OK(cuLibraryGetKernelCount(&n, library));
  EXPECT_EQ(3u, n);
  const char* name;
  OK(cuKernelGetName(&name, kernel));
  EXPECT_STREQ("add", name);
  size_t offset, size;
  OK(cuKernelGetParamInfo(kernel, 0, &offset, &size));
  EXPECT_EQ(8u, size);
  auto as_function = reinterpret_cast<CUfunction>(kernel);
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuFuncGetParamInfo(as_function, 0, &offset, &size));
  OK(launch(as_function, p, 9, nullptr));
  EXPECT_EQ(9, at(0));
  CUfunction f, again;
  OK(cuKernelGetFunction(&f, kernel));
  OK(cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 70 << 10, kernel, 0));
  int v;
  OK(cuFuncGetAttribute(&v, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, f));
  EXPECT_EQ(70 << 10, v);
  CUdeviceptr g1, g2;
  OK(cuLibraryGetGlobal(&g1, &size, library, "counter"));
  CUmodule m;
  OK(cuLibraryGetModule(&m, library));
  EXPECT_CU(CUDA_ERROR_NOT_PERMITTED, cuModuleUnload(m));
  CUcontext other;
  OK(cuCtxCreate_v2(&other, 0, 0));
  OK(cuKernelGetFunction(&again, kernel));
  EXPECT_NE(f, again);
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, launch(f, p, 1, nullptr));     // the first context's
  OK(cuLibraryGetGlobal(&g2, &size, library, "counter"));
  EXPECT_NE(g1, g2);
  OK(cuCtxDestroy_v2(other));
  OK(cuCtxSetCurrent(context));
  OK(cuLibraryUnload(library));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, launch(as_function, p, 9, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuLibraryUnload(library));
}

TEST_F(Code, LibraryWithoutContext) {
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  std::thread([&] {
    EXPECT_CU(CUDA_SUCCESS, cuLibraryLoadData(&library, kPtx, nullptr, nullptr, 0, nullptr, nullptr, 0));
    EXPECT_CU(CUDA_SUCCESS, cuLibraryGetKernel(&kernel, library, "add"));
  }).join();
  OK(launch(reinterpret_cast<CUfunction>(kernel), p, 4, nullptr));
  EXPECT_EQ(4, at(0));
  OK(cuLibraryUnload(library));
}

// The object that nvcc makes points to its container; version 2 has an array of them.
TEST_F(Code, FatbinWrapper) {
  const void* list[] = {kPtx, nullptr};
  struct { uint32_t magic, version; const void* data; const void* const* fatbins; } wrapper = {0x466243B1, 1, kPtx, nullptr};
  CUmodule m;
  CUfunction f;
  OK(cuModuleLoadFatBinary(&m, &wrapper));
  OK(cuModuleGetFunction(&f, m, "add"));
  wrapper = {0x466243B1, 2, nullptr, list};
  OK(cuModuleLoadFatBinary(&m, &wrapper));
  OK(cuModuleGetFunction(&f, m, "add"));
  EXPECT_CU(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&m, &wrapper));
  wrapper.version = 9;
  EXPECT_CU(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadFatBinary(&m, &wrapper));
}

TEST_F(Code, ErrorsStickToTheContext) {
  CUfunction wild;
  OK(cuModuleGetFunction(&wild, module, "wild"));
  CUcontext other;
  OK(cuCtxCreate_v2(&other, 0, 0));
  OK(cuCtxSetCurrent(context));
  OK(launch(wild, p, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
  CUdeviceptr q;
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc_v2(&q, 16));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, launch(add, p, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(nullptr));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemFree_v2(p));
  OK(cuCtxSetCurrent(other));    // another context is not touched
  OK(cuMemAlloc_v2(&q, 16));
  OK(cuCtxDestroy_v2(other));
  OK(cuCtxSetCurrent(context));
  OK(cuCtxDestroy_v2(context));
  OK(cuCtxCreate_v2(&context, 0, 0));
  size_t free, total;
  OK(cuMemGetInfo_v2(&free, &total));
  EXPECT_EQ(total, free);
  OK(cuCtxSynchronize());
}

TEST_F(Code, PrimaryResetClearsTheError) {
  CUcontext primary;
  OK(cuDevicePrimaryCtxRetain(&primary, 0));
  OK(cuCtxPushCurrent_v2(primary));
  CUmodule m;
  CUfunction wild;
  OK(cuModuleLoadData(&m, kPtx));
  OK(cuModuleGetFunction(&wild, m, "wild"));
  OK(launch(wild, p, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(nullptr));
  OK(cuDevicePrimaryCtxReset_v2(0));
  OK(cuDevicePrimaryCtxRetain(&primary, 0));
  OK(cuCtxSynchronize());
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(m));   // gone with the old life
  OK(cuDevicePrimaryCtxRelease_v2(0));
  OK(cuCtxPopCurrent_v2(&primary));
}

// Skipped work: what follows a failed kernel does not run, callbacks hear of it.
TEST_F(Code, NothingRunsAfterAFailure) {
  CUfunction wild;
  OK(cuModuleGetFunction(&wild, module, "wild"));
  CUstream s;
  OK(cuStreamCreate(&s, 0));
  int ran = 0;
  CUresult heard = CUDA_SUCCESS;
  {
    Gate gate;
    OK(gate.hold(s));
    OK(launch(wild, p, 1, s));
    OK(cuLaunchHostFunc(s, [](void* n) { (*static_cast<int*>(n))++; }, &ran));
    OK(cuStreamAddCallback(s, [](CUstream, CUresult r, void* to) { *static_cast<CUresult*>(to) = r; }, &heard, 0));
    gate.open();
    EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(s));
    EXPECT_EQ(0, ran);
    EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, heard);
    OK(cuCtxDestroy_v2(context));
    OK(cuCtxCreate_v2(&context, 0, 0));
    void* word = nullptr;        // the gate's own word went with the old context
    OK(cuMemHostAlloc(&word, 64, 0));
    gate.word = static_cast<uint32_t*>(word);
  }
}
