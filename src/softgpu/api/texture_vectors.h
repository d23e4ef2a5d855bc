// Textures with the coordinates to read them at, run by the driver API on any libcuda: texture_record.cpp writes what a real GPU answers,
// texture_test.cpp compares. Tests only.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "abi/cuda_abi.h"

namespace texture_vectors {

enum Geometry { D1, D2, D3, A1, A2, Cube, ACube };
enum Operation { Tex, Level, Grad, Integer, Gather0, Gather1, Gather2, Gather3, Halves };
enum Points { Mixed, Fine, EveryWeight };
enum Resource { Array, Mipmap, Linear, Pitch };
enum Content { Random, Ramp, EveryValue };

struct Case {
  Operation operation = Tex;
  Geometry geometry = D1;
  unsigned w = 8, h = 0, d = 0;
  CUarray_format format = CU_AD_FORMAT_FLOAT;
  unsigned channels = 1;
  bool filter = false;
  CUaddress_mode wrap[3] = {CU_TR_ADDRESS_MODE_CLAMP, CU_TR_ADDRESS_MODE_CLAMP, CU_TR_ADDRESS_MODE_CLAMP};
  unsigned flags = 0;
  unsigned levels = 1;
  bool filter_levels = false;
  float bias = 0, least = 0, most = 16;
  unsigned anisotropy = 0;
  Points points = Mixed;
  Content content = Random;
  Resource resource = Array;
  unsigned count = 512;
};

struct Point { float x, y, z; int32_t layer; float a[4], b[4]; };   // a: the level, or d/dx; b: d/dy
struct Answer { uint32_t v[4]; };

inline uint64_t mix(uint64_t s) {
  s += 0x9e3779b97f4a7c15ull;
  s = (s ^ s >> 30) * 0xbf58476d1ce4e5b9ull;
  s = (s ^ s >> 27) * 0x94d049bb133111ebull;
  return s ^ s >> 31;
}
inline double fraction(uint64_t s) { return static_cast<double>(mix(s) >> 11) * 0x1p-53; }

inline std::vector<Case> cases() {
  std::vector<Case> all;
  const CUaddress_mode kModes[] = {CU_TR_ADDRESS_MODE_WRAP, CU_TR_ADDRESS_MODE_CLAMP, CU_TR_ADDRESS_MODE_MIRROR, CU_TR_ADDRESS_MODE_BORDER};
  const unsigned kNorm = CU_TRSF_NORMALIZED_COORDINATES, kInt = CU_TRSF_READ_AS_INTEGER;
  auto wrapped = [](Case c, CUaddress_mode x, CUaddress_mode y, CUaddress_mode z) {
    c.wrap[0] = x, c.wrap[1] = y, c.wrap[2] = z;
    return c;
  };
  for (int m = 0; m < 4; m++)                                           // address modes
    for (unsigned flags : {0u, kNorm})
      for (bool filter : {false, true}) {
        all.push_back(wrapped({.w = 8, .filter = filter, .flags = flags}, kModes[m], kModes[m], kModes[m]));
        all.push_back(wrapped({.w = 7, .filter = filter, .flags = flags}, kModes[m], kModes[m], kModes[m]));
        all.push_back(wrapped({.geometry = D2, .w = 8, .h = 5, .filter = filter, .flags = flags}, kModes[m], kModes[(m + 1) % 4], kModes[0]));
        all.push_back(wrapped({.geometry = D2, .w = 1000, .h = 3, .filter = filter, .flags = flags}, kModes[m], kModes[m], kModes[0]));
        all.push_back(wrapped({.geometry = D3, .w = 4, .h = 3, .d = 5, .filter = filter, .flags = flags}, kModes[m], kModes[(m + 1) % 4], kModes[(m + 2) % 4]));
        all.push_back(wrapped({.operation = Gather0, .geometry = D2, .w = 8, .h = 5, .filter = filter, .flags = flags}, kModes[m], kModes[(m + 3) % 4], kModes[0]));
      }
  for (bool filter : {false, true}) {                                   // layers, cubes
    for (unsigned flags : {0u, kNorm}) {
      all.push_back({.geometry = A1, .w = 8, .d = 3, .filter = filter, .flags = flags});
      all.push_back({.geometry = A2, .w = 8, .h = 4, .d = 3, .filter = filter, .flags = flags});
    }
    for (unsigned flags : {0u, kNorm, kNorm | CU_TRSF_SEAMLESS_CUBEMAP})
      for (CUaddress_mode m : {CU_TR_ADDRESS_MODE_CLAMP, CU_TR_ADDRESS_MODE_WRAP, CU_TR_ADDRESS_MODE_BORDER}) {
        all.push_back(wrapped({.geometry = Cube, .w = 4, .h = 4, .d = 6, .filter = filter, .flags = flags, .count = 2048}, m, m, m));
        all.push_back(wrapped({.geometry = ACube, .w = 4, .h = 4, .d = 12, .filter = filter, .flags = flags}, m, m, m));
      }
  }
  const CUarray_format kFormats[] = {CU_AD_FORMAT_UNSIGNED_INT8, CU_AD_FORMAT_SIGNED_INT8, CU_AD_FORMAT_UNSIGNED_INT16, CU_AD_FORMAT_SIGNED_INT16,
                                     CU_AD_FORMAT_UNSIGNED_INT32, CU_AD_FORMAT_SIGNED_INT32, CU_AD_FORMAT_HALF, CU_AD_FORMAT_FLOAT};
  for (CUarray_format format : kFormats)                                // formats
    for (unsigned channels : {1u, 2u, 4u}) {
      const bool number = format == CU_AD_FORMAT_HALF || format == CU_AD_FORMAT_FLOAT, word = format == CU_AD_FORMAT_UNSIGNED_INT32 || format == CU_AD_FORMAT_SIGNED_INT32;
      Case c = {.geometry = D2, .w = 8, .h = 8, .format = format, .channels = channels, .flags = kNorm, .count = 256};
      all.push_back(c);
      c.flags = kNorm | kInt;
      all.push_back(c);
      all.push_back(wrapped(c, CU_TR_ADDRESS_MODE_BORDER, CU_TR_ADDRESS_MODE_BORDER, CU_TR_ADDRESS_MODE_BORDER));
      c.flags = kNorm;
      all.push_back(wrapped(c, CU_TR_ADDRESS_MODE_BORDER, CU_TR_ADDRESS_MODE_BORDER, CU_TR_ADDRESS_MODE_BORDER));
      c.operation = Gather2;
      all.push_back(c);
      c.operation = Gather3;
      all.push_back(wrapped(c, CU_TR_ADDRESS_MODE_BORDER, CU_TR_ADDRESS_MODE_BORDER, CU_TR_ADDRESS_MODE_BORDER));
      c.operation = Integer;
      all.push_back(c);
      if (number || word == false) {
        c.operation = Tex, c.filter = true;
        all.push_back(c);
        all.push_back(wrapped(c, CU_TR_ADDRESS_MODE_BORDER, CU_TR_ADDRESS_MODE_WRAP, CU_TR_ADDRESS_MODE_WRAP));
        c.operation = Halves;
        all.push_back(c);
      }
      all.push_back({.operation = Integer, .w = 37, .format = format, .channels = channels, .resource = Linear, .count = 256});
      all.push_back({.operation = Tex, .w = 37, .format = format, .channels = channels, .resource = Linear, .count = 256});
      all.push_back({.operation = Tex, .geometry = D2, .w = 9, .h = 5, .format = format, .channels = channels, .resource = Pitch, .count = 256});
      if (number || !word) all.push_back({.operation = Tex, .geometry = D2, .w = 9, .h = 5, .format = format, .channels = channels, .filter = true, .flags = kNorm, .resource = Pitch, .count = 256});
    }
  for (CUarray_format format : {CU_AD_FORMAT_UNSIGNED_INT8, CU_AD_FORMAT_SIGNED_INT8, CU_AD_FORMAT_UNSIGNED_INT16, CU_AD_FORMAT_SIGNED_INT16, CU_AD_FORMAT_HALF}) {
    unsigned n = format == CU_AD_FORMAT_UNSIGNED_INT8 || format == CU_AD_FORMAT_SIGNED_INT8 ? 256 : 65536;   // every value of a texel
    all.push_back({.operation = Integer, .w = n, .format = format, .content = EveryValue, .count = n});
  }
  for (unsigned channels : {1u, 4u}) {
    all.push_back({.operation = Integer, .w = 256, .format = CU_AD_FORMAT_UNSIGNED_INT8, .channels = channels, .flags = CU_TRSF_SRGB, .content = EveryValue, .count = 256});
    all.push_back({.w = 16, .format = CU_AD_FORMAT_UNSIGNED_INT8, .channels = channels, .filter = true, .flags = CU_TRSF_SRGB, .points = EveryWeight, .count = 4096});
  }
  for (unsigned flags : {0u, kNorm})                                    // how coordinates are rounded
    for (unsigned w : {4u, 7u, 1000u, 4096u})
      for (bool filter : {false, true}) all.push_back({.w = w, .filter = filter, .flags = flags, .points = Fine, .content = Ramp, .count = 8192});
  for (CUarray_format format : {CU_AD_FORMAT_UNSIGNED_INT8, CU_AD_FORMAT_SIGNED_INT8, CU_AD_FORMAT_UNSIGNED_INT16, CU_AD_FORMAT_SIGNED_INT16, CU_AD_FORMAT_HALF, CU_AD_FORMAT_FLOAT}) {
    all.push_back({.w = 32, .format = format, .filter = true, .points = EveryWeight, .count = 8192});   // how weights are applied
    all.push_back({.geometry = D2, .w = 16, .h = 16, .format = format, .filter = true, .points = EveryWeight, .count = 8192});
    all.push_back({.geometry = D3, .w = 8, .h = 8, .d = 8, .format = format, .filter = true, .points = EveryWeight, .count = 8192});
  }
  for (bool filter : {false, true})                                     // levels
    for (bool filter_levels : {false, true})
      for (Operation o : {Tex, Level, Grad}) {
        Case c = {.operation = o, .geometry = D2, .w = 32, .h = 16, .filter = filter, .flags = kNorm, .levels = 6, .filter_levels = filter_levels, .resource = Mipmap, .count = 1024};
        all.push_back(c);
        c.bias = 0.75f, c.least = 0.5f, c.most = 3.25f;
        all.push_back(c);
        c.bias = 0, c.least = 0, c.most = 16, c.anisotropy = 8;
        all.push_back(c);
        all.push_back({.operation = o, .geometry = D1, .w = 64, .filter = filter, .flags = kNorm, .levels = 7, .filter_levels = filter_levels, .resource = Mipmap});
        all.push_back({.operation = o, .geometry = D3, .w = 8, .h = 8, .d = 8, .filter = filter, .flags = kNorm, .levels = 4, .filter_levels = filter_levels, .resource = Mipmap});
        all.push_back({.operation = o, .geometry = A2, .w = 16, .h = 16, .d = 3, .filter = filter, .flags = kNorm, .levels = 5, .filter_levels = filter_levels, .resource = Mipmap});
        all.push_back({.operation = o, .geometry = Cube, .w = 16, .h = 16, .d = 6, .filter = filter, .flags = kNorm, .levels = 5, .filter_levels = filter_levels, .resource = Mipmap});
        all.push_back({.operation = o, .geometry = D2, .w = 8, .h = 8, .filter = filter, .flags = kNorm, .levels = 1});
      }
  for (int o = Gather0; o <= Gather3; o++)
    all.push_back({.operation = Operation(o), .geometry = D2, .w = 8, .h = 8, .format = CU_AD_FORMAT_UNSIGNED_INT8, .channels = 4, .flags = kNorm});
  return all;
}

inline unsigned texel_bytes(const Case& c) {
  switch (c.format) {
    case CU_AD_FORMAT_UNSIGNED_INT8: case CU_AD_FORMAT_SIGNED_INT8: return c.channels;
    case CU_AD_FORMAT_UNSIGNED_INT16: case CU_AD_FORMAT_SIGNED_INT16: case CU_AD_FORMAT_HALF: return 2 * c.channels;
    default: return 4 * c.channels;
  }
}

// Texels of a box of w*h*d, rows without padding.
inline std::vector<uint8_t> content(const Case& c, unsigned seed, size_t w, size_t h, size_t d) {
  const size_t n = w * h * d * c.channels, one = texel_bytes(c) / c.channels;
  std::vector<uint8_t> bytes(n * one);
  for (size_t i = 0; i < n; i++) {
    uint64_t r = mix(seed * 1000003ull + i);
    uint32_t v = static_cast<uint32_t>(r);
    float f = static_cast<float>((fraction(r) - 0.5) * 4);
    if (c.content == Ramp) f = static_cast<float>(i);
    if (c.content == EveryValue) v = static_cast<uint32_t>(i / c.channels);
    else if (c.format == CU_AD_FORMAT_HALF) v = (v & 0x83ff) | (0x3000 + (v >> 20 & 7) * 0x400);
    if (c.format == CU_AD_FORMAT_FLOAT) v = std::bit_cast<uint32_t>(f);
    memcpy(&bytes[i * one], &v, one);
  }
  return bytes;
}

inline std::vector<Point> points(const Case& c, unsigned seed) {
  std::vector<Point> all(c.count);
  const bool cube = c.geometry == Cube || c.geometry == ACube, normalized = (c.flags & CU_TRSF_NORMALIZED_COORDINATES) != 0;
  const double size[3] = {double(c.w), double(c.h ? c.h : 1), double(c.d ? c.d : 1)};
  static const float kOdd[] = {0.0f, -0.0f, 1e-30f, 1e30f, -1e30f, INFINITY, -INFINITY, NAN, 16777216.0f, -16777216.0f, 2147483648.0f, 1e-42f, 65536.5f, -65536.5f, 1048576.3f, 0.49999997f};
  for (unsigned i = 0; i < c.count; i++) {
    Point& p = all[i];
    auto random = [&](unsigned k) { return fraction(seed * 7919ull * 1000 + i * 16ull + k); };
    float x[3];
    for (int k = 0; k < 3; k++) {
      double v;
      if (cube) {
        v = random(k) * 2 - 1;
        if (i % 8 == 1) v = std::floor(v * 3) / 2;                   // ties
        if (i % 8 == 2) v = v < 0 ? -1 : 1;
        if (i % 32 == 3 && k == int(i / 32 % 3)) v = kOdd[i / 96 % 16];
        x[k] = static_cast<float>(v);
        continue;
      }
      if (c.points == Fine) {                                        // every 1/2048 texel, and its neighbours
        double step = i / 2 / 2048.0 * (c.w > 100 ? c.w / 2.1 : 1.0);
        if (c.w > 100) step = std::floor(random(9) * c.w * 512) / 512;
        v = normalized ? step / size[k] : step;
        x[k] = static_cast<float>(v);
        if (i % 4 == 1) x[k] = std::nextafterf(x[k], -1e9f);
        if (i % 4 == 3) x[k] = std::nextafterf(x[k], 1e9f);
        continue;
      }
      if (c.points == EveryWeight) {
        uint64_t n = k == 0 ? i : mix(seed + i * 3ull + k);
        x[k] = static_cast<float>((n % static_cast<uint64_t>(size[k] * 256)) / 256.0);
        continue;
      }
      v = (random(k) * 4 - 1.5) * size[k];
      if (i % 4 == 1) v = std::floor(v * 2) / 2;                     // on texels and between them
      if (i % 8 == 2) v = std::floor(v * 512) / 512;
      if (normalized) v /= size[k];
      x[k] = static_cast<float>(v);
      if (i % 16 == 5) x[k] = std::nextafterf(x[k], -1e9f);
      if (i % 32 == 7 && k == int(i / 32 % 3)) x[k] = kOdd[i / 32 % 16];
    }
    if (c.operation == Integer) {
      for (int k = 0; k < 3; k++) {
        int32_t v = static_cast<int32_t>(c.content == EveryValue ? i : (random(k) * 3 - 1) * size[k]);
        if (c.content != EveryValue && i % 16 == 3) v = i % 32 == 3 ? INT32_MIN + int(i) : INT32_MAX - int(i);
        memcpy(&x[k], &v, 4);
      }
    }
    p.x = x[0], p.y = x[1], p.z = x[2];
    p.layer = static_cast<int32_t>(random(3) * 9) - 2;
    if (i % 64 == 9) p.layer = i % 128 == 9 ? INT32_MIN : INT32_MAX;
    for (int k = 0; k < 4; k++) p.a[k] = p.b[k] = 0;
    if (c.operation == Level) {
      p.a[0] = static_cast<float>(random(4) * 9 - 2);
      if (i % 4 == 1) p.a[0] = std::floor(p.a[0] * 8) / 8;
      if (i % 4 == 2) p.a[0] = std::floor(p.a[0] * 1024) / 1024;
      if (i % 64 == 3) p.a[0] = kOdd[i / 64 % 16];
    }
    if (c.operation == Grad)
      for (int k = 0; k < 3; k++) {
        p.a[k] = static_cast<float>(std::exp2(random(5) * 9 - 4) / c.w * (random(6 + k) - 0.5));
        p.b[k] = static_cast<float>(std::exp2(random(5) * 9 - 4) / c.w * (random(9 + k) - 0.5));
        if (i % 2) p.b[k] = 0, p.a[k] = k == 0 ? p.a[k] : 0;         // along one direction: no question of how to combine
      }
  }
  return all;
}

// Which of a case's points the checked-in answers are for.
inline std::vector<unsigned> kept(const Case& c) {
  constexpr unsigned kMost = 160;
  const unsigned n = c.count < kMost ? c.count : kMost, step = c.count / n;
  std::vector<unsigned> at(n);
  for (unsigned j = 0; j < n; j++) at[j] = j * step + static_cast<unsigned>(mix(j) % step);
  return at;
}

inline std::string kernel_name(Operation o, Geometry g) { return "k" + std::to_string(int(o)) + "_" + std::to_string(int(g)); }

inline std::string module_ptx() {
  static const char* kGeometry[] = {"1d", "2d", "3d", "a1d", "a2d", "cube", "acube"};
  static const char* kCoordinates[] = {"{%x}", "{%x, %y}", "{%x, %y, %z, %z}", "{%l, %x}", "{%l, %x, %y, %y}", "{%x, %y, %z, %z}", "{%l, %x, %y, %z}"};
  static const char* kGradient[] = {"{%a0}, {%b0}", "{%a0, %a1}, {%b0, %b1}", "{%a0, %a1, %a2, %a2}, {%b0, %b1, %b2, %b2}", "{%a0}, {%b0}", "{%a0, %a1}, {%b0, %b1}",
                                    "{%a0, %a1, %a2, %a2}, {%b0, %b1, %b2, %b2}", "{%a0, %a1, %a2, %a2}, {%b0, %b1, %b2, %b2}"};
  std::string s = ".version 7.8\n.target sm_70\n.address_size 64\n";
  for (int o = Tex; o <= Halves; o++)
    for (int g = D1; g <= ACube; g++) {
      if (o >= Gather0 && o <= Halves && g != D2) continue;
      if (o == Integer && g >= Cube) continue;
      if (o == Grad && g == ACube) continue;
      std::string where = std::string(", [%t, ") + kCoordinates[g] + "]", name = kGeometry[g], out = "{%o0, %o1, %o2, %o3}", instruction;
      switch (o) {
        case Tex: instruction = "tex." + name + ".v4.u32.f32 " + out + where; break;
        case Level: instruction = "tex.level." + name + ".v4.u32.f32 " + out + where + ", %a0"; break;
        case Grad: instruction = "tex.grad." + name + ".v4.u32.f32 " + out + where + ", " + kGradient[g]; break;
        case Integer: instruction = "tex." + name + ".v4.u32.s32 " + out + where; break;
        case Halves: instruction = "mov.b32 %o2, 0; mov.b32 %o3, 0; tex." + name + ".v2.f16x2.f32 {%o0, %o1}" + where; break;
        default: instruction = std::string("tld4.") + "rgba"[o - Gather0] + ".2d.v4.u32.f32 " + out + where;
      }
      s += ".visible .entry " + kernel_name(Operation(o), Geometry(g)) + "(.param .u64 t, .param .u64 p, .param .u64 q, .param .u32 n)\n{\n"
           ".reg .pred %c; .reg .b32 %x, %y, %z, %l, %i, %j, %a<4>, %b<4>, %o<4>; .reg .b64 %t, %p, %q, %w;\n"
           "ld.param.u64 %t, [t]; ld.param.u64 %p, [p]; ld.param.u64 %q, [q]; ld.param.u32 %j, [n];\n"
           "mov.u32 %i, %ctaid.x; mov.u32 %x, %ntid.x; mov.u32 %y, %tid.x; mad.lo.u32 %i, %i, %x, %y;\n"
           "setp.ge.u32 %c, %i, %j; @%c ret;\n"
           "mul.wide.u32 %w, %i, 48; add.u64 %p, %p, %w; mul.wide.u32 %w, %i, 16; add.u64 %q, %q, %w;\n"
           "ld.global.v4.b32 {%x, %y, %z, %l}, [%p]; ld.global.v4.b32 {%a0, %a1, %a2, %a3}, [%p+16]; ld.global.v4.b32 {%b0, %b1, %b2, %b3}, [%p+32];\n" +
           instruction + ";\nst.global.v4.b32 [%q], {%o0, %o1, %o2, %o3};\nret;\n}\n";
    }
  return s;
}

#define TV(call)                                                                \
  do {                                                                          \
    CUresult tv_result = (call);                                                \
    if (tv_result) {                                                            \
      fprintf(stderr, "%s answered %d\n", #call, int(tv_result));               \
      return {};                                                                \
    }                                                                           \
  } while (0)

// What the GPU of the current context answers at these points; empty: a call failed.
inline std::vector<Answer> run(const Case& c, unsigned seed, CUmodule module, const std::vector<Point>& at) {
  const bool layered = c.geometry == A1 || c.geometry == A2 || c.geometry == ACube, cube = c.geometry == Cube || c.geometry == ACube;
  CUDA_RESOURCE_DESC r = {};
  CUarray array = nullptr;
  CUmipmappedArray mipmap = nullptr;
  CUdeviceptr memory = 0, in = 0, out = 0;
  const bool gather = c.operation >= Gather0 && c.operation <= Gather3;
  CUDA_ARRAY3D_DESCRIPTOR d = {c.w, c.h, c.d, c.format, c.channels, (layered ? CUDA_ARRAY3D_LAYERED : 0u) | (cube ? CUDA_ARRAY3D_CUBEMAP : 0u) | (gather ? CUDA_ARRAY3D_TEXTURE_GATHER : 0u)};
  auto fill = [&](CUarray to, unsigned level, size_t w, size_t h, size_t depth) -> CUresult {
    h = h ? h : 1, depth = depth ? depth : 1;
    std::vector<uint8_t> bytes = content(c, seed * 16 + level, w, h, depth);
    CUDA_MEMCPY3D copy = {};
    copy.srcMemoryType = CU_MEMORYTYPE_HOST, copy.srcHost = bytes.data(), copy.srcPitch = w * texel_bytes(c), copy.srcHeight = h;
    copy.dstMemoryType = CU_MEMORYTYPE_ARRAY, copy.dstArray = to;
    copy.WidthInBytes = w * texel_bytes(c), copy.Height = h, copy.Depth = depth;
    return cuMemcpy3D_v2(&copy);
  };
  if (c.resource == Array) {
    TV(cuArray3DCreate_v2(&array, &d));
    TV(fill(array, 0, c.w, c.h, c.d));
    r.resType = CU_RESOURCE_TYPE_ARRAY, r.res.array.hArray = array;
  } else if (c.resource == Mipmap) {
    TV(cuMipmappedArrayCreate(&mipmap, &d, c.levels));
    for (unsigned level = 0; level < c.levels; level++) {
      CUarray a;
      TV(cuMipmappedArrayGetLevel(&a, mipmap, level));
      auto half = [&](size_t n) { return n ? std::max<size_t>(n >> level, 1) : 0; };
      TV(fill(a, level, half(c.w), half(c.h), layered || cube ? c.d : half(c.d)));
    }
    r.resType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY, r.res.mipmap.hMipmappedArray = mipmap;
  } else {
    const size_t h = c.h ? c.h : 1, row = c.w * texel_bytes(c), pitch = c.resource == Pitch ? 512 : row;
    std::vector<uint8_t> bytes = content(c, seed * 16, c.w, h, 1);
    TV(cuMemAlloc_v2(&memory, pitch * h));
    for (size_t y = 0; y < h; y++) TV(cuMemcpyHtoD_v2(memory + y * pitch, &bytes[y * row], row));
    if (c.resource == Linear) {
      r.resType = CU_RESOURCE_TYPE_LINEAR;
      r.res.linear.devPtr = memory, r.res.linear.format = c.format, r.res.linear.numChannels = c.channels, r.res.linear.sizeInBytes = row;
    } else {
      r.resType = CU_RESOURCE_TYPE_PITCH2D;
      auto& p = r.res.pitch2D;
      p.devPtr = memory, p.format = c.format, p.numChannels = c.channels, p.width = c.w, p.height = c.h, p.pitchInBytes = pitch;
    }
  }
  CUDA_TEXTURE_DESC t = {};
  for (int i = 0; i < 3; i++) t.addressMode[i] = c.wrap[i];
  t.filterMode = c.filter ? CU_TR_FILTER_MODE_LINEAR : CU_TR_FILTER_MODE_POINT;
  t.mipmapFilterMode = c.filter_levels ? CU_TR_FILTER_MODE_LINEAR : CU_TR_FILTER_MODE_POINT;
  t.flags = c.flags, t.maxAnisotropy = c.anisotropy;
  t.mipmapLevelBias = c.bias, t.minMipmapLevelClamp = c.least, t.maxMipmapLevelClamp = c.most;
  const float kBorder[4] = {0.25f, -0.75f, 100.5f, 3.0f};
  memcpy(t.borderColor, kBorder, sizeof kBorder);
  CUtexObject texture = 0;
  TV(cuTexObjectCreate(&texture, &r, &t, nullptr));
  CUfunction kernel;
  TV(cuModuleGetFunction(&kernel, module, kernel_name(c.operation, c.geometry).c_str()));
  unsigned n = static_cast<unsigned>(at.size());
  TV(cuMemAlloc_v2(&in, n * sizeof(Point)));
  TV(cuMemAlloc_v2(&out, n * sizeof(Answer)));
  TV(cuMemcpyHtoD_v2(in, at.data(), n * sizeof(Point)));
  void* parameters[] = {&texture, &in, &out, &n};
  TV(cuLaunchKernel(kernel, (n + 127) / 128, 1, 1, 128, 1, 1, 0, nullptr, parameters, nullptr));
  std::vector<Answer> answers(n);
  TV(cuMemcpyDtoH_v2(answers.data(), out, n * sizeof(Answer)));
  TV(cuTexObjectDestroy(texture));
  if (array) TV(cuArrayDestroy(array));
  if (mipmap) TV(cuMipmappedArrayDestroy(mipmap));
  if (memory) TV(cuMemFree_v2(memory));
  TV(cuMemFree_v2(in));
  TV(cuMemFree_v2(out));
  return answers;
}
#undef TV

}  // namespace texture_vectors
