// See sample.h. The rules come from the CUDA programming guide's appendix on texture fetching, the details (rounding of coordinates,
// faces that share an edge, coordinates that are no numbers) from what an H200 answered (testdata/texture.txt).
#include "softgpu/exec/sample.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "softgpu/exec/half.h"

namespace softgpu {
namespace {

constexpr int kWeightBits = 8;
constexpr int64_t kOne = 1 << kWeightBits;
constexpr int kFraction = 21;    // bits of a normalized coordinate that count

struct Word4 { uint32_t v[4]; };

float from_srgb(float c) { return c <= 0.04045f ? c / 12.92f : std::pow((c + 0.055f) / 1.055f, 2.4f); }

float fraction_scale(const Texture& t) { return t.texel == Texel::U8 || t.texel == Texel::U16 ? 65535.0f : 32767.0f; }

// A fraction in 16 bits, in which such texels are filtered and gathered. Signed bytes get there by repeating their bits.
double in_16_bits(const Texture& t, float v) {
  if (t.texel != Texel::S8) return std::rint(v * fraction_scale(t));
  int byte = static_cast<int>(std::rint(v * 127.0f));
  return byte * 258 + (byte >> 6 & 1) - (byte < 0);
}

// One component as the instruction gives it: float bits, or the integer.
uint32_t component(const Texture& t, const uint8_t* p, int c) {
  auto number = [](float f) { return std::bit_cast<uint32_t>(f); };
  p += static_cast<unsigned>(c) * bytes_of(t.texel);
  uint16_t half;
  uint32_t word;
  std::memcpy(&half, p, bytes_of(t.texel) == 1 ? 1 : 2);
  switch (t.texel) {
    case Texel::U8:
      if (!t.as_fraction) return *p;
      return number(t.srgb && c < 3 ? from_srgb(*p / 255.0f) : *p / 255.0f);
    case Texel::S8: {
      int v = static_cast<int8_t>(*p);
      return t.as_fraction ? number(std::max(v / 127.0f, -1.0f)) : static_cast<uint32_t>(v);
    }
    case Texel::U16: return t.as_fraction ? number(half / 65535.0f) : half;
    case Texel::S16: {
      int v = static_cast<int16_t>(half);
      return t.as_fraction ? number(std::max(v / 32767.0f, -1.0f)) : static_cast<uint32_t>(v);
    }
    case Texel::F16: return number(half_to_float(half));
    default: std::memcpy(&word, p, 4); return word;
  }
}

bool holds_numbers(const Texture& t) { return t.as_fraction || t.texel == Texel::F16 || t.texel == Texel::F32; }

// Components that the texture does not have read as 0, also outside.
Word4 texel(const Texture& t, const TexelBox& b, int64_t x, int64_t y, int64_t z) {
  const uint8_t* p = reinterpret_cast<const uint8_t*>(b.base + static_cast<uint64_t>(z) * b.slice + static_cast<uint64_t>(y) * b.pitch +
                                                      static_cast<uint64_t>(x) * t.texel_bytes());
  Word4 r{};
  for (int c = 0; c < t.channels; c++) r.v[c] = component(t, p, c);
  return r;
}
// The border as the texture could hold it; 8 and 16-bit integers that are read as they are have none.
Word4 border(const Texture& t) {
  Word4 r{};
  for (int c = 0; c < t.channels; c++) {
    float v = t.border[c];
    if (t.as_fraction) {
      const bool positive = t.texel == Texel::U8 || t.texel == Texel::U16;
      const float most = static_cast<float>((1 << (8 * bytes_of(t.texel) - !positive)) - 1);
      v = std::rint(std::clamp(std::isnan(v) ? 0.0f : v, positive ? 0.0f : -1.0f, 1.0f) * most) / most;
    } else if (bytes_of(t.texel) < 4 && t.texel != Texel::F16) {
      continue;
    }
    r.v[c] = std::bit_cast<uint32_t>(v);
  }
  return r;
}

// Along one direction: the texels to read (-1: the border) and the weight of the second, out of kOne.
struct Axis {
  int64_t first = 0, second = 0;
  int64_t weight = 0;
};

int64_t inside(int64_t i, int64_t size, Wrap wrap) {
  if (i >= 0 && i < size) return i;
  switch (wrap) {
    case Wrap::Repeat: return ((i % size) + size) % size;
    case Wrap::Mirror: {
      int64_t m = ((i % (2 * size)) + 2 * size) % (2 * size);
      return m < size ? m : 2 * size - 1 - m;
    }
    case Wrap::Border: return -1;
    default: return i < 0 ? 0 : size - 1;
  }
}

Axis along(const Texture& t, int direction, const SamplePoint& at, uint32_t texels, bool two, bool normalized, Wrap wrap) {
  const int64_t size = texels;
  if (!normalized && (wrap == Wrap::Repeat || wrap == Wrap::Mirror)) wrap = Wrap::Clamp;
  int64_t fixed;   // in 1/256 of a texel
  if (at.integer) {
    fixed = int64_t{static_cast<int32_t>(at.x[direction])} * kOne;
    if (two) fixed += kOne / 2;
  } else {
    double v = std::bit_cast<float>(at.x[direction]);
    if (std::isnan(v) || std::fabs(v) < 0x1p-126) v = 0;   // what is too small for a normal number counts as 0
    if (normalized) {
      if ((wrap == Wrap::Repeat || wrap == Wrap::Mirror) && std::isinf(v)) v = 0;
      if (wrap == Wrap::Repeat) v -= std::floor(v);
      if (wrap == Wrap::Mirror) v -= 2 * std::floor(v / 2);
      v = std::ldexp(std::floor(std::ldexp(std::clamp(v, -1e6, 1e6), kFraction)), -kFraction) * static_cast<double>(size);
    }
    v = std::clamp(v, -1e6, 1e9) * kOne;
    fixed = static_cast<int64_t>(two ? std::floor(v + 0.5) : std::floor(v));
  }
  if (two) fixed -= kOne / 2;
  Axis a;
  int64_t i = (fixed >> kWeightBits) + at.offset[direction];
  a.weight = two ? fixed & (kOne - 1) : 0;
  a.first = inside(i, size, wrap);
  a.second = two ? inside(i + 1, size, wrap) : a.first;
  (void)t;
  return a;
}

Word4 read(const Texture& t, const TexelBox& b, int64_t x, int64_t y, int64_t z) {
  return x < 0 || y < 0 || z < 0 ? border(t) : texel(t, b, x, y, z);
}

// One level. `layer`: of an array or a cube, already within.
Word4 sample_level(const Texture& t, const TexelBox& b, int directions, const SamplePoint& at, int64_t layer, bool normalized) {
  const bool two = t.filter && holds_numbers(t) && !t.linear_memory;
  const uint32_t size[3] = {b.width, b.height, b.depth};
  Axis a[3];
  for (int i = 0; i < directions; i++) a[i] = along(t, i, at, size[i], two, normalized, t.cube ? Wrap::Clamp : t.wrap[i]);
  if (directions == 1 && two && !t.layered && t.wrap[1] == Wrap::Border) a[1] = {-1, 0, kOne / 2}, directions = 2;   // a row is an image, read at its upper edge
  if (directions < 3) a[2].first = a[2].second = layer;
  if (!two) return read(t, b, a[0].first, a[1].first, a[2].first);
  // All weights together are kOne. A product of two is rounded and what is left over belongs to the texels before; the rows of a volume
  // split what its columns and slices have come to.
  int64_t weights[8] = {kOne - a[0].weight, a[0].weight};
  auto rounded = [](int64_t product) { return (product + kOne / 2) >> kWeightBits; };
  if (directions > 1) {
    const int other = directions - 1, bit = 1 << other;
    const int64_t both = rounded(a[0].weight * a[other].weight);
    weights[0] = kOne - a[0].weight - a[other].weight + both, weights[1] = a[0].weight - both;
    weights[bit] = a[other].weight - both, weights[1 | bit] = both;
  }
  if (directions > 2)
    for (int corner : {0, 1, 4, 5}) {
      const int64_t stays = rounded(weights[corner] * (kOne - a[1].weight));
      weights[corner | 2] = weights[corner] - stays;
      weights[corner] = stays;
    }
  const int corners = 1 << directions;
  const bool whole = t.as_fraction && !t.srgb;   // such texels are filtered as integers of 16 bits
  double sum[4] = {0, 0, 0, 0};
  for (int corner = 0; corner < corners; corner++) {
    if (!weights[corner]) continue;
    auto texel_of = [&](int i) { return corner >> i & 1 ? a[i].second : a[i].first; };
    Word4 w = read(t, b, texel_of(0), directions > 1 ? texel_of(1) : 0, directions > 2 ? texel_of(2) : layer);
    for (int c = 0; c < 4; c++) {
      double v = std::bit_cast<float>(w.v[c]);
      if (whole) v = in_16_bits(t, std::bit_cast<float>(w.v[c]));
      sum[c] += static_cast<double>(weights[corner]) * v;
    }
  }
  Word4 r;
  for (int c = 0; c < 4; c++) {
    float v = static_cast<float>(sum[c] / kOne);
    if (whole) v = static_cast<float>(std::floor(sum[c] / kOne + 0.5)) / fraction_scale(t);
    if (t.srgb || t.texel == Texel::F16) v = half_to_float(double_to_half(sum[c] / kOne, kAway));
    r.v[c] = std::bit_cast<uint32_t>(v);
  }
  return r;
}

// The face that a vector points to, and where: s and t in [0, 1].
int face_of(const float v[3], float* s, float* t) {
  float x = v[0], y = v[1], z = v[2], ax = std::fabs(x), ay = std::fabs(y), az = std::fabs(z), m, u, w;
  int face;
  if (az >= ax && az >= ay) face = z < 0 ? 5 : 4, m = az, u = z < 0 ? -x : x, w = -y;
  else if (ay >= ax) face = y < 0 ? 3 : 2, m = ay, u = x, w = y < 0 ? -z : z;
  else face = x < 0 ? 1 : 0, m = ax, u = x < 0 ? z : -z, w = -y;
  *s = (u / m + 1) * 0.5f;
  *t = (w / m + 1) * 0.5f;
  return face;
}

int64_t layer_of(const Texture& t, const TexelBox& b, uint32_t asked, int face) {
  int64_t n = t.cube ? b.depth / 6 : b.depth, layer = t.layered ? std::min<int64_t>(asked, n - 1) : 0;
  return std::min<int64_t>(t.cube ? layer * 6 + face : layer, b.depth - 1);
}

}  // namespace

void sample(const Texture& t, TextureForm::Geometry g, const SamplePoint& asked, uint32_t out[4]) {
  SamplePoint at = asked;
  Word4 r;
  if (t.linear_memory) {
    int64_t i = int64_t{static_cast<int32_t>(at.x[0])} + at.offset[0];
    r = at.integer && i >= 0 && i < t.levels[0].width ? texel(t, t.levels[0], i, 0, 0) : Word4{};
    std::memcpy(out, r.v, sizeof r);
    return;
  }
  const bool cube = g == TextureForm::Cube || g == TextureForm::ACube, layers = t.layered || t.cube;
  int face = 0, directions = g == TextureForm::D3 ? 3 : g == TextureForm::D1 || g == TextureForm::A1 ? 1 : 2;
  if (cube) {
    float v[3], st[2];
    for (int i = 0; i < 3; i++) v[i] = std::bit_cast<float>(at.x[i]);
    face = face_of(v, &st[0], &st[1]);
    for (int i = 0; i < 2; i++) at.x[i] = std::bit_cast<uint32_t>(st[i]);
  }
  directions = std::min<int>(directions, t.dimensions);
  const bool normalized = t.normalized_coordinates || cube;
  const int most = static_cast<int>(t.levels.size()) - 1;
  auto one = [&](int level) {
    const TexelBox& b = t.levels[static_cast<size_t>(level)];
    return sample_level(t, b, directions, at, layers ? layer_of(t, b, at.layer, face) : 0, normalized);
  };
  if (most == 0) {
    r = one(0);
  } else {
    float level = (std::isnan(at.level) ? 0 : at.level) + t.level_bias;
    level = std::min(std::max(level, t.level_min), t.level_max);
    level = std::clamp(level, 0.0f, static_cast<float>(most));
    if (!t.filter_levels || !holds_numbers(t)) {
      r = one(std::min(static_cast<int>(level + 0.5f), most));
    } else {
      int fixed = static_cast<int>(std::floor(level * kOne + 0.5f)), first = fixed >> kWeightBits, weight = fixed & (kOne - 1);
      r = one(first);
      if (weight) {
        Word4 second = one(std::min(first + 1, most));
        for (int c = 0; c < 4; c++) {
          double v = (kOne - weight) * double{std::bit_cast<float>(r.v[c])} + weight * double{std::bit_cast<float>(second.v[c])};
          r.v[c] = std::bit_cast<uint32_t>(static_cast<float>(v / kOne));
        }
      }
    }
  }
  std::memcpy(out, r.v, sizeof r);
}

void gather(const Texture& t, const SamplePoint& at, uint8_t which, uint32_t out[4]) {
  const TexelBox& b = t.levels[0];
  Axis x = along(t, 0, at, b.width, true, t.normalized_coordinates, t.wrap[0]), y;
  if (t.dimensions > 1) y = along(t, 1, at, b.height, true, t.normalized_coordinates, t.wrap[1]);
  const int64_t columns[4] = {x.first, x.second, x.second, x.first}, rows[4] = {y.second, y.second, y.first, y.first};
  for (int i = 0; i < 4; i++) {
    out[i] = read(t, b, columns[i], rows[i], 0).v[which];
    if (t.as_fraction && t.texel == Texel::S8)   // the others are the same in 16 bits
      out[i] = std::bit_cast<uint32_t>(static_cast<float>(in_16_bits(t, std::bit_cast<float>(out[i]))) / fraction_scale(t));
  }
}

float level_of(const Texture& t, TextureForm::Geometry g, const SamplePoint& at, const float* dx, const float* dy) {
  const TexelBox& b = t.levels[0];
  const bool cube = g == TextureForm::Cube || g == TextureForm::ACube;
  const uint32_t size[3] = {b.width, b.height, b.depth};
  int n = g == TextureForm::D3 || cube ? 3 : g == TextureForm::D1 || g == TextureForm::A1 ? 1 : 2;
  double lx = 0, ly = 0, major = 1;
  if (cube) {
    major = 0;
    for (int i = 0; i < 3; i++) major = std::max(major, std::fabs(double{std::bit_cast<float>(at.x[i])}));
    if (major == 0) return 0;
    major *= 2;
  }
  for (int i = 0; i < n; i++) {
    double scale = t.normalized_coordinates || cube ? (cube ? size[0] : size[i]) / major : 1;
    lx += dx[i] * scale * dx[i] * scale;
    ly += dy[i] * scale * dy[i] * scale;
  }
  double rho = std::sqrt(std::max(lx, ly));
  return rho > 0 ? static_cast<float>(std::log2(rho)) : -1e9f;
}

}  // namespace softgpu
