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

// Memory of an allocation node. Its address and bytes are taken when the node is made and kept until the graph and its executable
// copies have ended; between a launch that allocates it and its free it is in use.
struct GraphMemory {
  uint64_t address = 0;
  size_t bytes = 0;
  ContextRef context;
  bool freed_inside = false;                  // a free node of the same graph follows
  std::atomic<bool> live{false}, launched{false};
  ~GraphMemory();
  bool set_live(bool now);                    // false: it was so before
  void count();                               // at its first launch: in use by graphs from then on
};
std::shared_ptr<GraphMemory> find_graph_memory(uint64_t address);
CUresult make_graph_memory(const ContextRef& context, Device* device, size_t bytes, std::shared_ptr<GraphMemory>* out);
CUresult free_graph_memory(GraphMemory& memory);   // by cuMemFree or cuMemFreeAsync

// What cudaGraphSetConditional sets: a word of device memory, whose address is the handle.
struct Condition {
  CUgraphConditionalHandle handle = 0;
  Device* device = nullptr;
  unsigned initial = 0;
  bool assign = false;                        // to initial, at the start of each launch
  bool used = false;                          // by a node: a handle serves one
  unsigned get() const { return *reinterpret_cast<volatile unsigned*>(handle); }
  void set(unsigned v) const { *reinterpret_cast<volatile unsigned*>(handle) = v; }
  ~Condition();
};

// A count of references to a thing of the program; the destructor runs when graphs and program have given back the last.
struct UserObject {
  CUuserObject handle = nullptr;
  void* thing = nullptr;
  CUhostFn destroy = nullptr;
  std::atomic<uint64_t> references{0};
};
Registry<CUuserObject, UserObject>& user_objects();
CUresult release_object(const std::shared_ptr<UserObject>& object, uint64_t count);

struct GraphNode {
  CUgraphNode handle = nullptr;
  Graph* graph = nullptr;
  Work work;
  std::vector<GraphNode*> before;             // dependencies, in the order they were given
  std::map<const GraphNode*, CUgraphEdgeData> ports;   // of those edges that are not plain; they order as plain ones do
  std::map<int, CUkernelNodeAttrValue> attributes;      // of a kernel node, as set
  std::vector<CUgraph> body_handles;                    // of a conditional node, as the caller was told
  CUgraphNode original = nullptr;             // in a clone: the node it was made from
};

struct Graph : std::enable_shared_from_this<Graph> {
  CUgraph handle = nullptr;
  std::vector<std::shared_ptr<GraphNode>> nodes;   // in order of creation
  GraphNode* add(Work work, std::vector<GraphNode*> before);
  std::vector<std::shared_ptr<Condition>> conditions;
  std::map<std::shared_ptr<UserObject>, uint64_t> objects;     // references that the graph holds
  std::weak_ptr<struct GraphExec> instance;        // the last one made of it
  bool body = false;                               // of a child or conditional node: ends with it
  GraphNode* find(CUgraphNode h) const;
  void end();                                      // its nodes' handles are dead from here on; executable copies may go on
  ~Graph();
};
using GraphRef = std::shared_ptr<Graph>;

// One node of an executable graph: its own copy of the work, at the place where it runs.
struct ExecNode {
  CUgraphNode source = nullptr;
  Work work;
  bool enabled = true;
  std::vector<size_t> before;                 // places of what it depends on, in the same list
  std::vector<std::vector<ExecNode>> bodies;  // of a child graph: one; of a conditional node: those to choose from
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
  bool into_given = false;                    // cuStreamBeginCaptureToGraph: the graph is the caller's
  StreamRef origin;
  std::vector<StreamRef> joined;              // streams that capture into the graph, the origin among them
  std::vector<CUgraphNode> reported;          // what cuStreamGetCaptureInfo last pointed the caller to
  CUresult invalid = CUDA_SUCCESS;            // why EndCapture will fail
};

std::mutex& capture_lock();
extern std::atomic<int> g_captures;           // captures under way in the process: 0 keeps every check below cheap

// The stream is capturing: adds the work as a node (true, result in *out). Otherwise false and nothing is done.
bool captured(const StreamRef& stream, Work work, CUresult* out);
// A call that waits for, or looks at, this stream's work while it captures, or launches a graph: 900, and the capture is spoilt.
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
// The nodes in an order in which each follows what it depends on; INVALID_VALUE: they form a cycle.
CUresult put_in_order(const Graph& graph, std::vector<ExecNode>* out);
CUgraphNodeType type_of(const Work& work);
CUresult add_node(CUgraphNode* out, CUgraph h, const CUgraphNode* dependencies, size_t count, Work work);
// Changes one node of an executable graph, also inside its children.
CUresult change_exec(CUgraphExec h, CUgraphNode node, const std::function<CUresult(ExecNode&)>& change);
bool legal_edge(const GraphNode& from, const CUgraphEdgeData& data);
GraphRef clone(const Graph& graph, std::map<const GraphNode*, GraphNode*>* twins);   // under capture_lock

}  // namespace softgpu::api
