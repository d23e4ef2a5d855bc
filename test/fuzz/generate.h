// The generator's insides, shared by generate.cpp (control flow and the frame) and statements.cpp (statements without bodies).
#pragma once
#include "instructions.h"
#include "program.h"

namespace fuzz {

class Random {
 public:
  explicit Random(uint64_t seed) : s_(seed * 0x9e3779b97f4a7c15 + 0x123456789abcdef) { for (int i = 0; i < 8; i++) next(); }
  uint64_t next() { s_ ^= s_ << 13, s_ ^= s_ >> 7, s_ ^= s_ << 17; return s_ * 0x2545f4914f6cdd1dull >> 8; }
  unsigned below(unsigned n) { return static_cast<unsigned>(next() % n); }
  bool chance(unsigned percent) { return below(100) < percent; }
  template <class T, size_t N> const T& of(const T (&a)[N]) { return a[below(N)]; }
 private:
  uint64_t s_;
};

struct Pool { char letter; const char* type; unsigned count; };
constexpr Pool kPools[] = {{'u', ".b32", 8}, {'f', ".b32", 8}, {'l', ".b64", 6}, {'d', ".b64", 6}, {'w', ".b16", 4}, {'h', ".b16", 4}, {'b', ".b16", 4}, {'x', ".b32", 3}, {'y', ".b32", 3}, {'p', ".pred", 4}};

// Where a statement stands: which lanes are there for certain.
struct Place {
  std::string mask;        // register with the warp's lanes that are here; empty: not known, so nothing that needs them
  bool full = false;       // these are all 32 lanes of every warp
  bool uniform = false;    // every thread of the block is here
  bool function = false;   // in a .func: no kernel registers (in, out, scratch, shared)
  int depth = 0;
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : r(seed), seed_(seed) {}
  Program program();

 private:
  // generate.cpp
  std::vector<Node> body(const Place& at, unsigned statements);
  Node statement(const Place& at);
  Node branch(const Place& at);
  Node loop(const Place& at);
  Node table_branch(const Place& at);
  Node function(unsigned number, bool recursive);
  std::string declare_pools();
  // statements.cpp
  std::string plain(const Place& at);                    // one instruction of the table
  std::string instruction(const Instruction& i, bool guarded);
  std::string reload();
  std::string memory(const Place& at);
  std::string constant_load();
  std::string pack();
  std::string carry();
  std::string compare_pair();
  std::string lanes(const Place& at);                    // shfl, vote, match, redux, activemask, elect
  std::string exchange(const Place& at);                 // through shared memory, with barriers
  std::string atomic(const Place& at);
  std::string call(const Place& at);

  std::string reg(char letter);
  std::string any32() { return reg("ufxy"[r.below(4)]); }
  std::string any64() { return reg("ld"[r.below(2)]); }
  std::string any16() { return reg("whb"[r.below(3)]); }
  std::string sized(int bytes) { return bytes == 8 ? any64() : bytes == 2 ? any16() : any32(); }
  std::string guard() { return std::string(r.chance(50) ? "@" : "@!") + reg('p') + " "; }
  std::string id() { return std::to_string(next_id_++); }

  Random r;
  uint64_t seed_;
  unsigned block_ = 32, next_id_ = 0, functions_ = 0, recursive_ = ~0u;
};

}  // namespace fuzz
