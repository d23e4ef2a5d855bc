// See session.h.
#include "worker/session.h"

namespace worker {

void* Request::allocate(size_t bytes) {
  bytes = (bytes + 15) & ~size_t(15);
  if (bytes <= sizeof small_ - small_used_) {
    uint8_t* p = small_ + small_used_;
    small_used_ += bytes;
    memset(p, 0, bytes);
    return p;
  }
  large_.push_back(std::make_unique<uint8_t[]>(bytes));
  return large_.back().get();
}

void Request::own_arguments() {
  void* copy = allocate(header.bytes);
  memcpy(copy, arguments_, header.bytes);
  arguments_ = static_cast<uint8_t*>(copy);
  reader = wire::Reader(arguments_, header.bytes);
}

}  // namespace worker
