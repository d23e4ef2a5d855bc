// A vector that grows where it stands: addresses are reserved once, physical memory is mapped behind what is there, nothing is ever copied.
#include <cuda.h>
#include "buffer.h"

template <typename Function>
Function driver(const char* name) {  // functions of libcuda, without linking to it
  void* address = nullptr;
  cudaDriverEntryPointQueryResult result;
  CHECK(cudaGetDriverEntryPointByVersion(name, &address, 12000, cudaEnableDefault, &result));
  return (Function)address;
}
#define DRIVER(name, ...)                                                    \
  if (CUresult status = driver<decltype(&name)>(#name)(__VA_ARGS__)) {       \
    printf("result: WRONG %s: %d\n", #name, int(status));                    \
    exit(1);                                                                 \
  }

class GrowingVector {
 public:
  explicit GrowingVector(size_t most) {
    property_.type = CU_MEM_ALLOCATION_TYPE_PINNED, property_.location.type = CU_MEM_LOCATION_TYPE_DEVICE, property_.location.id = 0;
    DRIVER(cuMemGetAllocationGranularity, &step_, &property_, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
    reserved_ = (most + step_ - 1) / step_ * step_;
    DRIVER(cuMemAddressReserve, &base_, reserved_, 0, 0, 0);
  }
  ~GrowingVector() {
    size_t at = 0;
    for (auto [handle, bytes] : parts_) {
      DRIVER(cuMemUnmap, base_ + at, bytes);
      DRIVER(cuMemRelease, handle);
      at += bytes;
    }
    DRIVER(cuMemAddressFree, base_, reserved_);
  }
  void grow(size_t bytes) {
    if (bytes <= mapped_) return;
    size_t more = (bytes - mapped_ + step_ - 1) / step_ * step_;
    CUmemGenericAllocationHandle handle;
    CUmemAccessDesc access{property_.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    DRIVER(cuMemCreate, &handle, more, &property_, 0);
    DRIVER(cuMemMap, base_ + mapped_, more, 0, handle, 0);
    DRIVER(cuMemSetAccess, base_ + mapped_, more, &access, 1);
    parts_.push_back({handle, more});
    mapped_ += more;
  }
  int* data() const { return (int*)base_; }
  size_t parts() const { return parts_.size(); }
  size_t mapped() const { return mapped_; }

 private:
  struct Part {
    CUmemGenericAllocationHandle handle;
    size_t bytes;
  };
  CUmemAllocationProp property_{};
  CUdeviceptr base_ = 0;
  size_t step_ = 0, reserved_ = 0, mapped_ = 0;
  std::vector<Part> parts_;
};

__global__ void append(int* values, int from, int to) {
  for (int i = from + blockIdx.x * blockDim.x + threadIdx.x; i < to; i += gridDim.x * blockDim.x) values[i] = i ^ (i >> 3);
}
__global__ void check(const int* values, int count, int* wrong) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
    if (values[i] != (i ^ (i >> 3))) atomicAdd(wrong, 1);
}

int main() {
  print_device();
  CHECK(cudaFree(nullptr));  // the context, before the driver is asked for anything
  size_t free_before = 0, free_after = 0, total = 0;
  Buffer<int> wrong(1);
  append<<<32, 128>>>(nullptr, 0, 0);  // loads the kernels
  check<<<32, 128>>>(nullptr, 0, wrong);
  wrong.host();
  CHECK(cudaMemGetInfo(&free_before, &total));
  size_t parts = 0, mapped = 0;
  bool right = true;
  {
    GrowingVector vector(size_t(1) << 30);
    int *first = vector.data(), count = 0;
    for (int size : {100'000, 700'000, 1'500'000, 4'000'000}) {
      vector.grow(size * sizeof(int));
      append<<<32, 128>>>(vector.data(), count, size);
      count = size;
    }
    check<<<32, 128>>>(vector.data(), count, wrong);
    right &= wrong.host()[0] == 0 && vector.data() == first;
    int edge[2];
    CHECK(cudaMemcpy(edge, first + 524287, sizeof edge, cudaMemcpyDeviceToHost));  // across two parts
    right &= edge[0] == (524287 ^ (524287 >> 3)) && edge[1] == (524288 ^ (524288 >> 3));
    parts = vector.parts(), mapped = vector.mapped();
  }
  CHECK(cudaMemGetInfo(&free_after, &total));
  right &= free_after + mapped / 2 > free_before;
  char line[120];
  snprintf(line, sizeof line, "4,000,000 numbers in %zu parts, %zu MiB mapped of 1 GiB reserved", parts, mapped >> 20);
  return verdict(right && parts >= 3, line);
}
