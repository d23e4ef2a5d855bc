// When several client threads launch into streams of their own, one leader cannot issue as fast as their driver calls would natively: the driver's
// launch costs what it costs, on one core. So launches that follow each other in different streams are issued by several threads, one for each
// group of streams. CUDA orders such launches only within a stream, and that order is kept; every other call waits until all have been issued.
// The leader calls; the lanes are threads of their own that sleep when there is nothing to do.
#pragma once
#include <stdint.h>

#include <memory>
#include <thread>

#include "base/futex.h"
#include "wire/frame.h"

namespace worker {

class Session;

class LaunchLanes {
 public:
  explicit LaunchLanes(Session& session) : session_(session) {}
  ~LaunchLanes();
  // True: a lane issues it. False: the leader shall, now. arguments: of a tfLaunch that wants no reply.
  bool take(uint64_t call, const wire::CallHeader& header, const uint8_t* arguments);
  // Before any call but such a launch: all that was taken has been issued when this returns.
  void settle() {
    launches_ = switches_ = 0;
    if (busy_) wait_until_idle();
  }

 private:
  static constexpr int kLanes = 4;
  static constexpr uint32_t kRing = 1u << 20;    // bytes
  // A ring of records: size, call number, CallHeader, arguments. The leader writes head, the lane writes tail; each reads the other's with acquire.
  struct Lane {
    std::atomic<uint64_t> head{0};
    alignas(64) std::atomic<uint64_t> tail{0};
    std::atomic<uint32_t> sleeps{0};
    std::atomic<bool> stop{false};
    base::Signal wake;
    std::unique_ptr<uint8_t[]> ring;
    std::thread thread;
  };
  struct Record { uint32_t bytes, reserved; uint64_t call; wire::CallHeader header; };
  void wait_until_idle();
  void start();
  void run(Lane& lane);
  Session& session_;
  std::unique_ptr<Lane[]> lanes_;
  bool busy_ = false;                            // something was taken since the last settle
  uint32_t launches_ = 0, switches_ = 0;         // in a row; how often the stream changed
  uint64_t last_stream_ = 0;
};

}  // namespace worker
