// What a stream can be asked to do, as data: submitted at once, or kept in a graph node and run at each launch of the graph.
// Built by the thread that makes the call, run by an executor thread.
#pragma once
#include <variant>

#include "softgpu/api/stream.h"

namespace softgpu::api {

struct Function;
class Event;
struct Graph;

struct KernelWork {
  std::shared_ptr<Function> function;
  CUfunction named = nullptr;             // the handle of the call: cuGraphKernelNodeGetParams gives it back
  Launch launch;                          // params points into the vector below when it runs
  std::vector<uint8_t> params;
  std::vector<void*> param_pointers;      // for cuGraphKernelNodeGetParams
};

// Rows of `width` bytes; 1D copies have one row. Addresses are host addresses on both sides.
struct CopyWork {
  uint64_t dst = 0, src = 0;
  size_t width = 0, height = 1, depth = 1;
  size_t dst_pitch = 0, src_pitch = 0, dst_slice = 0, src_slice = 0;   // bytes from row to row and from slice to slice
  std::vector<uint8_t> staged;            // a copy of a pageable source; then src is not used
  CUDA_MEMCPY3D asked = {};               // for cuGraphMemcpyNodeGetParams
};

struct MemsetWork {
  uint64_t dst = 0;
  size_t pitch = 0;
  uint32_t value = 0, element = 1;        // element: 1, 2 or 4 bytes
  size_t width = 0, height = 1;           // in elements, rows
};

struct HostWork { CUhostFn function = nullptr; void* user = nullptr; };
struct CallbackWork { CUstreamCallback function = nullptr; void* user = nullptr; CUstream stream = nullptr; };
struct RecordWork { std::shared_ptr<Event> event; };
struct WaitWork { std::shared_ptr<Event> event; };
struct ValueWork { bool wait = false, wide = false; uint64_t address = 0, value = 0; unsigned flags = 0; };
struct BatchWork { std::vector<ValueWork> operations; std::vector<CUstreamBatchMemOpParams> asked; };
struct ChildWork { std::shared_ptr<Graph> graph; };
struct AllocWork { std::shared_ptr<struct GraphMemory> memory; CUmemPoolProps props = {}; };
struct FreeWork { uint64_t address = 0; std::shared_ptr<struct GraphMemory> of_graph; };   // of_graph: the bytes stay with the graph
struct ConditionalWork { std::shared_ptr<struct Condition> condition; CUgraphConditionalNodeType type; std::vector<std::shared_ptr<Graph>> bodies; };
struct EmptyWork {};

using Work = std::variant<KernelWork, CopyWork, MemsetWork, HostWork, CallbackWork, RecordWork, WaitWork, ValueWork, BatchWork,
                          ChildWork, AllocWork, FreeWork, EmptyWork, ConditionalWork>;

CUresult make_batch(const Context& context, unsigned count, const CUstreamBatchMemOpParams* asked, BatchWork* out);
// Does the work in the calling thread and returns when it is done.
CUresult perform(const Work& work, Context& context);
// Captures the work, or submits it to run in order. Capture and implicit-order errors come back here.
CUresult enqueue(const StreamRef& stream, Work work);
// As enqueue, and waits for it: the calls that CUDA defines as synchronous. Short work runs in the calling thread when the stream is idle.
CUresult enqueue_and_wait(const StreamRef& stream, Work work);

}  // namespace softgpu::api
