// A loaded module: its decoded functions, kernels and device variables. Owner: api/ through Module; immutable after load.
#pragma once
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "softgpu/engine.h"
#include "softgpu/ptx/insn.h"

namespace softgpu {

class Program;

class Kernel {
 public:
  const Program* program = nullptr;
  const Function* function = nullptr;
  const KernelInfo* info = nullptr;
  uint32_t shared_bytes = 0;      // static
  uint32_t shared_align = 16;     // of the extern arrays behind it
  uint32_t local_bytes = 0;       // of one thread: all frames of the deepest call chain
  bool stack = false;             // and a stack behind them: it recurses or calls by address
  // With a stack limit as cuCtxSetLimit has it. Frames are larger here than in hardware, which keeps arguments in registers.
  uint64_t local_bytes_with(uint64_t stack_limit) const {
    uint64_t bytes = stack ? local_bytes + (stack_limit < 1024 ? 1024 : stack_limit) * 8 : local_bytes;
    return (bytes + 15) / 16 * 16;
  }
};

class Program : public Module {
 public:
  explicit Program(Memory& memory) : memory_(memory) {}
  ~Program() override { for (uint64_t a : allocations_) memory_.free(a); }
  const std::vector<KernelInfo>& kernels() const override { return infos_; }
  const Kernel* kernel(std::string_view name) const override {
    auto it = by_name_.find(std::string(name));
    return it == by_name_.end() ? nullptr : it->second.get();
  }
  const std::vector<GlobalInfo>& globals() const override { return globals_; }
  const std::vector<std::unique_ptr<Function>>& functions() const { return functions_; }
  uint32_t sites() const { return sites_; }

 private:
  friend class Loader;
  Memory& memory_;
  std::vector<uint64_t> allocations_;
  std::vector<std::unique_ptr<Function>> functions_;
  std::vector<KernelInfo> infos_;
  std::unordered_map<std::string, std::unique_ptr<Kernel>> by_name_;
  std::vector<GlobalInfo> globals_;
  uint32_t sites_ = 0;
};

Fn select_function(const Key& key);   // for the processor that this runs on; null: no such instruction

}  // namespace softgpu
