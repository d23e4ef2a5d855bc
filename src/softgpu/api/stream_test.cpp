// Streams and events: order, the default streams, waits, callbacks.
#include "softgpu/api/test_support.h"

#include <atomic>
#include <memory>

class Streams : public DriverTest {
 protected:
  // Appends `value` to order when the stream gets there.
  struct Mark {
    std::vector<int>* order;
    int value;
  };
  CUresult mark(CUstream s, int value) {
    marks.push_back(std::make_unique<Mark>(Mark{&order, value}));
    return cuLaunchHostFunc(s, [](void* user) { auto* m = static_cast<Mark*>(user); m->order->push_back(m->value); }, marks.back().get());
  }
  std::vector<std::unique_ptr<Mark>> marks;
  std::vector<int> order;
};

TEST_F(Streams, CodesAndProperties) {
  CUstream s;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(nullptr, 0));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(&s, 8));
  OK(cuStreamCreateWithPriority(&s, CU_STREAM_NON_BLOCKING, -100));
  int priority, least, greatest;
  OK(cuStreamGetPriority(s, &priority));
  OK(cuCtxGetStreamPriorityRange(&least, &greatest));
  EXPECT_EQ(greatest, priority);
  unsigned flags;
  OK(cuStreamGetFlags(s, &flags));
  EXPECT_EQ(unsigned(CU_STREAM_NON_BLOCKING), flags);
  CUcontext c;
  OK(cuStreamGetCtx(s, &c));
  EXPECT_EQ(context, c);
  unsigned long long a, b;
  OK(cuStreamGetId(s, &a));
  OK(cuStreamGetId(nullptr, &b));
  EXPECT_NE(a, b);
  OK(cuStreamQuery(s));
  OK(cuStreamDestroy_v2(s));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy_v2(s));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(s));
  CUevent e;
  OK(cuEventCreate(&e, 0));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(reinterpret_cast<CUstream>(e)));
  OK(cuEventDestroy_v2(e));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuEventQuery(e));
}

TEST_F(Streams, WorkIsDoneInOrder) {
  CUstream s;
  OK(cuStreamCreate(&s, 0));
  for (int i = 0; i < 500; i++) OK(mark(s, i));
  OK(cuStreamSynchronize(s));
  ASSERT_EQ(500u, order.size());
  for (int i = 0; i < 500; i++) EXPECT_EQ(i, order[size_t(i)]);
}

TEST_F(Streams, StreamsRunSideBySide) {
  CUstream a, b;
  OK(cuStreamCreate(&a, 0));
  OK(cuStreamCreate(&b, 0));
  Gate gate;
  OK(gate.hold(a));
  EXPECT_CU(CUDA_ERROR_NOT_READY, cuStreamQuery(a));
  OK(mark(b, 1));
  OK(cuStreamSynchronize(b));    // would never end if b had to follow a
  EXPECT_EQ(1u, order.size());
  EXPECT_CU(CUDA_ERROR_NOT_READY, cuStreamQuery(a));
}

TEST_F(Streams, EventOrdersTwoStreams) {
  CUstream a, b;
  CUevent e;
  OK(cuStreamCreate(&a, CU_STREAM_NON_BLOCKING));
  OK(cuStreamCreate(&b, CU_STREAM_NON_BLOCKING));
  OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
  OK(cuEventQuery(e));           // never recorded: done
  {
    Gate gate;
    OK(gate.hold(a));
    OK(mark(a, 1));
    OK(cuEventRecord(e, a));
    OK(cuStreamWaitEvent(b, e, 0));
    OK(mark(b, 2));
    nap(30);
    EXPECT_TRUE(order.empty());
    EXPECT_CU(CUDA_ERROR_NOT_READY, cuEventQuery(e));
  }
  OK(cuStreamSynchronize(b));
  EXPECT_EQ((std::vector<int>{1, 2}), order);
  OK(cuEventSynchronize(e));
}

TEST_F(Streams, ElapsedTime) {
  CUevent a, b, blind;
  OK(cuEventCreate(&a, 0));
  OK(cuEventCreate(&b, 0));
  OK(cuEventCreate(&blind, CU_EVENT_DISABLE_TIMING));
  float ms = -1;
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime_v2(&ms, a, b));    // not recorded
  OK(cuEventRecord(a, nullptr));
  OK(cuLaunchHostFunc(nullptr, [](void*) { nap(20); }, nullptr));
  OK(cuEventRecord(b, nullptr));
  EXPECT_CU(CUDA_ERROR_NOT_READY, cuEventElapsedTime_v2(&ms, a, b));
  OK(cuEventSynchronize(b));
  OK(cuEventElapsedTime_v2(&ms, a, b));
  EXPECT_GE(ms, 19);
  EXPECT_LT(ms, 2000);
  OK(cuEventRecord(blind, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime_v2(&ms, a, blind));
}

TEST_F(Streams, LegacyStreamWaitsForBlockingStreamsAndTheyForIt) {
  CUstream blocking, free;
  OK(cuStreamCreate(&blocking, 0));
  OK(cuStreamCreate(&free, CU_STREAM_NON_BLOCKING));
  {
    Gate gate;
    OK(gate.hold(blocking));
    OK(mark(blocking, 1));
    OK(mark(nullptr, 2));          // after all that blocking streams have
    OK(mark(blocking, 3));         // after what the legacy stream has
    OK(mark(free, 0));             // not part of it
    OK(cuStreamSynchronize(free));
    nap(20);
    EXPECT_EQ((std::vector<int>{0}), order);
    EXPECT_CU(CUDA_ERROR_NOT_READY, cuStreamQuery(nullptr));
  }
  OK(cuCtxSynchronize());
  EXPECT_EQ((std::vector<int>{0, 1, 2, 3}), order);
}

TEST_F(Streams, NonBlockingStreamIgnoresTheLegacyStream) {
  CUstream free;
  OK(cuStreamCreate(&free, CU_STREAM_NON_BLOCKING));
  Gate gate;
  OK(gate.hold(nullptr));
  OK(mark(free, 1));
  OK(cuStreamSynchronize(free));
  EXPECT_EQ(1u, order.size());
}

TEST_F(Streams, PerThreadStreamsDiffer) {
  unsigned long long mine = 0, theirs = 0, legacy = 0;
  OK(cuStreamGetId(CU_STREAM_PER_THREAD, &mine));
  OK(cuStreamGetId(nullptr, &legacy));
  unsigned long long as_ptsz = 0;
  OK(cuStreamGetId_ptsz(nullptr, &as_ptsz));
  EXPECT_EQ(mine, as_ptsz);
  std::thread([&] {
    EXPECT_CU(CUDA_SUCCESS, cuCtxSetCurrent(context));
    EXPECT_CU(CUDA_SUCCESS, cuStreamGetId(CU_STREAM_PER_THREAD, &theirs));
  }).join();
  EXPECT_NE(mine, theirs);
  EXPECT_NE(mine, legacy);
}

TEST_F(Streams, PerThreadStreamFollowsTheLegacyStream) {
  {
    Gate gate;
    OK(gate.hold(nullptr));
    OK(mark(CU_STREAM_PER_THREAD, 1));
    nap(20);
    EXPECT_TRUE(order.empty());
  }
  OK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
  EXPECT_EQ(1u, order.size());
}

TEST_F(Streams, DestroyLetsWorkEnd) {
  CUstream s;
  OK(cuStreamCreate(&s, 0));
  {
    Gate gate;
    OK(gate.hold(s));
    OK(mark(s, 1));
    OK(cuStreamDestroy_v2(s));
    EXPECT_TRUE(order.empty());
  }
  OK(cuCtxSynchronize());
  EXPECT_EQ(1u, order.size());
}

TEST_F(Streams, CallbacksMustNotCallTheDriver) {
  CUresult seen = CUDA_SUCCESS;
  OK(cuLaunchHostFunc(nullptr, [](void* user) { CUdeviceptr p; *static_cast<CUresult*>(user) = cuMemAlloc_v2(&p, 16); }, &seen));
  OK(cuStreamSynchronize(nullptr));
  EXPECT_CU(CUDA_ERROR_NOT_PERMITTED, seen);
  struct Got { CUstream stream; CUresult status; } got = {reinterpret_cast<CUstream>(9), CUDA_ERROR_UNKNOWN};
  CUstream s;
  OK(cuStreamCreate(&s, 0));
  OK(cuStreamAddCallback(s, [](CUstream stream, CUresult status, void* user) { *static_cast<Got*>(user) = {stream, status}; }, &got, 0));
  OK(cuStreamSynchronize(s));
  EXPECT_EQ(s, got.stream);
  EXPECT_CU(CUDA_SUCCESS, got.status);
}

TEST_F(Streams, WriteAndWaitValues) {
  CUdeviceptr p;
  OK(cuMemAlloc_v2(&p, 64));
  OK(cuMemsetD8_v2(p, 0, 64));
  CUstream a, b;
  OK(cuStreamCreate(&a, CU_STREAM_NON_BLOCKING));
  OK(cuStreamCreate(&b, CU_STREAM_NON_BLOCKING));
  OK(cuStreamWaitValue64_v2(a, p + 8, 5, CU_STREAM_WAIT_VALUE_EQ));
  OK(mark(a, 1));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue32_v2(b, p + 2, 1, 0));
  OK(cuStreamWriteValue64_v2(b, p + 8, 4, 0));
  OK(cuStreamSynchronize(b));
  nap(10);
  EXPECT_TRUE(order.empty());
  OK(cuStreamWriteValue64_v2(b, p + 8, 5, 0));
  OK(cuStreamSynchronize(a));
  EXPECT_EQ(1u, order.size());
}

// Many threads, many streams, small work: the total must come out.
TEST_F(Streams, ManyThreads) {
  std::atomic<int> total{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++)
    threads.emplace_back([&] {
      EXPECT_CU(CUDA_SUCCESS, cuCtxSetCurrent(context));
      CUstream s;
      CUevent e;
      EXPECT_CU(CUDA_SUCCESS, cuStreamCreate(&s, 0));
      EXPECT_CU(CUDA_SUCCESS, cuEventCreate(&e, 0));
      for (int i = 0; i < 200; i++) {
        EXPECT_CU(CUDA_SUCCESS, cuLaunchHostFunc(i % 3 ? s : nullptr, [](void* n) { (*static_cast<std::atomic<int>*>(n))++; }, &total));
        EXPECT_CU(CUDA_SUCCESS, cuEventRecord(e, s));
        if (i % 20 == 0) {
          EXPECT_CU(CUDA_SUCCESS, cuEventSynchronize(e));
        }
      }
      EXPECT_CU(CUDA_SUCCESS, cuStreamSynchronize(s));
      EXPECT_CU(CUDA_SUCCESS, cuStreamDestroy_v2(s));
      EXPECT_CU(CUDA_SUCCESS, cuEventDestroy_v2(e));
    });
  for (auto& t : threads) t.join();
  OK(cuCtxSynchronize());
  EXPECT_EQ(1600, total);
}
