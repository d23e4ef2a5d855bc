// The tables behind client/progress.h, and the calls that fill and ask them.
#include "client/progress.h"

#include "client/capture.h"
#include "client/stream.h"
#include "wire/cuda_context.h"
#include "wire/cuda_event.h"
#include "wire/cuda_stream.h"

namespace client {

namespace {
// Direct-mapped: one that falls on another's place takes it.
struct StreamPlace { uint64_t stream = 0, done = 0; uint32_t context = 0; };
struct EventPlace { uint64_t event = 0, stream = 0, recorded = 0; uint32_t context = 0; bool done = false; uint64_t watched = 0; };   // watched: the question that the worker will answer by itself
constexpr unsigned kStreams = 512, kEvents = 4096, kContexts = 64;
StreamPlace g_streams[kStreams];
EventPlace g_events[kEvents];
struct { uint32_t context; uint64_t done; } g_contexts[kContexts];
teleport::Lock g_lock;             // all of the above, for nanoseconds
std::atomic<bool> g_follow_events{true};

StreamPlace& place_of(uint32_t context, uint64_t stream) { return g_streams[(wire::handle_index(stream) + stream + context * 7) % kStreams]; }
EventPlace& place_of(uint64_t event) { return g_events[wire::handle_index(event) % kEvents]; }
auto& context_place(uint32_t context) { return g_contexts[context % kContexts]; }

uint64_t stream_done(uint32_t context, uint64_t stream) {   // g_lock held
  const StreamPlace& p = place_of(context, stream);
  uint64_t done = p.stream == stream && p.context == context ? p.done : 0;
  const auto& c = context_place(context);
  return c.context == context && c.done > done ? c.done : done;
}
void raise_stream(uint32_t context, uint64_t stream, uint64_t call) {   // g_lock held
  StreamPlace& p = place_of(context, stream);
  if (p.stream != stream || p.context != context) p = {stream, 0, context};
  if (call > p.done) p.done = call;
}
}  // namespace

// The stream's own context, which need not be the caller's.
static uint32_t context_of(uint64_t stream) { return wire::handle_index(number_of(stream_context(handle_of<CUstream>(stream)))); }

static void note_stream_done(uint64_t stream, uint64_t call) {
  const uint32_t context = context_of(stream);
  g_lock.lock();
  raise_stream(context, stream, call);
  g_lock.unlock();
}

static void note_context_done(uint32_t context, uint64_t call) {
  g_lock.lock();
  auto& c = context_place(context);
  if (c.context != context) c = {context, 0};
  if (call > c.done) c.done = call;
  g_lock.unlock();
}

// No call has been made since the last wait for the stream, or for all of its context.
static bool nothing_since_wait(const Caller& at, uint64_t stream) {
  if (capturing()) return false;
  const uint64_t last = at.session->last_call();
  const uint32_t context = context_of(stream);
  g_lock.lock();
  bool nothing = last && stream_done(context, stream) >= last;
  g_lock.unlock();
  return nothing;
}

void note_recorded(uint64_t event, const Caller& at, uint64_t stream, uint64_t call) {
  if (capturing()) return forget_record(event);
  const uint32_t context = context_of(stream);
  g_lock.lock();
  const EventPlace before = place_of(event);
  place_of(event) = {event, stream, call, context, false, 0};
  g_lock.unlock();
  if (before.watched) at.session->watched(before.watched, false);   // the answer is of no use any more
}

void forget_record(uint64_t event) {
  uint64_t watched = 0;
  g_lock.lock();
  if (EventPlace& p = place_of(event); p.event == event) {
    watched = p.watched;
    p = {};
  }
  g_lock.unlock();
  if (teleport::Session* s = watched ? teleport::Session::current() : nullptr) s->watched(watched, false);
}

void stop_following_events() { g_follow_events.store(false, std::memory_order_relaxed); }

static bool known_done(uint64_t event) {
  if (!g_follow_events.load(std::memory_order_relaxed)) return false;
  g_lock.lock();
  EventPlace& p = place_of(event);
  if (p.event == event && !p.done) p.done = stream_done(p.context, p.stream) > p.recorded;
  bool done = p.event == event && p.done;
  g_lock.unlock();
  return done;
}

// The worker has said so, to a question with that call number.
static void note_event_done(uint64_t event, uint64_t asked) {
  g_lock.lock();
  EventPlace& p = place_of(event);
  if (p.event == event && p.recorded < asked) {   // else it was recorded anew meanwhile
    p.done = true;
    raise_stream(p.context, p.stream, p.recorded);
  }
  g_lock.unlock();
}

// The event's last record is known here; *asked: the question about it that the worker will come back to, 0: none.
static bool followed(uint64_t event, uint64_t* asked) {
  if (!g_follow_events.load(std::memory_order_relaxed)) return false;
  g_lock.lock();
  const EventPlace& p = place_of(event);
  bool known = p.event == event;
  *asked = known ? p.watched : 0;
  g_lock.unlock();
  return known;
}
static bool note_watched(uint64_t event, uint64_t asked) {
  g_lock.lock();
  EventPlace& p = place_of(event);
  bool noted = p.event == event && p.recorded < asked;
  if (noted) p.watched = asked;
  g_lock.unlock();
  return noted;
}

// What any call answers that need not be sent: an error that came meanwhile.
static CUresult without_asking(const Caller& at) {
  int late = at.session->take_async_error();
  return CUresult(late ? late : at.session->sticky_error());
}

// What the program may look at then (client/mirror.h), whoever knew the answer.
static CUresult looked(uint16_t op, uint64_t work, CUresult rc) {
  if (rc == CUDA_SUCCESS) after_wait(op, work);
  return rc;
}

// cuStreamSynchronize (Args, op) or cuStreamQuery.
template <class Args>
static CUresult ask_about_stream(const Caller& at, uint16_t op, uint64_t stream) {
  const uint64_t work = work_begun();
  if (at.context && nothing_since_wait(at, stream)) return looked(op, work, without_asking(at));
  Args a;
  a.hStream = stream;
  teleport::Reply reply;
  CUresult rc = ask(at, op, a, &reply);
  if (rc == CUDA_SUCCESS) note_stream_done(stream, reply.call);
  return looked(op, work, rc);
}

CUresult wait_for_stream(const Caller& at, uint64_t stream) {
  return ask_about_stream<wire::cuStreamSynchronize::Args>(at, wire::op::cuStreamSynchronize, stream);
}

static CUresult ask_event(uint16_t op, CUevent event) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  const uint64_t e = number_of(event);
  if (!known(e, wire::kCUevent)) return CUDA_ERROR_INVALID_HANDLE;
  if (int rc = refuse_unsafe()) return CUresult(rc);
  const uint64_t work = work_begun();
  if (known_done(e)) return looked(op, work, without_asking(at));
  uint64_t asked = 0;
  const bool follow = op == wire::op::cuEventQuery && at.context && followed(e, &asked);
  if (asked) {
    if (!at.session->watch_ends(asked)) {
      CUresult late = without_asking(at);
      return late ? late : CUDA_ERROR_NOT_READY;
    }
    if (at.session->dead()) return CUresult(teleport::kWorkerLost);   // that ends every watch
    note_event_done(e, asked);
    return looked(op, work, without_asking(at));
  }
  wire::cuEventQuery::Args a;   // of cuEventSynchronize too
  a.hEvent = e;
  teleport::Reply reply;
  uint64_t number;
  CUresult rc;
  {
    teleport::Call call(*at.session, op, at.context, uint16_t(at.flags | (follow ? wire::kTellWhenDone : 0)));
    a.put(call.in());
    number = call.number();
    if (follow) at.session->watch(number);
    rc = CUresult(call.wait(&reply));
  }
  if (follow) {
    bool pending = rc == CUDA_ERROR_NOT_READY && reply.result == rc && note_watched(e, number);
    at.session->watched(number, pending);
  }
  if (rc == CUDA_SUCCESS) note_event_done(e, number);
  return looked(op, work, rc);
}

static CUresult ask_stream(CUstream stream, CUresult (*answer)(const Caller&, uint64_t)) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  const uint64_t s = at.stream(stream);
  return known(s, wire::kCUstream) ? answer(at, s) : CUDA_ERROR_INVALID_HANDLE;
}

static CUresult query_stream(const Caller& at, uint64_t stream) {
  return ask_about_stream<wire::cuStreamQuery::Args>(at, wire::op::cuStreamQuery, stream);
}

}  // namespace client

using namespace client;

EXPORT CUresult cuStreamSynchronize(CUstream hStream) { return ask_stream(hStream, wait_for_stream); }
EXPORT CUresult cuStreamQuery(CUstream hStream) { return ask_stream(hStream, query_stream); }
EXPORT CUresult cuEventQuery(CUevent hEvent) { return ask_event(wire::op::cuEventQuery, hEvent); }
EXPORT CUresult cuEventSynchronize(CUevent hEvent) { return ask_event(wire::op::cuEventSynchronize, hEvent); }
EXPORT CUresult cuCtxSynchronize() {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  const uint64_t work = work_begun();
  teleport::Reply reply;
  CUresult rc = ask(at, wire::op::cuCtxSynchronize, wire::cuCtxSynchronize::Args{}, &reply);
  if (rc == CUDA_SUCCESS && at.context) note_context_done(at.context, reply.call);
  return looked(wire::op::cuCtxSynchronize, work, rc);
}
