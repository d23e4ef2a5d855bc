// A random PTX program: a kernel with its functions, kept as a tree of statements so that a reducer can leave some out. The same seed
// gives the same program everywhere. Its result is defined by the PTX manual alone: no races, no lane outside a member mask is asked,
// no approximation, so two GPUs that differ on it are not both right.
// Plain data; any thread.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace fuzz {

// pieces[0], bodies[0], pieces[1], bodies[1] … pieces.back()
struct Node {
  std::vector<std::string> pieces;
  std::vector<std::vector<Node>> bodies;
};

struct Program {
  uint64_t seed = 0;
  unsigned block = 32;
  std::string constants;            // module-level text that goes first
  std::vector<Node> functions;      // whole .func texts; the bodies are statements
  Node kernel;
  std::string name() const { return "f" + std::to_string(seed); }
  std::string text() const;         // without the .version lines
};

Program generate(uint64_t seed);

constexpr char kHeader[] = ".version 8.6\n.target sm_90\n.address_size 64\n";

// What a launch is given: kernel(in, out, scratch).
constexpr unsigned kGrid = 2;
constexpr char kTables[] = "ufldwhbxy";        // `in`: for each letter (instructions.h) a table of kTableEntries values in 8 bytes each
constexpr unsigned kTableEntries = 512, kTableBytes = kTableEntries * 8;
constexpr unsigned kOutWords = 80;             // `out`: 32-bit words of a thread
constexpr unsigned kCounterBytes = 128, kPrivateBytes = 64;   // `scratch`: counters that all threads share, then 64 bytes of each thread
inline unsigned threads(const Program& p) { return kGrid * p.block; }
inline unsigned out_bytes(unsigned block) { return kGrid * block * kOutWords * 4; }
inline unsigned scratch_bytes(unsigned block) { return kCounterBytes + kGrid * block * kPrivateBytes; }
std::string out_word_name(unsigned word);      // "%f3", "%d1.high", "local 2"
std::vector<uint8_t> input_tables();

}  // namespace fuzz
