// Bulk asynchronous copies without tensors: cp.async.bulk, cp.reduce.async.bulk, st.bulk, st.async, red.async. Owner: load(); one thread.
// They are done at once; what tells that they are over (an mbarrier's bytes, a bulk group) follows immediately.
#include "softgpu/ptx/decode.h"

namespace softgpu {

// r[0..2]: to, from (or the value), bytes; r[3]: the mbarrier. extra: offsets of the two addresses and of the mbarrier, which are wide.
void Decoder::op_bulk() {
  bool reduce = opcode_ == "cp" && mod("reduce");
  if (!mod("async") || !mod("bulk")) unsupported();
  if (mod("tensor")) fail("unsupported instruction '" + std::string(whole_) + "': tensor copies");
  if (mod_any({"commit_group", "wait_group"})) {
    bool wait = mod("read") || !ops_.empty();
    count(wait ? 1 : 0, wait ? 1 : 0);
    emit_kind(Kind::Nop);
    return;
  }
  if (mod("prefetch")) {
    if (!mod("L2") || !mod("global")) unsupported();
    bool hint = mod("L2::cache_hint");
    count(hint ? 3 : 2, hint ? 3 : 2);
    emit_kind(Kind::Nop);
    return;
  }
  if (mod("multicast::cluster")) fail("unsupported instruction '" + std::string(whole_) + "': copies to several blocks");
  // destination, source: the order in the name
  auto space = [&](Space* s) {
    for (size_t i = 0; i < mods_.size(); i++) {
      bool global = mods_[i] == "global", shared = mods_[i] == "shared::cluster" || mods_[i] == "shared::cta";
      if (!global && !shared) continue;
      *s = global ? Space::Global : Space::Shared;
      mods_.erase(mods_.begin() + static_cast<ptrdiff_t>(i));
      return;
    }
    unsupported();
  };
  Space to = Space::Global, from = Space::Global;
  space(&to), space(&from);
  bool barrier = mod("mbarrier::complete_tx::bytes"), group = mod("bulk_group");
  if (barrier == group || barrier != (to == Space::Shared) || (to == Space::Global && from == Space::Global) || mod("cp_mask")) unsupported();
  bool hint = mod("L2::cache_hint");
  Key k;
  k.op = Op::CpBulk;
  k.sub = 0xff;
  if (reduce) {
    constexpr const char* kNames[] = {"add", "min", "max", "inc", "dec", "and", "or", "xor"};
    for (uint8_t i = 0; i < 8; i++) if (mod(kNames[i])) k.sub = i;
    if (k.sub == 0xff || from == Space::Global) unsupported();
    mod("noftz");
    k.t = type();
  }
  size_t n = barrier ? 4 : 3;
  count(n, n + (hint ? 1 : 0));
  bulk(k, to, from, 2, barrier ? 3 : 0);
}

// st.async and red.async: one value to shared memory, its bytes counted by an mbarrier. st.bulk: zeros.
void Decoder::op_async_store() {
  Key k;
  k.op = Op::CpBulk;
  if (opcode_ == "st" && mod("bulk")) {
    mod("weak");
    mod("shared::cta");
    k.op = Op::StBulk;
    count(2, 3);
    if (ops_.size() == 3 && (ops_[2].what != Operand::Immediate || ops_[2].number.bits)) unsupported();
    Space s = Space::Shared;
    uint32_t base;
    int64_t offset;
    bool wide;
    address(ops_[0], &s, &base, &offset, &wide);
    uint32_t size = use(ops_[1], Ty::U64);
    Insn& in = emit(k, {}, {base, size});
    in.imm = offset;
    in.flags = wide ? kAddress64 : 0;
    return memory(in, wide ? Space::Generic : Space::Shared);
  }
  // a store (or a reduction) and the bytes it brings to the mbarrier
  bool red = opcode_ == "red";
  if (!mod("async") || !mod("mbarrier::complete_tx::bytes")) unsupported();
  mod_any({"weak", "relaxed"});
  mod("cluster");
  mod("shared::cluster");
  uint8_t n = mod("v2") ? 2 : mod("v4") ? 4 : 1;
  k.op = red ? Op::Red : Op::St;
  k.space = Space::Shared;
  if (red) {
    constexpr const char* kNames[] = {"add", "min", "max", "inc", "dec", "and", "or", "xor"};
    k.sub = 0xff;
    for (uint8_t i = 0; i < 8; i++) if (mod(kNames[i])) k.sub = i;
    if (k.sub == 0xff || n != 1) unsupported();
  } else {
    k.sub = n;
  }
  Ty t = type();
  if (bytes_of(t) != 4 && bytes_of(t) != 8) unsupported();
  k.t = red ? t : bytes_of(t) == 4 ? Ty::U32 : Ty::U64;
  count(3, 3);
  if ((n > 1) != (ops_[1].what == Operand::Vector) || (n > 1 && ops_[1].items.size() != n)) fail("wrong vector length in '" + std::string(whole_) + "'");
  uint32_t base, barrier;
  int64_t offset, barrier_offset;
  bool wide, barrier_wide;
  shared_place(ops_[0], &base, &offset, &wide);
  shared_place(ops_[2], &barrier, &barrier_offset, &barrier_wide);
  std::vector<uint32_t> values;
  if (n == 1) values.push_back(use(ops_[1], t));
  else for (const Operand& o : ops_[1].items) values.push_back(use(o, t));
  Insn& in = red ? emit(k, {kNoReg}, {base, values[0], kNoReg}) : emit(k, {}, {base, n == 1 ? values[0] : kNoReg});
  in.imm = offset;
  in.flags = wide ? kAddress64 : 0;
  memory(in, Space::Shared);
  if (n > 1) extra(in, {}, values);
  Key arrive;
  arrive.op = Op::MbarTx;
  Insn& done = emit(arrive, {kNoReg}, {barrier, constant(Width::W32, static_cast<uint64_t>(bytes_of(t)) * n)});
  done.imm = barrier_offset;
  done.flags = barrier_wide ? kAddress64 : 0;
  memory(done, Space::Shared);
}

void Decoder::bulk(Key k, Space to, Space from, size_t size_at, size_t barrier_at) {
  uint32_t base[3] = {kNoReg, kNoReg, kNoReg};
  int64_t offset[3] = {0, 0, 0};
  bool wide[3] = {false, false, false};
  for (size_t i = 0; i < 2; i++) {
    if (ops_[i].what != Operand::Address) fail("expected an address in '" + std::string(whole_) + "'");
    Space s = i ? from : to;
    address(ops_[i], &s, &base[i], &offset[i], &wide[i]);
  }
  if (barrier_at) shared_place(ops_[barrier_at], &base[2], &offset[2], &wide[2]);
  uint32_t size = use(ops_[size_at], Ty::U32);
  Insn& in = emit(k, {}, {base[0], base[1], size, base[2]});
  in.imm = offset[0];
  in.flags = wide[0] ? kAddress64 : 0;
  memory(in, to);
  uint32_t second_site = (*ctx_.sites)++, third_site = (*ctx_.sites)++;
  extra(in, {}, {}, {static_cast<uint32_t>(offset[1]), wide[1], static_cast<uint32_t>(from), second_site, static_cast<uint32_t>(offset[2]), wide[2], third_site});
}

}  // namespace softgpu
