// The calls of the manual's chapter "Stream Management", without capture (capture.cpp) and memory operations (stream_value.cpp).
// Any thread may call.
#include <algorithm>

#include "softgpu/api/event.h"
#include "softgpu/api/graph.h"
#include "softgpu/api/work.h"

namespace softgpu::api {
namespace {
// The usual beginning of a call on a stream.
CUresult enter_stream(CUstream h, ContextRef* context, StreamRef* stream) {
  TRY(enter(context));
  return find_stream(h, *context, stream);
}
}  // namespace

void streams_of_ended_context(const ContextRef& context) {
  for (auto& s : streams().take_if([&](const Stream& s) { return s.context == context; })) s->destroyed = true;
}
void events_of_ended_context(const ContextRef& context) {
  events().take_if([&](const Event& e) { return e.context == context; });
}

}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuStreamCreateWithPriority(CUstream* phStream, unsigned int flags, int priority) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(phStream && !(flags & ~unsigned(CU_STREAM_NON_BLOCKING)));
  auto stream = std::make_shared<Stream>(context, flags, std::clamp(priority, -5, 0), false);
  stream->attributes[1].syncPolicy = CU_SYNC_POLICY_AUTO;
  {
    std::lock_guard lock(context->submit);
    std::erase_if(context->streams, [](const StreamRef& s) { return s->destroyed && s->idle(); });
    context->streams.push_back(stream);
  }
  *phStream = streams().add(stream);
  return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream* phStream, unsigned int Flags) { return cuStreamCreateWithPriority(phStream, Flags, 0); }

CUresult cuStreamDestroy_v2(CUstream hStream) {
  TRY(initialized());
  if (hStream == nullptr || hStream == CU_STREAM_LEGACY || hStream == CU_STREAM_PER_THREAD) return CUDA_ERROR_INVALID_HANDLE;
  StreamRef stream = streams().find(hStream);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (begins_capture(stream)) TRY(refuse_capturing(stream));   // one that has only joined may go
  if (!streams().take(hStream)) return CUDA_ERROR_INVALID_HANDLE;
  stream->destroyed = true;     // its work goes on to the end
  return CUDA_SUCCESS;
}
CUresult cuStreamDestroy(CUstream hStream) { return cuStreamDestroy_v2(hStream); }

CUresult cuStreamSynchronize(CUstream hStream) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  TRY(refuse_capturing(stream));
  TRY(refuse_implicit(stream));
  if (stream->legacy) {         // it also waits for what the legacy stream would have to wait for
    std::vector<Point> tails{stream->tail()};
    {
      std::lock_guard lock(context->submit);
      for (auto& s : context->streams)
        if (s->blocking()) tails.push_back(s->tail());
    }
    for (auto& t : tails) t.wait();
  } else {
    stream->tail().wait();
  }
  return stream->context->error();
}

CUresult cuStreamQuery(CUstream hStream) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  TRY(refuse_capturing(stream));
  TRY(refuse_implicit(stream));
  bool idle = stream->idle();
  if (stream->legacy) {
    std::lock_guard lock(context->submit);
    for (auto& s : context->streams) idle = idle && (!s->blocking() || s->idle());
  }
  if (!idle) return CUDA_ERROR_NOT_READY;
  return stream->context->error();
}

CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int Flags) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  REQUIRE(!(Flags & ~unsigned(CU_EVENT_WAIT_EXTERNAL)));
  EventRef event = events().find(hEvent);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  if (g_captures) {
    CUresult result;
    if (Flags & CU_EVENT_WAIT_EXTERNAL) {
      if (captured(stream, WaitWork{event}, &result)) return result;
      return CUDA_ERROR_ILLEGAL_STATE;
    }
    if (join_capture(stream, event, &result)) return result;
    TRY(refuse_implicit(stream));
  }
  return wait_for_event(event, stream);
}

CUresult cuStreamGetFlags(CUstream hStream, unsigned int* flags) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  REQUIRE(flags);
  *flags = stream->flags;
  return CUDA_SUCCESS;
}

CUresult cuStreamGetPriority(CUstream hStream, int* priority) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  REQUIRE(priority);
  *priority = stream->priority;
  return CUDA_SUCCESS;
}

CUresult cuStreamGetId(CUstream hStream, unsigned long long* streamId) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  REQUIRE(streamId);
  *streamId = stream->id;
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCtx(CUstream hStream, CUcontext* pctx) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  REQUIRE(pctx);
  *pctx = stream->context->handle;
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCtx_v2(CUstream hStream, CUcontext* pCtx, CUgreenCtx* pGreenCtx) {
  REQUIRE(pCtx);
  TRY(cuStreamGetCtx(hStream, pCtx));
  if (pGreenCtx) *pGreenCtx = nullptr;
  return CUDA_SUCCESS;
}

CUresult cuStreamGetDevice(CUstream hStream, CUdevice* device) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  REQUIRE(device);
  *device = stream->context->device->ordinal;
  return CUDA_SUCCESS;
}

CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  REQUIRE(fn);
  return enqueue(stream, HostWork{fn, userData});
}

CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData, unsigned int flags) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  REQUIRE(callback && flags == 0);
  TRY(refuse_capturing(stream));
  return enqueue(stream, CallbackWork{callback, userData, hStream});
}

namespace {
// Where an attribute is kept in Stream::attributes; -1: none.
int attribute_slot(CUstreamAttrID attr) {
  switch (attr) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW: return 0;
    case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY: return 1;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP: return 2;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN: return 3;
    default: return -1;
  }
}
}  // namespace

CUresult cuStreamGetAttribute(CUstream hStream, CUstreamAttrID attr, CUstreamAttrValue* value_out) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  REQUIRE(value_out);
  if (attr == CU_LAUNCH_ATTRIBUTE_PRIORITY) {
    value_out->priority = stream->priority;
    return CUDA_SUCCESS;
  }
  int slot = attribute_slot(attr);
  REQUIRE(slot >= 0);
  *value_out = stream->attributes[slot];
  return CUDA_SUCCESS;
}

CUresult cuStreamSetAttribute(CUstream hStream, CUstreamAttrID attr, const CUstreamAttrValue* value) {
  ContextRef context;
  StreamRef stream;
  TRY(enter_stream(hStream, &context, &stream));
  REQUIRE(value);
  if (attr == CU_LAUNCH_ATTRIBUTE_PRIORITY) return CUDA_SUCCESS;
  int slot = attribute_slot(attr);
  REQUIRE(slot >= 0);
  stream->attributes[slot] = *value;
  return CUDA_SUCCESS;
}

CUresult cuStreamCopyAttributes(CUstream dst, CUstream src) {
  ContextRef context;
  StreamRef to, from;
  TRY(enter_stream(dst, &context, &to));
  TRY(find_stream(src, context, &from));
  std::copy(std::begin(from->attributes), std::end(from->attributes), std::begin(to->attributes));
  return CUDA_SUCCESS;
}

}  // extern "C"
