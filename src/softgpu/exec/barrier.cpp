// Barriers of a block and of a cluster, and lanes that exit. One thread at a time (see cta.h).
// A whole warp that waits is noted in waiting_ alone, so that the commonest barrier touches nothing else; groups of a divided warp and
// those who want a result wait in their frame.
#include <bit>
#include <cstring>
#include <new>

#include "softgpu/exec/cta.h"

namespace softgpu {

// Lanes in mask reach a barrier of the block.
void Cta::arrive(WarpState& w, Frame& f, const Insn& in, uint32_t mask) {
  auto word = [&](uint32_t r) { return r == kNoReg ? 0 : reinterpret_cast<const uint32_t*>(f.regs + r)[std::countr_zero(mask)]; };
  uint32_t id = word(in.r[1]) & 15;
  Barrier& b = barriers_[id];
  barriers_used_ |= 1u << id;
  b.wanted = word(in.r[2]);
  if (b.wanted % 32) w.fault = 715, w.fault_lane = static_cast<uint32_t>(std::countr_zero(mask)), w.fault_text = "a barrier for a number of threads that is no multiple of 32";
  b.arrived += b.wanted && mask == w.live ? 32 : static_cast<uint32_t>(std::popcount(mask));   // a counted barrier counts whole warps
  if (in.r[3] != kNoReg) {
    uint32_t p = *reinterpret_cast<const uint32_t*>(f.regs + in.r[3]) & mask;
    b.count += static_cast<uint32_t>(std::popcount(p));
    b.all &= p == mask;
    b.any |= p != 0;
  }
}

// A whole warp reaches a barrier of the block; false: it was the last, and nobody waits any more. Its registers are its own, so what
// it does after the barrier is known now: in a tree reduction, most warps go from barrier to barrier.
bool Cta::wait(WarpState& w, uint32_t id) {
  Barrier& b = barriers_[id];
  uint32_t bit = 1u << w.number;
  b.arrived += static_cast<uint32_t>(std::popcount(w.live));
  if (b.arrived >= live_) {
    b.wanted = 0;
    release_if_complete(id);
    return false;
  }
  b.warps |= bit;
  waiting_ |= bit;
  barriers_used_ |= 1u << id;
  if (w.live != ~0u) return true;
  Group& g = w.frame->groups[0];
  const Insn* code = w.frame->function->code.data();
  for (uint32_t& later : b.later) {
    const Insn* in = code + g.pc;
    if (in->kind == Kind::Bra && in->sub) {
      uint32_t p = *reinterpret_cast<const uint32_t*>(w.regs + in->guard);
      if (in->guard_negated ? p : ~p) break;
      in = code + in->imm;
    }
    if (in->kind != Kind::Bar || in->guard != kNoReg || !(in->flags & kWholeBlock) || in->imm != id) break;
    later |= bit;
    g.pc = static_cast<uint32_t>(in - code) + 1;
  }
  return true;
}

void Cta::release_if_complete(uint32_t id) {
  Barrier& b = barriers_[id];
  if (b.arrived < (b.wanted ? b.wanted : live_)) return;
  uint32_t again = b.later[0];
  waiting_ &= ~b.warps | again;
  for (uint32_t n = 0; b.groups && n < warp_count_; n++) {
    WarpState& w = warps_[n];
    for (uint32_t d = 0; w.live && d < w.depth; d++) {
      Frame& f = *w.frames[d];
      for (uint32_t i = 0; i < f.count; i++) {
        Group& g = f.groups[i];
        if (g.wait != Group::AtBarrier || g.barrier != id) continue;
        g.wait = Group::Run;
        if (g.insn->sub == 2) {
          for (uint32_t m = g.mask; m; m &= m - 1) reinterpret_cast<uint32_t*>(f.regs + g.insn->r[0])[std::countr_zero(m)] = b.count;
        } else if (g.insn->sub >= 3) {
          uint32_t& p = *reinterpret_cast<uint32_t*>(f.regs + g.insn->r[0]);
          p = (p & ~g.mask) | ((g.insn->sub == 3 ? b.all : b.any) ? g.mask : 0);
        }
      }
    }
  }
  Barrier next;
  next.warps = again;
  next.arrived = 32 * static_cast<uint32_t>(std::popcount(again));
  std::memcpy(next.later, b.later + 1, sizeof b.later - sizeof b.later[0]);
  b = next;
  if (again) release_if_complete(id);
}

void Cta::exit_lanes(WarpState& w, uint32_t mask) {
  w.live &= ~mask;
  live_ -= static_cast<uint32_t>(std::popcount(mask));
  for (uint32_t d = 0; d < w.depth; d++) {
    Frame& f = *w.frames[d];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f.count; i++) {
      f.groups[i].mask &= ~mask;
      if (f.groups[i].mask) f.groups[kept++] = f.groups[i];
    }
    f.count = kept;
  }
  for (uint32_t ids = barriers_used_; ids; ids &= ids - 1) {
    uint32_t id = static_cast<uint32_t>(std::countr_zero(ids));
    if (barriers_[id].arrived) release_if_complete(id);
  }
  cluster_.leave(static_cast<uint32_t>(std::popcount(mask)), static_cast<uint32_t>(std::popcount(mask & w.cluster_arrived)));
  w.cluster_arrived &= ~mask;
}

void Cta::open_cluster_barrier() {
  for (uint32_t n = 0; n < warp_count_; n++) {
    WarpState& w = warps_[n];
    w.cluster_arrived = 0;
    for (uint32_t d = 0; w.live && d < w.depth; d++)
      for (uint32_t i = 0; i < w.frames[d]->count; i++)
        if (w.frames[d]->groups[i].wait == Group::AtCluster) w.frames[d]->groups[i].wait = Group::Run;
  }
}

Cluster::Cluster(LaunchState& launch) : launch_(launch), ended_(launch.cluster_blocks) {
  const Kernel& k = *launch.kernel;
  uint32_t dynamic = launch.launch.dynamic_shared_bytes, bytes = k.shared_bytes + dynamic;
  if (dynamic) bytes = (k.shared_bytes + k.shared_align - 1) / k.shared_align * k.shared_align + dynamic;
  stride_ = (bytes + 1023) / 1024 * 1024 + 1024;
  shared_.reset(static_cast<uint8_t*>(std::aligned_alloc(1024, size_t{stride_} * launch.cluster_blocks)));
  if (!shared_) throw std::bad_alloc();
  std::memset(shared_.get(), 0, size_t{stride_} * launch.cluster_blocks);
  for (uint32_t i = 0; i < launch.cluster_blocks; i++)
    blocks_.push_back(std::make_unique<Cta>(launch, *this, shared_.get() + size_t{stride_} * i, bytes));
}

void Cluster::start(uint64_t index) {
  const uint32_t *grid = launch_.launch.grid, *c = launch_.launch.cluster;
  live_ = arrived_ = 0;
  uint32_t clusters[2] = {grid[0] / c[0], grid[1] / c[1]};
  uint32_t first[3] = {static_cast<uint32_t>(index % clusters[0]) * c[0], static_cast<uint32_t>(index / clusters[0] % clusters[1]) * c[1],
                       static_cast<uint32_t>(index / clusters[0] / clusters[1]) * c[2]};
  for (uint32_t rank = 0; rank < blocks_.size(); rank++) {
    uint32_t id[3] = {first[0] + rank % c[0], first[1] + rank / c[0] % c[1], first[2] + rank / c[0] / c[1]};
    blocks_[rank]->start(id, rank);
    live_ += blocks_[rank]->live();
    ended_[rank] = false;
  }
}

// Runs the blocks in turn; Paused when each has had its time and not all have ended.
Cta::Status Cluster::run(Worker& worker) {
  if (blocks_.size() == 1) {
    Cta::Status s = blocks_[0]->run(worker);
    if (s != Cta::Stuck) return s;
  }
  for (int idle = 0;;) {
    bool moved = false, paused = false, alive = false;
    for (size_t i = 0; i < blocks_.size(); i++) {
      if (ended_[i]) continue;
      uint32_t opened = phases_;
      Cta::Status s = blocks_[i]->run(worker);
      if (s == Cta::Failed) return s;
      if (s == Cta::Done) ended_[i] = true;
      else alive = true;
      paused |= s == Cta::Paused;
      moved |= s != Cta::Stuck || opened != phases_;
    }
    if (!alive) return Cta::Done;
    if (paused) return Cta::Paused;
    if (moved) {
      idle = 0;
    } else if (++idle == 2) {
      for (auto& b : blocks_) b->force();
    } else if (idle > 3) {
      launch_.fail(719, "kernel " + launch_.kernel->info->name + ": a barrier that not all threads of the cluster reach");
      return Cta::Failed;
    }
  }
}

bool Cluster::open_if_complete() {
  if (arrived_ < live_ || !arrived_) return false;
  arrived_ = 0;
  phases_++;
  for (auto& b : blocks_) b->open_cluster_barrier();
  return true;
}

}  // namespace softgpu
