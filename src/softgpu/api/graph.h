// Graphs: nodes with work, executable copies of them, and stream capture, which turns submitted work into nodes.
// One lock (capture_lock) guards all graphs and captures; any thread may call.
#pragma once
#include <deque>
#include <map>
#include <thread>

#include "softgpu/api/stream.h"
#include "softgpu/api/work.h"

namespace softgpu::api {

struct Graph;

struct GraphNode {
  CUgraphNode handle = nullptr;
  Graph* graph = nullptr;
  Work work;
  std::vector<GraphNode*> before;             // dependencies, in the order they were given
  CUgraphNode original = nullptr;             // in a clone: the node it was made from
};

struct Graph : std::enable_shared_from_this<Graph> {
  CUgraph handle = nullptr;
  std::vector<std::shared_ptr<GraphNode>> nodes;   // in order of creation
  GraphNode* add(Work work, std::vector<GraphNode*> before);
  std::vector<std::pair<uint64_t, ContextRef>> owned_memory;   // allocated by captured cuMemAllocAsync; freed with the graph
  void end();                                      // its nodes' handles are dead from here on; executable copies may go on
  ~Graph();
};
using GraphRef = std::shared_ptr<Graph>;

// One node of an executable graph: its own copy of the work, at the place where it runs.
struct ExecNode {
  CUgraphNode source = nullptr;
  Work work;
  bool enabled = true;
};

struct GraphExec {
  CUgraphExec handle = nullptr;
  ContextRef context;
  uint64_t flags = 0;
  GraphRef graph;                             // keeps owned memory alive
  std::mutex m;                               // guards the two below; taken before any other lock
  std::shared_ptr<const std::vector<ExecNode>> order;   // topological; replaced as a whole, so that launches keep theirs
  Point last;                                 // launches of one executable graph follow each other
};

struct Capture {
  uint64_t id = 0;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id thread;
  ContextRef context;
  GraphRef graph;
  StreamRef origin;
  std::vector<StreamRef> joined;              // streams that capture into the graph, the origin among them
  std::vector<CUgraphNode> reported;          // what cuStreamGetCaptureInfo last pointed the caller to
  CUresult invalid = CUDA_SUCCESS;            // why EndCapture will fail
};

std::mutex& capture_lock();
extern std::atomic<int> g_captures;           // captures under way in the process: 0 keeps every check below cheap

// The stream is capturing: adds the work as a node (true, result in *out). Otherwise false and nothing is done.
bool captured(const StreamRef& stream, Work work, CUresult* out);
// A call that waits for, or looks at, this stream's work while it captures: 900, and the capture is spoilt.
CUresult refuse_capturing(const StreamRef& stream);
CUresult refuse_during_capture(const ContextRef& context);   // as above for the whole context
// The event was recorded in a capture, or the stream captures: the stream joins or goes on after those nodes (true, result in *out).
bool join_capture(const StreamRef& stream, const std::shared_ptr<Event>& event, CUresult* out);
CUresult refuse_unsafe();                     // cuMemAlloc and the like, by the thread's capture mode
// Work for the legacy stream while a blocking stream of the context captures: 906.
CUresult refuse_implicit(const StreamRef& stream);
bool is_capturing(const StreamRef& stream);
bool begins_capture(const StreamRef& stream); // the capture was begun on it

Registry<CUgraph, Graph>& graphs();
Registry<CUgraphExec, GraphExec>& graph_execs();
Registry<CUgraphNode, GraphNode>& nodes();
GraphNode* find_node(CUgraphNode h);          // under capture_lock
CUresult launch_graph(const std::shared_ptr<GraphExec>& exec, const StreamRef& stream);
// The nodes in an order in which each follows what it depends on, children graphs flattened; empty with a node left: a cycle.
CUresult flatten(const Graph& graph, std::vector<ExecNode>* out);
GraphRef clone(const Graph& graph, std::map<const GraphNode*, GraphNode*>* twins);   // under capture_lock

}  // namespace softgpu::api
