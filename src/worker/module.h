// The kernels of each loaded module and library: their numbers and layouts go with it. Any thread.
#pragma once
#include <stdint.h>

#include <mutex>
#include <unordered_map>
#include <vector>

namespace worker {

class Session;
struct KernelLayout;

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
