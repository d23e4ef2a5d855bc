// Copies between this process and the device, in boxes of rows. Shared by copy.cpp (1-D) and copy_box.cpp (2-D, 3-D, arrays).
#pragma once
#include "abi/cuda_abi.h"
#include "client/remote.h"

namespace client {

// The device's side of a copy: an address with a pitch, or a place in an array.
struct DeviceBox {
  CUdeviceptr device = 0;
  CUarray array = nullptr;
  size_t x = 0, y = 0, z = 0, pitch = 0, slice = 0;   // bytes, rows, slices, bytes, bytes
  size_t width = 0, rows = 1, depth = 1;              // bytes, rows, slices
};
// The host's side: rows `pitch` apart, slices `slice` apart.
struct HostBox { void* p = nullptr; size_t pitch = 0, slice = 0; };

enum class Wait { none, done };   // done: the call returns when the data is where it belongs
CUresult write_box(const DeviceBox& to, const HostBox& from, CUstream stream, Wait wait);
CUresult read_box(const HostBox& to, const DeviceBox& from, CUstream stream, Wait wait);

}  // namespace client
