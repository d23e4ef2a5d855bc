// What an instruction's function sees of a warp. Owner: the block's Cta (exec/cta.h); one thread at a time.
// This header is compiled for several instruction sets: plain data only, no inline functions of the standard library.
#pragma once
#include <cstdint>

#include "softgpu/ptx/insn.h"

namespace softgpu {

struct Site { uint64_t lo = 1, hi = 0; };   // the address range that a memory access found last: [lo, hi)

struct Warp {
  uint8_t* regs = nullptr;       // register file of the current call
  const uint32_t* extra = nullptr;   // Function::extra of the current call
  uint32_t carry = 0;            // condition code, a bit a lane
  uint32_t active = 0;           // lanes that run the current instruction before its guard
  Site* sites = nullptr;         // of this worker, by Insn::site
  uint8_t* shared = nullptr;
  uint32_t shared_bytes = 0;
  uint8_t* cluster_shared = nullptr;   // shared memory of all blocks of the cluster, cluster_stride apart
  uint32_t cluster_stride = 0, cluster_blocks = 0, cluster_rank = 0;
  uint8_t* local = nullptr;      // lane's memory at local + lane * local_bytes
  uint64_t local_bytes = 0;
  uint64_t stack[32] = {};       // bytes that alloca has taken from the end of each lane's local memory
  const uint8_t* params = nullptr;
  uint32_t param_bytes = 0;
  bool (*find)(Warp&, uint64_t address, Site* out) = nullptr;   // the live range of global memory that holds address
  void* worker = nullptr;        // for find
  int fault = 0;                 // CUresult; the fields below say where
  uint32_t fault_lane = 0;
  uint64_t fault_address = 0;
  bool fault_global = false;     // the address is one of global memory: report what lies near it
  const char* fault_text = nullptr;
};

}  // namespace softgpu
