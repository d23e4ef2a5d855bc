// The seam inside the software GPU: api/ (the CUDA driver's objects: contexts, streams, events, modules) above, the PTX engine
// (fatbin/, ptx/, exec/) below. api/ owns every object named here; the engine never sees a stream or a context.
// Threads: load() and run() may be called from any thread at once; a Module must outlive the runs that use its kernels.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace softgpu {

class Textures;                    // softgpu/texture.h

// Global memory of one device: an address window reserved at start, committed as it is allocated. A device address is a host
// address of this process; it is valid only inside a live allocation or a registered host range.
class Memory {
 public:
  // Bytes that somebody else counts too: the other processes that use the same device.
  struct Budget {
    virtual ~Budget() = default;
    virtual bool take(uint64_t bytes) = 0;
    virtual void give(uint64_t bytes) = 0;
  };
  explicit Memory(uint64_t capacity_bytes, Budget* budget = nullptr);   // VRAM; allocations beyond it, or that the budget refuses, fail
  ~Memory();
  Memory(const Memory&) = delete;
  uint64_t allocate(uint64_t bytes, uint64_t alignment = 256);  // 0: out of memory
  bool free(uint64_t address);                               // false: not the start of a live allocation
  bool find(uint64_t address, uint64_t* base, uint64_t* size) const;   // the allocation or host range that holds address
  bool valid(uint64_t address, uint64_t bytes) const;        // the whole range lies inside one allocation or host range
  bool nearest(uint64_t address, uint64_t* base, uint64_t* size) const;   // the allocation or host range nearest to an address
  void add_host_range(const void* p, uint64_t bytes);        // pinned or registered host memory that kernels may touch
  void remove_host_range(const void* p);
  uint64_t capacity() const;
  uint64_t used() const;
  uint64_t generation() const;                               // changes whenever a range may have become invalid: for caches of find()
  Textures& textures() const;                                // texture and surface objects, by the numbers that kernels are given
 private:
  struct State;
  std::unique_ptr<State> s_;
};

struct Param { uint32_t offset, size; };

// What cuFuncGetAttribute and cuKernelGetParamInfo tell of a kernel.
struct KernelInfo {
  std::string name;
  std::vector<Param> params;         // in order; offsets as CUDA lays them out
  uint32_t param_bytes = 0;
  uint32_t static_shared_bytes = 0;  // .shared without the extern array
  uint32_t local_bytes = 0;          // per thread
  uint32_t const_bytes = 0;
  uint32_t registers = 0;            // per thread, an estimate: at least 1
  uint32_t max_threads_per_block = 1024;
  uint32_t required_block[3] = {0, 0, 0};   // .reqntid, 0 = none
  uint32_t required_cluster[3] = {0, 0, 0}; // .reqnctapercluster, 0 = none
  bool explicit_cluster = false;     // .explicitcluster: may only be launched with cluster dimensions
  uint32_t ptx_version = 0;          // 75 for .target sm_75
};

struct GlobalInfo { std::string name; uint64_t address = 0, bytes = 0; bool constant = false, managed = false; };

// result is a CUresult value: 0, 200 INVALID_IMAGE, 209 NO_BINARY_FOR_GPU, 218 INVALID_PTX, 700 ILLEGAL_ADDRESS, 710 ASSERT,
// 715 ILLEGAL_INSTRUCTION, 716 MISALIGNED_ADDRESS, 719 LAUNCH_FAILED, …; text says what, where (kernel, line, block, thread).
// unresolved: a text names what it does not define; linked with others it may load.
struct Outcome { int result = 0; std::string text; bool unresolved = false; };

class Kernel;                        // the engine's decoded kernel
class Module {
 public:
  virtual ~Module() = default;       // frees its globals
  virtual const std::vector<KernelInfo>& kernels() const = 0;
  virtual const Kernel* kernel(std::string_view name) const = 0;     // null: no such entry
  virtual const std::vector<GlobalInfo>& globals() const = 0;
};

// Length in bytes of an image as cuModuleLoadData gets it (fatbin container, ELF or NUL-terminated PTX), read from its own header; 0: unknown kind.
uint64_t image_bytes(const void* image);

// images: one or several containers/PTX texts that form one module (several: the -rdc=true case, linked by symbol).
// compute_capability: 121 for 12.1. Unknown PTX is refused here, never at launch: Outcome.text is "line 12: unknown instruction ...".
Outcome load(std::span<const std::span<const uint8_t>> images, Memory& memory, int compute_capability, std::unique_ptr<Module>* out);

struct Launch {
  uint32_t grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
  uint32_t dynamic_shared_bytes = 0;
  const void* params = nullptr;      // KernelInfo::param_bytes bytes
  uint32_t cluster[3] = {1, 1, 1};   // blocks that are resident together and see each other's shared memory; divides grid
  bool explicit_cluster = false;     // somebody asked for cluster dimensions, if only for 1,1,1
  bool cooperative = false;          // all blocks resident at once
  uint32_t stack_bytes = 1024;       // of a thread, for kernels that recurse or call by address (CU_LIMIT_STACK_SIZE)
  uint64_t heap_bytes = 8 << 20;     // what kernels may hold by malloc (CU_LIMIT_MALLOC_HEAP_SIZE)
  uint32_t multiprocessors = 16;     // %nsmid
  uint32_t time_limit_ms = 0;        // a run that takes longer ends with 702 LAUNCH_TIMEOUT; 0: none
  void (*print)(void* user, const char* text, size_t n) = nullptr;   // device printf and assert output, in order
  void* print_user = nullptr;
  const std::atomic<bool>* stop = nullptr;   // set by anyone: the run ends soon with 719 LAUNCH_FAILED (time limits, killing a hung kernel)
};

// Runs the whole grid and returns when it has finished or failed. Uses the calling thread and the engine's pool of cores.
Outcome run(const Kernel& kernel, const Launch& launch, Memory& memory);

}  // namespace softgpu
