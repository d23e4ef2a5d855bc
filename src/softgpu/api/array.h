// CUDA arrays and mipmapped arrays: rows of texels in device memory, kept by handle. An array's memory counts as the device's.
// Any thread may call; an Array never changes after it was made.
#pragma once
#include "softgpu/api/context.h"
#include "softgpu/texture.h"

namespace softgpu::api {

// What a CUarray_format says of one texel.
struct TexelLayout {
  Texel texel = Texel::U8;
  unsigned channels = 0;       // that the format fixes; 0: the descriptor says
  bool normalized = false;     // UNORM and SNORM formats: read as numbers in [0, 1] or [-1, 1] only
};
CUresult layout_of(CUarray_format format, TexelLayout* out);   // INVALID_VALUE, or NOT_SUPPORTED: block-compressed and video formats

struct ArrayMemory {           // of one array, or of all levels of a mipmapped one
  ArrayMemory(Device* device_, uint64_t address_) : device(device_), address(address_) {}
  ~ArrayMemory() { device->free(address); }
  Device* const device;
  const uint64_t address;
};

struct Array {
  CUarray handle = nullptr;
  ContextRef context;
  uint64_t context_id = 0;
  CUDA_ARRAY3D_DESCRIPTOR asked = {};   // as created; of a level: its own sizes
  TexelLayout layout;
  unsigned channels = 1, texel_bytes = 1;
  TexelBox box;                // where its texels lie; sizes of at least 1
  bool is_level = false;       // of a mipmapped array, which owns it
  std::shared_ptr<ArrayMemory> memory;
  size_t row_bytes() const { return size_t(box.width) * texel_bytes; }
};
using ArrayRef = std::shared_ptr<Array>;

struct Mipmap {
  CUmipmappedArray handle = nullptr;
  ContextRef context;
  uint64_t context_id = 0;
  CUDA_ARRAY3D_DESCRIPTOR asked = {};
  std::vector<ArrayRef> levels;
};
using MipmapRef = std::shared_ptr<Mipmap>;

Registry<CUarray, Array>& arrays();
Registry<CUmipmappedArray, Mipmap>& mipmaps();

}  // namespace softgpu::api
