// Chooses the functions compiled for the best instruction set that the processor has. Any thread.
#include <cstdlib>

#include "softgpu/exec/program.h"

namespace softgpu {

#define SOFTGPU_DECLARE(isa)                                                                                                       \
  namespace isa {                                                                                                                  \
  Fn select_int(const Key&); Fn select_float(const Key&); Fn select_half(const Key&); Fn select_compare(const Key&);               \
  Fn select_convert(const Key&); Fn select_memory(const Key&); Fn select_atomic(const Key&); Fn select_warp(const Key&);           \
  Fn select_matrix(const Key&); Fn select_mbarrier(const Key&); Fn select_video(const Key&);  Fn select_bulk(const Key&);        \
  }
SOFTGPU_DECLARE(isa_base)
#ifdef SOFTGPU_HAVE_V3
SOFTGPU_DECLARE(isa_v3)
#endif

namespace {

struct Set { Fn (*by_group[12])(const Key&); };
#define SOFTGPU_SET(isa)                                                                                                           \
  Set{{isa::select_int, isa::select_float, isa::select_half, isa::select_compare, isa::select_convert, isa::select_memory,         \
       isa::select_atomic, isa::select_warp, isa::select_matrix, isa::select_mbarrier, isa::select_video, isa::select_bulk}}

const Set& best() {
  static const Set kSet = [] {
#ifdef SOFTGPU_HAVE_V3
    __builtin_cpu_init();
    if (!std::getenv("SOFTGPU_BASE_ISA") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c"))
      return SOFTGPU_SET(isa_v3);
#endif
    return SOFTGPU_SET(isa_base);
  }();
  return kSet;
}

}  // namespace

Fn select_texture(const Key& k);   // exec/ops_texture.cpp, the same for every processor

Fn select_function(const Key& k) {
  if (k.op == Op::Tex) return select_texture(k);
  bool half = k.t == Ty::F16 || k.t == Ty::F16x2 || k.t == Ty::BF16 || k.t == Ty::BF16x2;
  int group;
  if (k.op == Op::Video) return best().by_group[10](k);
  if (k.op == Op::CpBulk || k.op == Op::StBulk) return best().by_group[11](k);
  if (k.op >= Op::FAdd && k.op <= Op::Copysign) group = half ? 2 : 1;
  else if (k.op >= Op::Testp && k.op <= Op::Slct) group = 3;
  else if (k.op >= Op::Cvt && k.op <= Op::Unpack) group = 4;
  else if (k.op == Op::Atom || k.op == Op::Red) group = 6;
  else if (k.op >= Op::Ld && k.op <= Op::Stack) group = 5;
  else if (k.op >= Op::MbarInit) group = 9;
  else if (k.op >= Op::Ldmatrix) group = 8;
  else if (k.op >= Op::Shfl || k.op == Op::ReadClock) group = 7;
  else group = 0;
  return best().by_group[group](k);
}

}  // namespace softgpu
