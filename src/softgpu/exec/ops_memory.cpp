// Loads, stores, address conversion, cp.async. Called by the interpreter on whichever thread runs the warp.
// Every address is checked against its space before it is used; a fault stops the warp and nothing of the instruction is done.
#include <string.h>

#include "softgpu/exec/ops.h"
#include "softgpu/exec/resolve.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

template <class M, class T> void load1(Warp& w, const Insn& in, uint32_t mask) {   // M in memory, T in the register
  auto* d = reg<T>(w, in.r[0]);
  if (sizeof(M) == 4 && is_shared(in) && shared_words<false>(w, in, in.r[0], mask)) return;
  if (mask == kAll) {
    if (uint64_t row = is_global(in) ? whole_row<sizeof(M)>(w, in) : 0) {
      const M* s = reinterpret_cast<const M*>(row);
      for (int i = 0; i < 32; i++) d[i] = static_cast<Box<T>>(static_cast<T>(s[i]));
      return;
    }
  }
  uint64_t p[32];
  Shape shape = resolve<sizeof(M)>(w, in, in.r[1], in.imm, in.flags & kAddress64, mask, kSpaceOf(in), sizeof(M), p);
  if (shape == Shape::Fault) return;
  if (shape == Shape::Uniform) {
    T v = static_cast<T>(read<M>(p[0]));
    if (mask == kAll) for (int i = 0; i < 32; i++) d[i] = static_cast<Box<T>>(v);
    else for (int i = 0; i < 32; i++) d[i] = mask >> i & 1 ? static_cast<Box<T>>(v) : d[i];
  } else if (shape == Shape::Row && mask == kAll) {
    const M* s = reinterpret_cast<const M*>(p[0]);
    for (int i = 0; i < 32; i++) d[i] = static_cast<Box<T>>(static_cast<T>(s[i]));
  } else if (mask == kAll) {
    for (int i = 0; i < 32; i++) d[i] = static_cast<Box<T>>(static_cast<T>(read<M>(p[i])));
  } else {
    for (uint32_t m = mask; m; m &= m - 1) d[__builtin_ctz(m)] = static_cast<Box<T>>(static_cast<T>(read<M>(p[__builtin_ctz(m)])));
  }
}

// A vector is read and written whole, as hardware does with up to 16 bytes: CUB's look-back publishes a flag and its value in one.
// Aligned to 16 in fact (but for a thread's local memory, which nobody else sees), then x86 makes one access of it.
template <class M, int N> struct Whole {
  typedef M Plain __attribute__((vector_size(sizeof(M) * N)));
  typedef M Vector __attribute__((vector_size(sizeof(M) * N), aligned(1), may_alias));
};

template <class M, int N> void load_vector(Warp& w, const Insn& in, uint32_t mask) {
  uint64_t p[32];
  if (resolve<sizeof(M)>(w, in, in.r[1], in.imm, in.flags & kAddress64, mask, kSpaceOf(in), sizeof(M) * N, p) == Shape::Fault) return;
  const uint32_t* dst = extras(w, in);
  using T = SignedWord<M>;
  Box<T>* d[N];
  for (int c = 0; c < N; c++) d[c] = reg<T>(w, dst[c]);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    typename Whole<M, N>::Plain v = *reinterpret_cast<const volatile typename Whole<M, N>::Vector*>(p[i]);
    for (int c = 0; c < N; c++) d[c][i] = static_cast<Box<T>>(static_cast<T>(v[c]));
  }
}

template <class M> void store1(Warp& w, const Insn& in, uint32_t mask) {
  if (sizeof(M) == 4 && is_shared(in) && shared_words<true>(w, in, in.r[2], mask)) return;
  if (mask == kAll && is_global(in))
    if (uint64_t row = whole_row<sizeof(M)>(w, in)) {
      M* d = reinterpret_cast<M*>(row);
      const auto* s = reg<M>(w, in.r[2]);
      for (int i = 0; i < 32; i++) d[i] = static_cast<M>(s[i]);
      return;
    }
  uint64_t p[32];
  Shape shape = resolve<sizeof(M)>(w, in, in.r[1], in.imm, in.flags & kAddress64, mask, kSpaceOf(in), sizeof(M), p);
  if (shape == Shape::Fault) return;
  const auto* s = reg<M>(w, in.r[2]);
  if (shape == Shape::Row && mask == kAll) {
    M* d = reinterpret_cast<M*>(p[0]);
    for (int i = 0; i < 32; i++) d[i] = static_cast<M>(s[i]);
  } else if (mask == kAll) {
    for (int i = 0; i < 32; i++) write<M>(p[i], static_cast<M>(s[i]));
  } else {
    for (uint32_t m = mask; m; m &= m - 1) write<M>(p[__builtin_ctz(m)], static_cast<M>(s[__builtin_ctz(m)]));
  }
}

template <class M, int N> void store_vector(Warp& w, const Insn& in, uint32_t mask) {
  uint64_t p[32];
  if (resolve<sizeof(M)>(w, in, in.r[1], in.imm, in.flags & kAddress64, mask, kSpaceOf(in), sizeof(M) * N, p) == Shape::Fault) return;
  const uint32_t* src = extras(w, in);
  const Box<M>* s[N];
  for (int c = 0; c < N; c++) s[c] = reg<M>(w, src[c]);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    typename Whole<M, N>::Plain v{};
    for (int c = 0; c < N; c++) v[c] = static_cast<M>(s[c][i]);
    *reinterpret_cast<volatile typename Whole<M, N>::Vector*>(p[i]) = v;
  }
}

void load128(Warp& w, const Insn& in, uint32_t mask) {
  uint64_t p[32];
  if (resolve<16>(w, in, in.r[1], in.imm, in.flags & kAddress64, mask, kSpaceOf(in), 16, p) == Shape::Fault) return;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    Whole<uint64_t, 2>::Plain v = *reinterpret_cast<const volatile Whole<uint64_t, 2>::Vector*>(p[i]);
    reg<uint64_t>(w, in.r[0])[i] = v[0];
    reg<uint64_t>(w, in.r[0] + 256)[i] = v[1];
  }
}
void store128(Warp& w, const Insn& in, uint32_t mask) {
  uint64_t p[32];
  if (resolve<16>(w, in, in.r[1], in.imm, in.flags & kAddress64, mask, kSpaceOf(in), 16, p) == Shape::Fault) return;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    *reinterpret_cast<volatile Whole<uint64_t, 2>::Vector*>(p[i]) = Whole<uint64_t, 2>::Plain{reg<uint64_t>(w, in.r[2])[i], reg<uint64_t>(w, in.r[2] + 256)[i]};
  }
}

// ld.param of a kernel by name: the same bytes for every lane.
template <class M, class T, int N> void load_param(Warp& w, const Insn& in, uint32_t mask) {
  if (static_cast<uint64_t>(in.imm) + sizeof(M) * N > w.param_bytes) return fault(w, 700, mask, static_cast<uint64_t>(in.imm), "parameter read out of range");
  for (int c = 0; c < N; c++) {
    M v;
    memcpy(&v, w.params + in.imm + sizeof(M) * c, sizeof v);
    auto* d = reg<T>(w, N == 1 ? in.r[0] : extras(w, in)[c]);
    Box<T> b = static_cast<Box<T>>(static_cast<T>(v));
    if (mask == kAll) for (int i = 0; i < 32; i++) d[i] = b;
    else for (int i = 0; i < 32; i++) d[i] = mask >> i & 1 ? b : d[i];
  }
}

template <Space S, bool To> void cvta(Warp& w, const Insn& in, uint32_t mask) {
  auto *d = reg<uint64_t>(w, in.r[0]), *a = reg<uint64_t>(w, in.r[1]);
  for (int i = 0; i < 32; i++) {
    uint64_t base = S == Space::Shared ? reinterpret_cast<uint64_t>(w.shared) : S == Space::Local ? reinterpret_cast<uint64_t>(w.local) + static_cast<uint64_t>(i) * w.local_bytes : 0;
    uint64_t v = To ? a[i] - base : a[i] + base;
    d[i] = mask >> i & 1 ? v : d[i];
  }
}
// Cluster: of the shared spaces the whole cluster's, not the own block's alone.
template <Space S, bool Cluster = false> void isspacep(Warp& w, const Insn& in, uint32_t mask) {
  auto* a = reg<uint64_t>(w, in.r[1]);
  uint32_t r = 0;
  for (int i = 0; i < 32; i++) {
    uint32_t block = cluster_block(w, a[i], 1);
    bool shared = block != kNoBlock;
    bool local = a[i] - reinterpret_cast<uint64_t>(w.local) < 32 * w.local_bytes;
    bool param = a[i] - reinterpret_cast<uint64_t>(w.params) < w.param_bytes;
    bool v = S == Space::Shared ? (Cluster ? shared : block == w.cluster_rank) : S == Space::Local ? local : S == Space::Param ? param : S == Space::Global ? !shared && !local && !param : false;
    r |= static_cast<uint32_t>(v) << i;
  }
  set_pred(w, in.r[0], mask, r);
}

// Addresses of other blocks of the cluster: in the shared window by number (see cluster_address), generic ones are host addresses.
template <class T, bool Generic> void mapa(Warp& w, const Insn& in, uint32_t mask) {
  auto *d = reg<T>(w, in.r[0]), *a = reg<T>(w, in.r[1]);
  auto* rank = reg<uint32_t>(w, in.r[2]);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    if (rank[i] >= w.cluster_blocks) return fault(w, 719, 1u << i, a[i], "mapa names a block that the cluster does not have");
    if (Generic) d[i] = static_cast<T>((static_cast<uint64_t>(a[i]) - reinterpret_cast<uint64_t>(w.cluster_shared)) % w.cluster_stride + reinterpret_cast<uint64_t>(w.cluster_shared) + uint64_t{rank[i]} * w.cluster_stride);
    else d[i] = static_cast<T>((a[i] & kClusterOffset) | (rank[i] + 1) << kClusterShift);
  }
}
template <class T, bool Generic> void getctarank(Warp& w, const Insn& in, uint32_t mask) {
  auto* a = reg<T>(w, in.r[1]);
  auto* d = reg<uint32_t>(w, in.r[0]);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint32_t named = static_cast<uint32_t>(a[i] >> kClusterShift & 0xff);
    if (Generic) d[i] = static_cast<uint32_t>((static_cast<uint64_t>(a[i]) - reinterpret_cast<uint64_t>(w.cluster_shared)) / w.cluster_stride);
    else d[i] = named ? named - 1 : w.cluster_rank;
  }
}

// alloca: r[1] bytes, r[2] alignment, r[3] this frame's offset, imm its size. The address is one of the local space.
void alloca_op(Warp& w, const Insn& in, uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint64_t lane = reinterpret_cast<uint64_t>(w.local) + static_cast<uint64_t>(i) * w.local_bytes, top = lane + w.local_bytes - w.stack[i];
    uint64_t size = reg<uint64_t>(w, in.r[1])[i], align = reg<uint64_t>(w, in.r[2])[i], floor = lane + reg<uint64_t>(w, in.r[3])[i] + static_cast<uint64_t>(in.imm);
    uint64_t at = size > top ? 0 : (top - size) & ~(align - 1);
    if (at < floor) return fault(w, 719, 1u << i, 0, "alloca beyond the thread's stack");
    w.stack[i] = lane + w.local_bytes - at;
    reg<uint64_t>(w, in.r[0])[i] = at - lane;
  }
}
template <bool Restore> void stack_mark(Warp& w, const Insn& in, uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    if (!Restore) reg<uint64_t>(w, in.r[0])[i] = w.stack[i];
    else if (uint64_t v = reg<uint64_t>(w, in.r[1])[i]; v <= w.stack[i]) w.stack[i] = v;
    else return fault(w, 719, 1u << i, 0, "stackrestore of a value that stacksave did not give");
  }
}

void fence(Warp&, const Insn&, uint32_t) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// cp.async: r[1] shared, r[2] global, r[3] bytes to take (the rest zero), r[4] predicate "ignore the source"; extra: offset, wide.
template <int N> void copy_async(Warp& w, const Insn& in, uint32_t mask) {
  const uint32_t* x = extras(w, in);
  uint64_t to[32], from[32];
  if (resolve<N>(w, in, in.r[1], static_cast<int32_t>(x[0]), in.flags & kAddress64, mask, Space::Shared, N, to) == Shape::Fault) return;
  uint32_t reads = mask;
  if (in.r[4] != kNoReg) reads &= ~pred(w, in.r[4]);
  if (in.r[3] != kNoReg)
    for (int i = 0; i < 32; i++) if (reg<uint32_t>(w, in.r[3])[i] == 0) reads &= ~(1u << i);
  if (reads && resolve<N>(w, in, in.r[2], in.imm, x[1], reads, Space::Global, N, from) == Shape::Fault) return;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint32_t n = reads >> i & 1 ? N : 0;
    if (n && in.r[3] != kNoReg && reg<uint32_t>(w, in.r[3])[i] < n) n = reg<uint32_t>(w, in.r[3])[i];
    char bytes[N] = {};
    if (n) memcpy(bytes, reinterpret_cast<const void*>(from[i]), n);
    memcpy(reinterpret_cast<void*>(to[i]), bytes, N);
  }
}

template <class M> Fn vector_fn(bool load, int n) {
  switch (n) {
    case 2: return load ? load_vector<M, 2> : store_vector<M, 2>;
    case 4: return load ? load_vector<M, 4> : store_vector<M, 4>;
    case 8: return load ? load_vector<M, 8> : store_vector<M, 8>;
    default: return nullptr;
  }
}
template <class M> Fn param_fn(int n) {
  using T = SignedWord<M>;
  return n == 1 ? load_param<M, T, 1> : n == 2 ? load_param<M, T, 2> : n == 4 ? load_param<M, T, 4> : nullptr;
}

}  // namespace

Fn select_memory(const Key& k) {
  switch (k.op) {
    case Op::Ld:
      if (k.t == Ty::B128) return k.sub == 1 ? load128 : nullptr;
      if (k.sub == 1) switch (k.t) {
        case Ty::U8: return load1<uint8_t, uint32_t>;
        case Ty::S8: return load1<int8_t, int32_t>;
        case Ty::U16: return load1<uint16_t, uint32_t>;
        case Ty::S16: return load1<int16_t, int32_t>;
        case Ty::U32: return load1<uint32_t, uint32_t>;
        case Ty::U64: return load1<uint64_t, uint64_t>;
        default: return nullptr;
      }
      switch (k.t) {
        case Ty::U8: return vector_fn<uint8_t>(true, k.sub);
        case Ty::S8: return vector_fn<int8_t>(true, k.sub);
        case Ty::U16: return vector_fn<uint16_t>(true, k.sub);
        case Ty::S16: return vector_fn<int16_t>(true, k.sub);
        case Ty::U32: return vector_fn<uint32_t>(true, k.sub);
        case Ty::U64: return vector_fn<uint64_t>(true, k.sub);
        default: return nullptr;
      }
    case Op::LdParam:
      switch (k.t) {
        case Ty::U8: return param_fn<uint8_t>(k.sub);
        case Ty::S8: return param_fn<int8_t>(k.sub);
        case Ty::U16: return param_fn<uint16_t>(k.sub);
        case Ty::S16: return param_fn<int16_t>(k.sub);
        case Ty::U32: return param_fn<uint32_t>(k.sub);
        case Ty::U64: return param_fn<uint64_t>(k.sub);
        default: return nullptr;
      }
    case Op::St:
      if (k.t == Ty::B128) return k.sub == 1 ? store128 : nullptr;
      switch (bytes_of(k.t)) {
        case 1: return k.sub == 1 ? store1<uint8_t> : vector_fn<uint8_t>(false, k.sub);
        case 2: return k.sub == 1 ? store1<uint16_t> : vector_fn<uint16_t>(false, k.sub);
        case 4: return k.sub == 1 ? store1<uint32_t> : vector_fn<uint32_t>(false, k.sub);
        case 8: return k.sub == 1 ? store1<uint64_t> : vector_fn<uint64_t>(false, k.sub);
        default: return nullptr;
      }
    case Op::Cvta:
      switch (k.space) {
        case Space::Shared: return k.sub ? cvta<Space::Shared, true> : cvta<Space::Shared, false>;
        case Space::Local: return k.sub ? cvta<Space::Local, true> : cvta<Space::Local, false>;
        default: return cvta<Space::Global, false>;
      }
    case Op::Isspacep:
      switch (k.space) {
        case Space::Shared: return k.sub ? isspacep<Space::Shared, true> : isspacep<Space::Shared>;
        case Space::Local: return isspacep<Space::Local>;
        case Space::Param: return isspacep<Space::Param>;
        case Space::Global: return isspacep<Space::Global>;
        default: return isspacep<Space::Const>;
      }
    case Op::Mapa:
      if (k.space == Space::Shared) return k.t == Ty::U64 ? mapa<uint64_t, false> : mapa<uint32_t, false>;
      return k.t == Ty::U64 ? mapa<uint64_t, true> : nullptr;
    case Op::Getctarank:
      if (k.space == Space::Shared) return k.t == Ty::U64 ? getctarank<uint64_t, false> : getctarank<uint32_t, false>;
      return k.t == Ty::U64 ? getctarank<uint64_t, true> : nullptr;
    case Op::Prefetch: return fence;
    case Op::Stack: return k.sub == 0 ? alloca_op : k.sub == 1 ? stack_mark<false> : stack_mark<true>;
    case Op::CpAsync: return k.sub == 4 ? copy_async<4> : k.sub == 8 ? copy_async<8> : copy_async<16>;
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
