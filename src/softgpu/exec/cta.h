// A block that is being run: its warps, shared memory and barriers; and the cluster that it belongs to. Plain data between two calls
// of run, so that a cluster can be put aside and taken up by another thread. Owner: the launch; one thread at a time.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "softgpu/exec/program.h"
#include "softgpu/exec/warp.h"
#include "softgpu/texture.h"

namespace softgpu {

struct LaunchState;
class Cluster;

constexpr uint32_t kNoLimit = ~0u;
constexpr int kBackEdges = 512;        // a warp gives way after that many backward branches
constexpr int kSplitBackEdges = 1024;  // and lanes of a divided warp to each other
constexpr uint32_t kMostFrames = 4096;
constexpr uint32_t kMostClusterBlocks = 16;

// Lanes of a frame that stand at the same instruction.
struct Group {
  enum Wait : uint8_t { Run, AtBarrier, AtCluster, AtSync };
  uint32_t pc = 0, mask = 0;
  Wait wait = Run;
  uint8_t barrier = 0;
  const Insn* insn = nullptr;   // the barrier instruction waited at
  bool stays() const { return wait == AtBarrier || wait == AtCluster; }
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
  std::span<const Memory* const> peers;
  Frame* frame = nullptr;               // of the innermost call
  uint32_t number = 0, live = 0;        // live: lanes that have not exited
  uint32_t cluster_arrived = 0;         // lanes that have arrived in the present phase of the cluster's barrier
  bool force = false;                   // run a warp-synchronous instruction with the lanes that are there
  uint32_t prefer = kNoLimit;           // pc of the group whose turn it is
  uint32_t depth = 0;                   // frames in use
  std::vector<std::unique_ptr<Frame>> frames;
  std::vector<std::unique_ptr<uint8_t[]>> files;   // register file of each depth
  std::vector<uint32_t> file_bytes;
};

struct Barrier {
  uint32_t arrived = 0, wanted = 0;     // wanted: 0 = all live threads
  uint32_t count = 0;
  bool all = true, any = false;
  uint32_t warps = 0;                   // whole warps that wait, a bit each
  bool groups = false;                  // some who wait are groups of a divided warp or want a result
  uint32_t later[8] = {};               // of warps, those that come back at once: after the next release, after that …
};

struct Worker;

class Cta {
 public:
  Cta(LaunchState& launch, Cluster& cluster, uint8_t* shared, uint32_t shared_bytes);
  void start(const uint32_t id[3], uint32_t rank);
  enum Status { Done, Paused, Stuck, Failed };   // Stuck: nothing moves before another block of the cluster does
  Status run(Worker& worker);          // until it ends, fails or its time is over
  uint32_t live() const { return live_; }
  void bind(bool (*find)(Warp&, uint64_t, Site*)) { for (uint32_t i = 0; i < warp_count_; i++) warps_[i].find = find; }
  void open_cluster_barrier();         // its phase is over
  void force();

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
  void arrive(WarpState& w, Frame& f, const Insn& in, uint32_t mask);
  void release_if_complete(uint32_t id);
  bool wait(WarpState& w, uint32_t id);
  void report(const WarpState& w, const Insn& in, const Function& f);

  LaunchState& launch_;
  Cluster& cluster_;
  uint32_t id_[3] = {0, 0, 0};
  uint32_t threads_ = 0, live_ = 0, warp_count_ = 0;
  uint32_t waiting_ = 0;               // whole warps that stand at a barrier, a bit each
  std::unique_ptr<WarpState[]> warps_;
  std::unique_ptr<uint8_t, decltype(&std::free)> local_{nullptr, std::free};
  Barrier barriers_[16];
  uint32_t barriers_used_ = 0;
  bool specials_ready_ = false;
};

// Blocks that are resident together: one, unless the launch has cluster dimensions. One thread runs them in turn.
class Cluster {
 public:
  explicit Cluster(LaunchState& launch);
  void bind(bool (*find)(Warp&, uint64_t, Site*)) { for (auto& b : blocks_) b->bind(find); }
  void start(uint64_t index);
  Cta::Status run(Worker& worker);

  // The cluster's barrier: lanes arrive; a phase ends when every live thread of all blocks has.
  void arrive(uint32_t lanes) { arrived_ += lanes; }
  void leave(uint32_t live, uint32_t arrived) { live_ -= live, arrived_ -= arrived, open_if_complete(); }   // lanes exit
  bool open_if_complete();
  bool waited_for() const { return arrived_ != 0; }   // somebody has arrived, so that others may have to come

 private:
  friend class Cta;
  LaunchState& launch_;
  std::unique_ptr<uint8_t, decltype(&std::free)> shared_{nullptr, std::free};   // of all blocks, stride_ apart
  std::vector<std::unique_ptr<Cta>> blocks_;
  std::vector<bool> ended_;
  uint32_t stride_ = 0, live_ = 0, arrived_ = 0, phases_ = 0;
};

// What one thread needs while it runs blocks of one launch.
struct Worker {
  std::vector<Site> sites;
  std::vector<Site> recent;      // the last ranges found, whatever the access
  uint32_t next_recent = 0;
  uint64_t generation = 0;
  std::vector<std::pair<uint64_t, TextureRef>> textures;   // those of this launch, the last used first
};

struct LaunchState {
  const Kernel* kernel = nullptr;
  const Program* program = nullptr;
  Memory* memory = nullptr;
  std::span<const Memory* const> peers;   // of other devices
  Launch launch;
  std::vector<uint8_t> params;
  uint64_t units = 0;            // clusters, or blocks where there are none
  uint32_t cluster_blocks = 1;
  uint64_t local_bytes = 0;      // of a thread
  uint64_t workspace = 0;        // of a cooperative launch: what grid.sync counts in
  std::chrono::steady_clock::time_point end = std::chrono::steady_clock::time_point::max();   // of the time that it may take
  std::atomic<bool> failed{false};
  void fail(int result, const std::string& text);
  void print(const char* text, size_t n);
  bool stopped();                // also notices that somebody wants it to stop or that its time is over
  Outcome outcome;               // of the first failure
  struct Shared;                 // queue and locks, in launch.cpp
  std::unique_ptr<Shared> shared;
  LaunchState();
  ~LaunchState();
};

}  // namespace softgpu
