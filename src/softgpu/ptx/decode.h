// Turns one function body into instructions. Owner: load() for the time of one load; one thread.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "softgpu/ptx/module.h"
#include "softgpu/ptx/texture_form.h"

namespace softgpu {

constexpr uint32_t kFunctionTag = 0x5f5f0000;   // a function's address is (kFunctionTag << 32) + 16 * (its number + 1)
inline uint64_t function_address(uint32_t index) { return (uint64_t{kFunctionTag} << 32) + 16 * (uint64_t{index} + 1); }

// What decoding one body needs to know of the rest of the program.
struct DecodeContext {
  const Source* source = nullptr;
  Fn (*select)(const Key&) = nullptr;     // the function for a key; none: refused
  int (*builtin)(std::string_view name) = nullptr;   // number of a built-in function, 0: not one
  uint32_t* sites = nullptr;              // counts the program's memory accesses
  std::unordered_map<const Symbol*, uint32_t>* shared_offsets = nullptr;   // where .shared variables of this kernel lie
  uint32_t* shared_bytes = nullptr;       // and their total so far
  uint32_t* shared_align = nullptr;       // strictest alignment, for the extern arrays after them
};

enum class Width : uint8_t { Pred, W32, W64, W128 };
inline Width width_of(Ty t) {
  return t == Ty::Pred ? Width::Pred : bytes_of(t) <= 4 ? Width::W32 : bytes_of(t) == 8 ? Width::W64 : Width::W128;
}

struct Operand {
  enum What : uint8_t { Register, Immediate, Name, Vector, Address, List, Sink } what = Sink;
  uint32_t reg = kNoReg;        // Register; Address: base register
  uint32_t second = kNoReg;     // d|p: the predicate after the bar
  bool negated = false;         // !p
  bool minus = false;           // of Immediate
  Number number;
  std::string_view name;        // Name; Address: symbol
  int64_t offset = 0;           // Address, Name
  std::vector<Operand> items;   // Vector, List; Address: what follows the base ([texture, {x, y}])
};

struct VirtualRegister {
  Width width = Width::W32;
  Ty type = Ty::B32;
  uint32_t slot = kNoReg;   // constants and specials: assigned by finish()
  bool fixed = false;
};

class Decoder {
 public:
  Decoder(DecodeContext& ctx, const Symbol& symbol, Function& out) : ctx_(ctx), symbol_(symbol), f_(out), c_(ctx.source->tokens, symbol.body) {}
  void run();   // throws PtxError

 private:
  using Handler = void (Decoder::*)();
  struct Scope {
    std::unordered_map<std::string_view, uint32_t> registers;              // single names
    std::vector<std::pair<std::string_view, std::pair<uint32_t, uint32_t>>> families;   // "%r" -> first register, count
    std::unordered_map<std::string_view, std::pair<Space, Variable>> variables;
    std::unordered_map<std::string_view, uint32_t> variable_offsets;       // local, param: in the frame
    std::unordered_map<std::string_view, uint32_t> labels;                 // -> instruction
    std::unordered_map<std::string_view, std::vector<std::string_view>> target_lists;
    struct Prototype { std::vector<ParamDecl> results, params; };
    std::unordered_map<std::string_view, Prototype> prototypes;            // of .callprototype and .calltargets
    std::vector<std::pair<uint32_t, std::string_view>> jumps;              // instruction (or kExtraJump + extra index) -> label
  };
  struct Meta { uint8_t defs = 0, uses = 0; uint32_t extra_defs = 0, extra_uses = 0; bool elementwise = true, pure = false; Op op = Op::None; Ty type = Ty::None; };

  // statements (decode.cpp)
  void statement();
  void directive(std::string_view d);
  void declare_registers();
  void declare_variable(Space space);
  void open_scope();
  void close_scope();
  void parse_operands();
  Operand parse_operand();
  Operand parse_address();
  void second_result(Operand& o);
  Handler find_handler(std::string_view opcode);

  // modifiers of the current instruction
  bool mod(std::string_view m);                 // takes it if present
  bool mod_any(std::initializer_list<std::string_view> list);   // takes at most one
  Ty type();                                    // takes the first type
  bool take_type(Ty* t);
  void all_mods_taken();
  [[noreturn]] void fail(const std::string& text) const { throw PtxError{line_, text}; }
  [[noreturn]] void unresolved(const std::string& text) const { throw PtxError{line_, text, true}; }
  [[noreturn]] void unsupported() const;
  void count(size_t least, size_t most) const;

  // operands to registers
  uint32_t fresh(Width w, Ty t = Ty::B32);
  uint32_t constant(Width w, uint64_t bits, uint32_t variable = ~0u);
  uint32_t special(Special s);
  uint32_t use(const Operand& o, Ty t);          // a register that holds the operand as a t
  uint32_t def(const Operand& o, Ty t);          // a register for the result; wider destinations are filled after the instruction
  uint32_t use_predicate(const Operand& o) { return use(o, Ty::Pred); }
  uint64_t immediate(const Operand& o, Ty t) const;
  uint32_t symbol_value(std::string_view name, int64_t offset, Ty t);
  bool lookup_variable(std::string_view name, Space* space, uint32_t* offset, Variable* v);
  bool lookup_register(std::string_view name, uint32_t* reg);
  uint32_t shared_offset(const Symbol& s);
  bool special_register(std::string_view name, uint32_t* reg);

  // instructions
  Insn& emit(const Key& key, std::initializer_list<uint32_t> defs, std::initializer_list<uint32_t> uses);
  Insn& emit_kind(Kind kind, std::initializer_list<uint32_t> defs = {}, std::initializer_list<uint32_t> uses = {});
  Insn& add(Insn in, std::initializer_list<uint32_t> defs, std::initializer_list<uint32_t> uses);
  void extra(Insn& in, const std::vector<uint32_t>& defs, const std::vector<uint32_t>& uses, const std::vector<uint32_t>& numbers = {});
  void address(const Operand& o, Space* space, uint32_t* base, int64_t* offset, bool* wide);
  void memory(Insn& in, Space space);
  bool cache_hints();
  void atom_vector(Key k, size_t lanes, bool red, uint32_t base, int64_t offset, bool wide);

  // handlers (decode_alu.cpp, decode_mem.cpp, decode_flow.cpp, decode_warp.cpp, decode_matrix.cpp)
  static void add_alu(std::unordered_map<std::string_view, Handler>& m);
  static void add_mem(std::unordered_map<std::string_view, Handler>& m);
  static void add_flow(std::unordered_map<std::string_view, Handler>& m);
  static void add_warp(std::unordered_map<std::string_view, Handler>& m);
  static void add_video(std::unordered_map<std::string_view, Handler>& m);
  static void add_texture(std::unordered_map<std::string_view, Handler>& m);
  static void add_matrix(std::unordered_map<std::string_view, Handler>& m);
  void op_video(); std::string_view take_selector(Operand& o);
  void op_alu(); void op_mov(); void op_cvt(); void op_setp(); void op_set(); void op_logic_pred(Op op); void op_slct(); void op_testp();
  void op_ld(); void op_st(); void op_atom(); void op_cvta(); void op_isspacep(); void op_mapa(); void op_nothing(); void op_cp(); void op_ldmatrix(); void op_mma(); void op_wmma();
  void op_alloca(); void op_bra(); void op_brx(); void op_call(); void op_ret(); void op_exit(); void op_trap(); void op_bar(); void op_pause();
  void op_shfl(); void op_vote(); void op_match(); void op_activemask(); void op_redux(); void op_elect(); void op_mbarrier();
  void op_tex(); void op_txq(); void op_surface();   // decode_texture.cpp, with the four below
  void texture(TextureForm form, const Operand& object, const std::vector<uint32_t>& results, const std::vector<uint32_t>& sources);
  std::vector<Operand> elements(const Operand& o, size_t least, size_t most) const;
  TextureForm::Geometry geometry();
  std::vector<uint32_t> coordinates(const Operand& object, TextureForm::Geometry g, bool integer);
  uint8_t rounding(uint8_t otherwise);
  void take_common(Key& k);
  bool take_layout(); int take_bit_operation();
  void op_bulk(); void op_async_store();
  void bulk(Key k, Space to, Space from, size_t size_at, size_t barrier_at);
  void shared_place(const Operand& o, uint32_t* base, int64_t* offset, bool* wide);
  std::vector<uint32_t> fragment(const Operand& o, Ty t, bool result);
  void call_arguments(const Operand& list, std::vector<ParamDecl>& formal, std::vector<std::pair<const Operand*, uint32_t>>* results);
  uint32_t frame_space(uint32_t bytes, uint32_t align);   // room in this function's frame
  void frame_access(Op op, uint32_t reg, Ty t, uint32_t at);   // load or store of a register there
  void leave_function();                                  // what comes before a ret

  void hoist();                                  // hoist.cpp
  void finish();                                 // register slots (slots.cpp)

  DecodeContext& ctx_;
  const Symbol& symbol_;
  Function& f_;
  Cursor c_;
  std::vector<Scope> scopes_;
  std::vector<VirtualRegister> v_;
  std::vector<Meta> meta_, prologue_meta_;
  std::vector<uint32_t> hoisted_;      // registers that the prologue fills
  struct Constant {
    Width width;
    uint64_t bits;
    uint32_t variable;   // ~0: none
    auto operator<=>(const Constant&) const = default;
  };
  std::map<Constant, uint32_t> constants_;
  uint32_t specials_[static_cast<int>(Special::Count)];
  std::vector<uint32_t> allocas_;      // instructions whose imm is the frame's size
  uint32_t stack_mark_ = kNoReg;       // stack pointer at entry, of a function that has an alloca
  struct RegisterParam { uint32_t reg; Ty type; uint32_t at; };
  std::vector<RegisterParam> register_results_;   // .reg results: stored where the caller looks at every ret
  // the current instruction
  uint32_t line_ = 0;
  std::string_view opcode_, whole_;
  std::vector<std::string_view> mods_;
  std::vector<Operand> ops_;
  struct Widen { uint32_t from, to; Ty type; };
  std::vector<Widen> widen_;
};

}  // namespace softgpu
