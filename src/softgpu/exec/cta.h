// A block that is being run: its warps, shared memory and barriers. Plain data between two calls of Cta::run, so that a block can be
// put aside and taken up by another thread. Owner: the launch; one thread at a time.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "softgpu/exec/program.h"
#include "softgpu/exec/warp.h"

namespace softgpu {

struct LaunchState;

constexpr uint32_t kNoLimit = ~0u;
constexpr int kBackEdges = 512;        // a warp gives way after that many backward branches
constexpr int kSplitBackEdges = 1024;  // and lanes of a divided warp to each other
constexpr uint32_t kMostFrames = 4096;

// Lanes of a frame that stand at the same instruction.
struct Group {
  enum Wait : uint8_t { Run, AtBarrier, AtSync };
  uint32_t pc = 0, mask = 0;
  Wait wait = Run;
  uint8_t barrier = 0;
  const Insn* insn = nullptr;   // the barrier instruction waited at
};

struct Frame {
  const Function* function = nullptr;
  uint8_t* regs = nullptr;
  uint64_t base = 0;            // of the function's variables in the thread's local memory
  const Insn* call = nullptr;   // in the caller
  uint32_t count = 0;           // groups in use
  Group groups[32];
  uint32_t mask() const { uint32_t m = 0; for (uint32_t i = 0; i < count; i++) m |= groups[i].mask; return m; }
};

struct WarpState : Warp {
  const Memory* memory = nullptr;
  uint32_t number = 0, live = 0;        // live: lanes that have not exited
  bool force = false;                   // run a warp-synchronous instruction with the lanes that are there
  uint32_t prefer = kNoLimit;           // pc of the group whose turn it is
  std::vector<std::unique_ptr<Frame>> frames;
  uint32_t depth = 0;                   // frames in use
  std::vector<std::unique_ptr<uint8_t[]>> files;   // register file of each depth
  std::vector<uint32_t> file_bytes;
};

struct Barrier {
  uint32_t arrived = 0, wanted = 0;     // wanted: 0 = all live threads
  uint32_t count = 0;
  bool all = true, any = false;
};

struct Worker;

class Cta {
 public:
  explicit Cta(LaunchState& launch);
  void start(uint64_t index);
  void bind(bool (*find)(Warp&, uint64_t, Site*)) { for (auto& w : warps_) w->find = find; }
  enum Status { Done, Paused, Failed };
  Status run(Worker& worker);          // until it ends, fails or its time is over

 private:
  friend struct Builtins;
  enum WarpStatus { Ended, Yielded, Waiting, Blocked, Fault };   // Waiting at a barrier after some progress; Blocked: without
  WarpStatus run_warp(WarpState& w);
  void fill_specials(WarpState& w, const Function& f, uint8_t* regs, uint64_t base, bool all);
  bool call(WarpState& w, const Insn& in, const Function& f, uint32_t mask);
  void leave(WarpState& w, const Frame& f, uint32_t mask);
  void pop(WarpState& w);
  void activate(WarpState& w);
  void exit_lanes(WarpState& w, uint32_t mask);
  void arrive(WarpState& w, Frame& f, const Insn& in, uint32_t mask, bool wait);
  void release_if_complete(uint32_t id);
  void report(const WarpState& w, const Insn& in, const Function& f);

  LaunchState& launch_;
  uint32_t id_[3] = {0, 0, 0};
  uint32_t threads_ = 0, live_ = 0;
  std::vector<std::unique_ptr<WarpState>> warps_;
  std::unique_ptr<uint8_t[]> shared_, local_;
  Barrier barriers_[16];
  uint32_t barriers_used_ = 0;
  bool specials_ready_ = false;
};

// What one thread needs while it runs blocks of one launch.
struct Worker {
  std::vector<Site> sites;
  std::vector<Site> recent;      // the last ranges found, whatever the access
  uint32_t next_recent = 0;
  uint64_t generation = 0;
  uint32_t number = 0;
};

struct LaunchState {
  const Kernel* kernel = nullptr;
  const Program* program = nullptr;
  Memory* memory = nullptr;
  Launch launch;
  std::vector<uint8_t> params;
  uint64_t blocks = 0;
  uint64_t workspace = 0;        // of a cooperative launch: what grid.sync counts in
  std::atomic<bool> failed{false};
  void fail(int result, const std::string& text);
  void print(const char* text, size_t n);
  bool stopped() const { return failed.load(std::memory_order_relaxed) || (launch.stop && launch.stop->load(std::memory_order_relaxed)); }
  Outcome outcome;               // of the first failure
  bool closed = false;           // the caller is leaving: helpers that come late go away
  struct Shared;                 // queue and locks, in launch.cpp
  std::unique_ptr<Shared> shared;
  LaunchState();
  ~LaunchState();
};

}  // namespace softgpu
