// Several devices: what may reach whose memory. Copies go between any two devices; kernels touch another device's memory only after their
// context has enabled it, or the memory itself names the device (cuMemSetAccess, cuMemPoolSetAccess). Any thread may call.
#include "softgpu/api/context.h"

using namespace softgpu::api;

namespace {
CUresult find_pair(CUdevice one, CUdevice other) {
  TRY(initialized());
  return device_of(one) && device_of(other) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}
}  // namespace

extern "C" {

CUresult cuDeviceCanAccessPeer(int* canAccessPeer, CUdevice dev, CUdevice peerDev) {
  TRY(find_pair(dev, peerDev));
  REQUIRE(canAccessPeer);
  *canAccessPeer = dev != peerDev && profile().peers != PeerLink::none;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetP2PAttribute(int* value, CUdevice_P2PAttribute attrib, CUdevice srcDevice, CUdevice dstDevice) {
  TRY(find_pair(srcDevice, dstDevice));
  if (srcDevice == dstDevice) return CUDA_ERROR_INVALID_DEVICE;
  REQUIRE(value);
  const PeerLink link = profile().peers;
  switch (attrib) {
    case CU_DEVICE_P2P_ATTRIBUTE_PERFORMANCE_RANK: *value = 0; break;
    case CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED:
    case CU_DEVICE_P2P_ATTRIBUTE_CUDA_ARRAY_ACCESS_SUPPORTED: *value = link != PeerLink::none; break;
    case CU_DEVICE_P2P_ATTRIBUTE_NATIVE_ATOMIC_SUPPORTED: *value = link == PeerLink::nvlink; break;
    case CU_DEVICE_P2P_ATTRIBUTE_ONLY_PARTIAL_NATIVE_ATOMIC_SUPPORTED: *value = 0; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

CUresult cuCtxEnablePeerAccess(CUcontext peerContext, unsigned int Flags) {
  ContextRef context, peer;
  TRY(enter(&context));
  REQUIRE(Flags == 0);
  if (!peerContext) return CUDA_ERROR_INVALID_CONTEXT;
  TRY(find_context(peerContext, &peer));
  if (peer->device == context->device) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
  if (profile().peers == PeerLink::none) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
  const unsigned bit = 1u << peer->device->ordinal;
  return context->peers.fetch_or(bit) & bit ? CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED : CUDA_SUCCESS;
}

CUresult cuCtxDisablePeerAccess(CUcontext peerContext) {
  ContextRef context, peer;
  TRY(enter(&context));
  if (!peerContext) return CUDA_ERROR_INVALID_CONTEXT;
  TRY(find_context(peerContext, &peer));
  const unsigned bit = 1u << peer->device->ordinal;
  if (!(context->peers & bit)) return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
  context->synchronize();        // kernels that still use it
  context->peers &= ~bit;
  return CUDA_SUCCESS;
}

}  // extern "C"
