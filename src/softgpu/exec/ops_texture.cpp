// tex, tld4, txq, suld, sust, sured, suq: lane by lane. Called by the interpreter on whichever thread runs the warp. A number that is no
// texture (or surface) of the device, or memory that is gone, is a fault of the kernel.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "softgpu/exec/cta.h"
#include "softgpu/exec/half.h"
#include "softgpu/exec/sample.h"

namespace softgpu {
namespace {

using F = TextureForm;

struct Operands {
  F form;
  const uint32_t *results, *sources;
};
Operands operands(const Warp& w, const Insn& in) {
  Operands o;
  const uint32_t* x = w.extra + in.extra;
  std::memcpy(static_cast<void*>(&o.form), x + in.sub, sizeof o.form);
  o.results = x;
  o.sources = x + o.form.results;
  return o;
}
uint32_t& word(Warp& w, uint32_t reg, uint32_t lane) { return reinterpret_cast<uint32_t*>(w.regs + reg)[lane]; }
uint64_t& wide(Warp& w, uint32_t reg, uint32_t lane) { return reinterpret_cast<uint64_t*>(w.regs + reg)[lane]; }
float number(Warp& w, uint32_t reg, uint32_t lane) { return std::bit_cast<float>(word(w, reg, lane)); }

void fault(Warp& w, int code, uint32_t lane, uint64_t address, const char* text) {
  w.fault = code, w.fault_lane = lane, w.fault_address = address, w.fault_text = text;
}

// The texture of that number, or null and the warp has failed. Textures stay with the worker until the launch ends.
const Texture* find(Warp& w, uint64_t handle, bool surface, uint32_t lane) {
  auto& known = static_cast<Worker*>(w.worker)->textures;
  for (size_t i = 0; i < known.size(); i++)
    if (known[i].first == handle && known[i].second->surface == surface) {
      if (i) std::swap(known[i], known[0]);
      return known[0].second.get();
    }
  const Memory& memory = *static_cast<WarpState&>(w).memory;
  TextureRef t = memory.textures().find(handle);
  if (!t || t->surface != surface) {
    fault(w, 700, lane, handle, surface ? "not a surface object" : "not a texture object");
    return nullptr;
  }
  if (!t->memory) {   // memory that the program allocated itself and may have freed
    const TexelBox& b = t->levels[0];
    if (!memory.valid(b.base, (b.height - 1) * b.pitch + uint64_t{b.width} * t->texel_bytes())) {
      fault(w, 700, lane, b.base, "the memory of a texture is gone");
      return nullptr;
    }
  }
  known.insert(known.begin(), {handle, std::move(t)});
  return known[0].second.get();
}

bool has_layer(F::Geometry g) { return g == F::A1 || g == F::A2 || g == F::ACube; }
uint32_t directions(F::Geometry g) { return g == F::D1 || g == F::A1 ? 1 : g == F::D2 || g == F::A2 ? 2 : 3; }

void sample_lanes(Warp& w, const Insn& in, uint32_t mask) {
  const Operands o = operands(w, in);
  const F& f = o.form;
  const uint32_t n = directions(f.geometry);
  for (uint32_t m = mask; m; m &= m - 1) {
    const uint32_t lane = static_cast<uint32_t>(std::countr_zero(m));
    const Texture* t = find(w, wide(w, in.r[1], lane), false, lane);
    if (!t) return;
    const uint32_t* s = o.sources;
    SamplePoint at;
    at.integer = f.integer;
    if (has_layer(f.geometry)) at.layer = word(w, *s++, lane);
    for (uint32_t i = 0; i < n; i++) at.x[i] = word(w, *s++, lane);
    if (f.level == F::Given) at.level = number(w, *s++, lane);
    if (f.level == F::Gradient) {
      float d[2][3];
      for (auto& along : d)
        for (uint32_t i = 0; i < n; i++) along[i] = number(w, *s++, lane);
      at.level = level_of(*t, f.geometry, at, d[0], d[1]);
    }
    for (uint32_t i = 0; i < f.offsets; i++) at.offset[i] = static_cast<int32_t>(word(w, *s++, lane));
    uint32_t out[4];
    if (f.kind == F::Gather) gather(*t, at, f.what, out);
    else sample(*t, f.geometry, at, out);
    if (f.halves) {
      for (int i = 0; i < 2; i++)
        word(w, o.results[i], lane) = float_to_half(std::bit_cast<float>(out[2 * i])) | static_cast<uint32_t>(float_to_half(std::bit_cast<float>(out[2 * i + 1]))) << 16;
    } else {
      for (int i = 0; i < 4; i++) word(w, o.results[i], lane) = out[i];
    }
  }
  if (f.residency) *reinterpret_cast<uint32_t*>(w.regs + o.results[f.results - 1]) |= mask;
}

// Keys of OpenCL, in which the manual gives the answers.
uint32_t type_key(const Texture& t) {
  constexpr uint32_t kPlain[] = {0x10DA, 0x10DB, 0x10DC, 0x10D7, 0x10D8, 0x10D9, 0x10DD, 0x10DE};
  if (!t.as_fraction) return kPlain[static_cast<int>(t.texel)];
  return t.texel == Texel::U8 ? 0x10D2 : t.texel == Texel::U16 ? 0x10D3 : t.texel == Texel::S8 ? 0x10D0 : 0x10D1;
}
uint32_t answer(const Texture& t, uint8_t what, int32_t level) {
  const TexelBox& b = t.levels[static_cast<size_t>(std::clamp<int64_t>(level, 0, static_cast<int64_t>(t.levels.size()) - 1))];
  const bool layers = t.layered || t.cube;
  switch (what) {
    case F::Width: return b.width;
    case F::Height: return t.dimensions > 1 ? b.height : 0;
    case F::Depth: return t.dimensions > 2 ? b.depth : 0;
    case F::Type: return type_key(t);
    case F::Order: return t.channels == 1 ? 0x10B0 : t.channels == 2 ? 0x10B2 : 0x10B5;
    case F::Normalized: return t.normalized_coordinates;
    case F::ArraySize: return layers ? t.cube ? b.depth / 6 : b.depth : 0;
    case F::Levels: return static_cast<uint32_t>(t.levels.size());
    case F::FilterMode: return t.filter;
    case F::Wrap0: case F::Wrap1: case F::Wrap2: {   // wrap mirror clamp_ogl clamp_to_edge clamp_to_border
      constexpr uint32_t kModes[] = {0, 3, 1, 4};
      return kModes[static_cast<int>(t.wrap[what - F::Wrap0])];
    }
    case F::Unnormalized: return !t.normalized_coordinates;
    default: return 1;      // samples; a memory layout that is no concern of anybody
  }
}

void query_lanes(Warp& w, const Insn& in, uint32_t mask) {
  const Operands o = operands(w, in);
  for (uint32_t m = mask; m; m &= m - 1) {
    const uint32_t lane = static_cast<uint32_t>(std::countr_zero(m));
    const Texture* t = find(w, wide(w, in.r[1], lane), o.form.formatted, lane);
    if (!t) return;
    word(w, o.results[0], lane) = answer(*t, o.form.what, o.form.level == F::Given ? static_cast<int32_t>(word(w, o.sources[0], lane)) : 0);
  }
}

// Where a lane's surface access goes; 0: nowhere (outside, mode zero), or the warp has failed.
uint64_t place(Warp& w, const Insn& in, const Operands& o, uint32_t lane, const Texture** out) {
  const F& f = o.form;
  const Texture* t = *out = find(w, wide(w, in.r[1], lane), true, lane);
  if (!t) return 0;
  const TexelBox& b = t->levels[0];
  const uint32_t* s = o.sources;
  int64_t layer = has_layer(f.geometry) ? static_cast<int32_t>(word(w, *s++, lane)) : 0, x[3] = {0, 0, 0};
  for (uint32_t i = 0; i < directions(f.geometry); i++) x[i] = static_cast<int32_t>(word(w, *s++, lane));
  if (has_layer(f.geometry)) x[2] = layer;
  const int64_t texel = t->texel_bytes(), access = f.formatted ? texel : f.bytes * f.elements;
  if (f.formatted) x[0] *= texel;
  const int64_t size[3] = {int64_t{b.width} * texel, b.height, b.depth};
  if (x[0] % access) return fault(w, 716, lane, static_cast<uint64_t>(x[0]), "misaligned surface access"), 0;
  for (int i = 0; i < 3; i++) {
    int64_t last = size[i] - (i ? 1 : access);
    if (x[i] >= 0 && x[i] <= last) continue;
    if (f.outside == F::Zero) return 0;
    if (f.outside == F::Trap || last < 0) return fault(w, 700, lane, static_cast<uint64_t>(x[i]), "surface access outside its bounds"), 0;
    x[i] = x[i] < 0 ? 0 : last;
  }
  return b.base + static_cast<uint64_t>(x[2]) * b.slice + static_cast<uint64_t>(x[1]) * b.pitch + static_cast<uint64_t>(x[0]);
}

void load_lanes(Warp& w, const Insn& in, uint32_t mask) {
  const Operands o = operands(w, in);
  const F& f = o.form;
  for (uint32_t m = mask; m; m &= m - 1) {
    const uint32_t lane = static_cast<uint32_t>(std::countr_zero(m));
    const Texture* t;
    uint64_t from = place(w, in, o, lane, &t);
    if (w.fault) return;
    for (uint32_t i = 0; i < f.elements; i++) {
      uint64_t v = 0;
      if (from) std::memcpy(&v, reinterpret_cast<const void*>(from + i * f.bytes), f.bytes);
      if (f.bytes == 8) wide(w, o.results[i], lane) = v;
      else word(w, o.results[i], lane) = static_cast<uint32_t>(v);
    }
  }
}

// A formatted store: 32 bits to what the surface holds, signed or unsigned as that is, out of range to the nearest.
uint32_t converted(const Texture& t, uint32_t bits) {
  auto clamped = [&](int32_t low, int32_t high) { return static_cast<uint32_t>(std::clamp(static_cast<int32_t>(bits), low, high)); };
  switch (t.texel) {
    case Texel::U8: return std::min(bits, 255u);
    case Texel::U16: return std::min(bits, 65535u);
    case Texel::S8: return clamped(-128, 127);
    case Texel::S16: return clamped(-32768, 32767);
    case Texel::F16: return float_to_half(std::bit_cast<float>(bits));
    default: return bits;
  }
}

void store_lanes(Warp& w, const Insn& in, uint32_t mask) {
  const Operands o = operands(w, in);
  const F& f = o.form;
  const uint32_t* values = o.sources + f.sources - f.elements;
  for (uint32_t m = mask; m; m &= m - 1) {
    const uint32_t lane = static_cast<uint32_t>(std::countr_zero(m));
    const Texture* t;
    uint64_t to = place(w, in, o, lane, &t);
    if (w.fault) return;
    if (!to) continue;
    const uint32_t bytes = f.formatted ? bytes_of(t->texel) : f.bytes, count = f.formatted ? t->channels : f.elements;
    for (uint32_t i = 0; i < count; i++) {
      uint64_t v = i >= f.elements ? 0 : f.bytes == 8 ? wide(w, values[i], lane) : word(w, values[i], lane);
      if (f.formatted) v = converted(*t, static_cast<uint32_t>(v));
      std::memcpy(reinterpret_cast<void*>(to + i * bytes), &v, bytes);
    }
  }
}

template <class T>
void reduce(uint64_t to, uint8_t what, T v) {
  T* p = reinterpret_cast<T*>(to);
  T old = __atomic_load_n(p, __ATOMIC_RELAXED), now;
  do {
    now = what == 0 ? T(old + v) : what == 1 ? std::min(old, v) : what == 2 ? std::max(old, v) : what == 3 ? T(old & v) : T(old | v);
  } while (!__atomic_compare_exchange_n(p, &old, now, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

void reduce_lanes(Warp& w, const Insn& in, uint32_t mask) {
  const Operands o = operands(w, in);
  const F& f = o.form;
  const uint32_t value = o.sources[f.sources - 1];
  for (uint32_t m = mask; m; m &= m - 1) {
    const uint32_t lane = static_cast<uint32_t>(std::countr_zero(m));
    const Texture* t;
    uint64_t to = place(w, in, o, lane, &t);
    if (w.fault) return;
    if (!to || to % f.bytes) continue;
    if (f.formatted && t->texel_bytes() != 4) continue;
    const bool is_signed = f.formatted ? t->texel == Texel::S32 : f.is_signed;
    if (f.bytes == 8) is_signed ? reduce<int64_t>(to, f.what, static_cast<int64_t>(wide(w, value, lane))) : reduce<uint64_t>(to, f.what, wide(w, value, lane));
    else is_signed ? reduce<int32_t>(to, f.what, static_cast<int32_t>(word(w, value, lane))) : reduce<uint32_t>(to, f.what, word(w, value, lane));
  }
}

void texture_lanes(Warp& w, const Insn& in, uint32_t mask) {
  switch (operands(w, in).form.kind) {
    case F::Sample: case F::Gather: return sample_lanes(w, in, mask);
    case F::Query: return query_lanes(w, in, mask);
    case F::Load: return load_lanes(w, in, mask);
    case F::Store: return store_lanes(w, in, mask);
    case F::Reduce: return reduce_lanes(w, in, mask);
  }
}

}  // namespace

Fn select_texture(const Key&) { return texture_lanes; }

}  // namespace softgpu
