// Arithmetic, logic, comparison, conversion and moves. Owner: load(); one thread.
#include <cstring>

#include "softgpu/ptx/decode.h"

namespace softgpu {
namespace {

// One row per opcode: what it is for integers/bits and for floating point, and its operands, destination first.
// t the instruction's type · w twice as wide · u u32 · s signed or unsigned 32 as the second type · p predicate · i immediate byte
struct Row {
  const char* name;
  Op integer, floating;
  const char* operands;
};
constexpr Row kRows[] = {
    {"add", Op::Add, Op::FAdd, "ttt"},      {"sub", Op::Sub, Op::FSub, "ttt"},        {"mul", Op::MulLo, Op::FMul, "ttt"},
    {"mad", Op::MadLo, Op::FFma, "tttt"},   {"fma", Op::None, Op::FFma, "tttt"},      {"mul24", Op::Mul24Lo, Op::None, "ttt"},
    {"mad24", Op::Mad24Lo, Op::None, "tttt"}, {"sad", Op::Sad, Op::None, "tttt"},     {"div", Op::Div, Op::FDiv, "ttt"},
    {"rem", Op::Rem, Op::None, "ttt"},      {"abs", Op::Abs, Op::FAbs, "tt"},         {"neg", Op::Neg, Op::FNeg, "tt"},
    {"min", Op::Min, Op::FMin, "ttt"},      {"max", Op::Max, Op::FMax, "ttt"},        {"popc", Op::Popc, Op::None, "ut"},
    {"clz", Op::Clz, Op::None, "ut"},       {"bfind", Op::Bfind, Op::None, "ut"},     {"brev", Op::Brev, Op::None, "tt"},
    {"bfe", Op::Bfe, Op::None, "ttuu"},     {"bfi", Op::Bfi, Op::None, "tttuu"},      {"bmsk", Op::Bmsk, Op::None, "tuu"},
    {"szext", Op::Szext, Op::None, "ttu"},  {"fns", Op::Fns, Op::None, "uuuu"},       {"and", Op::And, Op::None, "ttt"},
    {"or", Op::Or, Op::None, "ttt"},        {"xor", Op::Xor, Op::None, "ttt"},        {"not", Op::Not, Op::None, "tt"},
    {"cnot", Op::Cnot, Op::None, "tt"},     {"shl", Op::Shl, Op::None, "ttu"},        {"shr", Op::Shr, Op::None, "ttu"},
    {"shf", Op::Shf, Op::None, "tttu"},     {"lop3", Op::Lop3, Op::None, "uuuui"},    {"prmt", Op::Prmt, Op::None, "uuuu"},
    {"addc", Op::AddC, Op::None, "ttt"},    {"subc", Op::SubC, Op::None, "ttt"},      {"madc", Op::MadLoC, Op::None, "tttt"},
    {"rcp", Op::None, Op::Rcp, "tt"},       {"sqrt", Op::None, Op::Sqrt, "tt"},       {"rsqrt", Op::None, Op::Rsqrt, "tt"},
    {"sin", Op::None, Op::Sin, "tt"},       {"cos", Op::None, Op::Cos, "tt"},         {"lg2", Op::None, Op::Lg2, "tt"},
    {"ex2", Op::None, Op::Ex2, "tt"},       {"tanh", Op::None, Op::Tanh, "tt"},       {"copysign", Op::None, Op::Copysign, "ttt"},
    {"selp", Op::Selp, Op::Selp, "tttp"},   {"dp4a", Op::Dp4a, Op::None, "suus"},     {"dp2a", Op::Dp2a, Op::None, "suus"},
};

bool compare_from(std::string_view m, Ty t, Cmp* out) {
  static const std::unordered_map<std::string_view, Cmp> kNames = {
      {"eq", Cmp::Eq}, {"ne", Cmp::Ne}, {"lt", Cmp::Lt}, {"le", Cmp::Le}, {"gt", Cmp::Gt}, {"ge", Cmp::Ge}, {"equ", Cmp::Equ}, {"neu", Cmp::Neu},
      {"ltu", Cmp::Ltu}, {"leu", Cmp::Leu}, {"gtu", Cmp::Gtu}, {"geu", Cmp::Geu}, {"num", Cmp::Num}, {"nan", Cmp::Nan},
      {"lo", Cmp::Lt}, {"ls", Cmp::Le}, {"hi", Cmp::Gt}, {"hs", Cmp::Ge}};
  auto it = kNames.find(m);
  if (it == kNames.end()) return false;
  *out = it->second;
  return is_float(t) || *out <= Cmp::Ge;
}

// Bit types behave as unsigned ones.
Ty plain(Ty t) {
  switch (t) {
    case Ty::B8: return Ty::U8;
    case Ty::B16: return Ty::U16;
    case Ty::B32: return Ty::U32;
    case Ty::B64: return Ty::U64;
    default: return t;
  }
}

}  // namespace

uint8_t Decoder::rounding(uint8_t otherwise) {
  constexpr std::pair<const char*, uint8_t> kNames[] = {{"rn", kNearest}, {"rz", kZero}, {"rm", kDown}, {"rp", kUp}, {"rna", kAway},
                                                        {"rni", kIntNearest}, {"rzi", kIntZero}, {"rmi", kIntDown}, {"rpi", kIntUp}};
  for (auto& [name, value] : kNames)
    if (mod(name)) return value;
  return otherwise;
}

void Decoder::take_common(Key& k) {
  constexpr std::pair<const char*, uint16_t> kNames[] = {{"ftz", kFtz}, {"sat", kSat}, {"approx", kApprox}, {"NaN", kNan}, {"relu", kRelu},
                                                         {"full", kFull}, {"shiftamt", kShiftAmount}, {"satfinite", kFinite}, {"oob", kOob}};
  for (auto& [name, flag] : kNames)
    if (mod(name)) k.flags |= flag;
  if (mod("xorsign")) {
    if (!mod("abs")) unsupported();
    k.flags |= kXorSign;
  }
}

void Decoder::op_alu() {
  static const std::unordered_map<std::string_view, const Row*> kByName = [] {
    std::unordered_map<std::string_view, const Row*> m;
    for (const Row& r : kRows) m[r.name] = &r;
    return m;
  }();
  const Row& row = *kByName.at(opcode_);
  Key k;
  const char* shape = row.operands;
  if (opcode_ == "prmt") {
    constexpr const char* kModes[] = {"", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
    for (uint8_t i = 1; i < 7; i++) if (mod(kModes[i])) k.sub = i;
  }
  k.round = rounding(kNearest);
  take_common(k);
  Mix lop = opcode_ != "lop3" ? Mix::None : mod("or") ? Mix::Or : mod("and") ? Mix::And : Mix::None;
  bool hi = mod("hi"), wide = mod("wide");
  if (!hi && !wide) mod("lo");
  bool cc = mod("cc");
  if (mod("l")) k.flags |= kLeft;
  else mod("r");
  if (mod("clamp")) k.flags |= kClamp;
  else mod("wrap");
  k.t = plain(type());
  if (k.t == Ty::Pred) {
    if (row.integer != Op::And && row.integer != Op::Or && row.integer != Op::Xor && row.integer != Op::Not) unsupported();
    return op_logic_pred(row.integer);
  }
  if (shape[0] == 's') {   // dp4a.atype.btype: the result is signed if either is
    k.t2 = type();
    if (hi) k.flags |= kHigh;
  }
  k.op = is_float(k.t) ? row.floating : row.integer;
  if (k.op == Op::None && opcode_ != "fma") unsupported();
  if ((k.t == Ty::U16x2 || k.t == Ty::S16x2) && k.op != Op::Add && k.op != Op::Min && k.op != Op::Max) unsupported();
  switch (k.op) {
    case Op::MulLo: k.op = wide ? Op::MulWide : hi ? Op::MulHi : Op::MulLo; break;
    case Op::MadLo: k.op = wide ? Op::MadWide : hi ? Op::MadHi : Op::MadLo; break;
    case Op::Mul24Lo: if (hi) k.op = Op::Mul24Hi; break;
    case Op::Mad24Lo: if (hi) k.op = Op::Mad24Hi; break;
    case Op::MadLoC: if (hi) k.op = Op::MadHiC; k.flags |= kReadsCarry; break;
    case Op::AddC: case Op::SubC: k.flags |= kReadsCarry; break;
    default: break;
  }
  if (cc) {
    k.flags |= kWritesCarry;
    k.op = k.op == Op::Add ? Op::AddC : k.op == Op::Sub ? Op::SubC : k.op == Op::MadLo ? Op::MadLoC : k.op == Op::MadHi ? Op::MadHiC : k.op;
  }
  if (k.op == Op::MulWide) shape = "wtt";
  if (k.op == Op::MadWide) shape = "wttw";
  Ty twice = k.t == Ty::U16 ? Ty::U32 : k.t == Ty::S16 ? Ty::S32 : k.t == Ty::U32 ? Ty::U64 : Ty::S64;
  if (shape[0] == 'w' && k.t != Ty::U16 && k.t != Ty::S16 && k.t != Ty::U32 && k.t != Ty::S32) unsupported();
  size_t n = std::strlen(shape);
  Ty half;
  if (k.t == Ty::F32 && (k.op == Op::FAdd || k.op == Op::FSub || k.op == Op::FFma) && take_type(&half)) {   // add.f32.f16: all but the last are short floats
    if ((half != Ty::F16 && half != Ty::BF16) || opcode_ == "mad") unsupported();
    count(n, n);
    uint32_t r[4] = {kNoReg, kNoReg, kNoReg, kNoReg};
    for (size_t i = 1; i < n; i++) {
      r[i] = use(ops_[i], i + 1 < n ? half : Ty::F32);
      if (i + 1 == n) break;
      Key up;
      up.op = Op::Cvt, up.t = Ty::F32, up.t2 = half, up.round = 0xff;
      uint32_t wide_one = fresh(Width::W32, Ty::F32);
      emit(up, {wide_one}, {r[i]}).imm = 0xff;
      r[i] = wide_one;
    }
    emit(k, {def(ops_[0], Ty::F32)}, {r[1], r[2], r[3]});
    return;
  }
  if ((k.op == Op::FMin || k.op == Op::FMax) && k.t == Ty::F32 && ops_.size() == 4) {   // of three: the first two, then the third
    uint32_t a = use(ops_[1], k.t), b = use(ops_[2], k.t), c = use(ops_[3], k.t), both = fresh(Width::W32, k.t);
    if (mod("abs"))
      for (uint32_t* r : {&a, &b, &c}) {
        Key abs;
        abs.op = Op::FAbs, abs.t = Ty::F32;
        uint32_t positive = fresh(Width::W32, k.t);
        emit(abs, {positive}, {*r});
        *r = positive;
      }
    emit(k, {both}, {a, b});
    emit(k, {def(ops_[0], k.t)}, {both, c});
    return;
  }
  if (lop != Mix::None) n++;
  count(n, n);
  uint32_t r[5] = {kNoReg, kNoReg, kNoReg, kNoReg, kNoReg};
  for (size_t i = 1; i < n; i++) {
    if (i == 5) break;   // lop3's predicate
    if (shape[i] == 'i') {
      if (ops_[i].what != Operand::Immediate) fail("expected an immediate in '" + std::string(whole_) + "'");
      k.sub = static_cast<uint8_t>(ops_[i].number.bits);
      continue;
    }
    Ty t = shape[i] == 't' ? k.t : shape[i] == 'w' ? twice : shape[i] == 'p' ? Ty::Pred : Ty::U32;
    r[i] = use(ops_[i], t);
  }
  Ty dt = shape[0] == 't' ? k.t : shape[0] == 'w' ? twice : Ty::U32;
  if (lop == Mix::None && ops_[0].second != kNoReg) unsupported();
  uint32_t q = lop == Mix::None ? kNoReg : use_predicate(ops_[5]);   // before the result, which may be in the same register
  r[0] = def(ops_[0], dt);
  emit(k, {r[0]}, {r[1], r[2], r[3], r[4]});
  if (lop == Mix::None || ops_[0].second == kNoReg) return;
  Key test;   // p = (d != 0) op q
  test.op = Op::Setp, test.t = Ty::U32, test.cmp = Cmp::Ne, test.mix = lop;
  emit(test, {ops_[0].second, kNoReg}, {r[0], constant(Width::W32, 0), q});
}

void Decoder::op_logic_pred(Op op) {
  Key k;
  k.op = Op::PredLogic;
  k.sub = op == Op::And ? 0 : op == Op::Or ? 1 : op == Op::Xor ? 2 : 3;
  count(op == Op::Not ? 2 : 3, op == Op::Not ? 2 : 3);
  uint32_t a = use_predicate(ops_[1]), b = op == Op::Not ? kNoReg : use_predicate(ops_[2]);
  emit(k, {def(ops_[0], Ty::Pred)}, {a, b});
}

void Decoder::op_mov() {
  Ty t = type();
  count(2, 2);
  Key k;
  if (ops_[1].what == Operand::Vector) {   // pack: mov.b32 d, {a, b}
    size_t n = ops_[1].items.size();
    k.op = Op::Pack, k.t = t, k.sub = static_cast<uint8_t>(n);
    Ty part = n == 2 ? (bytes_of(t) == 4 ? Ty::B16 : bytes_of(t) == 8 ? Ty::B32 : Ty::B64) : bytes_of(t) == 4 ? Ty::B8 : bytes_of(t) == 8 ? Ty::B16 : Ty::B32;
    if ((n != 2 && n != 4) || bytes_of(t) < 4 || (t == Ty::B128 && n != 2)) unsupported();
    std::vector<uint32_t> uses;
    for (Operand& o : ops_[1].items) uses.push_back(use(o, part));
    Insn& in = emit(k, {def(ops_[0], t)}, {});
    meta_.back().elementwise = false;
    return extra(in, {}, uses);
  }
  if (ops_[0].what == Operand::Vector) {   // unpack: mov.b32 {a, b}, d
    size_t n = ops_[0].items.size();
    k.op = Op::Unpack, k.t = t, k.sub = static_cast<uint8_t>(n);
    Ty part = n == 2 ? (bytes_of(t) == 4 ? Ty::B16 : bytes_of(t) == 8 ? Ty::B32 : Ty::B64) : bytes_of(t) == 4 ? Ty::B8 : bytes_of(t) == 8 ? Ty::B16 : Ty::B32;
    if ((n != 2 && n != 4) || bytes_of(t) < 4 || (t == Ty::B128 && n != 2)) unsupported();
    std::vector<uint32_t> defs;
    for (Operand& o : ops_[0].items) defs.push_back(def(o, part));
    uint32_t src = use(ops_[1], t);
    Insn& in = emit(k, {}, {src});
    meta_.back().elementwise = false;
    return extra(in, defs, {});
  }
  if (t == Ty::Pred) {
    k.op = Op::PredLogic, k.sub = 4;   // copy
    uint32_t a = use_predicate(ops_[1]);
    emit(k, {def(ops_[0], t)}, {a});
    return;
  }
  k.op = Op::Mov, k.t = t;
  uint32_t a;
  if (ops_[1].what == Operand::Register && v_[ops_[1].reg].fixed && v_[ops_[1].reg].width == Width::W32 && width_of(t) == Width::W64) {
    a = fresh(Width::W64);   // mov.u64 %rd, %laneid and the like: %gridid and others are 32-bit here
    Key e;
    e.op = Op::Extend, e.t = Ty::U32, e.t2 = Ty::B64;
    emit(e, {a}, {ops_[1].reg});
  } else {
    a = use(ops_[1], t);
  }
  emit(k, {def(ops_[0], t)}, {a});
}

void Decoder::op_cvt() {
  Key k;
  if (mod("pack")) {
    k.op = Op::CvtPackI;
    take_common(k);
    Ty c;
    k.t = type();
    k.t2 = type();
    bool four = take_type(&c);
    count(four ? 4 : 3, four ? 4 : 3);
    uint32_t a = use(ops_[1], Ty::S32), b = use(ops_[2], Ty::S32), old = four ? use(ops_[3], Ty::B32) : kNoReg;
    emit(k, {def(ops_[0], Ty::B32)}, {a, b, old});
    return;
  }
  k.op = Op::Cvt;
  k.round = rounding(0xff);
  take_common(k);
  k.t = type();
  k.t2 = type();
  if (ops_.size() == 3) {   // two values into one register
    count(3, 3);
    k.op = Op::CvtPack;
    uint32_t a = use(ops_[1], k.t2), b = use(ops_[2], k.t2);
    emit(k, {def(ops_[0], k.t)}, {a, b}).imm = k.flags << 8 | k.round;
    return;
  }
  count(2, 2);
  Ty d = plain(k.t), s = plain(k.t2);
  if (is_int(d) && is_int(s) && !(k.flags & kSat)) {   // only widths change
    if (k.round != 0xff) unsupported();
    bool narrower = bytes_of(d) < bytes_of(s);
    Key e;
    e.op = Op::Extend;
    e.t2 = bytes_of(d) == 8 ? Ty::B64 : Ty::B32;
    e.t = bytes_of(d) <= bytes_of(s) ? d : s;   // of two as wide the new type says what stands above
    uint32_t src = use(ops_[1], s);
    if (narrower && bytes_of(s) == 8) {
      Key n;
      n.op = Op::Extend, n.t = Ty::B64, n.t2 = Ty::B32;
      uint32_t low = fresh(Width::W32);
      emit(n, {low}, {src});
      src = low;
    }
    uint32_t dst = def(ops_[0], d);
    emit(e, {dst}, {src});
    return;
  }
  k.t = d, k.t2 = s;
  uint32_t src = use(ops_[1], s);
  if (is_int(s) && bytes_of(s) < 4 && is_float(d)) {   // short integers become 32-bit ones first
    Key e;
    e.op = Op::Extend, e.t = s, e.t2 = Ty::B32;
    uint32_t r = fresh(Width::W32);
    emit(e, {r}, {src});
    src = r;
    k.t2 = is_signed(s) ? Ty::S32 : Ty::U32;
  }
  emit(k, {def(ops_[0], d)}, {src}).imm = k.flags << 8 | k.round;
}

void Decoder::op_setp() {
  Key k;
  k.op = Op::Setp;
  take_common(k);
  k.t = plain(type());
  bool compared = false;
  for (size_t i = 0; i < mods_.size() && !compared; i++)
    if ((compared = compare_from(mods_[i], k.t, &k.cmp))) mods_.erase(mods_.begin() + static_cast<ptrdiff_t>(i));
  if (!compared) unsupported();
  if (mod("and")) k.mix = Mix::And;
  else if (mod("or")) k.mix = Mix::Or;
  else if (mod("xor")) k.mix = Mix::Xor;
  bool mixed = k.mix != Mix::None;
  bool pair = k.t == Ty::F16x2 || k.t == Ty::BF16x2;
  count(mixed ? 4 : 3, mixed ? 4 : 3);
  uint32_t a = use(ops_[1], k.t), b = use(ops_[2], k.t), c = mixed ? use_predicate(ops_[3]) : kNoReg;
  uint32_t second = ops_[0].second;
  if (pair && second == kNoReg) second = fresh(Width::Pred, Ty::Pred);
  uint32_t p = def(ops_[0], Ty::Pred);
  k.sub = second != kNoReg;
  emit(k, {p, second}, {a, b, c});
}

void Decoder::op_set() {
  Key k;
  k.op = Op::Set;
  take_common(k);
  k.t = type();          // of the result: u32, s32, f32, f16 …
  k.t2 = plain(type());
  bool compared = false;
  for (size_t i = 0; i < mods_.size() && !compared; i++)
    if ((compared = compare_from(mods_[i], k.t2, &k.cmp))) mods_.erase(mods_.begin() + static_cast<ptrdiff_t>(i));
  if (!compared) unsupported();
  if (mod("and")) k.mix = Mix::And;
  else if (mod("or")) k.mix = Mix::Or;
  else if (mod("xor")) k.mix = Mix::Xor;
  bool mixed = k.mix != Mix::None;
  count(mixed ? 4 : 3, mixed ? 4 : 3);
  uint32_t a = use(ops_[1], k.t2), b = use(ops_[2], k.t2), c = mixed ? use_predicate(ops_[3]) : kNoReg;
  k.sub = k.t == Ty::F32 ? 1 : k.t == Ty::F16 || k.t == Ty::F16x2 ? 2 : k.t == Ty::BF16 || k.t == Ty::BF16x2 ? 3 : 0;   // what "true" looks like
  emit(k, {def(ops_[0], k.t), kNoReg}, {a, b, c});
}

void Decoder::op_slct() {
  Key k;
  k.op = Op::Slct;
  take_common(k);
  k.t = plain(type());
  k.t2 = type();
  count(4, 4);
  uint32_t a = use(ops_[1], k.t), b = use(ops_[2], k.t), c = use(ops_[3], k.t2);
  emit(k, {def(ops_[0], k.t)}, {a, b, c});
}

void Decoder::op_testp() {
  Key k;
  k.op = Op::Testp;
  constexpr const char* kClasses[] = {"finite", "infinite", "number", "notanumber", "normal", "subnormal"};
  k.sub = 0xff;
  for (uint8_t i = 0; i < 6; i++) if (mod(kClasses[i])) k.sub = i;
  if (k.sub == 0xff) unsupported();
  k.t = type();
  count(2, 2);
  uint32_t a = use(ops_[1], k.t);
  emit(k, {def(ops_[0], Ty::Pred)}, {a});
}

void Decoder::add_alu(std::unordered_map<std::string_view, Handler>& m) {
  for (const Row& r : kRows) m[r.name] = &Decoder::op_alu;
  m["mov"] = &Decoder::op_mov;
  m["cvt"] = &Decoder::op_cvt;
  m["setp"] = &Decoder::op_setp;
  m["set"] = &Decoder::op_set;
  m["slct"] = &Decoder::op_slct;
  m["testp"] = &Decoder::op_testp;
}

}  // namespace softgpu
