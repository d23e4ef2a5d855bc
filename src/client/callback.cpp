// Functions of the program that the worker asks for: host functions in streams and graphs, when the GPU has come to one, and destructors of user objects.
// They run here, on a thread that runs nothing else.
#include <map>

#include "client/capture.h"
#include "client/graph_part.h"
#include "client/mirror.h"
#include "client/remote.h"
#include "client/stream.h"

namespace client {

void drop_host_function(uint64_t part);

namespace {

enum class Kind { once, in_graph, destructor };
struct Pending { CUhostFn fn; CUstreamCallback callback; CUstream stream; void* data; Kind kind; uint64_t travels; bool recorded; };   // travels: the stream's number; recorded: an event behind it, for which others may wait
struct Launched { uint64_t part, stream; };
teleport::Lock g_lock;
std::map<uint64_t, Pending>& pending() {
  static auto* m = new std::map<uint64_t, Pending>;   // never destroyed: the callback thread may still run at exit
  return *m;
}

// Runs that are due of functions in graphs.
std::vector<Launched>& launched() {
  static auto* v = new std::vector<Launched>;
  return *v;
}

void run(uint64_t number, const std::vector<uint64_t>& renew) {
  g_lock.lock();
  auto it = pending().find(number);
  bool found = it != pending().end();
  Pending p = found ? it->second : Pending{};
  g_lock.unlock();
  if (!found) return;
  host_function(true);
  if (p.fn) p.fn(p.data);
  else p.callback(p.stream, CUDA_SUCCESS, p.data);
  host_function(false);
  for (uint64_t part : renew) send_part(part);   // it may have written what the graph copies to the device after it
  if (p.kind == Kind::in_graph) return function_over(number);
  drop_host_function(number);
  if (p.kind == Kind::once) teleport::Session::current()->callback_ran();
}

uint64_t add(const Pending& p) {
  uint64_t number = next_part();
  g_lock.lock();
  pending()[number] = p;
  g_lock.unlock();
  teleport::Session* s = teleport::Session::current();
  s->on_gone(drop_part);
  s->start_callbacks(run);
  return number;
}

CUresult enqueue(CUstream stream, Pending p) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  p.travels = at.stream(stream);
  bool captured = captures(p.travels);
  if (captured) p.kind = Kind::in_graph;
  uint64_t number = add(p);
  if (!captured) at.session->callback_sent();
  CUresult rc = remote::tfCallback(number, stream);
  if (rc) drop_host_function(number);
  if (rc && !captured) at.session->callback_ran();
  return rc;
}

}  // namespace

// One is out that what is called in that stream now comes after, or may: in the same stream; in any, for the default stream and of it, which wait for others; with an
// event recorded behind it.
bool one_out(uint64_t stream) {
  auto is_default = [](uint64_t s) { return s < wire::kReserved[wire::kCUstream]; };
  bool any = false, all = is_default(stream);
  g_lock.lock();
  for (auto& [number, p] : pending()) any |= p.kind == Kind::once && (all || p.travels == stream || p.recorded || is_default(p.travels));
  for (Launched& l : launched()) any |= all || l.stream == stream;
  g_lock.unlock();
  return any;
}

uint64_t add_host_function(CUhostFn function, void* data) { return add({function, nullptr, nullptr, data, Kind::in_graph, 0, false}); }
uint64_t add_destructor(CUhostFn function, void* data) { return add({function, nullptr, nullptr, data, Kind::destructor, 0, false}); }
bool find_host_function(uint64_t part, CUDA_HOST_NODE_PARAMS* p) {
  g_lock.lock();
  auto it = pending().find(part);
  bool found = it != pending().end();
  if (found) *p = {it->second.fn, it->second.data};
  g_lock.unlock();
  return found;
}
void wait_host_functions(const Caller& at, uint64_t stream) { at.session->wait_callbacks(one_out, stream); }
void order_recorded(const Caller& at, uint64_t stream) {
  if (!at.session->any_callback()) return;
  g_lock.lock();
  for (auto& [number, p] : pending())
    if (p.travels == stream || stream < wire::kReserved[wire::kCUstream]) p.recorded = true;
  g_lock.unlock();
}
void function_launched(uint64_t part, uint64_t stream) {
  g_lock.lock();
  launched().push_back({part, stream});
  g_lock.unlock();
  teleport::Session::current()->function_sent();
}
void function_over(uint64_t part) {
  g_lock.lock();
  auto& all = launched();
  for (size_t i = 0; i < all.size(); i++)
    if (all[i].part == part) {
      all.erase(all.begin() + long(i));
      break;
    }
  g_lock.unlock();
  teleport::Session::current()->function_ran();
}
void drop_host_function(uint64_t part) {
  g_lock.lock();
  pending().erase(part);
  g_lock.unlock();
}

}  // namespace client

using namespace client;

EXPORT CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  if (!fn) return CUDA_ERROR_INVALID_VALUE;
  return enqueue(hStream, {fn, nullptr, hStream, userData, Kind::once, 0, false});
}
EXPORT CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData, unsigned int flags) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!callback || flags) return CUDA_ERROR_INVALID_VALUE;
  if (captures(at.stream(hStream))) {   // not in a graph
    remote::tfCaptureSpoil(hStream);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return enqueue(hStream, {nullptr, callback, hStream, userData, Kind::once, 0, false});
}

// A user object is the driver's: it counts references, those of graphs and executables included, and says when none is left.
EXPORT CUresult cuUserObjectCreate(CUuserObject* object_out, void* ptr, CUhostFn destroy, unsigned int initialRefcount, unsigned int flags) {
  if (int error = caller().error) return CUresult(error);
  if (!object_out || !destroy) return CUDA_ERROR_INVALID_VALUE;
  uint64_t number = add_destructor(destroy, ptr), object = teleport::mint_handle(wire::kCUuserObject);
  CUresult rc = remote::tfUserObject(object, number, initialRefcount, flags);
  if (rc) {
    drop_host_function(number);
    teleport::forget_handle(object);
  } else {
    *object_out = handle_of<CUuserObject>(object);
  }
  return rc;
}
