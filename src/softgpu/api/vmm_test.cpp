// Reserved addresses, chunks, mappings.
#include "softgpu/api/test_support.h"

#include <unistd.h>

class Vmm : public DriverTest {
 protected:
  static constexpr size_t kChunk = 2 << 20;
  void SetUp() override {
    DriverTest::SetUp();
    prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    prop.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    prop.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
    access.location = prop.location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  }
  size_t used() {
    size_t free, total;
    EXPECT_CU(CUDA_SUCCESS, cuMemGetInfo_v2(&free, &total));
    return total - free;
  }
  CUmemAllocationProp prop = {};
  CUmemAccessDesc access = {};
};

TEST_F(Vmm, MapUseUnmap) {
  size_t granularity;
  OK(cuMemGetAllocationGranularity(&granularity, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  EXPECT_EQ(kChunk, granularity);
  CUdeviceptr p;
  OK(cuMemAddressReserve(&p, 4 * kChunk, 0, 0, 0));
  CUmemGenericAllocationHandle a, b;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemCreate(&a, 1000, &prop, 0));
  OK(cuMemCreate(&a, kChunk, &prop, 0));
  OK(cuMemCreate(&b, kChunk, &prop, 0));
  EXPECT_EQ(2 * kChunk, used());
  OK(cuMemMap(p, kChunk, 0, a, 0));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemMap(p, kChunk, 0, b, 0));          // taken
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemMap(p + 4 * kChunk, kChunk, 0, b, 0));
  OK(cuMemMap(p + kChunk, kChunk, 0, b, 0));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemsetD8_v2(p, 1, 16));               // no access yet
  OK(cuMemSetAccess(p, 2 * kChunk, &access, 1));
  unsigned long long flags = 0;
  CUmemLocation here = prop.location;
  OK(cuMemGetAccess(&flags, &here, p + 100));
  EXPECT_EQ(static_cast<unsigned long long>(CU_MEM_ACCESS_FLAGS_PROT_READWRITE), flags);
  OK(cuMemsetD32_v2(p, 3, 2 * kChunk / 4));                                   // across both chunks
  CUmodule m;
  CUfunction add;
  OK(cuModuleLoadData(&m, kPtx));
  OK(cuModuleGetFunction(&add, m, "add"));
  OK(launch(add, p + kChunk - 64, 4, nullptr, 32));                           // so does this kernel
  int v[32];
  OK(cuMemcpyDtoH_v2(v, p + kChunk - 64, sizeof v));
  EXPECT_EQ(7, v[0]);
  EXPECT_EQ(7, v[31]);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(p));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemAddressFree(p, 4 * kChunk));       // still mapped
  OK(cuMemRelease(a));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemRelease(a));
  CUmemGenericAllocationHandle again;
  OK(cuMemRetainAllocationHandle(&again, p + 5));
  EXPECT_EQ(a, again);
  OK(cuMemRelease(again));
  OK(cuMemUnmap(p, kChunk));
  EXPECT_EQ(kChunk, used() / kChunk * kChunk);                                // the module's variable beside it
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuMemsetD8_v2(p, 1, 16));
  OK(cuMemUnmap(p + kChunk, kChunk));
  OK(cuMemRelease(b));
  OK(cuMemAddressFree(p, 4 * kChunk));
}

TEST_F(Vmm, FixedAddressAndSharing) {
  CUdeviceptr wanted = 0x700000000000, p = 0, q = 0;
  OK(cuMemAddressReserve(&p, kChunk, 0, wanted, 0));
  EXPECT_EQ(wanted, p);
  CUmemGenericAllocationHandle a, twin;
  OK(cuMemCreate(&a, kChunk, &prop, 0));
  int fd = -1;
  OK(cuMemExportToShareableHandle(&fd, a, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
  OK(cuMemImportFromShareableHandle(&twin, reinterpret_cast<void*>(intptr_t(fd)), CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR));
  close(fd);
  OK(cuMemAddressReserve(&q, kChunk, 64 << 20, 0, 0));
  EXPECT_EQ(0u, q % (64 << 20));
  OK(cuMemMap(p, kChunk, 0, a, 0));
  OK(cuMemMap(q, kChunk, 0, twin, 0));
  OK(cuMemSetAccess(p, kChunk, &access, 1));
  OK(cuMemSetAccess(q, kChunk, &access, 1));
  OK(cuMemsetD32_v2(p, 99, 10));
  OK(cuCtxSynchronize());
  int v = 0;
  OK(cuMemcpyDtoH_v2(&v, q + 36, 4));
  EXPECT_EQ(99, v);
  for (CUdeviceptr at : {p, q}) {
    OK(cuMemUnmap(at, kChunk));
    OK(cuMemAddressFree(at, kChunk));
  }
  OK(cuMemRelease(a));
  OK(cuMemRelease(twin));
  EXPECT_EQ(0u, used());
}
