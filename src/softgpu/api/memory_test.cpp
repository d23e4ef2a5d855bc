// Memory: limits, address queries, copies of every kind, fills, pools, host memory.
#include "softgpu/api/test_support.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

class Memory : public DriverTest {};

TEST_F(Memory, AllocFreeCodes) {
  CUdeviceptr p = 0;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(&p, 0));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(nullptr, 16));
  OK(cuMemAlloc_v2(&p, 1000));
  EXPECT_EQ(0u, p % 256);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(p + 4));
  OK(cuMemFree_v2(p));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(p));
  OK(cuMemFree_v2(0));
  EXPECT_CU(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&p, size_t(1) << 40));
}

TEST_F(Memory, RangesAreChecked) {
  CUdeviceptr p, base;
  size_t size;
  char host[64];
  OK(cuMemAlloc_v2(&p, 4096));
  OK(cuMemGetAddressRange_v2(&base, &size, p + 100));
  EXPECT_EQ(p, base);
  EXPECT_EQ(4096u, size);
  EXPECT_CU(CUDA_ERROR_NOT_FOUND, cuMemGetAddressRange_v2(&base, &size, 0x1000));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(p + 4090, host, 64));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2(host, 0x1000, 64));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(p, nullptr, 64));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemsetD32_v2(p + 2, 0, 1));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemsetD8_v2(p, 0, 4097));
  OK(cuMemcpyHtoD_v2(p, nullptr, 0));
  OK(cuMemFree_v2(p));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2(host, p, 4));
  OK(cuCtxSynchronize());        // none of this spoils the context
}

// Eight threads take and give back under a limit that is never passed and always reached.
TEST_F(Memory, EightThreadsShareTheLimit) {
  constexpr size_t kBlock = 64 << 20;
  size_t free = 0, total = 0;
  OK(cuMemGetInfo_v2(&free, &total));
  const size_t fits = total / kBlock;
  std::atomic<size_t> live{0}, most{0}, refused{0};
  std::atomic<int> ready{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++)
    threads.emplace_back([&, t] {
      for (ready++; ready < 8;) std::this_thread::yield();
      EXPECT_CU(CUDA_SUCCESS, cuCtxSetCurrent(context));
      std::vector<CUdeviceptr> mine;
      for (int i = 0; i < 200; i++) {
        std::this_thread::yield();
        CUdeviceptr p;
        CUresult r = cuMemAlloc_v2(&p, kBlock);
        if (r == CUDA_SUCCESS) {
          size_t now = ++live;
          for (size_t m = most; now > m && !most.compare_exchange_weak(m, now);) {}
          mine.push_back(p);
        } else {
          EXPECT_CU(CUDA_ERROR_OUT_OF_MEMORY, r);
          refused++;
        }
        if (mine.size() > size_t(20 + t) || r != CUDA_SUCCESS) {
          for (size_t k = 0; k < mine.size() / 2 + 1 && !mine.empty(); k++) {
            live--;              // before the free: another thread may take the room at once
            EXPECT_CU(CUDA_SUCCESS, cuMemFree_v2(mine.back()));
            mine.pop_back();
          }
        }
      }
      for (auto p : mine) {
        live--;
        EXPECT_CU(CUDA_SUCCESS, cuMemFree_v2(p));
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_LE(most, fits);
  EXPECT_GT(refused, 0u);
  size_t after = 0;
  OK(cuMemGetInfo_v2(&after, &total));
  EXPECT_EQ(free, after);
  std::vector<CUdeviceptr> all;
  CUdeviceptr p;
  while (cuMemAlloc_v2(&p, kBlock) == CUDA_SUCCESS) all.push_back(p);
  EXPECT_EQ(fits, all.size());
  for (auto a : all) OK(cuMemFree_v2(a));
}

TEST_F(Memory, CopiesGoBothWays) {
  std::vector<int> a(50000), b(50000);
  for (size_t i = 0; i < a.size(); i++) a[i] = int(i * 7);
  const size_t bytes = a.size() * 4;
  CUdeviceptr p, q;
  OK(cuMemAlloc_v2(&p, bytes));
  OK(cuMemAlloc_v2(&q, bytes));
  OK(cuMemcpyHtoD_v2(p, a.data(), bytes));
  OK(cuMemcpyDtoD_v2(q, p, bytes));
  OK(cuMemcpyDtoH_v2(b.data(), q, bytes));
  EXPECT_EQ(a, b);
  std::fill(b.begin(), b.end(), 0);
  OK(cuMemcpy(reinterpret_cast<CUdeviceptr>(b.data()), p, bytes));     // the driver finds out what each address is
  EXPECT_EQ(a, b);
  OK(cuMemsetD32_v2(p, 0x01020304, 100));
  OK(cuMemsetD8_v2(p + 4, 0xff, 2));
  OK(cuMemsetD16_v2(p + 8, 0xabcd, 1));
  OK(cuMemcpyDtoH_v2(b.data(), p, 16));
  EXPECT_EQ(0x01020304, b[0]);
  EXPECT_EQ(0x0102ffff, b[1]);
  EXPECT_EQ(0x0102abcd, b[2]);
}

TEST_F(Memory, PageableSourceMayChangeAfterTheCall) {
  CUstream s;
  OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
  CUdeviceptr p;
  OK(cuMemAlloc_v2(&p, 4096));
  std::vector<char> host(4096, 'a'), back(4096);
  {
    Gate gate;
    OK(gate.hold(s));
    OK(cuMemcpyHtoDAsync_v2(p, host.data(), 4096, s));     // returns although the stream is held
    std::fill(host.begin(), host.end(), 'b');
  }
  OK(cuStreamSynchronize(s));
  OK(cuMemcpyDtoH_v2(back.data(), p, 4096));
  EXPECT_EQ(std::vector<char>(4096, 'a'), back);
}

TEST_F(Memory, TwoAndThreeDimensions) {
  CUdeviceptr p;
  size_t pitch;
  OK(cuMemAllocPitch_v2(&p, &pitch, 100, 8, 4));
  EXPECT_EQ(512u, pitch);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemAllocPitch_v2(&p, &pitch, 100, 8, 3));
  std::vector<uint8_t> in(100 * 8), out(100 * 8);
  for (size_t i = 0; i < in.size(); i++) in[i] = uint8_t(i);
  CUDA_MEMCPY2D c = {};
  c.srcMemoryType = CU_MEMORYTYPE_HOST, c.srcHost = in.data(), c.srcPitch = 100;
  c.dstMemoryType = CU_MEMORYTYPE_DEVICE, c.dstDevice = p, c.dstPitch = pitch;
  c.WidthInBytes = 100, c.Height = 8;
  OK(cuMemcpy2D_v2(&c));
  CUDA_MEMCPY2D back = {};
  back.srcMemoryType = CU_MEMORYTYPE_DEVICE, back.srcDevice = p, back.srcPitch = pitch, back.srcXInBytes = 10, back.srcY = 2;
  back.dstMemoryType = CU_MEMORYTYPE_HOST, back.dstHost = out.data(), back.dstPitch = 100;
  back.WidthInBytes = 20, back.Height = 3;
  OK(cuMemcpy2D_v2(&back));
  for (size_t y = 0; y < 3; y++)
    for (size_t x = 0; x < 20; x++) ASSERT_EQ(in[(y + 2) * 100 + x + 10], out[y * 100 + x]);
  back.srcPitch = 8;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D_v2(&back));
  OK(cuMemsetD2D8_v2(p, pitch, 9, 100, 8));
  uint8_t last[2];
  OK(cuMemcpyDtoH_v2(last, p + 7 * pitch + 99, 1));
  EXPECT_EQ(9, last[0]);
  CUDA_MEMCPY3D t = {};
  t.srcMemoryType = CU_MEMORYTYPE_HOST, t.srcHost = in.data(), t.srcPitch = 10, t.srcHeight = 4;
  t.dstMemoryType = CU_MEMORYTYPE_DEVICE, t.dstDevice = p, t.dstPitch = 16, t.dstHeight = 5;
  t.WidthInBytes = 10, t.Height = 4, t.Depth = 3;
  OK(cuMemcpy3D_v2(&t));
  OK(cuMemcpyDtoH_v2(last, p + 2 * 80 + 3 * 16 + 9, 1));
  EXPECT_EQ(in[2 * 40 + 3 * 10 + 9], last[0]);
}

TEST_F(Memory, HostMemory) {
  void* h = nullptr;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemHostAlloc(&h, 100, 0x100));
  OK(cuMemHostAlloc(&h, 10000, CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_PORTABLE));
  CUdeviceptr d;
  OK(cuMemHostGetDevicePointer_v2(&d, h, 0));
  EXPECT_EQ(reinterpret_cast<CUdeviceptr>(h), d);
  unsigned flags;
  OK(cuMemHostGetFlags(&flags, h));
  EXPECT_EQ(3u, flags);
  OK(cuMemsetD8_v2(d, 5, 10000));
  EXPECT_EQ(5, static_cast<char*>(h)[9999]);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(d));
  OK(cuMemFreeHost(h));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(h));

  std::vector<char> mine(100000);
  OK(cuMemHostRegister_v2(mine.data(), mine.size(), 0));
  EXPECT_CU(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister_v2(mine.data() + 100, 10, 0));
  OK(cuMemsetD8_v2(reinterpret_cast<CUdeviceptr>(mine.data()), 3, mine.size()));
  EXPECT_EQ(3, mine[99999]);
  OK(cuMemHostUnregister(mine.data()));
  EXPECT_CU(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(mine.data()));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemsetD8_v2(reinterpret_cast<CUdeviceptr>(mine.data()), 3, 1));
}

TEST_F(Memory, PointerAttributes) {
  CUdeviceptr d, m;
  void* h;
  OK(cuMemAlloc_v2(&d, 1000));
  OK(cuMemAllocManaged(&m, 1000, CU_MEM_ATTACH_GLOBAL));
  OK(cuMemHostAlloc(&h, 1000, 0));
  *reinterpret_cast<int*>(m) = 5;                    // managed memory is the program's too
  unsigned type = 0, managed = 7;
  OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, d + 10));
  EXPECT_EQ(unsigned(CU_MEMORYTYPE_DEVICE), type);
  OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(h)));
  EXPECT_EQ(unsigned(CU_MEMORYTYPE_HOST), type);
  OK(cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, m));
  EXPECT_EQ(1u, managed);
  CUcontext c;
  OK(cuPointerGetAttribute(&c, CU_POINTER_ATTRIBUTE_CONTEXT, d));
  EXPECT_EQ(context, c);
  int stack;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(&stack)));
  int ordinal = 9;
  void* where[] = {&type, &ordinal};
  CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  OK(cuPointerGetAttributes(2, which, where, reinterpret_cast<CUdeviceptr>(&stack)));
  EXPECT_EQ(0u, type);
  EXPECT_EQ(-2, ordinal);
  OK(cuMemPrefetchAsync(m, 1000, 0, nullptr));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemPrefetchAsync(d, 1000, 0, nullptr));
}

TEST_F(Memory, Pools) {
  CUmemoryPool pool, current;
  OK(cuDeviceGetDefaultMemPool(&pool, 0));
  OK(cuDeviceGetMemPool(&current, 0));
  EXPECT_EQ(pool, current);
  CUstream s;
  OK(cuStreamCreate(&s, 0));
  CUdeviceptr p;
  OK(cuMemAllocAsync(&p, 1 << 20, s));
  cuuint64_t used = 0;
  OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used));
  EXPECT_EQ(1u << 20, used);
  OK(cuMemsetD8Async(p, 1, 1 << 20, s));
  OK(cuMemFreeAsync(p, s));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemFreeAsync(p, s));
  OK(cuStreamSynchronize(s));
  OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used));
  EXPECT_EQ(0u, used);
  OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH, &used));
  EXPECT_EQ(1u << 20, used);
  CUmemPoolProps props = {};
  props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  props.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  props.maxSize = 1 << 20;
  CUmemoryPool own;
  OK(cuMemPoolCreate(&own, &props));
  CUdeviceptr q;
  EXPECT_CU(CUDA_ERROR_OUT_OF_MEMORY, cuMemAllocFromPoolAsync(&q, 2 << 20, own, s));
  OK(cuMemAllocFromPoolAsync(&q, 1 << 20, own, s));
  CUmemoryPool of = nullptr;
  OK(cuPointerGetAttribute(&of, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, q));
  EXPECT_EQ(own, of);
  OK(cuMemFree_v2(q));
  OK(cuMemPoolDestroy(own));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemPoolDestroy(own));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemPoolDestroy(pool));
}

// A free that the stream has still to reach makes room for the next allocation.
TEST_F(Memory, AllocAsyncWaitsForPendingFrees) {
  CUstream s;
  OK(cuStreamCreate(&s, 0));
  for (int i = 0; i < 4; i++) {
    CUdeviceptr p;
    OK(cuMemAllocAsync(&p, size_t(3) << 30, s));
    OK(cuMemFreeAsync(p, s));
  }
}
