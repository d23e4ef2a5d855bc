// Host parts of graphs: what of this process a graph on the worker needs. A copy's side in host memory, whose bytes travel around each launch, or a host
// function. Each is a number, minted here, under which the worker knows its pinned bytes or the function that waits for ours; the worker tells when
// no graph and no executable holds it any more. Any thread.
#pragma once
#include <stdint.h>

#include <vector>

#include "abi/cuda_abi.h"

namespace client {

// The host's side of a copy: slices of rows, as HostBox in copy.h, with the extent of the copy.
struct HostCopy {
  void* p = nullptr;
  size_t pitch = 0, slice = 0, width = 0, rows = 1, depth = 1;
  bool to_host = false;
  CUDA_MEMCPY3D asked = {};   // the whole copy, as the program gave it
};
uint64_t add_host_copy(const HostCopy& copy);
uint64_t add_host_function(CUhostFn function, void* data);           // of a node, or captured: runs at each launch
uint64_t add_destructor(CUhostFn function, void* data);              // of a user object: runs once
bool find_host_function(uint64_t part, CUDA_HOST_NODE_PARAMS* p);    // (callback.cpp)
bool find_host_copy(uint64_t part, HostCopy* copy);
void function_launched(uint64_t part, uint64_t stream);              // a run of it is due in that stream (as it travels)
void function_over(uint64_t part);                                   // it has run, or never will
void drop_part(uint64_t part);                                       // its node was not made
uint64_t next_part();

// What a launch of an executable graph brings along; the object behind the executable's handle. Null: nothing.
struct ExecParts { std::vector<uint64_t> to_device, to_host, functions; bool waits = false; };   // waits: a launch may be refused
inline constexpr unsigned kUnknownParts = ~0u;
CUresult learn_parts(CUgraphExec executable, unsigned parts);        // asks the worker, unless there are and were none
CUresult send_part(uint64_t part);                                   // the present bytes of a copy to the device

// A copy whose sides may be in host memory, as the worker takes it: pointers and handles apart. Its host sides get parts.
struct NeutralCopy {
  CUDA_MEMCPY3D copy{};
  CUarray src_array = nullptr, dst_array = nullptr;
  uint64_t src_part = 0, dst_part = 0;
  CUresult from(const CUDA_MEMCPY3D& asked);
  void drop();                                                       // the parts, after a failure
};
CUresult capture_copy(const CUDA_MEMCPY3D& copy, CUstream stream);   // into a stream that captures

}  // namespace client
