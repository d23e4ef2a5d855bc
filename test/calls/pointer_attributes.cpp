// What is known about an address: one attribute or many at once; for unknown addresses the batch call answers empty, not wrong.
#include "check.h"

int main() {
  Gpu gpu;
  CUdeviceptr memory = allocate(10000), inside = memory + 5000, base = 0;
  unsigned type = 0;
  size_t size = 0;
  int ordinal = -1;
  int managed = -1;
  CU(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, inside));
  CHECK(type == CU_MEMORYTYPE_DEVICE);
  CU(cuPointerGetAttribute(&ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, inside));
  CHECK(ordinal == 0);
  CU(cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, inside));
  CHECK(managed == 0);  // all four bytes: the runtime reads an int
  CU(cuPointerGetAttribute(&base, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, inside));
  CU(cuPointerGetAttribute(&size, CU_POINTER_ATTRIBUTE_RANGE_SIZE, inside));
  CHECK(base == memory && size == 10000);
  CUdeviceptr device_address = 0;
  CU(cuPointerGetAttribute(&device_address, CU_POINTER_ATTRIBUTE_DEVICE_POINTER, inside));
  CHECK(device_address == inside);

  CUcontext context = nullptr;
  CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_CONTEXT, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  void* values[] = {&context, &type, &ordinal};
  CU(cuPointerGetAttributes(3, which, values, inside));
  CHECK(context == gpu.context && type == CU_MEMORYTYPE_DEVICE && ordinal == 0);
  static int ordinary;
  CU(cuPointerGetAttributes(3, which, values, (CUdeviceptr)(uintptr_t)&ordinary));
  CHECK(context == nullptr && type == 0);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, (CUdeviceptr)(uintptr_t)&ordinary));
}
