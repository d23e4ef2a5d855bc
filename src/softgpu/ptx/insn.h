// The decoded form of PTX that exec/ runs: instructions whose operands are byte offsets into a warp's register file.
// Owner: the Program (one per loaded module); immutable after load, so any number of threads may run it.
//
// Register file of a warp, structure of arrays: a register of 32 bits or fewer is 32 uint32_t (upper bits of a shorter one are not
// defined), one of 64 bits is 32 uint64_t, one of 128 bits is two 64-bit arrays in a row, a predicate is one uint32_t with a bit a lane.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "softgpu/engine.h"

namespace softgpu {

enum class Ty : uint8_t {
  None, Pred, B8, B16, B32, B64, B128, U8, U16, U32, U64, S8, S16, S32, S64,
  F16, F16x2, BF16, BF16x2, F32, F64, TF32, E4M3x2, E5M2x2, U16x2, S16x2, F32x2, E4M3, E5M2,
  B1, U2, S2, U4, S4, E2M3, E3M2, E2M1, E2M3x2, E3M2x2, E2M1x2, UE8M0x2, E4M3x4, E5M2x4, E2M3x4, E3M2x4, E2M1x4,   // the sub-byte ones have no size of their own
};
inline int bytes_of(Ty t) {
  constexpr uint8_t k[] = {0, 0, 1, 2, 4, 8, 16, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 2, 4, 4, 8, 4, 2, 2, 4, 4, 8, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 1, 2, 4, 4, 4, 4, 2};
  return k[static_cast<int>(t)];
}
inline bool is_signed(Ty t) { return t >= Ty::S8 && t <= Ty::S64; }
inline bool is_int(Ty t) { return t >= Ty::U8 && t <= Ty::S64; }
inline bool is_bits(Ty t) { return t >= Ty::B8 && t <= Ty::B128; }
inline bool is_float(Ty t) { return (t >= Ty::F16 && t <= Ty::F64) || t == Ty::F32x2; }

enum class Op : uint8_t {
  None, Mov, Add, Sub, MulLo, MulHi, MulWide, MadLo, MadHi, MadWide, Mul24Lo, Mul24Hi, Mad24Lo, Mad24Hi, Sad, Div, Rem, Abs, Neg, Min, Max,
  Popc, Clz, Bfind, Brev, Bfe, Bfi, Bmsk, Szext, Fns, Dp4a, Dp2a, And, Or, Xor, Not, Cnot, Shl, Shr, Shf, Lop3, Prmt,
  AddC, SubC, MadLoC, MadHiC,
  FAdd, FSub, FMul, FFma, FDiv, Rcp, Sqrt, Rsqrt, Sin, Cos, Lg2, Ex2, Tanh, FNeg, FAbs, FMin, FMax, Copysign, Testp,
  Set, Setp, Selp, Slct, PredLogic, Video,
  Extend, Cvt, CvtPack, CvtPackI, Pack, Unpack, ReadClock,
  Ld, LdParam, St, Atom, Red, Cvta, Isspacep, Mapa, Getctarank, Prefetch, CpAsync, CpBulk, StBulk, Stack,
  Shfl, Vote, Match, Activemask, Redux, Elect, Ldmatrix, Stmatrix, Movmatrix, Mma, MbarInit, MbarArrive, MbarTest, MbarOther, MbarTx,
  Tex,   // every texture and surface instruction (texture_form.h)
};

enum Round : uint8_t { kNearest, kZero, kDown, kUp, kAway, kIntNearest = 8, kIntZero, kIntDown, kIntUp };   // rn rz rm rp rna rni rzi rmi rpi
enum KeyFlag : uint16_t {
  kFtz = 1, kSat = 2, kApprox = 4, kNan = 8, kRelu = 16, kXorSign = 32, kReadsCarry = 64, kWritesCarry = 128, kFull = 256, kShiftAmount = 512,
  kLeft = 1024, kClamp = 2048, kHigh = 4096, kFinite = 8192, kOob = 16384, kAbs = 32768,
};
enum class Cmp : uint8_t { Eq, Ne, Lt, Le, Gt, Ge, Equ, Neu, Ltu, Leu, Gtu, Geu, Num, Nan };
enum class Space : uint8_t { Generic, Global, Shared, Local, Const, Param };   // Param: a kernel's parameters by address
enum class Mix : uint8_t { None, And, Or, Xor };                               // how setp/set joins the extra predicate

// Names one implementation: exec/ answers with the function that does it, or none when the combination does not exist.
struct Key {
  Op op = Op::None;
  Ty t = Ty::None, t2 = Ty::None;   // t2: second type (cvt source, set operand, slct selector …)
  uint8_t round = kNearest;
  uint16_t flags = 0;
  Cmp cmp = Cmp::Eq;
  Mix mix = Mix::None;
  uint8_t sub = 0;                  // by op: vector length, atomic operation, lop3 table, shuffle mode, testp class …
  Space space = Space::Generic;
};

struct Warp;
struct Insn;
using Fn = void (*)(Warp&, const Insn&, uint32_t mask);

enum class Kind : uint8_t {
  Plain,      // fn only
  Sync,       // fn after every lane named by r[1] (or the immediate mask) has arrived: shfl, vote, match, redux, bar.warp.sync
  Bra, Brx, Call, CallIndirect, Ret, Exit, Bar, BarArrive, ClusterArrive, ClusterWait, Trap, Pause, Nop,
};

constexpr uint32_t kNoReg = ~0u;

struct alignas(64) Insn {   // a line of the cache
  Fn fn = nullptr;
  uint32_t r[5] = {kNoReg, kNoReg, kNoReg, kNoReg, kNoReg};   // destination first, then sources
  uint32_t guard = kNoReg;   // predicate; lanes where it is false skip the instruction
  int64_t imm = 0;           // address offset, branch target, …
  uint32_t extra = 0;        // first index in Function::extra of further operands
  uint32_t line = 0;         // in the PTX text
  uint32_t site = 0;         // number of this memory access in the program (a cache slot per worker)
  Kind kind = Kind::Plain;
  bool guard_negated = false;
  uint8_t sub = 0, flags = 0;   // by fn
};
enum InsnFlag : uint8_t { kAddress64 = 1, kWholeBlock = 1 /* of Bar: all threads, imm is the barrier, no result */, kImmediateMask = 2, kHasPredicateOut = 4, kNegated = 8 };

// Values that exist without an instruction; each that a function uses has a slot filled before its first instruction.
enum class Special : uint8_t {
  TidX, TidY, TidZ, NtidX, NtidY, NtidZ, CtaidX, CtaidY, CtaidZ, NctaidX, NctaidY, NctaidZ, Laneid, Warpid, Nwarpid, Smid, Nsmid, Gridid,
  LanemaskEq, LanemaskLe, LanemaskLt, LanemaskGe, LanemaskGt, Envreg1, Envreg2, DynamicSharedBytes, TotalSharedBytes, Zero, One,
  ClusteridX, ClusteridY, ClusteridZ, NclusteridX, NclusteridY, NclusteridZ, ClusterCtaidX, ClusterCtaidY, ClusterCtaidZ,
  ClusterNctaidX, ClusterNctaidY, ClusterNctaidZ, ClusterCtarank, ClusterNctarank,
  ExplicitCluster,   // a predicate
  DynamicShared,   // offset of the extern .shared arrays
  FrameBase,       // offset of this call's frame in the thread's local memory (64 bits)
  ParamBase,       // address of the kernel's parameters (64 bits)
  Count,
};

inline bool differs_between_blocks(Special s) {
  return (s >= Special::CtaidX && s <= Special::CtaidZ) || (s >= Special::ClusteridX && s <= Special::ClusteridZ) ||
         (s >= Special::ClusterCtaidX && s <= Special::ClusterCtaidZ) || s == Special::ClusterCtarank || s == Special::Smid;
}

struct SpecialSlot { Special what; uint32_t offset; };
struct CallArg { uint32_t caller, callee, bytes; };   // offsets in the two frames of local memory

struct ConstantAddress { uint32_t offset, bytes, variable; uint64_t addend; };   // 32 lanes of a variable's address from offset on

struct Function {
  std::string name;
  bool entry = false;
  uint32_t index = 0;                    // in the program
  std::vector<Insn> code;
  std::vector<Insn> prologue;            // of a kernel: run by each warp once, before its first block
  std::vector<uint32_t> extra;
  std::vector<CallArg> args;             // of every call in code, in order; Insn.extra of a call: first, inputs, outputs, function
  std::vector<uint8_t> constants;        // copied to the start of the register file
  std::vector<ConstantAddress> relocations;   // and what of them is known when variables have their places
  std::vector<SpecialSlot> specials;     // after the constants
  std::vector<uint32_t> callees;
  std::vector<uint32_t> shared_used;     // module .shared symbols named (for the kernel's static size)
  std::vector<CallArg> params, results;  // callee = offset in this function's frame
  uint32_t register_bytes = 0;           // whole register file of a warp
  uint32_t frame_bytes = 0;              // local memory: parameters, results, .local variables, outgoing parameters
  uint32_t registers = 1;
  bool calls_indirectly = false;
  bool defined = false;
  int builtin = 0;                       // exec/builtins.h: vprintf, malloc …
};

}  // namespace softgpu
