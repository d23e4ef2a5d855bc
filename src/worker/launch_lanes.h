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
    others_++;
    if (busy_) wait_until_idle();
  }

 private:
  static constexpr int kLanes = 8;
  static constexpr uint32_t kStreams = 64;       // remembered at a time
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
  struct Place { uint64_t stream = 0; int lane = 0; };
  Lane& lane_of(uint64_t stream);
  void wait_until_idle();
  void start();
  void run(Lane& lane);
  Session& session_;
  std::unique_ptr<Lane[]> lanes_;
  bool busy_ = false;                            // something was taken since the last settle
  // Of the last kWindow launches: how many were not in the first one's stream, and how many other calls came between. They decide for the next.
  uint32_t launches_ = 0, elsewhere_ = 0, others_ = 0;
  uint64_t first_stream_ = 0;
  bool parallel_ = false;
  Place places_[kStreams];                       // by handle index; streams take lanes in turn
  int next_lane_ = 0;
};

}  // namespace worker
