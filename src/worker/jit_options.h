// Options of the JIT compiler and linker on the worker (module.cpp, link.cpp): the log buffers live here. One thread at a time.
#pragma once
#include <stdint.h>
#include <string.h>

#include <vector>

#include "abi/cuda_abi.h"
#include "wire/codec.h"

namespace worker {

// The client's JIT options without its pointers: log buffers are ours, and options that only make sense with memory of the program are left out.
class JitOptions {
 public:
  JitOptions(const unsigned* options, const unsigned long long* values, size_t n) {
    for (size_t i = 0; i < n; i++) {
      switch (options[i]) {
        case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES: add_log(info, CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, values[i]); break;
        case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: add_log(error, CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, values[i]); break;
        case CU_JIT_INFO_LOG_BUFFER: case CU_JIT_ERROR_LOG_BUFFER: case CU_JIT_WALL_TIME: case CU_JIT_GLOBAL_SYMBOL_NAMES:
        case CU_JIT_GLOBAL_SYMBOL_ADDRESSES: case CU_JIT_GLOBAL_SYMBOL_COUNT: case CU_JIT_REFERENCED_KERNEL_NAMES:
        case CU_JIT_REFERENCED_KERNEL_COUNT: case CU_JIT_REFERENCED_VARIABLE_NAMES: case CU_JIT_REFERENCED_VARIABLE_COUNT: break;
        default: add(CUjit_option(options[i]), reinterpret_cast<void*>(uintptr_t(values[i])));
      }
    }
  }
  std::vector<CUjit_option> options;
  std::vector<void*> values;
  std::vector<char> info, error;
  void put_logs(wire::Writer& w) const {
    put_log(w, info);
    put_log(w, error);
  }

 private:
  static constexpr size_t kMostLog = 1 << 20;
  void add(CUjit_option option, void* value) {
    options.push_back(option);
    values.push_back(value);
  }
  void add_log(std::vector<char>& log, CUjit_option buffer, CUjit_option size, uint64_t bytes) {
    if (!log.empty() || !bytes) return;
    log.resize(bytes < kMostLog ? bytes : kMostLog);
    add(buffer, log.data());
    add(size, reinterpret_cast<void*>(uintptr_t(log.size())));
  }
  static void put_log(wire::Writer& w, const std::vector<char>& log) {
    size_t n = log.empty() ? 0 : strnlen(log.data(), log.size() - 1) + 1;
    w.put_array(n ? log.data() : nullptr, n);
  }
};

}  // namespace worker
