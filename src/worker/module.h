// The kernels of each loaded module and library: their numbers and layouts go with it. Any thread.
#pragma once
#include <stdint.h>

#include <mutex>
#include <unordered_map>
#include <vector>

#include "wire/kernel_facts.h"

namespace worker {

class Session;
struct KernelLayout;

// The attributes of a kernel or function on the current device, those that the driver tells now.
wire::KernelFacts kernel_facts(Session& s, unsigned kind, void* kernel);

class Modules {
 public:
  ~Modules();
  void loaded(uint64_t handle, std::vector<uint64_t> kernels);
  void unloaded(Session& s, uint64_t handle);   // forgets its kernels' numbers

 private:
  std::mutex lock_;
  std::unordered_map<uint64_t, std::vector<uint64_t>> kernels_;   // by the module's or library's handle
  std::vector<KernelLayout*> dead_;                               // a launch on another thread may be reading one
};

}  // namespace worker
