// Set-up of a block, its special registers, calls, exits and barriers. One thread at a time (see cta.h).
#include "softgpu/exec/cta.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>

#include "softgpu/exec/builtins.h"

namespace softgpu {
namespace {

std::unique_ptr<uint8_t[]> aligned_bytes(size_t n) { return std::make_unique<uint8_t[]>(n + 256); }
// What stands in a function's registers before its first instruction: constants, and a kernel's parameters.
void fill_constants(const LaunchState& l, const Function& f, uint8_t* regs) {
  if (!f.constants.empty()) std::memcpy(regs, l.program->constants(f), f.constants.size());
}

uint8_t* align(uint8_t* p) { return reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(p) + 255) & ~uintptr_t{255}); }

std::string nearest_allocation(const Memory& memory, uint64_t address) {
  uint64_t base, bytes;
  if (!memory.nearest(address, &base, &bytes)) return "; nothing is allocated";
  char text[160];
  bool behind = address >= base;
  uint64_t away = !behind ? base - address : address - base >= bytes ? address - base - bytes : 0;
  if (away) std::snprintf(text, sizeof text, "; %llu bytes %s the nearest allocation, %llu bytes at 0x%llx", static_cast<unsigned long long>(away), behind ? "behind" : "before",
                          static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(base));
  else std::snprintf(text, sizeof text, "; in the allocation of %llu bytes at 0x%llx", static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(base));
  return text;
}

}  // namespace

Cta::Cta(LaunchState& launch, Cluster& cluster, uint8_t* shared, uint32_t shared_bytes) : launch_(launch), cluster_(cluster) {
  const Launch& l = launch.launch;
  const Kernel& k = *launch.kernel;
  threads_ = l.block[0] * l.block[1] * l.block[2];
  warp_count_ = (threads_ + 31) / 32;
  uint64_t local = launch.local_bytes;
  uint8_t* local_base = nullptr;
  if (local) {   // calloc: pages that no thread touches cost nothing
    local_.reset(static_cast<uint8_t*>(std::calloc(local * 32 * warp_count_ + 64, 1)));
    if (!local_) throw std::bad_alloc();
    local_base = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(local_.get()) + 63) & ~uintptr_t{63});
  }
  warps_ = std::make_unique<WarpState[]>(warp_count_);
  for (uint32_t i = 0; i < warp_count_; i++) {
    WarpState& w = warps_[i];
    w.number = i;
    w.memory = launch.memory;
    w.peers = launch.peers;
    w.shared = shared;
    w.shared_bytes = shared_bytes;
    w.cluster_shared = cluster.shared_.get();
    w.cluster_stride = cluster.stride_;
    w.cluster_blocks = launch.cluster_blocks;
    w.local = local ? local_base + local * 32 * i : nullptr;
    w.local_bytes = local;
    w.params = launch.params.data();
    w.param_bytes = static_cast<uint32_t>(launch.params.size());
    w.frames.push_back(std::make_unique<Frame>());
    uint32_t bytes = k.function->register_bytes;
    w.files.push_back(aligned_bytes(bytes));
    w.file_bytes.push_back(bytes);
    Frame& f = *w.frames[0];
    f.function = k.function;
    f.regs = align(w.files[0].get());
    std::memset(f.regs, 0, bytes);
    fill_constants(launch, *k.function, f.regs);
  }
}

void Cta::start(const uint32_t id[3], uint32_t rank) {
  std::memcpy(id_, id, sizeof id_);
  live_ = threads_;
  for (; barriers_used_; barriers_used_ &= barriers_used_ - 1) barriers_[std::countr_zero(barriers_used_)] = Barrier{};
  waiting_ = 0;
  for (uint32_t i = 0; i < warp_count_; i++) {
    WarpState& w = warps_[i];
    uint32_t rest = threads_ - i * 32;
    w.cluster_rank = rank;
    w.live = rest >= 32 ? ~0u : (1u << rest) - 1;
    w.depth = 1;
    w.cluster_arrived = 0;
    w.carry = 0;
    if (w.local_bytes) std::memset(w.stack, 0, sizeof w.stack);
    w.fault = 0;
    w.force = false;
    w.prefer = kNoLimit;
    Frame& f = *w.frames[0];
    f.count = 1;
    f.groups[0] = Group{0, w.live, Group::Run, 0, nullptr};
    fill_specials(w, *f.function, f.regs, 0, !specials_ready_);
    activate(w);
    if (!specials_ready_) for (const Insn& in : f.function->prologue) in.fn(w, in, ~0u);
  }
  specials_ready_ = true;
}

// all: everything; otherwise only what differs from block to block.
void Cta::fill_specials(WarpState& w, const Function& fn, uint8_t* regs, uint64_t base, bool all) {
  const Launch& l = launch_.launch;
  for (const SpecialSlot& s : fn.specials) {
    if (!all && !differs_between_blocks(s.what)) continue;
    uint32_t* d = reinterpret_cast<uint32_t*>(regs + s.offset);
    auto same = [&](uint32_t v) { for (int i = 0; i < 32; i++) d[i] = v; };
    auto wide = [&](uint64_t v) { for (int i = 0; i < 32; i++) std::memcpy(d + 2 * i, &v, 8); };
    switch (s.what) {
      case Special::TidX: for (uint32_t i = 0; i < 32; i++) d[i] = (w.number * 32 + i) % l.block[0]; break;
      case Special::TidY: for (uint32_t i = 0; i < 32; i++) d[i] = (w.number * 32 + i) / l.block[0] % l.block[1]; break;
      case Special::TidZ: for (uint32_t i = 0; i < 32; i++) d[i] = (w.number * 32 + i) / l.block[0] / l.block[1]; break;
      case Special::NtidX: same(l.block[0]); break;
      case Special::NtidY: same(l.block[1]); break;
      case Special::NtidZ: same(l.block[2]); break;
      case Special::CtaidX: same(id_[0]); break;
      case Special::CtaidY: same(id_[1]); break;
      case Special::CtaidZ: same(id_[2]); break;
      case Special::NctaidX: same(l.grid[0]); break;
      case Special::NctaidY: same(l.grid[1]); break;
      case Special::NctaidZ: same(l.grid[2]); break;
      case Special::Laneid: for (uint32_t i = 0; i < 32; i++) d[i] = i; break;
      case Special::Warpid: same(w.number); break;
      case Special::Nwarpid: same(64); break;
      case Special::Smid: same(static_cast<uint32_t>((id_[0] + l.grid[0] * (id_[1] + uint64_t{l.grid[1]} * id_[2])) % l.multiprocessors)); break;
      case Special::Nsmid: same(l.multiprocessors); break;
      case Special::LanemaskEq: for (uint32_t i = 0; i < 32; i++) d[i] = 1u << i; break;
      case Special::LanemaskLe: for (uint32_t i = 0; i < 32; i++) d[i] = (2u << i) - 1; break;
      case Special::LanemaskLt: for (uint32_t i = 0; i < 32; i++) d[i] = (1u << i) - 1; break;
      case Special::LanemaskGe: for (uint32_t i = 0; i < 32; i++) d[i] = ~0u << i; break;
      case Special::LanemaskGt: for (uint32_t i = 0; i < 32; i++) d[i] = ~((2u << i) - 1); break;
      case Special::ClusteridX: same(id_[0] / l.cluster[0]); break;
      case Special::ClusteridY: same(id_[1] / l.cluster[1]); break;
      case Special::ClusteridZ: same(id_[2] / l.cluster[2]); break;
      case Special::NclusteridX: same(l.grid[0] / l.cluster[0]); break;
      case Special::NclusteridY: same(l.grid[1] / l.cluster[1]); break;
      case Special::NclusteridZ: same(l.grid[2] / l.cluster[2]); break;
      case Special::ClusterCtaidX: same(id_[0] % l.cluster[0]); break;
      case Special::ClusterCtaidY: same(id_[1] % l.cluster[1]); break;
      case Special::ClusterCtaidZ: same(id_[2] % l.cluster[2]); break;
      case Special::ClusterNctaidX: same(l.cluster[0]); break;
      case Special::ClusterNctaidY: same(l.cluster[1]); break;
      case Special::ClusterNctaidZ: same(l.cluster[2]); break;
      case Special::ClusterCtarank: same(w.cluster_rank); break;
      case Special::ClusterNctarank: same(launch_.cluster_blocks); break;
      case Special::ExplicitCluster: same(l.explicit_cluster ? ~0u : 0); break;
      case Special::Envreg1: same(static_cast<uint32_t>(launch_.workspace >> 32)); break;
      case Special::Envreg2: same(static_cast<uint32_t>(launch_.workspace)); break;
      case Special::DynamicSharedBytes: same(l.dynamic_shared_bytes); break;
      case Special::TotalSharedBytes: same(w.shared_bytes); break;
      case Special::One: same(1); break;
      case Special::DynamicShared: same((launch_.kernel->shared_bytes + launch_.kernel->shared_align - 1) / launch_.kernel->shared_align * launch_.kernel->shared_align); break;
      case Special::FrameBase: wide(base); break;
      case Special::ParamBase: wide(reinterpret_cast<uint64_t>(launch_.params.data())); break;
      case Special::Gridid: case Special::Zero: case Special::Count: same(0); break;
    }
  }
}

void Cta::activate(WarpState& w) {
  Frame& f = *w.frames[w.depth - 1];
  w.frame = &f;
  w.regs = f.regs;
  w.extra = f.function->extra.data();
}

// A call of f by the lanes in mask; false: it failed (w.fault).
bool Cta::call(WarpState& w, const Insn& in, const Function& f, uint32_t mask) {
  const Frame& caller = *w.frames[w.depth - 1];
  uint64_t base = (caller.base + caller.function->frame_bytes + 15) / 16 * 16;
  uint64_t taken = 0;   // by alloca, at the other end
  for (uint32_t m = mask; m; m &= m - 1) taken = std::max(taken, w.stack[std::countr_zero(m)]);
  if (base + f.frame_bytes + taken > w.local_bytes || w.depth >= kMostFrames) {
    w.fault = 700;   // measured on an H200 with driver 580
    w.fault_global = false;
    w.fault_lane = static_cast<uint32_t>(std::countr_zero(mask));
    w.fault_address = base + f.frame_bytes;
    w.fault_text = "calls nested too deeply for the thread's stack";
    return false;
  }
  if (w.depth == w.frames.size()) {
    w.frames.push_back(std::make_unique<Frame>());
    w.files.push_back(nullptr);
    w.file_bytes.push_back(0);
  }
  Frame& frame = *w.frames[w.depth];
  if (w.file_bytes[w.depth] < f.register_bytes || !w.files[w.depth]) {
    w.files[w.depth] = aligned_bytes(f.register_bytes);
    w.file_bytes[w.depth] = f.register_bytes;
  }
  frame.function = &f;
  frame.regs = align(w.files[w.depth].get());
  frame.base = base;
  frame.call = &in;
  frame.count = 1;
  frame.groups[0] = Group{0, mask, Group::Run, 0, nullptr};
  fill_constants(launch_, f, frame.regs);
  fill_specials(w, f, frame.regs, base, true);
  const uint32_t* x = &caller.function->extra[in.extra];
  for (uint32_t a = 0; a < x[1]; a++) {
    const CallArg& arg = caller.function->args[x[0] + a];
    if (arg.callee + uint64_t{arg.bytes} > f.frame_bytes) continue;   // a prototype that does not fit the function
    for (uint32_t m = mask; m; m &= m - 1) {
      uint8_t* lane = w.local + static_cast<uint64_t>(std::countr_zero(m)) * w.local_bytes;
      std::memcpy(lane + base + arg.callee, lane + caller.base + arg.caller, arg.bytes);
    }
  }
  w.depth++;
  activate(w);
  return true;
}

// ret of the lanes in mask: results back to the caller's variables.
void Cta::leave(WarpState& w, const Frame& f, uint32_t mask) {
  const Frame& caller = *w.frames[w.depth - 2];
  const uint32_t* x = &caller.function->extra[f.call->extra];
  for (uint32_t a = 0; a < x[2]; a++) {
    const CallArg& arg = caller.function->args[x[0] + x[1] + a];
    if (arg.callee + uint64_t{arg.bytes} > f.function->frame_bytes) continue;
    for (uint32_t m = mask; m; m &= m - 1) {
      uint8_t* lane = w.local + static_cast<uint64_t>(std::countr_zero(m)) * w.local_bytes;
      std::memcpy(lane + caller.base + arg.caller, lane + f.base + arg.callee, arg.bytes);
    }
  }
}

void Cta::pop(WarpState& w) {
  w.depth--;
  activate(w);
}

void Cta::report(const WarpState& w, const Insn& in, const Function& f) {
  const Launch& l = launch_.launch;
  uint32_t t = w.number * 32 + w.fault_lane;
  char text[800];
  char address[48] = "";
  std::string nearest;
  if (w.fault == 700 || w.fault == 716) {
    std::snprintf(address, sizeof address, " at address 0x%llx", static_cast<unsigned long long>(w.fault_address));
    if (w.fault_global) nearest = nearest_allocation(*launch_.memory, w.fault_address);
  }
  std::snprintf(text, sizeof text, "kernel %s%s%s, PTX line %u, block (%u,%u,%u), thread (%u,%u,%u): %s%s", launch_.kernel->info->name.c_str(),
                f.entry ? "" : " in ", f.entry ? "" : f.name.c_str(), in.line, id_[0], id_[1], id_[2], t % l.block[0], t / l.block[0] % l.block[1],
                t / l.block[0] / l.block[1], w.fault_text ? w.fault_text : "failed", address);
  launch_.fail(w.fault, text + nearest);
}

}  // namespace softgpu
