// Events: the last place where each was recorded, and when the GPU reached it. Any thread may call.
#pragma once
#include "softgpu/api/ipc_event.h"
#include "softgpu/api/stream.h"

namespace softgpu::api {

class Event {
 public:
  Event(ContextRef context_, unsigned flags_) : context(std::move(context_)), flags(flags_) {}
  CUevent handle = nullptr;
  const ContextRef context;
  const unsigned flags;
  std::shared_ptr<SharedEvent> shared;         // interprocess events: other processes may record and wait too; set before anyone sees it

  std::mutex m;                                // guards the rest
  bool recorded = false;
  Point point;                                 // the last record
  std::shared_ptr<std::atomic<int64_t>> time;  // nanoseconds at which that record was reached; 0: not yet
  std::weak_ptr<Capture> capture;              // recorded in a capture that has not ended:
  std::vector<GraphNode*> captured_after;      //   the nodes a waiting stream has to follow
};
using EventRef = std::shared_ptr<Event>;

Registry<CUevent, Event>& events();
int64_t now_nanoseconds();
CUresult record_event(const EventRef& event, const StreamRef& stream);
CUresult wait_for_event(const EventRef& event, const StreamRef& stream);

}  // namespace softgpu::api
