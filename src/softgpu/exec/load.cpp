// load(): images to PTX texts, texts to code (kept for the next load of the same), variables placed and initialised.
// Any thread may call at any time.
#include <algorithm>
#include <cstring>
#include <list>
#include <mutex>
#include <new>

#include "softgpu/device_launch.h"
#include "softgpu/exec/program.h"
#include "softgpu/fatbin/fatbin.h"

namespace softgpu {
namespace {

constexpr size_t kMostKept = 64u << 20;   // bytes of PTX whose code is kept though no module may use it

// Names PTX texts and the capability they were compiled for by 128 bits of a hash.
struct Content {
  uint64_t a, b, bytes;
  bool operator==(const Content&) const = default;
};
Content content_of(const std::vector<std::string>& texts, int compute_capability) {
  Content c{0x9e3779b97f4a7c15ull ^ static_cast<uint64_t>(compute_capability), 0xc2b2ae3d27d4eb4full, 0};
  auto mix = [&](uint64_t v) {
    c.a = (c.a ^ v) * 0xff51afd7ed558ccdull, c.a ^= c.a >> 32;
    c.b = (c.b + v) * 0xc4ceb9fe1a85ec53ull, c.b ^= c.b >> 29;
  };
  for (const std::string& t : texts) {
    mix(t.size());
    for (size_t i = 0; i < t.size(); i += 8) {
      uint64_t v = 0;
      std::memcpy(&v, t.data() + i, std::min<size_t>(8, t.size() - i));
      mix(v);
    }
    c.bytes += t.size();
  }
  return c;
}

// The code of what was loaded last, most recent first.
class Cache {
 public:
  std::shared_ptr<const Code> find(const Content& c) {
    std::lock_guard lock(mutex_);
    for (auto it = kept_.begin(); it != kept_.end(); ++it)
      if (it->content == c) return kept_.splice(kept_.begin(), kept_, it), kept_.front().code;
    return nullptr;
  }
  void keep(const Content& c, const std::shared_ptr<const Code>& code) {
    std::lock_guard lock(mutex_);
    kept_.push_front({c, code});
    bytes_ += c.bytes;
    while (bytes_ > kMostKept && kept_.size() > 1) {
      bytes_ -= kept_.back().content.bytes;
      kept_.pop_back();
    }
  }

 private:
  struct Entry { Content content; std::shared_ptr<const Code> code; };
  std::mutex mutex_;
  std::list<Entry> kept_;
  uint64_t bytes_ = 0;
};

}  // namespace

Program::~Program() {
  for (uint64_t a : allocations_) memory_.free(a);
}

bool Program::place() {
  for (const CodeVariable& v : code_->variables) {
    uint64_t bytes = v.bytes ? v.bytes : 1, address = memory_.allocate(bytes, std::max<uint64_t>(v.align, 256));
    if (!address) return false;
    allocations_.push_back(address);
    std::memset(reinterpret_cast<void*>(address), 0, bytes);
    if (!v.init.empty()) std::memcpy(reinterpret_cast<void*>(address), v.init.data(), v.init.size());
    GlobalInfo g;
    g.name = v.name;
    g.address = address;
    g.bytes = v.bytes;
    g.constant = v.constant;
    g.managed = v.managed;
    globals_.push_back(g);
  }
  for (size_t i = 0; i < allocations_.size(); i++)
    for (const VariableAddress& r : code_->variables[i].addresses) {
      uint64_t v = (r.variable == kNoVariable ? r.value : allocations_[r.variable] + r.value) >> r.shift;
      std::memcpy(reinterpret_cast<void*>(allocations_[i] + r.offset), &v, r.bytes);
    }
  for (const auto& f : code_->functions) {
    constants_.push_back(f->constants.data());
    if (f->relocations.empty()) continue;
    std::vector<uint8_t>& own = patched_.emplace_back(f->constants);
    for (const ConstantAddress& r : f->relocations) {
      uint64_t v = allocations_[r.variable] + r.addend;
      for (uint32_t lane = 0; lane < 32; lane++) std::memcpy(&own[r.offset + lane * r.bytes], &v, r.bytes);
    }
    constants_.back() = own.data();
  }
  for (size_t i = 0; i < code_->kernels.size(); i++) {
    const KernelCode& c = code_->kernels[i];
    Kernel& k = kernels_.emplace_back();
    k.program = this;
    k.function = code_->functions[c.function].get();
    k.info = &code_->infos[i];
    k.shared_bytes = k.info->static_shared_bytes;
    k.shared_align = c.shared_align;
    k.local_bytes = c.local_bytes;
    k.stack = c.stack;
    k.launches = c.launches;
    by_name_[k.info->name] = &k;
  }
  return true;
}

bool launches_kernels(const Kernel& kernel) { return kernel.launches; }

Outcome load(std::span<const std::span<const uint8_t>> images, Memory& memory, int compute_capability, std::unique_ptr<Module>* out) {
  static Cache* cache = new Cache;
  std::vector<std::string> texts;
  Outcome missing{200, "no image"};
  for (auto& image : images) {
    PtxChoice c = choose_ptx(image, compute_capability);
    if (c.result == 200) return {200, c.error};
    if (c.result) missing = {c.result, c.error};
    else texts.push_back(std::move(c.text));
    for (std::string& t : c.further) texts.push_back(std::move(t));
  }
  if (texts.empty()) return missing;
  try {
    Content content = content_of(texts, compute_capability);
    std::shared_ptr<const Code> code = cache->find(content);
    if (!code) {
      auto fresh = std::make_shared<Code>();
      if (Outcome r = compile(std::move(texts), compute_capability, fresh.get()); r.result) return r;
      code = std::move(fresh);
      cache->keep(content, code);
    }
    auto program = std::make_unique<Program>(memory, std::move(code));
    if (!program->place()) return {2, "out of device memory for the module's variables"};
    *out = std::move(program);
  } catch (const std::bad_alloc&) {
    return {2, "out of host memory"};
  }
  return {};
}

}  // namespace softgpu
