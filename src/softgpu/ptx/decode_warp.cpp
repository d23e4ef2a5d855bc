// Instructions in which the lanes of a warp look at each other. Owner: load(); one thread.
// r[4] is always the member mask; a second result (the predicate of shfl and match) is the first extra operand.
#include "softgpu/ptx/decode.h"

namespace softgpu {

void Decoder::op_shfl() {
  bool sync = mod("sync");
  Key k;
  k.op = Op::Shfl;
  constexpr const char* kModes[] = {"up", "down", "bfly", "idx"};
  k.sub = 0xff;
  for (uint8_t i = 0; i < 4; i++) if (mod(kModes[i])) k.sub = i;
  if (k.sub == 0xff) unsupported();
  k.t = type();
  size_t n = sync ? 5 : 4;   // without .sync (up to sm_60): the lanes that happen to be together
  count(n, n);
  uint32_t a = use(ops_[1], Ty::B32), b = use(ops_[2], Ty::B32), c = use(ops_[3], Ty::B32), m = sync ? use(ops_[4], Ty::B32) : kNoReg;
  uint32_t d = def(ops_[0], Ty::B32);
  Insn& in = emit(k, {d}, {a, b, c, m});
  if (sync) in.kind = Kind::Sync;
  if (ops_[0].second != kNoReg) {
    in.flags = kHasPredicateOut;
    extra(in, {ops_[0].second}, {});
  }
}

void Decoder::op_vote() {
  bool sync = mod("sync");
  Key k;
  k.op = Op::Vote;
  constexpr const char* kModes[] = {"all", "any", "uni", "ballot"};
  k.sub = 0xff;
  for (uint8_t i = 0; i < 4; i++) if (mod(kModes[i])) k.sub = i;
  if (k.sub == 0xff) unsupported();
  k.t = type();
  count(sync ? 3 : 2, sync ? 3 : 2);
  uint32_t p = use_predicate(ops_[1]), m = sync ? use(ops_[2], Ty::B32) : kNoReg;
  uint32_t d = def(ops_[0], k.sub == 3 ? Ty::B32 : Ty::Pred);
  Insn& in = emit(k, {d}, {p, kNoReg, kNoReg, m});
  if (sync) in.kind = Kind::Sync;
}

void Decoder::op_match() {
  Key k;
  k.op = Op::Match;
  k.sub = mod("all") ? 1 : 0;
  if (!k.sub && !mod("any")) unsupported();
  if (!mod("sync")) unsupported();
  k.t = type();
  if (k.t != Ty::B32 && k.t != Ty::B64) unsupported();
  count(3, 3);
  uint32_t a = use(ops_[1], k.t), m = use(ops_[2], Ty::B32), d = def(ops_[0], Ty::B32);
  Insn& in = emit(k, {d}, {a, kNoReg, kNoReg, m});
  in.kind = Kind::Sync;
  if (ops_[0].second != kNoReg) {
    in.flags = kHasPredicateOut;
    extra(in, {ops_[0].second}, {});
  }
}

void Decoder::op_activemask() {
  type();
  count(1, 1);
  Key k;
  k.op = Op::Activemask;
  emit(k, {def(ops_[0], Ty::B32)}, {});
}

void Decoder::op_redux() {
  if (!mod("sync")) unsupported();
  Key k;
  k.op = Op::Redux;
  constexpr const char* kNames[] = {"add", "min", "max", "and", "or", "xor"};
  k.sub = 0xff;
  for (uint8_t i = 0; i < 6; i++) if (mod(kNames[i])) k.sub = i;
  if (k.sub == 0xff) unsupported();
  if (mod("abs")) k.flags |= kAbs;
  if (mod("NaN")) k.flags |= kNan;
  k.t = type();
  bool minmax = k.sub == 1 || k.sub == 2, logic = k.sub > 2;
  if (k.t == Ty::F32 ? !minmax : (k.t != Ty::U32 && k.t != Ty::S32 && k.t != Ty::B32) || logic != (k.t == Ty::B32) || k.flags) unsupported();
  count(3, 3);
  uint32_t a = use(ops_[1], Ty::B32), m = use(ops_[2], Ty::B32);
  emit(k, {def(ops_[0], Ty::B32)}, {a, kNoReg, kNoReg, m}).kind = Kind::Sync;
}

void Decoder::op_elect() {
  if (!mod("sync")) unsupported();
  count(2, 2);
  Key k;
  k.op = Op::Elect;
  uint32_t m = use(ops_[1], Ty::B32);
  if (ops_[0].second == kNoReg) unsupported();
  Insn& in = emit(k, {def(ops_[0], Ty::B32)}, {kNoReg, kNoReg, kNoReg, m});
  in.kind = Kind::Sync;
  extra(in, {ops_[0].second}, {});
}

void Decoder::add_warp(std::unordered_map<std::string_view, Handler>& m) {
  m["shfl"] = &Decoder::op_shfl;
  m["vote"] = &Decoder::op_vote;
  m["match"] = &Decoder::op_match;
  m["activemask"] = &Decoder::op_activemask;
  m["redux"] = &Decoder::op_redux;
  m["elect"] = &Decoder::op_elect;
}

}  // namespace softgpu
