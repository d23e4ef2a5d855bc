// Builds copies and fills from the arguments of the driver's calls. Any thread may call.
#pragma once
#include "softgpu/api/work.h"

namespace softgpu::api {

enum class Side { host, device, any };     // what the call says of an address; any: CUDA finds out (unified addressing)

// Checks both ranges as the driver does before it queues a copy.
CUresult make_copy(const Context& context, uint64_t dst, Side dst_side, uint64_t src, Side src_side, size_t bytes, CopyWork* out);
CUresult make_copy(const Context& context, const CUDA_MEMCPY3D& asked, CopyWork* out);
CUresult make_memset(const Context& context, uint64_t dst, size_t pitch, uint32_t value, uint32_t element, size_t width, size_t height,
                     MemsetWork* out);

// The stream-ordered form: a pageable source is copied aside first, a pageable destination (or a long pageable source) is waited for.
CUresult copy_async(const StreamRef& stream, CopyWork copy);
CUresult copy_sync(const ContextRef& context, CUstream h, CopyWork copy);   // h: the default stream to follow

}  // namespace softgpu::api
