// The library's state, devices and contexts, and what each thread has current. Public entry points begin with enter(), which gives
// the current context or the code that the driver gives for its absence. Any thread may call; the stack of contexts is per thread.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "abi/cuda_abi.h"
#include "softgpu/api/profile.h"
#include "softgpu/api/registry.h"
#include "softgpu/engine.h"

#define TRY(call)                                    \
  do {                                               \
    CUresult try_result = (call);                    \
    if (try_result != CUDA_SUCCESS) return try_result; \
  } while (0)

#define REQUIRE(condition)                              \
  do {                                                  \
    if (!(condition)) return CUDA_ERROR_INVALID_VALUE;  \
  } while (0)

namespace softgpu::api {

class Context;
class Stream;
class Pool;
struct Point;
using ContextRef = std::shared_ptr<Context>;
using StreamRef = std::shared_ptr<Stream>;

// The device's memory as all processes of the host share it.
struct SharedBudget : Memory::Budget {
  SharedBudget(int index_, uint64_t capacity_) : index(index_), capacity(capacity_) {}
  bool take(uint64_t bytes) override;
  void give(uint64_t bytes) override;
  const int index;
  const uint64_t capacity;
};

struct Device {
  Device(int ordinal_, int index_, const DeviceProfile& profile_)
      : ordinal(ordinal_), index(index_), profile(profile_), budget(index_, profile_.usable_bytes()), memory(profile_.usable_bytes(), &budget) {}
  const int ordinal;                                 // of this process (visible.h)
  const int index;                                   // of the host
  const DeviceProfile& profile;
  SharedBudget budget;
  Memory memory;
  std::atomic<uint64_t> lowest{~0ull}, highest{0};   // device addresses handed out so far lie in [lowest, highest)
  std::mutex primary_mutex;                          // guards the four below
  ContextRef primary;                                // made at first use; its handle outlives resets
  unsigned primary_retained = 0, primary_flags = 0;
  std::shared_ptr<Pool> default_pool, current_pool;  // made by init()

  uint64_t allocate(uint64_t bytes, uint64_t alignment = 256);   // 0: out of memory
  void widen(uint64_t address, uint64_t bytes);      // takes the range into [lowest, highest)
  void free(uint64_t address);
};

constexpr size_t kLimitCount = 10;                   // CU_LIMIT_STACK_SIZE .. CU_LIMIT_CIG_SHMEM_FALLBACK_ENABLED

class Context : public std::enable_shared_from_this<Context> {
 public:
  Context(Device* device_, unsigned flags_, bool primary_) : device(device_), flags(flags_), primary(primary_) {}
  void start();                                      // makes the legacy stream; also after a reset
  void stop();                                       // waits for the work, then ends all that belongs to the context
  CUresult synchronize();                            // waits for every stream
  std::vector<Point> tails();                        // the ends of all streams; under submit
  StreamRef per_thread_stream();                     // the calling thread's own default stream
  void fail(CUresult error) {                        // the first error of the GPU's work stays until the context ends
    int none = 0;
    error_.compare_exchange_strong(none, int(error));
  }
  CUresult error() const { return CUresult(error_.load(std::memory_order_acquire)); }

  CUcontext handle = nullptr;
  Device* const device;
  std::atomic<unsigned> flags;
  const bool primary;
  std::atomic<uint64_t> id{0};
  std::atomic<bool> alive{false};
  std::atomic<size_t> limits[kLimitCount];
  std::atomic<unsigned> peers{0};                    // devices whose memory its kernels may touch, a bit each
  std::atomic<CUfunc_cache> cache_config{CU_FUNC_CACHE_PREFER_NONE};
  std::atomic<CUsharedconfig> shared_config{CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE};

  std::mutex submit;                                 // one order of submission: guards the two below and every stream's tail
  StreamRef legacy;
  std::vector<StreamRef> streams;                    // all others, also destroyed ones with work left

 private:
  std::atomic<int> error_{0};
};

Device* device_of(CUdevice dev);                     // null: no such ordinal
int device_count();
CUresult initialized();                              // 0, 3 before cuInit and after fork, 4 while the process ends
CUresult enter(ContextRef* current);                 // initialized, a context is current and alive, and it has no error
CUresult enter_any(ContextRef* current);             // as enter, but a context with an error is fine
ContextRef current_context();                        // may be null
CUresult find_context(CUcontext h, ContextRef* out); // h null: the current one
Registry<CUcontext, Context>& contexts();
ContextRef primary_context(Device& device);          // the object, active or not
bool valid_context_flags(unsigned flags);
std::vector<ContextRef> contexts_of(Device* device);  // the living ones, oldest first
void synchronize_device(Device* device);             // waits for the work of every context of the device
std::vector<ContextRef>& context_stack();            // of the calling thread

// True on the thread that runs a host function of a stream: the driver API must not be called there.
extern thread_local bool t_in_callback;

// What ends with a context; the GPU is idle when these are called.
void streams_of_ended_context(const ContextRef& context);
void events_of_ended_context(const ContextRef& context);
void modules_of_ended_context(const ContextRef& context);
void memory_of_ended_context(const ContextRef& context);
void textures_of_ended_context(const ContextRef& context);
void arrays_of_ended_context(const ContextRef& context);

}  // namespace softgpu::api
