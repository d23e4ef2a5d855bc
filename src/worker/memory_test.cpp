// The memory limit through the handlers: exact to the byte, in every way memory comes and goes.
#include <algorithm>
#include <atomic>
#include <vector>

#include "worker/session_fake.h"

namespace worker {

class Quota : public SessionTest {
 protected:
  void SetUp() override {
    start(1000);
    greet();
  }
  uint64_t used() { return quota->used(0); }
  template <class Args>
  int rc_of(uint16_t op, const Args& a) { return client->wait(op, a).header.result; }
};

TEST_F(Quota, AllocateAndFree) {
  int rc;
  CUdeviceptr p = allocate(600, &rc);
  EXPECT_EQ(0, rc);
  EXPECT_EQ(600u, used());
  allocate(401, &rc);
  EXPECT_EQ(CUDA_ERROR_OUT_OF_MEMORY, rc);
  EXPECT_EQ(600u, used());
  CUdeviceptr rest = allocate(400, &rc);
  EXPECT_EQ(0, rc);
  EXPECT_EQ(1000u, used());
  EXPECT_EQ(0, release(p));
  EXPECT_EQ(400u, used());
  EXPECT_EQ(CUDA_ERROR_INVALID_VALUE, release(p)) << "a second time";
  EXPECT_EQ(400u, used());
  EXPECT_EQ(0, release(rest));
  EXPECT_EQ(0u, used());
}

TEST_F(Quota, TheDriversRefusalCostsNothing) {
  int rc;
  Fake::get().fail_next = CUDA_ERROR_OUT_OF_MEMORY;
  allocate(100, &rc);
  EXPECT_EQ(CUDA_ERROR_OUT_OF_MEMORY, rc);
  EXPECT_EQ(0u, used());
}

TEST_F(Quota, PitchAndManagedAndAsync) {
  wire::cuMemAllocPitch_v2::Args pitch;
  pitch.want_dptr = pitch.want_pPitch = true;
  pitch.WidthInBytes = 100;
  pitch.Height = 1;
  EXPECT_EQ(0, rc_of(wire::op::cuMemAllocPitch_v2, pitch));
  EXPECT_EQ(512u, used());
  EXPECT_EQ(CUDA_ERROR_OUT_OF_MEMORY, rc_of(wire::op::cuMemAllocPitch_v2, pitch));
  pitch.WidthInBytes = ~size_t(0) / 2;
  pitch.Height = 4;
  EXPECT_EQ(CUDA_ERROR_OUT_OF_MEMORY, rc_of(wire::op::cuMemAllocPitch_v2, pitch));
  EXPECT_EQ(512u, used());
  wire::cuMemAllocManaged::Args managed;
  managed.want_dptr = true;
  managed.bytesize = 88;
  EXPECT_EQ(0, rc_of(wire::op::cuMemAllocManaged, managed));
  EXPECT_EQ(600u, used());
  wire::cuMemAllocAsync::Args async;
  async.want_dptr = true;
  async.bytesize = 400;
  auto m = client->wait(wire::op::cuMemAllocAsync, async);
  EXPECT_EQ(0, m.header.result);
  EXPECT_EQ(1000u, used());
  EXPECT_EQ(CUDA_ERROR_OUT_OF_MEMORY, rc_of(wire::op::cuMemAllocAsync, async));
  CUdeviceptr p = 0;
  wire::cuMemAllocAsync::Outs o;
  o.dptr = &p;
  o.n_dptr = 1;
  auto r = m.reader();
  ASSERT_TRUE(o.get(r, true));
  wire::cuMemFreeAsync::Args free_async;
  free_async.dptr = p;
  client->call(wire::op::cuMemFreeAsync, free_async);
  EXPECT_EQ(0, synchronize());
  EXPECT_EQ(600u, used());
}

TEST_F(Quota, Arrays) {
  driver.cuArrayCreate_v2 = [](CUarray* p, const CUDA_ARRAY_DESCRIPTOR*) { *p = fake_object<CUarray>(); return CUDA_SUCCESS; };
  driver.cuArrayDestroy = [](CUarray) { return CUDA_SUCCESS; };
  CUDA_ARRAY_DESCRIPTOR d{};
  d.Width = 10;
  d.Height = 10;
  d.Format = CU_AD_FORMAT_FLOAT;
  d.NumChannels = 2;
  wire::cuArrayCreate_v2::Args a;
  a.pHandle = fake_handle(wire::kCUarray, 60);
  a.pAllocateArray = &d;
  EXPECT_EQ(0, rc_of(wire::op::cuArrayCreate_v2, a));
  EXPECT_EQ(800u, used());
  a.pHandle = fake_handle(wire::kCUarray, 61);
  EXPECT_EQ(CUDA_ERROR_OUT_OF_MEMORY, rc_of(wire::op::cuArrayCreate_v2, a));
  d.Width = ~size_t(0);
  EXPECT_EQ(CUDA_ERROR_OUT_OF_MEMORY, rc_of(wire::op::cuArrayCreate_v2, a));
  wire::cuArrayDestroy::Args destroy;
  destroy.hArray = fake_handle(wire::kCUarray, 60);
  client->call(wire::op::cuArrayDestroy, destroy);
  EXPECT_EQ(0, synchronize());
  EXPECT_EQ(0u, used());
}

// A chunk lives until its last handle and its last mapping are gone, in either order.
TEST_F(Quota, Chunks) {
  driver.cuMemCreate = [](CUmemGenericAllocationHandle* h, size_t, const CUmemAllocationProp*, unsigned long long) { *h = 77; return CUDA_SUCCESS; };
  driver.cuMemRelease = [](CUmemGenericAllocationHandle) { return CUDA_SUCCESS; };
  driver.cuMemMap = [](CUdeviceptr, size_t, size_t, CUmemGenericAllocationHandle, unsigned long long) { return CUDA_SUCCESS; };
  driver.cuMemUnmap = [](CUdeviceptr, size_t) { return CUDA_SUCCESS; };
  driver.cuMemRetainAllocationHandle = [](CUmemGenericAllocationHandle* h, CUdeviceptr) { *h = 77; return CUDA_SUCCESS; };
  CUmemAllocationProp prop{};
  prop.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  wire::cuMemCreate::Args create;
  create.want_handle = true;
  create.size = 700;
  create.prop = &prop;
  EXPECT_EQ(0, rc_of(wire::op::cuMemCreate, create));
  EXPECT_EQ(700u, used());
  EXPECT_EQ(CUDA_ERROR_OUT_OF_MEMORY, rc_of(wire::op::cuMemCreate, create));
  wire::cuMemMap::Args map;
  map.ptr = 0x10000;
  map.size = 700;
  map.handle = 77;
  client->call(wire::op::cuMemMap, map);
  wire::cuMemRelease::Args release;
  release.handle = 77;
  client->call(wire::op::cuMemRelease, release);
  EXPECT_EQ(0, synchronize());
  EXPECT_EQ(700u, used()) << "it is mapped";
  wire::cuMemRetainAllocationHandle::Args retain;
  retain.want_handle = true;
  retain.addr = 0x10000 + 50;
  EXPECT_EQ(0, rc_of(wire::op::cuMemRetainAllocationHandle, retain));
  wire::cuMemUnmap::Args unmap;
  unmap.ptr = 0x10000;
  unmap.size = 700;
  client->call(wire::op::cuMemUnmap, unmap);
  EXPECT_EQ(0, synchronize());
  EXPECT_EQ(700u, used()) << "there is a handle again";
  client->call(wire::op::cuMemRelease, release);
  EXPECT_EQ(0, synchronize());
  EXPECT_EQ(0u, used());
}

// The driver takes a chunk's handle for a pointer: one that it did not give, or that is released, does not get there.
TEST_F(Quota, OnlyHandlesOfChunksReachTheDriver) {
  static std::atomic<int> seen;
  seen = 0;
  driver.cuMemCreate = [](CUmemGenericAllocationHandle* h, size_t, const CUmemAllocationProp*, unsigned long long) { *h = 77; return CUDA_SUCCESS; };
  driver.cuMemRelease = [](CUmemGenericAllocationHandle) { seen++; return CUDA_SUCCESS; };
  driver.cuMemMap = [](CUdeviceptr, size_t, size_t, CUmemGenericAllocationHandle, unsigned long long) { seen++; return CUDA_SUCCESS; };
  driver.cuMemGetAllocationPropertiesFromHandle = [](CUmemAllocationProp*, CUmemGenericAllocationHandle) { seen++; return CUDA_SUCCESS; };
  driver.cuMemExportToShareableHandle = [](void*, CUmemGenericAllocationHandle, CUmemAllocationHandleType, unsigned long long) { seen++; return CUDA_ERROR_NOT_SUPPORTED; };
  CUmemAllocationProp prop{};
  wire::cuMemCreate::Args create;
  create.want_handle = true;
  create.size = 10;
  create.prop = &prop;
  auto each = [this](uint64_t handle) {
    wire::cuMemMap::Args map;
    map.size = 10;
    map.handle = handle;
    wire::cuMemGetAllocationPropertiesFromHandle::Args properties;
    properties.want_prop = true;
    properties.handle = handle;
    wire::tfShare::Args share;
    share.type = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    share.chunk = handle;
    wire::cuMemRelease::Args release;
    release.handle = handle;
    return std::vector<int>{rc_of(wire::op::cuMemMap, map), rc_of(wire::op::cuMemGetAllocationPropertiesFromHandle, properties), rc_of(wire::op::tfShare, share),
                            rc_of(wire::op::cuMemRelease, release)};
  };
  const std::vector<int> refused(4, CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(refused, each(77));
  EXPECT_EQ(0, rc_of(wire::op::cuMemCreate, create));
  EXPECT_EQ(refused, each(78));
  EXPECT_EQ(0, seen);
  EXPECT_EQ((std::vector<int>{0, 0, CUDA_ERROR_NOT_SUPPORTED, 0}), each(77));
  EXPECT_EQ(4, seen);
}

TEST_F(Quota, GoesWithTheContext) {
  wire::cuCtxCreate_v2::Args create;
  create.pctx = fake_handle(wire::kCUcontext, 9);
  EXPECT_EQ(0, rc_of(wire::op::cuCtxCreate_v2, create));
  allocate(100);
  client->context = 9;
  allocate(300);
  EXPECT_EQ(400u, used());
  wire::cuCtxDestroy_v2::Args destroy;
  destroy.ctx = create.pctx;
  EXPECT_EQ(0, rc_of(wire::op::cuCtxDestroy_v2, destroy));
  EXPECT_EQ(100u, used());
  client->context = kContextIndex;
  EXPECT_EQ(0, synchronize());
}

TEST_F(Quota, IsWhatTheProgramSees) {
  allocate(300);
  wire::cuMemGetInfo_v2::Args a;
  a.want_free = a.want_total = true;
  wire::cuMemGetInfo_v2::Outs o;
  size_t free = 0, total = 0;
  o.free = &free;
  o.total = &total;
  o.n_free = o.n_total = 1;
  auto m = client->wait(wire::op::cuMemGetInfo_v2, a);
  auto r = m.reader();
  ASSERT_TRUE(o.get(r, true));
  EXPECT_EQ(1000u, total);
  EXPECT_EQ(700u, free);
}

}  // namespace worker
