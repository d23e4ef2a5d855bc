// What a stream knows about itself: priority, flags, context, identity, idle or busy; and that it can be destroyed while busy.
#include "check.h"

int main() {
  Gpu gpu;
  int least = 99, greatest = 99, priority = 99;
  CU(cuCtxGetStreamPriorityRange(&least, &greatest));
  CHECK(least >= greatest && least <= 0);
  CUstream high = nullptr, plain = nullptr;
  CU(cuStreamCreateWithPriority(&high, CU_STREAM_NON_BLOCKING, greatest));
  CU(cuStreamGetPriority(high, &priority));
  CHECK(priority == greatest);
  CUstream clamped = nullptr;
  CU(cuStreamCreateWithPriority(&clamped, 0, greatest - 100));
  CU(cuStreamGetPriority(clamped, &priority));
  CHECK(priority == greatest);
  unsigned flags = 99;
  CU(cuStreamGetFlags(high, &flags));
  CHECK(flags == CU_STREAM_NON_BLOCKING);
  CU(cuStreamCreate(&plain, CU_STREAM_DEFAULT));
  CU(cuStreamGetFlags(plain, &flags));
  CHECK(flags == CU_STREAM_DEFAULT);
  CUcontext context = nullptr;
  CU(cuStreamGetCtx(plain, &context));
  CHECK(context == gpu.context);
  unsigned long long first = 0, second = 0;
  CU(cuStreamGetId(plain, &first));
  CU(cuStreamGetId(high, &second));
  CHECK(first != second);

  CUdeviceptr word = allocate(64);
  CU(cuStreamQuery(plain));
  CU(launch(gpu.kernel("slow_store"), 1, 1, plain, word, 9u, 30'000'000ull));
  EXPECT(CUDA_ERROR_NOT_READY, cuStreamQuery(plain));
  CU(cuStreamDestroy_v2(plain));  // its work still gets done
  CU(cuCtxSynchronize());
  CHECK(read_word(word) == 9);
}
