// Textures and surfaces: tex, tld4, txq, suld, sust, sured, suq, in unified mode (the object's number in a register).
// Owner: load(); one thread.
#include <cstring>

#include "softgpu/ptx/decode.h"
#include "softgpu/ptx/texture_form.h"

namespace softgpu {
namespace {

using F = TextureForm;

constexpr const char* kGeometries[] = {"1d", "2d", "3d", "a1d", "a2d", "cube", "acube"};
constexpr uint8_t kCoordinates[] = {1, 2, 3, 2, 3, 3, 4};        // the layer counts as one
constexpr uint8_t kDirections[] = {1, 2, 3, 1, 2, 3, 3};         // components of a gradient or an offset
bool has_layer(F::Geometry g) { return g == F::A1 || g == F::A2 || g == F::ACube; }

}  // namespace

// The instruction with its operands: results, then sources, then the form itself.
void Decoder::texture(TextureForm form, const Operand& object, const std::vector<uint32_t>& results, const std::vector<uint32_t>& sources) {
  if (object.what != Operand::Address || object.offset) fail("expected [texture, coordinates] in '" + std::string(whole_) + "'");
  if (!object.name.empty()) fail("texture and surface references are not supported, only objects: '" + std::string(whole_) + "'");
  Operand handle;
  handle.what = Operand::Register, handle.reg = object.reg;
  if (object.reg == kNoReg) fail("expected a texture or surface object in '" + std::string(whole_) + "'");
  form.results = static_cast<uint8_t>(results.size());
  form.sources = static_cast<uint8_t>(sources.size());
  Key k;
  k.op = Op::Tex;
  uint32_t number = use(handle, Ty::B64);
  Insn& in = emit(k, {}, {number});
  in.sub = static_cast<uint8_t>(results.size() + sources.size());
  std::vector<uint32_t> words(4);
  std::memcpy(words.data(), &form, sizeof form);
  extra(in, results, sources, words);
}

// The elements of a vector operand, or of a plain one as if it were a vector of one; more than `most` (padding) are left out.
std::vector<Operand> Decoder::elements(const Operand& o, size_t least, size_t most) const {
  std::vector<Operand> list = o.what == Operand::Vector ? o.items : std::vector<Operand>{o};
  if (list.size() < least) fail("too short a vector in '" + std::string(whole_) + "'");
  if (list.size() > most) list.resize(most);
  return list;
}

TextureForm::Geometry Decoder::geometry() {
  for (uint8_t g = 0; g < 7; g++)
    if (mod(kGeometries[g])) return static_cast<F::Geometry>(g);
  unsupported();   // 2dms, a2dms
}

// [object, coordinates] to registers; array layers first.
std::vector<uint32_t> Decoder::coordinates(const Operand& object, TextureForm::Geometry g, bool integer) {
  if (object.items.size() == 2) fail("samplers apart from textures (.texmode_independent) are not supported: '" + std::string(whole_) + "'");
  if (object.items.size() != 1) fail("expected [texture, coordinates] in '" + std::string(whole_) + "'");
  std::vector<uint32_t> out;
  size_t n = kCoordinates[g];
  for (const Operand& o : elements(object.items[0], n, n)) out.push_back(use(o, integer || (out.empty() && has_layer(g)) ? Ty::B32 : Ty::F32));
  return out;
}

void Decoder::op_tex() {
  F f;
  const bool gather = opcode_ == "tld4";
  f.kind = gather ? F::Gather : F::Sample;
  if (gather) {
    constexpr const char* kComponents[] = {"r", "g", "b", "a"};
    f.what = 0xff;
    for (uint8_t i = 0; i < 4; i++) if (mod(kComponents[i])) f.what = i;
    if (f.what == 0xff) unsupported();
  } else if (mod("level")) {
    f.level = F::Given;
  } else if (mod("grad")) {
    f.level = F::Gradient;
  } else {
    mod("base");
  }
  f.geometry = geometry();
  if (gather && f.geometry != F::D2) unsupported();
  bool two = mod("v2");
  if (!two && !mod("v4")) unsupported();
  Ty data = type(), by = type();
  f.halves = data == Ty::F16x2;
  if (two != f.halves || (!f.halves && data != Ty::F32 && data != Ty::S32 && data != Ty::U32) || (by != Ty::F32 && by != Ty::S32)) unsupported();
  f.integer = by == Ty::S32;
  const size_t given = f.level == F::Given ? 1 : f.level == F::Gradient ? 2 : 0, n = kDirections[f.geometry];
  count(2 + given, 3 + given);
  std::vector<uint32_t> sources = coordinates(ops_[1], f.geometry, f.integer);
  for (size_t i = 0; i < given; i++)
    for (const Operand& o : elements(ops_[2 + i], f.level == F::Given ? 1 : n, f.level == F::Given ? 1 : n)) sources.push_back(use(o, Ty::F32));
  if (ops_.size() == 3 + given) {
    const Operand& o = ops_[2 + given];
    if (o.what != Operand::Vector && n != 1) unsupported();   // a depth to compare with
    if (f.geometry >= F::Cube) unsupported();
    for (const Operand& e : elements(o, n, n)) sources.push_back(use(e, Ty::S32)), f.offsets++;
  }
  std::vector<uint32_t> results;
  if (ops_[0].what != Operand::Vector || ops_[0].items.size() != (two ? 2u : 4u)) fail("wrong vector length in '" + std::string(whole_) + "'");
  for (const Operand& o : ops_[0].items) results.push_back(def(o, Ty::B32));
  if (ops_[0].second != kNoReg) results.push_back(ops_[0].second), f.residency = true;
  texture(f, ops_[1], results, sources);
}

void Decoder::op_txq() {
  static const std::unordered_map<std::string_view, uint8_t> kQueries = {
      {"width", F::Width}, {"height", F::Height}, {"depth", F::Depth}, {"channel_data_type", F::Type}, {"channel_order", F::Order},
      {"normalized_coords", F::Normalized}, {"array_size", F::ArraySize}, {"num_mipmap_levels", F::Levels}, {"num_samples", F::Samples},
      {"filter_mode", F::FilterMode}, {"addr_mode_0", F::Wrap0}, {"addr_mode_1", F::Wrap1}, {"addr_mode_2", F::Wrap2},
      {"force_unnormalized_coords", F::Unnormalized}, {"memory_layout", F::Memory}};
  F f;
  f.kind = F::Query;
  f.formatted = opcode_ == "suq";
  bool level = mod("level");
  f.what = 0xff;
  for (size_t i = 0; i < mods_.size() && f.what == 0xff; i++)
    if (auto q = kQueries.find(mods_[i]); q != kQueries.end()) f.what = q->second, mod(q->first);
  if (f.what == 0xff || type() != Ty::B32) unsupported();
  count(level ? 3 : 2, level ? 3 : 2);
  if (ops_[1].what == Operand::Address && !ops_[1].items.empty()) fail("expected [texture] in '" + std::string(whole_) + "'");
  std::vector<uint32_t> sources;
  if (level) f.level = F::Given, sources.push_back(use(ops_[2], Ty::S32));
  texture(f, ops_[1], {def(ops_[0], Ty::B32)}, sources);
}

// suld.b, sust.b, sust.p, sured.b, sured.p
void Decoder::op_surface() {
  F f;
  f.kind = opcode_ == "suld" ? F::Load : opcode_ == "sust" ? F::Store : F::Reduce;
  f.formatted = f.kind != F::Load && mod("p");
  if (!f.formatted && !mod("b")) unsupported();
  if (f.kind == F::Reduce) {
    constexpr const char* kNames[] = {"add", "min", "max", "and", "or"};
    f.what = 0xff;
    for (uint8_t i = 0; i < 5; i++) if (mod(kNames[i])) f.what = i;
    if (f.what == 0xff) unsupported();
  }
  f.geometry = geometry();
  if (f.geometry >= F::Cube) unsupported();
  mod_any({"ca", "cg", "cs", "cv", "wb", "wt"});
  f.elements = mod("v2") ? 2 : mod("v4") ? 4 : 1;
  Ty t = type();
  f.bytes = static_cast<uint8_t>(bytes_of(t));
  f.is_signed = is_signed(t);
  bool fits = f.kind == F::Reduce ? f.bytes >= 4 && f.bytes <= 8 && !is_float(t) && f.elements == 1 : f.formatted ? f.bytes == 4 : is_bits(t) && f.bytes <= 8;
  if (!fits || f.bytes * f.elements > 16) unsupported();
  f.outside = mod("clamp") ? F::Clamp : mod("zero") ? F::Zero : F::Trap;
  mod("trap");
  count(2, 2);
  const Operand &object = ops_[f.kind == F::Load ? 1 : 0], &value = ops_[f.kind == F::Load ? 0 : 1];
  std::vector<uint32_t> sources = coordinates(object, f.geometry, true), results;
  std::vector<Operand> list = elements(value, f.elements, 4);
  if (list.size() != f.elements) fail("wrong vector length in '" + std::string(whole_) + "'");
  for (const Operand& o : list) {
    if (f.kind == F::Load) results.push_back(def(o, t));
    else sources.push_back(use(o, t));
  }
  texture(f, object, results, sources);
}

void Decoder::add_texture(std::unordered_map<std::string_view, Handler>& m) {
  m["tex"] = m["tld4"] = &Decoder::op_tex;
  m["txq"] = m["suq"] = &Decoder::op_txq;
  m["suld"] = m["sust"] = m["sured"] = &Decoder::op_surface;
}

}  // namespace softgpu
