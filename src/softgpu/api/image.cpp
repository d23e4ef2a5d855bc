// What a load call was given: finds the containers behind the pointer, reads files, and handles the JIT's options. Any thread may call.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "softgpu/api/module.h"

namespace softgpu::api {

namespace {
constexpr uint32_t kWrapperMagic = 0x466243B1;

// The object that nvcc puts into .nvFatBinSegment. Version 2 (-rdc=true): fatbins is a NULL-terminated array of containers to link,
// and data holds only code linked for real hardware, or nothing.
struct Wrapper {
  uint32_t magic, version;
  const void* data;
  const void* const* fatbins;
};

bool add_image(const void* image, std::vector<std::span<const uint8_t>>* out) {
  uint64_t bytes = image ? image_bytes(image) : 0;
  if (bytes) out->emplace_back(static_cast<const uint8_t*>(image), bytes);
  return bytes != 0;
}
}  // namespace

CUresult collect_images(const void* image, std::vector<std::span<const uint8_t>>* out) {
  REQUIRE(image);
  uint32_t magic;
  memcpy(&magic, image, sizeof magic);
  if (magic != kWrapperMagic) return add_image(image, out) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_IMAGE;
  auto* wrapper = static_cast<const Wrapper*>(image);
  if (wrapper->version != 1 && wrapper->version != 2) return CUDA_ERROR_INVALID_IMAGE;
  if (wrapper->version == 2 && wrapper->fatbins)
    for (auto* each = wrapper->fatbins; *each; each++)
      if (!add_image(*each, out)) return CUDA_ERROR_INVALID_IMAGE;
  if (out->empty() && !add_image(wrapper->data, out)) return CUDA_ERROR_INVALID_IMAGE;
  return CUDA_SUCCESS;
}

CUresult read_file(const char* name, std::vector<uint8_t>* out) {
  REQUIRE(name);
  FILE* f = fopen(name, "rbe");
  if (!f) return CUDA_ERROR_FILE_NOT_FOUND;
  uint8_t block[65536];
  for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) out->insert(out->end(), block, block + n);
  bool failed = ferror(f);
  fclose(f);
  if (failed || out->empty()) return CUDA_ERROR_INVALID_IMAGE;
  out->push_back(0);
  return CUDA_SUCCESS;
}

CUresult JitOptions::read(unsigned count, const CUjit_option* options, void** values) {
  REQUIRE(count == 0 || (options && values));
  for (unsigned i = 0; i < count; i++) {
    switch (options[i]) {
      case CU_JIT_WALL_TIME: time_slot_ = &values[i]; break;
      case CU_JIT_INFO_LOG_BUFFER: info_ = static_cast<char*>(values[i]); break;
      case CU_JIT_ERROR_LOG_BUFFER: error_ = static_cast<char*>(values[i]); break;
      case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
        info_slot_ = &values[i];
        info_size_ = uint32_t(reinterpret_cast<uintptr_t>(values[i]));
        break;
      case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
        error_slot_ = &values[i];
        error_size_ = uint32_t(reinterpret_cast<uintptr_t>(values[i]));
        break;
      default:
        REQUIRE(unsigned(options[i]) < unsigned(CU_JIT_NUM_OPTIONS));   // the rest steers a code generator that is not there
    }
  }
  return CUDA_SUCCESS;
}

void JitOptions::write_log(char* buffer, size_t size, void** size_slot, const std::string& text) {
  size_t filled = 0;
  if (buffer && size) {
    filled = std::min(text.size(), size - 1);
    memcpy(buffer, text.data(), filled);
    buffer[filled] = 0;
  }
  if (size_slot) *size_slot = reinterpret_cast<void*>(uintptr_t(filled));
}

void JitOptions::report(const Outcome& outcome, float milliseconds) const {
  bool compiler = outcome.result == CUDA_ERROR_INVALID_PTX && outcome.text.find("ptxas fatal") == std::string::npos;
  write_log(error_, error_size_, error_slot_, outcome.result ? outcome.text + (compiler ? "\nptxas fatal   : Ptx assembly aborted due to errors" : "") : "");
  write_log(info_, info_size_, info_slot_, "");
  if (time_slot_) {
    uintptr_t bits = 0;
    memcpy(&bits, &milliseconds, sizeof milliseconds);
    *time_slot_ = reinterpret_cast<void*>(bits);
  }
}

}  // namespace softgpu::api
