// Last step of decoding: which registers are alive where, one place in the register file for those that never meet, and the
// virtual numbers in every instruction replaced by byte offsets. Owner: load(); one thread.
#include <algorithm>
#include <cstring>
#include <queue>

#include "softgpu/ptx/decode.h"

namespace softgpu {
namespace {

constexpr uint32_t kMostGuarded = 12;
constexpr uint32_t kBytes[] = {4, 128, 256, 512};   // of a register, by Width

struct Interval {
  uint32_t start = ~0u, end = 0;
  void cover(uint32_t at) {
    start = std::min(start, at);
    end = std::max(end, at);
  }
};

}  // namespace

void Decoder::finish() {
  std::vector<Insn>& code = f_.code;
  uint32_t n = static_cast<uint32_t>(code.size());

  // 1. Blocks.
  std::vector<uint8_t> leader(n + 1, 0);
  leader[0] = 1;
  for (uint32_t i = 0; i < n; i++) {
    if (code[i].kind == Kind::Bra) leader[code[i].imm] = 1;
    if (code[i].kind == Kind::Brx) for (int64_t t = 0; t < code[i].imm; t++) leader[f_.extra[code[i].extra + t]] = 1;
    if (code[i].kind == Kind::Bra || code[i].kind == Kind::Brx || code[i].kind == Kind::Ret || code[i].kind == Kind::Exit) leader[i + 1] = 1;
  }
  std::vector<uint32_t> first, block_of(n);
  for (uint32_t i = 0; i < n; i++) {
    if (leader[i]) first.push_back(i);
    block_of[i] = static_cast<uint32_t>(first.size() - 1);
  }
  first.push_back(n);
  size_t blocks = first.size() - 1;

  // 2. Definitions and uses; registers that live across blocks get a number of their own.
  auto each = [&](uint32_t i, auto&& fn) {   // fn(register, is definition)
    const Meta& m = meta_[i];
    const Insn& in = code[i];
    if (in.guard != kNoReg) fn(in.guard, false);
    for (int k = 0; k < 5; k++) if (m.uses >> k & 1) fn(in.r[k], false);
    for (uint32_t k = 0; k < m.extra_uses; k++) fn(f_.extra[in.extra + m.extra_defs + k], false);
    for (int k = 0; k < 5; k++) if (m.defs >> k & 1) fn(in.r[k], true);
    for (uint32_t k = 0; k < m.extra_defs; k++) fn(f_.extra[in.extra + k], true);
  };
  std::vector<uint32_t> home(v_.size(), kNoReg), global(v_.size(), kNoReg);
  uint32_t globals = 0;
  std::vector<uint32_t> defined_in(v_.size(), kNoReg);
  for (uint32_t i = 0; i < n; i++)
    each(i, [&](uint32_t r, bool def) {
      if (v_[r].fixed || global[r] != kNoReg) {
        if (def) defined_in[r] = block_of[i];
        return;
      }
      bool before_def = !def && defined_in[r] != block_of[i];
      if ((home[r] != kNoReg && home[r] != block_of[i]) || before_def || (def && code[i].guard != kNoReg && defined_in[r] != block_of[i])) global[r] = globals++;
      home[r] = block_of[i];
      if (def) defined_in[r] = block_of[i];
    });
  size_t words = (globals + 63) / 64;
  std::vector<uint64_t> in_use(blocks * words), killed(blocks * words), live_in(blocks * words), live_out(blocks * words);
  for (uint32_t i = 0; i < n; i++) {
    size_t b = block_of[i] * words;
    each(i, [&](uint32_t r, bool def) {
      uint32_t g = global[r];
      if (v_[r].fixed || g == kNoReg) return;
      uint64_t bit = 1ull << (g & 63);
      bool dead = killed[b + g / 64] & bit;
      if (!def || code[i].guard != kNoReg) {   // a guarded definition keeps the old value in some lanes
        if (!dead) in_use[b + g / 64] |= bit;
      }
      if (def && code[i].guard == kNoReg) killed[b + g / 64] |= bit;
    });
  }

  // 3. Liveness, backwards until nothing changes.
  for (bool changed = globals > 0; changed;) {
    changed = false;
    for (size_t b = blocks; b-- > 0;) {
      uint64_t* out = &live_out[b * words];
      const Insn& last = code[first[b + 1] - 1];
      auto join = [&](uint32_t target) {
        if (target >= n) return;
        const uint64_t* in = &live_in[block_of[target] * words];
        for (size_t w = 0; w < words; w++) out[w] |= in[w];
      };
      if (last.kind == Kind::Bra) join(static_cast<uint32_t>(last.imm));
      if (last.kind == Kind::Brx) for (int64_t t = 0; t < last.imm; t++) join(f_.extra[last.extra + t]);
      bool falls = !((last.kind == Kind::Bra || last.kind == Kind::Ret || last.kind == Kind::Exit || last.kind == Kind::Brx) && last.guard == kNoReg);
      if (falls) join(first[b + 1]);
      for (size_t w = 0; w < words; w++) {
        uint64_t v = in_use[b * words + w] | (out[w] & ~killed[b * words + w]);
        if (v != live_in[b * words + w]) live_in[b * words + w] = v, changed = true;
      }
    }
  }

  // 4. One interval of positions a register. Uses are at 2i and definitions at 2i+1, so that a result may take the place of a
  //    source that dies there; instructions that read other lanes or several registers keep their sources to 2i+1.
  std::vector<Interval> span(v_.size());
  for (uint32_t i = 0; i < n; i++)
    each(i, [&](uint32_t r, bool def) { span[r].cover(2 * i + (def || !meta_[i].elementwise)); });
  std::vector<uint32_t> by_global(globals);
  for (uint32_t r = 0; r < v_.size(); r++) if (global[r] != kNoReg) by_global[global[r]] = r;
  for (size_t b = 0; b < blocks; b++)
    for (size_t w = 0; w < words; w++) {
      for (uint64_t bits = live_in[b * words + w]; bits; bits &= bits - 1) span[by_global[w * 64 + static_cast<size_t>(__builtin_ctzll(bits))]].cover(2 * first[b]);
      for (uint64_t bits = live_out[b * words + w]; bits; bits &= bits - 1)
        span[by_global[w * 64 + static_cast<size_t>(__builtin_ctzll(bits))]].cover(2 * first[b + 1] - 1);
    }

  // 5. Constants and specials first, then slots handed out along the positions.
  std::vector<uint32_t> at(v_.size(), 0);
  uint32_t top = 0;
  auto align = [&](uint32_t to) { top = (top + to - 1) / to * to; };
  for (int pass = 3; pass >= 0; pass--)
    for (auto& [key, reg] : constants_) {
      if (static_cast<int>(key.width) != pass) continue;
      at[reg] = top;
      top += kBytes[pass];
      f_.constants.resize(top);
      for (int lane = 0; lane < 32 && pass == 1; lane++) std::memcpy(&f_.constants[at[reg] + 4 * lane], &key.bits, 4);
      for (int lane = 0; lane < 32 && pass == 2; lane++) std::memcpy(&f_.constants[at[reg] + 8 * lane], &key.bits, 8);
      if (key.variable != ~0u) f_.relocations.push_back({at[reg], kBytes[pass] / 32, key.variable, key.bits});
      if (pass == 0) std::memcpy(&f_.constants[at[reg]], &key.bits, 4);
    }
  align(256);
  for (int s = 0; s < static_cast<int>(Special::Count); s++)
    if (specials_[s] != kNoReg) {
      at[specials_[s]] = top;
      f_.specials.push_back({static_cast<Special>(s), top});
      top += 256;
    }
  for (Width w : {Width::W128, Width::W64, Width::W32, Width::Pred})
    for (uint32_t r : hoisted_)
      if (v_[r].width == w) at[r] = top, top += kBytes[static_cast<int>(w)];
  align(256);
  std::vector<uint32_t> order;
  for (uint32_t r = 0; r < v_.size(); r++) if (!v_[r].fixed && span[r].start != ~0u) order.push_back(r);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return span[a].start < span[b].start; });
  std::vector<uint32_t> slots[4];            // offsets within the class
  for (int w : {3, 2, 1, 0}) {
    using Busy = std::pair<uint32_t, uint32_t>;   // end, slot
    std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy;
    std::vector<uint32_t> idle;
    uint32_t count = 0;
    align(kBytes[w] < 64 ? 64 : kBytes[w] > 256 ? 256 : kBytes[w]);
    for (uint32_t r : order) {
      if (static_cast<int>(v_[r].width) != w) continue;
      while (!busy.empty() && busy.top().first < span[r].start) {
        idle.push_back(busy.top().second);
        busy.pop();
      }
      uint32_t slot;
      if (idle.empty()) slot = count++;
      else slot = idle.back(), idle.pop_back();
      busy.push({span[r].end, slot});
      at[r] = top + slot * kBytes[w];
    }
    top += count * kBytes[w];
    f_.registers += count * (w == 0 ? 0 : 1u << (w - 1));
  }
  align(256);
  f_.register_bytes = top;

  // 6. Offsets into the instructions.
  auto place = [&](Insn& in, const Meta& m) {
    if (in.guard != kNoReg) in.guard = at[in.guard];
    for (int k = 0; k < 5; k++) if ((m.uses | m.defs) >> k & 1) in.r[k] = at[in.r[k]];
    for (uint32_t k = 0; k < m.extra_defs + m.extra_uses; k++) f_.extra[in.extra + k] = at[f_.extra[in.extra + k]];
  };
  for (uint32_t i = 0; i < n; i++) place(code[i], meta_[i]);
  for (size_t i = 0; i < f_.prologue.size(); i++) place(f_.prologue[i], prologue_meta_[i]);

  // 7. A few instructions that a forward branch skips, and that nothing else jumps into, get its condition as their guard: a warp whose
  //    lanes disagree runs on in one group. (After the slots: the lanes that write are the same, so lifetimes are as they were.)
  std::vector<uint8_t> target(n + 1, 0);
  for (uint32_t i = 0; i < n; i++) {
    if (code[i].kind == Kind::Bra) target[code[i].imm] = 1;
    if (code[i].kind == Kind::Brx) for (int64_t t = 0; t < code[i].imm; t++) target[f_.extra[code[i].extra + t]] = 1;
  }
  for (uint32_t i = 0; i < n; i++) {
    Insn& bra = code[i];
    if (bra.kind != Kind::Bra || bra.guard == kNoReg || bra.imm <= i || bra.imm > i + kMostGuarded) continue;
    uint32_t end = static_cast<uint32_t>(bra.imm);
    auto fits = [&](uint32_t at) {
      const Insn& in = code[at];
      const Meta& m = meta_[at];
      if (target[at] || in.kind != Kind::Plain || in.guard != kNoReg || m.extra_defs || m.op == Op::None || m.op == Op::ReadClock) return false;
      for (int k = 0; k < 5; k++) if (m.defs >> k & 1 && in.r[k] == bra.guard) return false;
      return m.elementwise || m.op == Op::Ld || m.op == Op::LdParam || m.op == Op::St || m.op == Op::Atom || m.op == Op::Red;
    };
    uint32_t at = i + 1;
    while (at < end && fits(at)) at++;
    if (at != end) continue;
    for (at = i + 1; at < end; at++) code[at].guard = bra.guard, code[at].guard_negated = !bra.guard_negated;
    bra.sub = 1;
  }
}

}  // namespace softgpu
