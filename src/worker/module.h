// The kernels of each loaded module and library, whose numbers and layouts go with it, and a library's image. Any thread.
#pragma once
#include <stdint.h>

#include <memory>
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
  // image: what the driver goes on reading; kept until the module is unloaded.
  void loaded(uint64_t handle, std::vector<uint64_t> kernels, std::shared_ptr<const void> image);
  std::shared_ptr<const void> unloaded(Session& s, uint64_t handle);   // forgets its kernels' numbers; the image, if any

 private:
  struct Loaded {
    std::vector<uint64_t> kernels;
    std::shared_ptr<const void> image;
  };
  std::mutex lock_;
  std::unordered_multimap<uint64_t, Loaded> loaded_;   // by the module's or library's handle; a client that gives one twice loses nothing of the first
  std::vector<KernelLayout*> dead_;                    // a launch on another thread may be reading one
};

}  // namespace worker
