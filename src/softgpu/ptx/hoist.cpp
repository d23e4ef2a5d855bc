// Before registers get their places: what a kernel computes from its parameters, its launch and the thread's place in the block alone is
// the same for every block, so it moves to a prologue that a warp runs once and not for each block; copies of such values disappear.
// Owner: load(); one thread.
#include "softgpu/ptx/decode.h"

namespace softgpu {
namespace {

constexpr uint32_t kMostHoisted = 48;   // each takes a register for the whole kernel: the register file should stay in the cache

}  // namespace

void Decoder::hoist() {
  std::vector<Insn>& code = f_.code;
  if (!symbol_.entry) return;
  uint32_t param_bytes = symbol_.params.empty() ? 0 : symbol_.params.back().offset + symbol_.params.back().bytes;

  // A register that one instruction writes, always, has that instruction's value wherever it is read.
  std::vector<uint8_t> written(v_.size(), 0);
  auto write = [&](uint32_t r) { if (written[r] < 2) written[r]++; };
  for (size_t i = 0; i < code.size(); i++) {
    for (int k = 0; k < 5; k++) if (meta_[i].defs >> k & 1) write(code[i].r[k]);
    for (uint32_t k = 0; k < meta_[i].extra_defs; k++) write(f_.extra[code[i].extra + k]);
  }

  // Fixed registers: constants and specials, and from here on hoisted results. `same`: the fixed register that this one is a copy of.
  std::vector<uint32_t> same(v_.size());
  for (uint32_t r = 0; r < v_.size(); r++) same[r] = r;
  std::vector<uint8_t> varies(v_.size(), 0);
  for (int s = 0; s < static_cast<int>(Special::Count); s++)
    if (specials_[s] != kNoReg) varies[specials_[s]] = differs_between_blocks(static_cast<Special>(s));

  std::vector<uint32_t> place(code.size() + 1);   // old position -> new
  std::vector<Insn> kept;
  std::vector<Meta> kept_meta;
  for (size_t i = 0; i < code.size(); i++) {
    Insn& in = code[i];
    const Meta& m = meta_[i];
    place[i] = static_cast<uint32_t>(kept.size());
    bool fixed = true, changes = false;
    if (in.guard != kNoReg) in.guard = same[in.guard];
    for (int k = 0; k < 5; k++)
      if (m.uses >> k & 1) {
        uint32_t& r = in.r[k];
        r = same[r];
        fixed &= v_[r].fixed;
        changes |= varies[r] != 0;
      }
    for (uint32_t k = 0; k < m.extra_uses; k++) {
      uint32_t& r = f_.extra[in.extra + m.extra_defs + k];
      r = same[r];
    }
    bool one = m.defs && !m.extra_defs && !m.extra_uses && in.guard == kNoReg && in.kind == Kind::Plain && fixed;
    for (int k = 0; one && k < 5; k++) if (m.defs >> k & 1) one = written[in.r[k]] == 1 && !v_[in.r[k]].fixed;
    if (one && m.op == Op::Mov && m.defs == 1 && m.uses == 2 && v_[in.r[0]].width == v_[in.r[1]].width) {
      same[in.r[0]] = in.r[1];
      continue;
    }
    bool param = m.op == Op::LdParam && in.imm >= 0 && in.imm + bytes_of(m.type) <= param_bytes;
    if (one && !changes && (m.pure || param) && f_.prologue.size() < kMostHoisted) {
      for (int k = 0; k < 5; k++)
        if (m.defs >> k & 1) {
          v_[in.r[k]].fixed = true;
          hoisted_.push_back(in.r[k]);
        }
      f_.prologue.push_back(in);
      prologue_meta_.push_back(m);
      continue;
    }
    kept.push_back(in);
    kept_meta.push_back(m);
  }
  place[code.size()] = static_cast<uint32_t>(kept.size());

  // Uses that stand before the definition in the text, and branch targets.
  for (size_t i = 0; i < kept.size(); i++) {
    Insn& in = kept[i];
    const Meta& m = kept_meta[i];
    if (in.guard != kNoReg) in.guard = same[in.guard];
    for (int k = 0; k < 5; k++) if (m.uses >> k & 1) in.r[k] = same[in.r[k]];
    for (uint32_t k = 0; k < m.extra_uses; k++) f_.extra[in.extra + m.extra_defs + k] = same[f_.extra[in.extra + m.extra_defs + k]];
    if (in.kind == Kind::Bra) in.imm = place[static_cast<size_t>(in.imm)];
    if (in.kind == Kind::Brx) for (int64_t t = 0; t < in.imm; t++) f_.extra[in.extra + t] = place[f_.extra[in.extra + t]];
  }
  code = std::move(kept);
  meta_ = std::move(kept_meta);
}

}  // namespace softgpu
