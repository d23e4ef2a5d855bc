// Memory and events that other processes can get at: memfds whose names say what they are, so that nobody takes a foreign file for one.
// A file is found through a descriptor that was passed on, or through /proc/<pid>/fd of the process that keeps it (same user).
// Any thread may call.
#pragma once
#include <cstdint>

namespace softgpu::api {

struct SharedFile {
  char kind;                    // 'm' an allocation, 'e' an event, 'c' a chunk of cuMemCreate, 'p' a pool
  uint64_t token[2];            // random
  uint8_t device[16];           // UUID
  uint64_t bytes;
};

// What a 64-byte handle holds.
struct SharedHandle {
  uint32_t magic;
  int32_t pid, fd;
  uint32_t detail;              // of an event its flags, of pool memory a part of the pool's token
  SharedFile file;
};
static_assert(sizeof(SharedHandle) == 64);
constexpr uint32_t kSharedMagic = 0x48534754;

int make_shared_file(char kind, uint64_t bytes, const uint8_t device[16], SharedFile* out);   // a descriptor; -1: the host refuses
bool describe_shared_file(int fd, SharedFile* out);                     // false: none of ours, or its size may change
int open_shared_file(int pid, int fd, const SharedFile& wanted);        // a descriptor of it; -1: gone, or another one
int device_with(const uint8_t uuid[16]);                                // its ordinal; -1: this process has no such device

}  // namespace softgpu::api
