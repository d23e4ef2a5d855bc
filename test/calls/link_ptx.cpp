// The linker of the driver API: two texts become one image, whose kernel calls across them; what does not fit is refused with a log.
#include "check.h"

static const char kKernel[] =
    ".version 7.0\n.target sm_75\n.address_size 64\n"
    ".extern .func (.param .b32 r) triple (.param .b32 x);\n"
    ".visible .entry store(.param .u64 out, .param .u32 x) {\n"
    " .reg .b32 %r<3>; .reg .b64 %rd<3>;\n"
    " ld.param.u64 %rd1, [out]; cvta.to.global.u64 %rd2, %rd1; ld.param.u32 %r1, [x];\n"
    " { .param .b32 a; .param .b32 b; st.param.b32 [a], %r1; call (b), triple, (a); ld.param.b32 %r2, [b]; }\n"
    " st.global.u32 [%rd2], %r2; ret; }\n";
static const char kFunction[] =
    ".version 7.0\n.target sm_75\n.address_size 64\n"
    ".visible .func (.param .b32 r) triple (.param .b32 x) {\n"
    " .reg .b32 %r<3>; ld.param.b32 %r1, [x]; mul.lo.s32 %r2, %r1, 3; st.param.b32 [r], %r2; ret; }\n";

static CUresult add(CUlinkState state, const char* text, const char* name) {
  return cuLinkAddData_v2(state, CU_JIT_INPUT_PTX, const_cast<char*>(text), strlen(text) + 1, name, 0, nullptr, nullptr);
}

int main() {
  Gpu gpu;
  char log[2048] = "", info[2048] = "";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, CU_JIT_INFO_LOG_BUFFER,
                            CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, CU_JIT_LOG_VERBOSE};
  void* values[] = {log, (void*)sizeof log, info, (void*)sizeof info, (void*)1};
  CUlinkState state = nullptr;
  CU(cuLinkCreate_v2(5, options, values, &state));
  CU(add(state, kKernel, "kernel.ptx"));
  CU(add(state, kFunction, "function.ptx"));
  void* image = nullptr;
  size_t bytes = 0;
  CU(cuLinkComplete(state, &image, &bytes));
  CHECK(image && bytes > 64);
  EXPECT(CUDA_ERROR_INVALID_HANDLE, cuLinkComplete(state, &image, &bytes));
  EXPECT(CUDA_ERROR_INVALID_VALUE, add(state, kFunction, "late.ptx"));

  // The image may be used until the state is destroyed, and a copy of it longer.
  std::vector<char> copy((char*)image, (char*)image + bytes);
  CUdeviceptr out = allocate(4);
  for (void* each : {image, (void*)copy.data()}) {
    CUmodule module = nullptr;
    CUfunction store = nullptr;
    CU(cuModuleLoadData(&module, each));
    CU(cuModuleGetFunction(&store, module, "store"));
    CU(launch(store, 1, 1, nullptr, out, 14u));
    CHECK(read_word(out) == 42);
    CU(cuModuleUnload(module));
    if (each == image) CU(cuLinkDestroy(state));
  }

  // A text alone that needs the other one.
  values[1] = (void*)sizeof log;
  values[3] = (void*)sizeof info;
  CU(cuLinkCreate_v2(5, options, values, &state));
  CU(add(state, kKernel, "kernel.ptx"));
  CHECK(cuLinkComplete(state, &image, &bytes) != CUDA_SUCCESS);  // driver 580 answers 999, 300 or 46 to the same inputs
  CHECK(strstr(log, "triple") != nullptr);
  CU(cuLinkDestroy(state));

  // No PTX at all.
  values[1] = (void*)sizeof log;
  values[3] = (void*)sizeof info;
  log[0] = 0;
  CU(cuLinkCreate_v2(5, options, values, &state));
  EXPECT(CUDA_ERROR_INVALID_PTX, add(state, ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry f() { bogus; }\n", "bad.ptx"));
  CHECK(strlen(log) > 0);
  CU(cuLinkDestroy(state));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuLinkCreate_v2(0, nullptr, nullptr, nullptr));
  EXPECT(CUDA_ERROR_FILE_NOT_FOUND, [&] {
    CU(cuLinkCreate_v2(0, nullptr, nullptr, &state));
    return cuLinkAddFile_v2(state, CU_JIT_INPUT_PTX, "/nonexistent.ptx", 0, nullptr, nullptr);
  }());
  CU(cuLinkDestroy(state));
}
