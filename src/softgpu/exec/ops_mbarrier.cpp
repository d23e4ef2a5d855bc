// mbarrier objects: 64 bits of shared memory. Called by the interpreter on whichever thread runs the warp.
// Here: bits 0-19 expected arrivals, 20-39 arrivals missing, 40-42 phase, 43-63 bytes that asynchronous copies still have to bring
// (signed). A state token is the word as it was before the arrival.
#include "softgpu/exec/ops.h"
#include "softgpu/exec/mbarrier.h"
#include "softgpu/exec/resolve.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

using namespace mbarrier;

inline bool objects(Warp& w, const Insn& in, uint32_t mask, uint64_t* p) {
  return resolve<8>(w, in, in.r[1], in.imm, in.flags & kAddress64, mask, kSpaceOf(in), 8, p) != Shape::Fault;
}
void init(Warp& w, const Insn& in, uint32_t mask) {
  uint64_t p[32];
  if (!objects(w, in, mask, p)) return;
  for (uint32_t m = mask; m; m &= m - 1) {
    uint64_t n = in.r[2] == kNoReg ? 0 : reg<uint32_t>(w, in.r[2])[__builtin_ctz(m)];
    write<uint64_t>(p[__builtin_ctz(m)], make(n, n, 0, 0));
  }
}
enum { kDrop = 1, kExpect = 2 };   // arrive_drop also lowers what later phases expect; .expect_tx: r[2] is bytes to come, one arrival
void arrive(Warp& w, const Insn& in, uint32_t mask) {
  uint64_t p[32];
  if (!objects(w, in, mask, p)) return;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint64_t v = read<uint64_t>(p[i]), n = in.r[2] == kNoReg ? 1 : reg<uint32_t>(w, in.r[2])[i];
    int64_t bytes = transactions(v);
    if (in.sub & kExpect) bytes += static_cast<int64_t>(n), n = 1;
    uint64_t e = in.sub & kDrop ? expected(v) - n : expected(v);
    if (n > missing(v)) return fault(w, 719, 1u << i, 0, "more arrivals at an mbarrier than it expects");
    if (in.r[0] != kNoReg) reg<uint64_t>(w, in.r[0])[i] = v;
    write<uint64_t>(p[i], settled(make(e, missing(v) - n, phase(v), bytes)));
  }
}
void transact(Warp& w, const Insn& in, uint32_t mask) {   // expect_tx, complete_tx
  uint64_t p[32];
  if (!objects(w, in, mask, p)) return;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint32_t n = reg<uint32_t>(w, in.r[2])[i];
    write<uint64_t>(p[i], with_bytes(read<uint64_t>(p[i]), in.sub & kExpect ? n : -static_cast<int64_t>(n)));
  }
}
template <bool Parity> void test(Warp& w, const Insn& in, uint32_t mask) {
  uint64_t p[32];
  if (!objects(w, in, mask, p)) return;
  uint32_t r = 0;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint64_t now = phase(read<uint64_t>(p[i]));
    bool over = Parity ? (now & 1) != (reg<uint32_t>(w, in.r[2])[i] & 1) : now != phase(reg<uint64_t>(w, in.r[2])[i]);
    r |= static_cast<uint32_t>(over) << i;
  }
  set_pred(w, in.r[0], mask, r);
}
void pending(Warp& w, const Insn& in, uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1) reg<uint32_t>(w, in.r[0])[__builtin_ctz(m)] = static_cast<uint32_t>(missing(reg<uint64_t>(w, in.r[1])[__builtin_ctz(m)]));
}

}  // namespace

Fn select_mbarrier(const Key& k) {
  switch (k.op) {
    case Op::MbarInit: return init;
    case Op::MbarArrive: return arrive;
    case Op::MbarTest: return k.sub ? test<true> : test<false>;
    case Op::MbarOther: return pending;
    case Op::MbarTx: return transact;
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
