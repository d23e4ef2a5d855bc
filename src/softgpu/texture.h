// Textures and surfaces as kernels see them: where texels lie, how they are read. Part of the seam between api/ (which makes them from
// cuTexObjectCreate and cuSurfObjectCreate) and the engine (exec/ops_texture.cpp), which looks them up by number.
// Threads: every member may be called from any thread; a Texture never changes after it was added.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace softgpu {

enum class Texel : uint8_t { U8, U16, U32, S8, S16, S32, F16, F32 };
inline unsigned bytes_of(Texel t) {
  constexpr uint8_t k[] = {1, 2, 4, 1, 2, 4, 2, 4};
  return k[static_cast<int>(t)];
}

// Texels side by side in memory: one array, one level of a mipmapped array, or linear memory.
struct TexelBox {
  uint64_t base = 0, pitch = 0, slice = 0;   // bytes from row to row and from slice (or layer) to slice
  uint32_t width = 1, height = 1, depth = 1; // depth: slices or layers; six layers a cube
};

enum class Wrap : uint8_t { Repeat, Clamp, Mirror, Border };   // CUaddress_mode

struct Texture {
  bool surface = false;          // of cuSurfObjectCreate: for suld, sust, sured, suq
  uint8_t dimensions = 1;        // without layers
  bool layered = false, cube = false;
  bool linear_memory = false;    // CU_RESOURCE_TYPE_LINEAR: read by integer coordinate, outside of it 0
  Texel texel = Texel::U8;
  uint8_t channels = 1;
  bool as_fraction = false;      // integers of 8 or 16 bits become numbers in [0, 1] or [-1, 1]
  bool normalized_coordinates = false, srgb = false, seamless = false;
  bool filter = false, filter_levels = false;    // linear between texels, between levels
  Wrap wrap[3] = {Wrap::Repeat, Wrap::Repeat, Wrap::Repeat};
  float border[4] = {0, 0, 0, 0};
  float level_bias = 0, level_min = 0, level_max = 0;
  uint32_t anisotropy = 0;
  std::vector<TexelBox> levels;  // at least one
  std::shared_ptr<const void> memory;   // keeps the array's bytes as long as a kernel may read them
  unsigned texel_bytes() const { return bytes_of(texel) * channels; }
};
using TextureRef = std::shared_ptr<const Texture>;

// The texture and surface objects of one device. A number is used once.
class Textures {
 public:
  uint64_t add(TextureRef t) {
    std::unique_lock lock(m_);
    live_.emplace(next_, std::move(t));
    return next_++;
  }
  TextureRef find(uint64_t number) const {
    std::shared_lock lock(m_);
    auto it = live_.find(number);
    return it == live_.end() ? nullptr : it->second;
  }
  void remove(uint64_t number) {
    std::unique_lock lock(m_);
    live_.erase(number);
  }

 private:
  mutable std::shared_mutex m_;
  std::unordered_map<uint64_t, TextureRef> live_;
  uint64_t next_ = 1;
};

}  // namespace softgpu
