// Memory of graphs (allocation and free nodes), conditions, user objects. Any thread may call.
#include <limits.h>

#include <utility>

#include "softgpu/api/graph.h"
#include "softgpu/api/memory.h"

namespace softgpu::api {

namespace {
// By device: in use by graphs, and kept for them; with the highest so far.
struct Account {
  std::atomic<uint64_t> used{0}, used_high{0}, reserved{0}, reserved_high{0};
} g_accounts[kMaxDevices];

void raise(std::atomic<uint64_t>& high, uint64_t now) {
  for (uint64_t h = high; now > h && !high.compare_exchange_weak(h, now);) {}
}

struct Live {
  std::mutex m;
  std::map<uint64_t, std::weak_ptr<GraphMemory>> by_address;
};
Live& all_memory() {
  static auto* live = new Live;
  return *live;
}
}  // namespace

std::shared_ptr<GraphMemory> find_graph_memory(uint64_t address) {
  std::lock_guard lock(all_memory().m);
  auto it = all_memory().by_address.find(address);
  return it == all_memory().by_address.end() ? nullptr : it->second.lock();
}

CUresult make_graph_memory(const ContextRef& context, Device* device, size_t bytes, std::shared_ptr<GraphMemory>* out) {
  uint64_t address = device->allocate(bytes);
  if (!address) return CUDA_ERROR_OUT_OF_MEMORY;
  remember({.base = address, .bytes = bytes, .kind = MemoryKind::pool, .context = context, .device = device, .pool = {}});
  auto memory = std::make_shared<GraphMemory>();
  memory->address = address;
  memory->bytes = bytes;
  memory->context = context;
  std::lock_guard lock(all_memory().m);
  all_memory().by_address[address] = memory;
  *out = memory;
  return CUDA_SUCCESS;
}

bool GraphMemory::set_live(bool now) { return live.exchange(now) != now; }

// Measured on driver 580: it counts from the first launch on, also while the graph has freed it.
void GraphMemory::count() {
  if (launched.exchange(true)) return;
  Account& a = g_accounts[context->device->ordinal];
  raise(a.used_high, a.used += bytes);
  raise(a.reserved_high, a.reserved += bytes);
}

CUresult free_graph_memory(GraphMemory& memory) { return memory.set_live(false) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE; }

GraphMemory::~GraphMemory() {
  if (launched) {
    g_accounts[context->device->ordinal].used -= bytes;
    g_accounts[context->device->ordinal].reserved -= bytes;
  }
  {
    std::lock_guard lock(all_memory().m);
    all_memory().by_address.erase(address);
  }
  Allocation a;
  if (context->alive && take_allocation(address, &a, [](const Allocation& x) { return x.kind == MemoryKind::pool; })) release_bytes(a);
}

Condition::~Condition() { device->free(handle); }

Registry<CUuserObject, UserObject>& user_objects() {
  static auto* all = new Registry<CUuserObject, UserObject>;
  return *all;
}

CUresult release_object(const std::shared_ptr<UserObject>& object, uint64_t count) {
  uint64_t have = object->references;
  do REQUIRE(have >= count);
  while (!object->references.compare_exchange_weak(have, have - count));
  if (have != count) return CUDA_SUCCESS;
  user_objects().take(object->handle);
  bool before = std::exchange(t_in_callback, true);              // the destructor may not call CUDA
  object->destroy(object->thing);
  t_in_callback = before;
  return CUDA_SUCCESS;
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {
CUresult find_object(CUuserObject h, unsigned count, std::shared_ptr<UserObject>* out) {
  TRY(initialized());
  REQUIRE(count >= 1 && count <= INT_MAX);
  *out = user_objects().find(h);
  return *out ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CUresult account(CUdevice device, CUgraphMem_attribute attribute, std::atomic<uint64_t>** out) {
  TRY(initialized());
  if (!device_of(device)) return CUDA_ERROR_INVALID_DEVICE;
  Account& a = g_accounts[device];
  std::atomic<uint64_t>* all[] = {&a.used, &a.used_high, &a.reserved, &a.reserved_high};
  REQUIRE(unsigned(attribute) < 4);
  *out = all[attribute];
  return CUDA_SUCCESS;
}
}  // namespace

extern "C" {

CUresult cuUserObjectCreate(CUuserObject* object_out, void* ptr, CUhostFn destroy, unsigned int initialRefcount, unsigned int flags) {
  TRY(initialized());
  REQUIRE(object_out && destroy && initialRefcount >= 1 && initialRefcount <= INT_MAX && flags == CU_USER_OBJECT_NO_DESTRUCTOR_SYNC);
  auto object = std::make_shared<UserObject>();
  object->thing = ptr;
  object->destroy = destroy;
  object->references = initialRefcount;
  *object_out = user_objects().add(object);
  return CUDA_SUCCESS;
}

CUresult cuUserObjectRetain(CUuserObject object, unsigned int count) {
  std::shared_ptr<UserObject> found;
  TRY(find_object(object, count, &found));
  found->references += count;
  return CUDA_SUCCESS;
}

CUresult cuUserObjectRelease(CUuserObject object, unsigned int count) {
  std::shared_ptr<UserObject> found;
  TRY(find_object(object, count, &found));
  return release_object(found, count);
}

CUresult cuGraphRetainUserObject(CUgraph graph, CUuserObject object, unsigned int count, unsigned int flags) {
  std::shared_ptr<UserObject> found;
  TRY(find_object(object, count, &found));
  GraphRef g = graphs().find(graph);
  REQUIRE(g && !(flags & ~unsigned(CU_GRAPH_USER_OBJECT_MOVE)));
  std::lock_guard lock(capture_lock());
  if (!(flags & CU_GRAPH_USER_OBJECT_MOVE)) found->references += count;
  g->objects[found] += count;
  return CUDA_SUCCESS;
}

CUresult cuGraphReleaseUserObject(CUgraph graph, CUuserObject object, unsigned int count) {
  std::shared_ptr<UserObject> found;
  TRY(find_object(object, count, &found));
  GraphRef g = graphs().find(graph);
  REQUIRE(g);
  {
    std::lock_guard lock(capture_lock());
    auto it = g->objects.find(found);
    REQUIRE(it != g->objects.end() && it->second >= count);
    if ((it->second -= count) == 0) g->objects.erase(it);
  }
  return release_object(found, count);
}

CUresult cuGraphConditionalHandleCreate(CUgraphConditionalHandle* pHandle_out, CUgraph hGraph, CUcontext ctx, unsigned int defaultLaunchValue,
                                        unsigned int flags) {
  TRY(initialized());
  GraphRef graph = graphs().find(hGraph);
  REQUIRE(pHandle_out && graph && !(flags & ~unsigned(CU_GRAPH_COND_ASSIGN_DEFAULT)));
  ContextRef context = contexts().find(ctx);
  if (!context || !context->alive) return CUDA_ERROR_INVALID_CONTEXT;
  auto condition = std::make_shared<Condition>();
  condition->device = context->device;
  condition->handle = context->device->allocate(sizeof(unsigned));
  if (!condition->handle) return CUDA_ERROR_OUT_OF_MEMORY;
  condition->initial = defaultLaunchValue;
  condition->assign = flags & CU_GRAPH_COND_ASSIGN_DEFAULT;
  condition->set(0);
  std::lock_guard lock(capture_lock());
  graph->conditions.push_back(condition);
  *pHandle_out = condition->handle;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void* value) {
  std::atomic<uint64_t>* number;
  TRY(account(device, attr, &number));
  REQUIRE(value);
  *static_cast<cuuint64_t*>(value) = *number;
  return CUDA_SUCCESS;
}

CUresult cuDeviceSetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void* value) {
  std::atomic<uint64_t>* number;
  TRY(account(device, attr, &number));
  REQUIRE(value && *static_cast<cuuint64_t*>(value) == 0);
  if (attr == CU_GRAPH_MEM_ATTR_USED_MEM_HIGH) *number = g_accounts[device].used.load();
  else if (attr == CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH) *number = g_accounts[device].reserved.load();
  else return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

// What graphs keep is what their allocation nodes need: nothing can be given back.
CUresult cuDeviceGraphMemTrim(CUdevice device) {
  TRY(initialized());
  return device_of(device) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

}  // extern "C"
