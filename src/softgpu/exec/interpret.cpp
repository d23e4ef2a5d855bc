// The loop that runs a warp, and the loop over a block's warps. One thread at a time (see cta.h).
//
// Lanes that have taken different ways are groups; the group with the lowest pc runs, so that they meet again where the ways join
// (code that follows a branch has higher numbers). A group that goes round a loop too long lets the others run: one of them may
// hold the lock it waits for.
#include <sched.h>

#include <bit>
#include <chrono>

#include "softgpu/exec/builtins.h"
#include "softgpu/exec/cta.h"

namespace softgpu {
namespace {

constexpr auto kQuantum = std::chrono::milliseconds(2);   // a block that takes longer lets blocks that have not started run

// Joins groups that stand at the same place: runnable with runnable or waiting for the same instruction.
void merge(Frame& f) {
  for (uint32_t i = 0; i < f.count; i++)
    for (uint32_t j = i + 1; j < f.count;) {
      Group &a = f.groups[i], &b = f.groups[j];
      bool meet = a.pc == b.pc && !a.stays() && !b.stays();
      if (!meet) {
        j++;
        continue;
      }
      a.mask |= b.mask;
      a.wait = Group::Run;
      f.groups[j] = f.groups[--f.count];
    }
}

uint32_t nearest_above(const Frame& f, uint32_t self, uint32_t pc) {
  uint32_t limit = kNoLimit;
  for (uint32_t i = 0; i < f.count; i++)
    if (i != self && !f.groups[i].stays() && f.groups[i].pc > pc && f.groups[i].pc < limit) limit = f.groups[i].pc;
  return limit;
}

}  // namespace

Cta::WarpStatus Cta::run_warp(WarpState& w) {
  int budget = kBackEdges, split_budget = kSplitBackEdges;
  bool ran = false;
  for (;; ran = true) {   // once per choice of a group
    if (!w.live) return Ended;
    while (w.frame->count == 0) pop(w);
    Frame& f = *w.frame;
    if (f.count > 1) merge(f);
    uint32_t self = kNoLimit, waiting = 0;
    if (f.count == 1 && f.groups[0].wait == Group::Run) [[likely]] {
      self = 0;
    } else {
      for (uint32_t i = 0; i < f.count; i++) {
        if (f.groups[i].wait == Group::AtSync) waiting++;
        if (f.groups[i].wait != Group::Run) continue;
        if (f.groups[i].pc == w.prefer) {
          self = i;
          break;
        }
        if (self == kNoLimit || f.groups[i].pc < f.groups[self].pc) self = i;
      }
    }
    w.prefer = kNoLimit;
    if (self == kNoLimit) {
      if (!waiting) w.force = false;
      if (!waiting || (waiting != f.count && !w.force)) return ran ? Waiting : Blocked;
      // Every lane waits for others that cannot come: run the first such instruction with the lanes that are there.
      for (uint32_t i = 0; i < f.count; i++)
        if (f.groups[i].wait == Group::AtSync && (self == kNoLimit || f.groups[i].pc < f.groups[self].pc)) self = i;
      f.groups[self].wait = Group::Run;
      w.force = true;
    }
    const Function& fn = *f.function;
    const Insn* code = fn.code.data();
    uint32_t pc = f.groups[self].pc, mask = f.groups[self].mask;
    uint32_t limit = f.count > 1 ? nearest_above(f, self, pc) : kNoLimit;
    // Splits `part` off the running group, to stand at `at`.
    auto split = [&](uint32_t part, uint32_t at) -> Group& {
      f.groups[f.count] = Group{at, part, Group::Run, 0, nullptr};
      return f.groups[f.count++];
    };
    // The running group, without lanes, disappears; then another is chosen.
    auto drop_self = [&] { f.groups[self] = f.groups[--f.count]; };

    for (bool chosen = true; chosen;) {
      const Insn& in = code[pc];
      uint32_t m = mask;
      if (in.guard != kNoReg) {
        uint32_t p = *reinterpret_cast<const uint32_t*>(w.regs + in.guard);
        m &= in.guard_negated ? ~p : p;
        if (!m) {
          if (++pc >= limit) f.groups[self].pc = pc, chosen = false;
          continue;
        }
      }
      if (in.kind == Kind::Plain) [[likely]] {
        in.fn(w, in, m);
        if (w.fault) [[unlikely]] {
          report(w, in, fn);
          return Fault;
        }
        if (++pc >= limit) f.groups[self].pc = pc, chosen = false;
        continue;
      }
      switch (in.kind) {
        case Kind::Plain: break;
        case Kind::Sync: {
          // Lanes may name different sets of members at one instruction: each set goes through when all of it has arrived.
          const uint32_t* members = reinterpret_cast<const uint32_t*>(w.regs + in.r[4]);
          uint32_t here = f.mask(), ready = 0;
          for (uint32_t left = m; left && !ready;) {
            uint32_t named = members[std::countr_zero(left)], same = 0;
            for (uint32_t k = left; k; k &= k - 1) if (members[std::countr_zero(k)] == named) same |= k & (0 - k);
            if (!(named & here & ~same) || w.force) ready = same;
            left &= ~same;
          }
          if (!ready) {
            f.groups[self].pc = pc;
            f.groups[self].mask = m;
            f.groups[self].wait = Group::AtSync;
            if (m != mask) split(mask & ~m, pc + 1);
            chosen = false;
            continue;
          }
          w.force = false;
          in.fn(w, in, ready);
          if (w.fault) {
            report(w, in, fn);
            return Fault;
          }
          if (ready != m) {   // the other sets come to this instruction again
            f.groups[self].pc = pc + 1;
            f.groups[self].mask = mask & ~(m & ~ready);
            split(m & ~ready, pc);
            chosen = false;
            continue;
          }
          pc++;
          break;
        }
        case Kind::Bra: {
          uint32_t target = static_cast<uint32_t>(in.imm);
          bool back = target <= pc;
          if (m == mask) {
            pc = target;
          } else if (in.sub) {   // what it skips is guarded (ptx/slots.cpp)
            pc++;
            break;
          } else {
            f.groups[self].mask = mask & ~m;
            f.groups[self].pc = pc + 1;
            split(m, target);
            if (back && --budget <= 0) return Yielded;
            chosen = false;
            continue;
          }
          if (back) {
            if (f.count > 1) {
              limit = nearest_above(f, self, pc);
              if (--split_budget <= 0) {   // let another group of this warp run
                f.groups[self].pc = pc;
                uint32_t next = kNoLimit, lowest = kNoLimit;
                for (uint32_t i = 0; i < f.count; i++) {
                  if (i == self || f.groups[i].wait != Group::Run) continue;
                  if (f.groups[i].pc > pc && f.groups[i].pc < next) next = f.groups[i].pc;
                  if (f.groups[i].pc < lowest) lowest = f.groups[i].pc;
                }
                w.prefer = next != kNoLimit ? next : lowest;
                return Yielded;
              }
            }
            if (--budget <= 0) {
              f.groups[self].pc = pc;
              if (f.count == 1) return Yielded;
              budget = kBackEdges;
            }
          }
          break;
        }
        case Kind::Brx: {
          const uint32_t* index = reinterpret_cast<const uint32_t*>(w.regs + in.r[1]);
          uint32_t left = m, rest = mask & ~m;
          f.groups[self].pc = pc + 1;
          f.groups[self].mask = rest;
          while (left) {
            uint32_t v = index[std::countr_zero(left)], same = 0;
            for (uint32_t k = left; k; k &= k - 1) if (index[std::countr_zero(k)] == v) same |= k & (0 - k);
            left &= ~same;
            if (v >= static_cast<uint64_t>(in.imm)) {
              w.fault = 715, w.fault_lane = static_cast<uint32_t>(std::countr_zero(same)), w.fault_text = "branch index outside its table";
              report(w, in, fn);
              return Fault;
            }
            if (f.count < 32) {
              split(same, fn.extra[in.extra + v]);
            } else {   // every lane its own group: the running one has no lanes left, take its place
              f.groups[self] = Group{fn.extra[in.extra + v], same, Group::Run, 0, nullptr};
            }
          }
          if (!f.groups[self].mask) drop_self();
          if (--budget <= 0) return Yielded;
          chosen = false;
          continue;
        }
        case Kind::CallIndirect:
        case Kind::Call: {
          uint32_t number = static_cast<uint32_t>(in.imm);
          if (in.kind == Kind::CallIndirect) {
            const uint64_t* target = reinterpret_cast<const uint64_t*>(w.regs + in.r[1]);
            uint64_t t = target[std::countr_zero(m)];
            uint32_t same = 0;
            for (uint32_t k = m; k; k &= k - 1) if (target[std::countr_zero(k)] == t) same |= k & (0 - k);
            uint64_t n = (t - function_base()) / 16;
            if (t < function_base() || t % 16 || n >= launch_.program->functions().size() || !launch_.program->functions()[n]->defined ||
                launch_.program->functions()[n]->entry) {
              w.fault = 700, w.fault_lane = static_cast<uint32_t>(std::countr_zero(m)), w.fault_address = t, w.fault_text = "call of an address that is no function";
              report(w, in, fn);
              return Fault;
            }
            number = static_cast<uint32_t>(n);
            if (same != m) {   // the others call later
              f.groups[self].mask = mask & ~(m & ~same);
              split(m & ~same, pc);
              mask &= ~(m & ~same);
              m = same;
            }
          }
          const Function& callee = *launch_.program->functions()[number];
          if (callee.builtin) {
            if (!Builtins::call(*this, w, f, in, callee.builtin, m)) {
              report(w, in, fn);
              return Fault;
            }
            pc++;
            if (f.count > 1) limit = nearest_above(f, self, pc - 1);
            break;
          }
          f.groups[self].pc = pc + 1;
          if (!call(w, in, callee, m)) {
            report(w, in, fn);
            return Fault;
          }
          if (--budget <= 0) return Yielded;
          chosen = false;
          continue;
        }
        case Kind::Ret:
          leave(w, f, m);
          f.groups[self].mask = mask & ~m;
          f.groups[self].pc = pc + 1;
          if (!f.groups[self].mask) drop_self();
          chosen = false;
          continue;
        case Kind::Exit:
          f.groups[self].pc = pc + 1;
          exit_lanes(w, m);
          chosen = false;
          continue;
        case Kind::Bar:
          if (m == w.live && f.count == 1 && (in.flags & kWholeBlock)) [[likely]] {
            f.groups[0].pc = ++pc;
            if (wait(w, static_cast<uint32_t>(in.imm))) return Waiting;
            break;
          }
          [[fallthrough]];
        case Kind::BarArrive: {
          uint32_t id = reinterpret_cast<const uint32_t*>(w.regs + in.r[1])[std::countr_zero(m)] & 15;
          f.groups[self].pc = pc + 1;
          if (in.kind == Kind::Bar) {
            f.groups[self].mask = m;
            f.groups[self].wait = Group::AtBarrier;
            f.groups[self].barrier = static_cast<uint8_t>(id);
            f.groups[self].insn = &in;
            if (m != mask) split(mask & ~m, pc + 1);
            barriers_[id].groups = true;
          }
          arrive(w, f, in, m);
          if (w.fault) return report(w, in, fn), Fault;
          release_if_complete(id);
          chosen = false;
          continue;
        }
        case Kind::ClusterArrive:
          w.cluster_arrived |= m;
          cluster_.arrive(static_cast<uint32_t>(std::popcount(m)));
          cluster_.open_if_complete();
          f.groups[self].pc = pc + 1;
          chosen = false;
          continue;
        case Kind::ClusterWait: {
          uint32_t early = m & w.cluster_arrived;   // the rest is no longer waited for
          if (!early) {
            pc++;
            break;
          }
          f.groups[self].pc = pc + 1;
          f.groups[self].mask = early;
          f.groups[self].wait = Group::AtCluster;
          if (early != mask) split(mask & ~early, pc + 1);
          chosen = false;
          continue;
        }
        case Kind::Trap:
          w.fault = 719, w.fault_lane = static_cast<uint32_t>(std::countr_zero(m)), w.fault_text = "trap";
          report(w, in, fn);
          return Fault;
        case Kind::Pause:
          f.groups[self].pc = pc + 1;
          if (f.count > 1) split_budget = 0;
          return Yielded;
        case Kind::Nop:
          pc++;
          break;
      }
      if (pc >= limit) {
        f.groups[self].pc = pc;
        chosen = false;
      }
    }
  }
}

// Nobody can go on: lanes that wait for lanes of their own warp give up waiting.
void Cta::force() {
  for (uint32_t n = 0; n < warp_count_; n++) warps_[n].force = warps_[n].live != 0;
}

Cta::Status Cta::run(Worker& worker) {
  auto deadline = std::chrono::steady_clock::time_point::max();
  uint64_t generation = launch_.memory->generation();
  for (const Memory* peer : launch_.peers) generation += peer->generation();
  if (generation != worker.generation) {
    for (Site& s : worker.sites) s = Site{};
    worker.recent.clear();
    worker.generation = generation;
  }
  for (uint32_t n = 0; n < warp_count_; n++) {
    warps_[n].sites = worker.sites.data();
    warps_[n].worker = &worker;
  }
  int stuck = 0;
  for (uint32_t rounds = 1;; rounds++) {
    bool moved = false, yielded = rounds % 256 == 0;   // a loop around a barrier ends no warp's turn
    for (uint32_t left = ~0u >> (32 - warp_count_); left &= ~waiting_; left &= left - 1) {
      WarpState& w = warps_[std::countr_zero(left)];
      if (!w.live) continue;
      WarpStatus s = run_warp(w);
      if (s == Fault) return Failed;
      moved |= s != Blocked;
      yielded |= s == Yielded;
    }
    if (!live_) return Done;
    if (moved) {
      stuck = 0;
    } else if (++stuck == 2) {
      if (cluster_.waited_for()) return Stuck;
      force();
    } else if (stuck > 3) {
      launch_.fail(719, "kernel " + launch_.kernel->info->name + ": a barrier that not all threads of the block reach");
      return Failed;
    }
    if (!yielded) continue;
    if (launch_.stopped()) return Failed;
    if (launch_.launch.cooperative) return Paused;
    auto now = std::chrono::steady_clock::now();
    if (deadline == std::chrono::steady_clock::time_point::max()) deadline = now + kQuantum;
    else if (now >= deadline) return Paused;
  }
}

}  // namespace softgpu
