// The rings and threads behind launch_lanes.h.
#include "worker/launch_lanes.h"

#include <string.h>

#include "wire/opcodes.h"
#include "wire/session.h"
#include "worker/session.h"

namespace worker {

static constexpr uint32_t kWindow = 128;
static constexpr uint64_t kLaneSpin = 50000;     // ns that an idle lane looks before it sleeps

LaunchLanes::~LaunchLanes() {
  if (!lanes_) return;
  for (int i = 0; i < kLanes; i++) {
    lanes_[i].stop = true;
    lanes_[i].wake.signal_all();
    lanes_[i].thread.join();
  }
}

void LaunchLanes::start() {
  lanes_ = std::make_unique<Lane[]>(kLanes);
  for (int i = 0; i < kLanes; i++) {
    lanes_[i].ring = std::make_unique<uint8_t[]>(kRing);
    lanes_[i].thread = std::thread([this, i] { run(lanes_[i]); });
  }
}

bool LaunchLanes::take(uint64_t call, const wire::CallHeader& header, const uint8_t* arguments) {
  wire::Reader r(arguments, header.bytes);
  wire::tfLaunch::Args a;
  if (!session_.spin_ns(1) || !a.get(r) || a.hStream < wire::kReserved[wire::kCUstream] || a.cooperative) {   // the default streams order all others
    settle();
    return false;
  }
  if (launches_ == 0) first_stream_ = a.hStream;
  elsewhere_ += a.hStream != first_stream_;
  if (++launches_ == kWindow) {
    parallel_ = elsewhere_ >= kWindow / 4 && others_ <= kWindow / 16;
    launches_ = elsewhere_ = others_ = 0;
  }
  if (!parallel_) {
    if (busy_) wait_until_idle();
    return false;
  }
  if (!lanes_) start();

  Lane& lane = lane_of(a.hStream);
  const uint32_t bytes = uint32_t(sizeof(Record) + header.bytes);
  if (bytes > kRing / 4) {
    wait_until_idle();
    return false;
  }
  uint64_t head = lane.head.load(std::memory_order_relaxed);
  uint32_t at = uint32_t(head % kRing), skip = at + bytes > kRing ? kRing - at : 0;   // a record lies in one piece
  while (head + skip + bytes - lane.tail.load(std::memory_order_acquire) > kRing) base::pause();
  if (skip) {
    if (skip >= sizeof(uint32_t)) memset(lane.ring.get() + at, 0, sizeof(uint32_t));   // "go on at the start"
    at = 0;
  }
  const Record record{bytes, 0, call, header};   // sizes are multiples of 8
  memcpy(lane.ring.get() + at, &record, sizeof record);
  memcpy(lane.ring.get() + at + sizeof record, arguments, header.bytes);
  lane.head.store(head + skip + bytes, std::memory_order_seq_cst);   // pairs with the lane's look at head after it said that it sleeps
  if (lane.sleeps.load(std::memory_order_seq_cst)) lane.wake.signal_one();
  busy_ = true;
  return true;
}

// A stream keeps its lane while it is remembered; when one is forgotten for another, nothing of it may be left in its lane.
LaunchLanes::Lane& LaunchLanes::lane_of(uint64_t stream) {
  Place& place = places_[wire::handle_index(stream) % kStreams];
  if (place.stream != stream) {
    if (busy_) wait_until_idle();
    place = {stream, next_lane_++ % kLanes};
  }
  return lanes_[place.lane];
}

void LaunchLanes::wait_until_idle() {
  for (int i = 0; i < kLanes; i++)
    while (lanes_[i].tail.load(std::memory_order_acquire) != lanes_[i].head.load(std::memory_order_relaxed)) base::pause();
  busy_ = false;
}

void LaunchLanes::run(Lane& lane) {
  for (;;) {
    uint64_t tail = lane.tail.load(std::memory_order_relaxed), until = 0;
    while (lane.head.load(std::memory_order_acquire) == tail) {
      if (lane.stop) return;
      base::pause();
      const uint64_t now = base::now_ns();
      if (!until) until = now + kLaneSpin;
      if (now < until) continue;
      const uint32_t seen = lane.wake.count();
      lane.sleeps.store(1, std::memory_order_seq_cst);
      if (lane.head.load(std::memory_order_seq_cst) == tail && !lane.stop) lane.wake.wait(seen);
      lane.sleeps.store(0, std::memory_order_relaxed);
      until = 0;
    }
    uint32_t at = uint32_t(tail % kRing), bytes = 0;
    if (kRing - at >= sizeof bytes) memcpy(&bytes, lane.ring.get() + at, sizeof bytes);
    if (!bytes) {
      lane.tail.store(tail + kRing - at, std::memory_order_release);
      continue;
    }
    Record record;
    memcpy(&record, lane.ring.get() + at, sizeof record);
    session_.issue(record.call, record.header, lane.ring.get() + at + sizeof record);
    lane.tail.store(tail + bytes, std::memory_order_release);
  }
}

}  // namespace worker
