// What generated and hand-written client code calls a worker with. Any thread; nothing here throws.
// To add a call: one line in api/<object>.api; if it needs more than that, `custom(client)` there and a function in src/client/<object>.cpp.
#pragma once
#include <string.h>

#include "abi/cuda_abi.h"
#include "abi/nvml_abi.h"
#include "client/remote_calls.h"
#include "teleport/handles.h"
#include "teleport/session.h"
#include "wire/handle.h"
#include "wire/kinds.h"
#include "wire/opcodes.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace client {

// Who calls: the session, the thread's current context, how the default stream is meant. error != 0: answer that.
struct Caller {
  teleport::Session* session = nullptr;
  uint32_t context = 0;
  uint16_t flags = 0;
  int error = 0;
  // A stream argument as it travels: the default stream of a _ptsz name and CU_STREAM_PER_THREAD become the thread's own stream.
  uint64_t stream(CUstream s) const;
};
Caller caller();         // NOT_INITIALIZED before cuInit and in a forked child
Caller nvml_caller();    // NVML_ERROR_UNINITIALIZED before nvmlInit

// A handle of that kind that is alive, or a reserved value (strict: not even NULL). A CUkernel passes for a CUfunction.
bool known(uint64_t handle, unsigned kind, bool strict = false);
inline uint64_t mint(unsigned kind, const Caller&) { return teleport::mint_handle(kind); }
inline void forget(uint64_t handle) { if (handle >> 46) teleport::forget_handle(handle); }
template <class H>
uint64_t number_of(H handle) { return uint64_t(reinterpret_cast<uintptr_t>(handle)); }
template <class H>
H handle_of(uint64_t number) { return reinterpret_cast<H>(uintptr_t(number)); }

// An aligned address inside memory that this process allocated: no reason to expect that the driver refuses it (src/client/memory_map.cpp).
bool device_known(uint64_t address);
inline int cuda_wait(teleport::Call& call, teleport::Reply* reply) { return call.wait(reply); }
int nvml_wait(teleport::Call& call, teleport::Reply* reply);   // a lost worker is NVML_ERROR_GPU_IS_LOST
int broken(const Caller& at);                                  // a reply that makes no sense: the code for a lost worker
void stop_following_events();                                  // src/client/progress.cpp
int unsupported(const char* name, int code);                   // logs once per name and returns code

int cached_bytes(const Caller& at, uint16_t op, const wire::Buffer& key, teleport::Reply* reply);
template <class Args>
int cached(const Caller& at, uint16_t op, const Args& a, teleport::Reply* reply) {
  wire::Buffer key;
  wire::Writer w(key);
  a.put(w);
  w.align();
  return cached_bytes(at, op, key, reply);
}

// Alive while a _ptsz or _ptds name runs: the default stream means the thread's own.
class PerThreadDefault {
 public:
  PerThreadDefault();
  ~PerThreadDefault();
  static bool on();
 private:
  bool before_;
};

}  // namespace client
