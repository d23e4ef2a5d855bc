// Kernels and other devices' memory: refused unless enabled, with the errors of enabling twice and disabling what is not. One device: skipped.
#include "check.h"

int main() {
  int devices = 0, can = 9, value = -9;
  CU(cuInit(0));
  CU(cuDeviceGetCount(&devices));
  if (devices < 2) return skip("one device only");
  CU(cuDeviceCanAccessPeer(&can, 0, 0));
  CHECK(can == 0);
  CU(cuDeviceCanAccessPeer(&can, 0, 1));
  if (!can) return skip("the devices cannot reach each other's memory");
  CU(cuDeviceGetP2PAttribute(&value, CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED, 0, 1));
  CHECK(value == 1);
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetP2PAttribute(&value, CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED, 0, 0));
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuDeviceCanAccessPeer(&can, 0, devices));

  CUcontext one = nullptr, zero = nullptr;
  CU(cuCtxCreate_v2(&one, 0, 1));
  CUdeviceptr there = allocate(4096);
  CU(cuMemsetD32_v2(there, 1, 1024));
  CU(cuCtxSynchronize());
  CU(cuCtxCreate_v2(&zero, 0, 0));
  CUmodule module = nullptr;
  CUfunction add = nullptr;
  CU(cuModuleLoadData(&module, kernels_ptx));
  CU(cuModuleGetFunction(&add, module, "add"));
  EXPECT(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, cuCtxDisablePeerAccess(one));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuCtxEnablePeerAccess(one, 1));
  CU(cuCtxEnablePeerAccess(one, 0));
  EXPECT(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, cuCtxEnablePeerAccess(one, 0));
  CU(launch(add, 4, 256, nullptr, there, 1024u, 5u));
  CU(cuCtxSynchronize());
  CHECK(read_words(there, 1024)[1023] == 6);
  CU(cuCtxDisablePeerAccess(one));
  EXPECT(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, cuCtxDisablePeerAccess(one));
  CU(launch(add, 4, 256, nullptr, there, 1024u, 5u));
  EXPECT(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
}
