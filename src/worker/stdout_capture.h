// What code on the GPU prints: the driver writes printf text to fd 1 and assert messages to fd 2 of its process. In a session process
// this object turns both into memory files whose text the session sends to the client. Log lines go where stdout went before.
// Made once per process; take() and pending() belong to one thread at a time, the writers may be any.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace worker {

class StdoutCapture {
 public:
  StdoutCapture();                        // if a memory file cannot be had, that fd stays as it is
  ~StdoutCapture();                       // puts the old fds back; text not taken is lost
  StdoutCapture(const StdoutCapture&) = delete;

  // Whether take() would find something: two fstat calls, no lock, no copy.
  bool pending() const;
  // The next bytes written to fd `which` (1 or 2) that were not taken yet, at most n; 0: nothing new.
  size_t take(int which, char* buffer, size_t n);

 private:
  struct File {
    int fd = -1, original = -1;           // the memory file; what `which` was before
    uint64_t taken = 0, freed = 0;        // bytes read by take(); of those, bytes whose pages went back
  };
  uint64_t written(const File& file) const;
  File files_[2];
};

}  // namespace worker
