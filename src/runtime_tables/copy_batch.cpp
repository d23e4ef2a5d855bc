// cuMemcpy3DBatchAsync: a batch is the copies that it is made of, each as cuMemcpy3DAsync. Part of both libcudas; only public calls. Any thread.
#include <stdint.h>

#include "abi/cuda_abi.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

unsigned bytes_of(CUarray_format format) {
  switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8: return 1;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF: return 2;
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT: return 4;
    default: return 0;
  }
}

// The bytes of an array's element; 1 for memory.
CUresult element_of(const CUmemcpy3DOperand& o, size_t* bytes) {
  *bytes = 1;
  if (o.type == CU_MEMCPY_OPERAND_TYPE_POINTER) return CUDA_SUCCESS;
  if (o.type != CU_MEMCPY_OPERAND_TYPE_ARRAY) return CUDA_ERROR_INVALID_VALUE;
  CUDA_ARRAY3D_DESCRIPTOR d{};
  if (CUresult rc = cuArray3DGetDescriptor_v2(&d, o.op.array.array)) return rc;
  *bytes = size_t(bytes_of(d.Format)) * d.NumChannels;
  return *bytes ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}

// Extents and offsets count elements: an array's, or bytes when both sides are memory.
CUresult copy_one(const CUDA_MEMCPY3D_BATCH_OP& op, CUstream stream) {
  size_t from = 1, to = 1;
  if (CUresult rc = element_of(op.src, &from)) return rc;
  if (CUresult rc = element_of(op.dst, &to)) return rc;
  const bool arrays = op.src.type == CU_MEMCPY_OPERAND_TYPE_ARRAY && op.dst.type == CU_MEMCPY_OPERAND_TYPE_ARRAY;
  if (arrays && from != to) return CUDA_ERROR_INVALID_VALUE;
  const size_t element = op.src.type == CU_MEMCPY_OPERAND_TYPE_ARRAY ? from : to;
  CUDA_MEMCPY3D c{};
  c.WidthInBytes = op.extent.width * element;
  c.Height = op.extent.height;
  c.Depth = op.extent.depth;
  if (op.src.type == CU_MEMCPY_OPERAND_TYPE_ARRAY) {
    c.srcMemoryType = CU_MEMORYTYPE_ARRAY;
    c.srcArray = op.src.op.array.array;
    c.srcXInBytes = op.src.op.array.offset.x * element;
    c.srcY = op.src.op.array.offset.y;
    c.srcZ = op.src.op.array.offset.z;
  } else {
    c.srcMemoryType = CU_MEMORYTYPE_UNIFIED;
    c.srcDevice = op.src.op.ptr.ptr;
    c.srcPitch = (op.src.op.ptr.rowLength ? op.src.op.ptr.rowLength : op.extent.width) * element;
    c.srcHeight = op.src.op.ptr.layerHeight ? op.src.op.ptr.layerHeight : op.extent.height;
  }
  if (op.dst.type == CU_MEMCPY_OPERAND_TYPE_ARRAY) {
    c.dstMemoryType = CU_MEMORYTYPE_ARRAY;
    c.dstArray = op.dst.op.array.array;
    c.dstXInBytes = op.dst.op.array.offset.x * element;
    c.dstY = op.dst.op.array.offset.y;
    c.dstZ = op.dst.op.array.offset.z;
  } else {
    c.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
    c.dstDevice = op.dst.op.ptr.ptr;
    c.dstPitch = (op.dst.op.ptr.rowLength ? op.dst.op.ptr.rowLength : op.extent.width) * element;
    c.dstHeight = op.dst.op.ptr.layerHeight ? op.dst.op.ptr.layerHeight : op.extent.height;
  }
  return cuMemcpy3DAsync_v2(&c, stream);
}

}  // namespace

EXPORT CUresult cuMemcpy3DBatchAsync_v2(size_t numOps, CUDA_MEMCPY3D_BATCH_OP* opList, unsigned long long flags, CUstream hStream) {
  int devices;
  if (CUresult rc = cuDeviceGetCount(&devices)) return rc;   // initialised?
  if (!numOps || !opList || flags) return CUDA_ERROR_INVALID_VALUE;
  if (!hStream || hStream == CU_STREAM_LEGACY) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < numOps; i++)
    if (CUresult rc = copy_one(opList[i], hStream)) return rc;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemcpy3DBatchAsync(size_t numOps, CUDA_MEMCPY3D_BATCH_OP* opList, size_t* failIdx, unsigned long long flags, CUstream hStream) {
  CUresult rc = cuMemcpy3DBatchAsync_v2(numOps, opList, flags, hStream);
  if (rc && failIdx) *failIdx = SIZE_MAX;   // not known which
  return rc;
}
