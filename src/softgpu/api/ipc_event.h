// The part of an event that several processes see: how often it was recorded, and how far the GPU has come. Any thread may call.
#pragma once
#include <atomic>
#include <memory>

#include "softgpu/api/shared_file.h"

namespace softgpu::api {

class SharedEvent {
 public:
  static std::shared_ptr<SharedEvent> make(const uint8_t device[16]);            // null: the host refuses
  static std::shared_ptr<SharedEvent> open(const SharedHandle& handle);          // null: gone
  ~SharedEvent();
  SharedHandle handle(unsigned flags) const;
  bool owned() const { return fd_ >= 0; }
  uint64_t begin_record();               // the number of this record
  void reach(uint64_t record);
  uint64_t last() const;                 // 0: never recorded
  bool reached(uint64_t record) const;
  void wait(uint64_t record, const std::atomic<bool>& alive) const;   // also ends when whoever recorded it has died, or when alive is not true

 private:
  struct Page {
    std::atomic<uint64_t> recorded, reached;
    std::atomic<uint32_t> turns;         // futex: changes with reached
    std::atomic<int> recorder;           // the process of the last record
  };
  Page* page_ = nullptr;
  int fd_ = -1;                          // of the owner
  SharedFile file_{};
};

}  // namespace softgpu::api
