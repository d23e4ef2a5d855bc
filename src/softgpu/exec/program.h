// A loaded module: its decoded functions, kernels and device variables. Owner: api/ through Module; immutable after load.
#pragma once
#include <deque>
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
  bool launches = false;          // starts kernels itself
  bool stack = false;             // and a stack behind them: it recurses or calls by address
  // With a stack limit as cuCtxSetLimit has it. Frames are larger here than in hardware, which keeps arguments in registers.
  uint64_t local_bytes_with(uint64_t stack_limit) const {
    uint64_t bytes = stack ? local_bytes + (stack_limit < 1024 ? 1024 : stack_limit) * 8 : local_bytes;
    return (bytes + 15) / 16 * 16;
  }
};

constexpr uint32_t kNoVariable = ~0u;

// An address inside a variable's initial value: of a variable plus value, or just value (a function's address).
struct VariableAddress {
  uint64_t offset;
  uint8_t bytes, shift;
  uint32_t variable;
  uint64_t value;
};

struct CodeVariable {
  std::string name;
  uint64_t bytes = 0, align = 1;
  bool constant = false, managed = false;
  std::vector<uint8_t> init;
  std::vector<VariableAddress> addresses;
};

struct KernelCode { uint32_t function, shared_align, local_bytes; bool stack, launches; };

// What PTX texts say, whatever the device and wherever their variables lie. Shared by all modules loaded from the same texts; immutable.
struct Code {
  std::vector<std::unique_ptr<Function>> functions;
  std::vector<CodeVariable> variables;
  std::vector<KernelInfo> infos;
  std::vector<KernelCode> kernels;   // beside infos
  uint32_t sites = 0;
};
Outcome compile(std::vector<std::string> texts, int compute_capability, Code* out);

class Program : public Module {
 public:
  Program(Memory& memory, std::shared_ptr<const Code> code) : memory_(memory), code_(std::move(code)) {}
  ~Program() override;
  bool place();   // variables into memory, their addresses into constants; false: no memory
  const std::vector<KernelInfo>& kernels() const override { return code_->infos; }
  const Kernel* kernel(std::string_view name) const override {
    auto it = by_name_.find(name);
    return it == by_name_.end() ? nullptr : it->second;
  }
  const std::vector<GlobalInfo>& globals() const override { return globals_; }
  const std::vector<std::unique_ptr<Function>>& functions() const { return code_->functions; }
  const uint8_t* constants(const Function& f) const { return constants_[f.index]; }
  uint32_t sites() const { return code_->sites; }

 private:
  Memory& memory_;
  std::shared_ptr<const Code> code_;
  std::vector<uint64_t> allocations_;              // of code_->variables
  std::deque<std::vector<uint8_t>> patched_;       // constants of functions that name variables
  std::vector<const uint8_t*> constants_;          // of every function
  std::deque<Kernel> kernels_;
  std::unordered_map<std::string_view, const Kernel*> by_name_;
  std::vector<GlobalInfo> globals_;
};

Fn select_function(const Key& key);   // for the processor that this runs on; null: no such instruction

}  // namespace softgpu
