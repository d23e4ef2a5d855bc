// Fuzz target: any bytes as a module image for the software GPU (fat binary, ELF or PTX text). What loads is also run, for a moment,
// with an address of a small allocation in every parameter; what lies around that must stay as it is.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <random>
#include <string_view>
#include <thread>

#include "softgpu/engine.h"

namespace {

constexpr size_t kAround = 1 << 16, kTarget = 1000, kMostBytes = 1 << 16;
constexpr auto kPatience = std::chrono::milliseconds(20);

// Stops a kernel that takes too long: one thread for the life of the process.
class Watch {
 public:
  Watch() { std::thread([this] { loop(); }).detach(); }
  const std::atomic<bool>* begin() {
    std::lock_guard lock(mutex_);
    stop_ = false, running_ = true;
    end_ = std::chrono::steady_clock::now() + kPatience;
    changed_.notify_one();
    return &stop_;
  }
  void finish() { std::lock_guard lock(mutex_); running_ = false; }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (!running_ || stop_) changed_.wait(lock);
      else if (changed_.wait_until(lock, end_) == std::cv_status::timeout && running_ && std::chrono::steady_clock::now() >= end_) stop_ = true;
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> stop_{false};
  bool running_ = false;
  std::chrono::steady_clock::time_point end_;
};

void require(bool ok) { if (!ok) std::abort(); }

struct Device {
  softgpu::Memory memory{64u << 20};
  uint64_t before = memory.allocate(kAround), target = memory.allocate(kTarget), after = memory.allocate(kAround);
};

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

// Text is mutated by lines as well: a statement left out, doubled, moved or half replaced by another.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  std::minstd_rand random(seed);
  std::string text(reinterpret_cast<char*>(data), size);
  if (random() % 2 || text.find(".version") == std::string::npos) return LLVMFuzzerMutate(data, size, most);
  auto line = [&](size_t* begin, size_t* end) {
    size_t at = random() % text.size();
    *begin = text.rfind('\n', at) == std::string::npos ? 0 : text.rfind('\n', at) + 1;
    *end = text.find('\n', at) == std::string::npos ? text.size() : text.find('\n', at) + 1;
    if (*begin > *end) *begin = *end;
  };
  for (unsigned n = 1 + random() % 3; n-- && !text.empty();) {
    size_t b, e, c, d;
    line(&b, &e), line(&c, &d);
    std::string from = text.substr(b, e - b), to = text.substr(c, d - c);
    switch (random() % 4) {
      case 0: text.erase(b, e - b); break;
      case 1: text.insert(c, from); break;
      case 2: text.replace(c, d - c, from); break;
      default: text.replace(c, d - c, to.substr(0, to.empty() ? 0 : random() % to.size()) + from.substr(from.empty() ? 0 : random() % from.size()));
    }
  }
  size = text.size() < most ? text.size() : most;
  std::memcpy(data, text.data(), size);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > kMostBytes) return 0;
  static Watch* watch = new Watch;
  static std::unique_ptr<Device> device;
  if (!device || device->memory.used() > 32u << 20) device = std::make_unique<Device>();   // kernels may malloc and never free
  softgpu::Memory* memory = &device->memory;
  uint64_t before = device->before, target = device->target, after = device->after, used = memory->used();
  std::unique_ptr<softgpu::Module> module;
  std::span<const uint8_t> image(data, size);
  softgpu::Outcome outcome = softgpu::load({&image, 1}, *memory, 90, &module);
  require(outcome.result == 0 ? module != nullptr : outcome.result == 2 || outcome.result == 200 || outcome.result == 209 || outcome.result == 218 || outcome.result == 222);
  require(outcome.result == 0 || !outcome.text.empty());
  if (!module) return require(memory->used() == used), 0;
  std::memset(reinterpret_cast<void*>(before), 0xa5, kAround);
  std::memset(reinterpret_cast<void*>(after), 0xa5, kAround);
  size_t runs = 0;
  for (const softgpu::KernelInfo& info : module->kernels()) {
    if (runs++ == 3 || info.local_bytes > 1 << 18) break;
    std::vector<uint64_t> params(info.param_bytes / 8 + 1, target);
    softgpu::Launch launch;
    launch.block[0] = 33;
    launch.dynamic_shared_bytes = 256;
    launch.params = params.data();
    launch.stop = watch->begin();
    softgpu::run(*module->kernel(info.name), launch, *memory);
    watch->finish();
  }
  for (uint64_t around : {before, after})
    for (size_t i = 0; i < kAround; i += 8) require(*reinterpret_cast<const uint64_t*>(around + i) == 0xa5a5a5a5a5a5a5a5);
  return 0;
}
