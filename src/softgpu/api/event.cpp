// The calls of the manual's chapter "Event Management". Any thread may call.
#include "softgpu/api/event.h"

#include <chrono>

#include "softgpu/api/graph.h"

namespace softgpu::api {

Registry<CUevent, Event>& events() {
  static auto* all = new Registry<CUevent, Event>;
  return *all;
}

int64_t now_nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

CUresult record_event(const EventRef& event, const StreamRef& stream) {
  if (event->shared) {
    Task task;
    task.always = true;
    task.run = [shared = event->shared, number = event->shared->begin_record()] {
      shared->reach(number);
      return CUDA_SUCCESS;
    };
    if (!run_now(stream, task.run)) submit(stream, std::move(task));
    std::lock_guard lock(event->m);
    event->capture.reset();
    event->captured_after.clear();
    return CUDA_SUCCESS;
  }
  auto time = std::make_shared<std::atomic<int64_t>>(0);
  Task task;
  task.always = true;
  task.run = [time] {
    time->store(now_nanoseconds(), std::memory_order_release);
    return CUDA_SUCCESS;
  };
  std::lock_guard lock(event->m);
  if (run_now(stream, task.run)) event->point = {};      // nothing to wait for: reached already
  else event->point = submit(stream, std::move(task));
  event->time = time;
  event->recorded = true;
  event->capture.reset();
  event->captured_after.clear();
  return CUDA_SUCCESS;
}

CUresult wait_for_event(const EventRef& event, const StreamRef& stream) {
  Task task;
  if (event->shared) {
    const uint64_t number = event->shared->last();
    if (event->shared->reached(number)) return CUDA_SUCCESS;
    task.run = [shared = event->shared, number, context = stream->context.get()] {
      shared->wait(number, context->alive);
      return CUDA_SUCCESS;
    };
    submit(stream, std::move(task));
    return CUDA_SUCCESS;
  }
  {
    std::lock_guard lock(event->m);
    if (!event->recorded || event->point.done() || event->point.stream == stream) return CUDA_SUCCESS;
    task.before.push_back(event->point);
  }
  submit(stream, std::move(task));
  return CUDA_SUCCESS;
}

namespace {
// The event and, where it was recorded in a capture that still goes on, the refusal.
CUresult find_event(CUevent h, EventRef* out) {
  TRY(initialized());
  *out = events().find(h);
  if (!*out) return CUDA_ERROR_INVALID_HANDLE;
  std::lock_guard lock((*out)->m);
  return (*out)->capture.lock() ? CUDA_ERROR_CAPTURED_EVENT : (*out)->context->error();
}
}  // namespace

}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(phEvent && !(Flags & ~7u));
  REQUIRE(!(Flags & CU_EVENT_INTERPROCESS) || (Flags & CU_EVENT_DISABLE_TIMING));
  auto event = std::make_shared<Event>(context, Flags);
  if (Flags & CU_EVENT_INTERPROCESS && !(event->shared = SharedEvent::make(context->device->profile.uuid))) return CUDA_ERROR_OPERATING_SYSTEM;
  *phEvent = events().add(event);
  return CUDA_SUCCESS;
}

CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(!(flags & ~unsigned(CU_EVENT_RECORD_EXTERNAL)));
  EventRef event = events().find(hEvent);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  StreamRef stream;
  TRY(find_stream(hStream, context, &stream));
  if (event->context != stream->context) return CUDA_ERROR_INVALID_HANDLE;
  if (g_captures) {
    if (flags & CU_EVENT_RECORD_EXTERNAL) {
      CUresult result;
      if (captured(stream, RecordWork{event}, &result)) return result;
      return CUDA_ERROR_ILLEGAL_STATE;
    }
    std::lock_guard lock(capture_lock());
    if (stream->capture) {
      if (stream->capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
      std::lock_guard event_lock(event->m);
      event->capture = stream->capture;
      event->captured_after = stream->capture_tail;
      return CUDA_SUCCESS;
    }
  }
  TRY(refuse_implicit(stream));
  return record_event(event, stream);
}

CUresult cuEventRecord(CUevent hEvent, CUstream hStream) { return cuEventRecordWithFlags(hEvent, hStream, 0); }

CUresult cuEventQuery(CUevent hEvent) {
  EventRef event;
  TRY(find_event(hEvent, &event));
  TRY(refuse_unsafe());
  {
    std::lock_guard lock(event->m);
    if (event->shared ? !event->shared->reached(event->shared->last()) : event->recorded && !event->point.done()) return CUDA_ERROR_NOT_READY;
  }
  return event->context->error();
}

CUresult cuEventSynchronize(CUevent hEvent) {
  EventRef event;
  TRY(find_event(hEvent, &event));
  TRY(refuse_unsafe());
  Point point;
  {
    std::lock_guard lock(event->m);
    point = event->point;
  }
  if (event->shared) event->shared->wait(event->shared->last(), event->context->alive);
  point.wait();
  return event->context->error();
}

CUresult cuEventDestroy_v2(CUevent hEvent) {
  TRY(initialized());
  return events().take(hEvent) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
CUresult cuEventDestroy(CUevent hEvent) { return cuEventDestroy_v2(hEvent); }

CUresult cuEventElapsedTime(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  TRY(initialized());
  REQUIRE(pMilliseconds);
  EventRef start, end;
  TRY(find_event(hStart, &start));
  TRY(find_event(hEnd, &end));
  int64_t times[2];
  const EventRef both[2] = {start, end};
  for (int i = 0; i < 2; i++) {
    if (both[i]->flags & CU_EVENT_DISABLE_TIMING) return CUDA_ERROR_INVALID_HANDLE;
    std::lock_guard lock(both[i]->m);
    if (!both[i]->recorded) return CUDA_ERROR_INVALID_HANDLE;
    times[i] = both[i]->time->load(std::memory_order_acquire);
  }
  if (!times[0] || !times[1]) return CUDA_ERROR_NOT_READY;
  *pMilliseconds = float(double(times[1] - times[0]) / 1e6);
  return CUDA_SUCCESS;
}
CUresult cuEventElapsedTime_v2(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  return cuEventElapsedTime(pMilliseconds, hStart, hEnd);
}

}  // extern "C"
