// What generated and hand-written client code calls a worker with. Any thread; nothing here throws.
// To add a call: one line in api/<object>.api; if it needs more than that, `custom(client)` there and a function in src/client/<object>.cpp.
#pragma once
#include <string.h>

#include <atomic>

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
// Captures (src/client/capture.cpp). Answers at once while none is under way.
int refuse_unsafe();                           // the calling thread may not do now what could disturb a capture: the code, and the capture is spoilt
bool forbidden_by_capture(uint64_t stream);    // perhaps: it captures and was spoilt, or is the default stream beside one that captures. The driver knows
inline int cuda_wait(teleport::Call& call, teleport::Reply* reply) { return call.wait(reply); }
int nvml_wait(teleport::Call& call, teleport::Reply* reply);   // a lost worker is NVML_ERROR_GPU_IS_LOST
int broken(const Caller& at);                                  // a reply that makes no sense: the code for a lost worker
void stop_following_events();                                  // src/client/progress.cpp
void order_recorded(const Caller& at, uint64_t stream);        // src/client/callback.cpp: an event, behind host functions of that stream (0: of all): others may wait for it
int unsupported(const char* name, int code);                   // logs once per name and returns code

// A call whose answer the caller reads by hand.
template <class Args>
CUresult ask(const Caller& at, uint16_t op, const Args& a, teleport::Reply* reply) {
  teleport::Call call(*at.session, op, at.context, at.flags);
  a.put(call.in());
  return CUresult(call.wait(reply));
}
int cached_bytes(const Caller& at, uint16_t op, const wire::Buffer& key, teleport::Reply* reply);
template <class Args>
int cached(const Caller& at, uint16_t op, const Args& a, teleport::Reply* reply) {
  wire::Buffer key;
  wire::Writer w(key);
  a.put(w);
  w.align();
  return cached_bytes(at, op, key, reply);
}

// Host memory that kernels reach (client/mirror.h). A call that starts work of the device has a Working from before it takes its place in the queue
// until it has it; one after which the program may look at memory ends with after_wait().
extern std::atomic<bool> g_mirrors;                            // there is such memory
void begin_work(uint64_t stream);                             // as it travels
void work_queued();
uint64_t count_work();                                         // begun so far; 0: some is not queued yet
void end_wait(uint16_t op, uint64_t work);
struct Working {
  const bool on = g_mirrors.load(std::memory_order_acquire);
  explicit Working(uint64_t stream) { if (on) begin_work(stream); }
  ~Working() { if (on) work_queued(); }
};
inline uint64_t work_begun() { return g_mirrors.load(std::memory_order_acquire) ? count_work() : 0; }
inline void after_wait(uint16_t op, uint64_t work) { if (g_mirrors.load(std::memory_order_acquire)) end_wait(op, work); }
bool device_reaches(uint64_t address);                         // device_known(), and host memory there is mirrored from now on
bool host_sees(uint64_t address);                              // page-locked or managed memory

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
