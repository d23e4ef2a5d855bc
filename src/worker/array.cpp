// The calls of api/cuda/array.api that hold device memory. The driver does not say how much an array takes: it is charged as its elements.
#include "worker/handlers.h"
#include "worker/memory.h"

namespace worker::serve {

static uint64_t element_bytes(CUarray_format format, unsigned channels) {
  switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8: case CU_AD_FORMAT_SIGNED_INT8: return channels;
    case CU_AD_FORMAT_UNSIGNED_INT16: case CU_AD_FORMAT_SIGNED_INT16: case CU_AD_FORMAT_HALF: return 2ull * channels;
    default: return 4ull * channels;   // 32-bit numbers; block and video formats take less
  }
}

static uint64_t bytes_of(uint64_t width, uint64_t height, uint64_t depth, CUarray_format format, unsigned channels) {
  unsigned __int128 bytes = element_bytes(format, channels);
  for (uint64_t n : {width, height, depth})
    if (n && (bytes *= n) >> 64) return ~0ull;
  return uint64_t(bytes);
}

template <class Args, class F>
static int create(Session& s, Request& q, const Args& a, uint64_t depth, F* function) {
  const auto& d = *a.pAllocateArray;
  const uint64_t bytes = bytes_of(d.Width, d.Height, depth, d.Format, d.NumChannels);
  const int device = current_device(s);
  CUarray array = nullptr;
  int rc = charged(s.memory(), device, bytes, [&] { return call(function, &array, &d); });
  if (rc) return rc;
  s.memory().keep(Memory::object, uintptr_t(array), {bytes, device, q.header.context});
  s.bind(a.pHandle, wire::kCUarray, array);
  return 0;
}

static void gone(Session& s, void* real) {
  Memory::Held held;
  if (s.memory().take(Memory::object, uintptr_t(real), &held)) s.memory().refund(held.device, held.bytes);
}

int cuArrayCreate(Session& s, Request& q, wire::cuArrayCreate::Args& a, wire::cuArrayCreate::Outs&) {
  return create(s, q, a, 0, s.driver.cuArrayCreate);
}
int cuArrayCreate_v2(Session& s, Request& q, wire::cuArrayCreate_v2::Args& a, wire::cuArrayCreate_v2::Outs&) {
  return create(s, q, a, 0, s.driver.cuArrayCreate_v2);
}
int cuArray3DCreate(Session& s, Request& q, wire::cuArray3DCreate::Args& a, wire::cuArray3DCreate::Outs&) {
  return create(s, q, a, a.pAllocateArray->Depth, s.driver.cuArray3DCreate);
}
int cuArray3DCreate_v2(Session& s, Request& q, wire::cuArray3DCreate_v2::Args& a, wire::cuArray3DCreate_v2::Outs&) {
  return create(s, q, a, a.pAllocateArray->Depth, s.driver.cuArray3DCreate_v2);
}

int cuMipmappedArrayCreate(Session& s, Request& q, wire::cuMipmappedArrayCreate::Args& a, wire::cuMipmappedArrayCreate::Outs&) {
  const auto& d = *a.pMipmappedArrayDesc;
  const bool layered = d.Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP);   // layers are as many on every level
  auto half = [](uint64_t n, unsigned level) { return n ? (level < 64 && n >> level ? n >> level : 1) : 0; };
  uint64_t bytes = 0;
  for (unsigned level = 0; level < a.numMipmapLevels && level < 32; level++) {
    const uint64_t depth = layered ? d.Depth : half(d.Depth, level);
    const uint64_t more = bytes_of(half(d.Width, level), half(d.Height, level), depth, d.Format, d.NumChannels);
    if (__builtin_add_overflow(bytes, more, &bytes)) bytes = ~0ull;
  }
  const int device = current_device(s);
  CUmipmappedArray array = nullptr;
  int rc = charged(s.memory(), device, bytes, [&] { return call(s.driver.cuMipmappedArrayCreate, &array, &d, a.numMipmapLevels); });
  if (rc) return rc;
  s.memory().keep(Memory::object, uintptr_t(array), {bytes, device, q.header.context});
  s.bind(a.pHandle, wire::kCUmipmappedArray, array);
  return 0;
}

int cuArrayDestroy(Session& s, Request&, wire::cuArrayDestroy::Args& a, wire::cuArrayDestroy::Outs&) {
  CUarray array;
  if (!s.take(a.hArray, wire::kCUarray, &array)) return CUDA_ERROR_INVALID_HANDLE;
  int rc = call(s.driver.cuArrayDestroy, array);
  if (!rc) gone(s, array);
  return rc;
}

int cuMipmappedArrayDestroy(Session& s, Request&, wire::cuMipmappedArrayDestroy::Args& a, wire::cuMipmappedArrayDestroy::Outs&) {
  CUmipmappedArray array;
  if (!s.take(a.hMipmappedArray, wire::kCUmipmappedArray, &array)) return CUDA_ERROR_INVALID_HANDLE;
  int rc = call(s.driver.cuMipmappedArrayDestroy, array);
  if (!rc) gone(s, array);
  return rc;
}

}  // namespace worker::serve
