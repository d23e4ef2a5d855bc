// Video instructions: vadd, vsub, vabsdiff, vmin, vmax, vshl, vshr, vmad, vset on parts of a register, and their two- and four-lane forms.
// Owner: load(); one thread. What an instruction says is packed into Insn::imm (VideoBits), exec/ops_video.cpp reads it.
#include "softgpu/ptx/decode.h"
#include "softgpu/ptx/video.h"

namespace softgpu {
namespace {

// ".b3", ".h10", ".b3210" behind a register's name, without the dot.
bool digits_of(std::string_view s, char kind, char most, std::vector<uint8_t>* out) {
  if (s.size() < 2 || s[0] != kind) return false;
  out->clear();
  for (char c : s.substr(1)) {
    if (c < '0' || c > most) return false;
    out->push_back(static_cast<uint8_t>(c - '0'));
  }
  return true;
}

}  // namespace

// Takes a selector off an operand that is a register with one ("%r1.h1"); empty: none.
std::string_view Decoder::take_selector(Operand& o) {
  if (o.what != Operand::Name) return {};
  size_t dot = o.name.rfind('.');
  if (dot == o.name.npos || dot == 0 || !lookup_register(o.name.substr(0, dot), &o.reg)) return {};
  std::string_view selector = o.name.substr(dot + 1);
  o.what = Operand::Register;
  return selector;
}

void Decoder::op_video() {
  VideoBits v;
  std::string_view name = opcode_;
  v.lanes = name.back() == '2' ? 2 : name.back() == '4' ? 4 : 1;
  if (v.lanes > 1) name.remove_suffix(1);
  constexpr std::string_view kNames[] = {"vadd", "vsub", "vabsdiff", "vmin", "vmax", "vavrg", "vset", "vshl", "vshr", "vmad"};
  for (uint8_t i = 0; i < 10; i++) if (name == kNames[i]) v.op = static_cast<VideoOp>(i);
  auto sign = [&] {
    Ty t = type();
    if (t != Ty::U32 && t != Ty::S32) unsupported();
    return t == Ty::S32;
  };
  bool set = v.op == VideoOp::Set, shift = v.op == VideoOp::Shl || v.op == VideoOp::Shr, mad = v.op == VideoOp::Mad;
  v.signed_d = set ? false : sign();
  v.signed_a = sign(), v.signed_b = sign();
  if (shift && v.signed_b) unsupported();
  if (set) {
    constexpr const char* kCompare[] = {"eq", "ne", "lt", "le", "gt", "ge"};
    v.compare = 6;
    for (uint8_t i = 0; i < 6; i++) if (mod(kCompare[i])) v.compare = i;
    if (v.compare == 6) unsupported();
  } else {
    v.saturate = mod("sat");
  }
  if (shift) {
    v.clamp = mod("clamp");
    if (!v.clamp && !mod("wrap")) unsupported();
  }
  if (mad) {
    v.plus_one = mod("po");
    v.shift = mod("shr7") ? 1 : mod("shr15") ? 2 : 0;
  } else {
    v.second = mod("add") ? 1 : v.lanes == 1 && mod("min") ? 2 : v.lanes == 1 && mod("max") ? 3 : 0;
  }
  size_t n = ops_.size();
  if (mad || v.lanes > 1 ? n != 4 : n != 3 && n != 4) fail("wrong number of operands of '" + std::string(whole_) + "'");
  // selectors: scalar: one part of a, b and d; lanes: where each lane of a and b comes from, which lanes of d are written
  std::vector<uint8_t> digits;
  auto part = [&](std::string_view s) -> uint8_t {   // VideoBits::part
    if (s.empty()) return 0;
    if (s.size() == 2 && digits_of(s, 'b', '3', &digits)) return static_cast<uint8_t>(1 + digits[0]);
    if (s.size() == 2 && digits_of(s, 'h', '1', &digits)) return static_cast<uint8_t>(5 + digits[0]);
    fail("bad selector '." + std::string(s) + "' in '" + std::string(whole_) + "'");
  };
  std::string_view sa = take_selector(ops_[1]), sb = take_selector(ops_[2]), sd = take_selector(ops_[0]);
  if (v.lanes == 1) {
    v.a = part(sa), v.b = part(sb), v.d = part(sd);
    if (v.d && (v.second || n == 3 || mad)) unsupported();
    if (!v.d && !v.second && n == 4 && !mad) unsupported();
  } else {
    char kind = v.lanes == 2 ? 'h' : 'b', most = v.lanes == 2 ? '3' : '7';
    auto lanes = [&](std::string_view s, uint8_t first) {
      uint16_t packed = 0;
      if (s.empty())
        for (uint8_t i = 0; i < v.lanes; i++) packed |= static_cast<uint16_t>((first + i) << (4 * i));
      else if (digits_of(s, kind, most, &digits) && digits.size() == v.lanes)
        for (uint8_t i = 0; i < v.lanes; i++) packed |= static_cast<uint16_t>(digits[static_cast<size_t>(v.lanes - 1 - i)] << (4 * i));
      else fail("bad selector '." + std::string(s) + "' in '" + std::string(whole_) + "'");
      return packed;
    };
    v.a = lanes(sa, 0), v.b = lanes(sb, v.lanes);
    v.d = static_cast<uint8_t>((1 << v.lanes) - 1);
    if (!sd.empty()) {
      if (!digits_of(sd, kind, v.lanes == 2 ? '1' : '3', &digits)) fail("bad mask '." + std::string(sd) + "' in '" + std::string(whole_) + "'");
      v.d = 0;
      for (uint8_t i : digits) v.d = static_cast<uint8_t>(v.d | 1 << i);
    }
  }
  auto source = [&](Operand& o) {   // a minus sign before a register belongs to vmad
    bool minus = o.minus && o.what == Operand::Register;
    if (minus && !mad) unsupported();
    if (minus) o.minus = false;
    return minus;
  };
  v.negate = static_cast<uint8_t>(source(ops_[1]) != source(ops_[2]));
  if (mad && source(ops_[3])) v.negate |= 2;
  if (mad && v.plus_one && v.negate) unsupported();
  uint32_t a = use(ops_[1], Ty::U32), b = use(ops_[2], Ty::U32), c = n == 4 ? use(ops_[3], Ty::U32) : constant(Width::W32, 0);
  Key k;
  k.op = Op::Video;
  k.t = Ty::U32;
  emit(k, {def(ops_[0], Ty::U32)}, {a, b, c}).imm = static_cast<int64_t>(v.pack());
}

void Decoder::add_video(std::unordered_map<std::string_view, Handler>& m) {
  for (const char* n : {"vadd", "vsub", "vabsdiff", "vmin", "vmax", "vset", "vshl", "vshr", "vmad", "vadd2", "vsub2", "vabsdiff2", "vmin2", "vmax2", "vavrg2", "vset2",
                        "vadd4", "vsub4", "vabsdiff4", "vmin4", "vmax4", "vavrg4", "vset4"})
    m[n] = &Decoder::op_video;
}

}  // namespace softgpu
