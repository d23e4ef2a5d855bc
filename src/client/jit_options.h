// Options of the JIT compiler and linker as they travel (module.cpp, link.cpp). Any thread; the program's buffers are its own business.
#pragma once
#include <string.h>

#include <vector>

#include "abi/cuda_abi.h"
#include "wire/codec.h"

namespace client {

// The log buffers stay here; the other options travel as numbers.
struct JitOptions {
  std::vector<unsigned> options;
  std::vector<unsigned long long> values;
  char *info = nullptr, *error = nullptr;
  size_t info_size = 0, error_size = 0;
  void **info_slot = nullptr, **error_slot = nullptr;

  JitOptions(unsigned n, CUjit_option* option, void** value) {
    for (unsigned i = 0; i < n && option && value; i++) {
      switch (option[i]) {
        case CU_JIT_INFO_LOG_BUFFER: info = static_cast<char*>(value[i]); break;
        case CU_JIT_ERROR_LOG_BUFFER: error = static_cast<char*>(value[i]); break;
        case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES: info_size = uint32_t(uint64_t(value[i])); info_slot = &value[i]; break;
        case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: error_size = uint32_t(uint64_t(value[i])); error_slot = &value[i]; break;
        case CU_JIT_WALL_TIME: break;                                                       // written by the driver: not known here
        case CU_JIT_GLOBAL_SYMBOL_NAMES: case CU_JIT_GLOBAL_SYMBOL_ADDRESSES: break;         // pointers into this process
        default: options.push_back(unsigned(option[i])); values.push_back(uint64_t(value[i])); continue;
      }
    }
    if (info || error) {   // ask for the text
      options.push_back(CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES); values.push_back(info_size);
      options.push_back(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES); values.push_back(error_size);
    }
  }
  // What the worker's reply says at r into the program's buffers.
  void give_logs(wire::Reader& r) const {
    if (!info && !error) return;
    give(r, info, info_size, info_slot);
    give(r, error, error_size, error_slot);
  }
  static void skip_logs(wire::Reader& r) {
    size_t n;
    for (int i = 0; i < 2; i++) r.get_array<char>(&n);
  }

 private:
  static void give(wire::Reader& r, char* to, size_t room, void** slot) {
    size_t n;
    const char* text = r.get_array<char>(&n);
    size_t length = n ? strnlen(text, n) : 0;
    if (to && room) {
      if (length >= room) length = room - 1;
      if (length) memcpy(to, text, length);
      to[length] = 0;
    }
    if (slot) *slot = reinterpret_cast<void*>(uintptr_t(length));
  }
};

}  // namespace client
