// cuInit and what it makes ready: the session, the answers sent ahead, the devices' primary contexts.
#include "client/context.h"
#include "client/devices.h"
#include "client/image.h"
#include "client/remote.h"

namespace client {

static std::atomic<bool> g_initialized{false};
static teleport::Lock g_init_lock;

Caller caller() {
  Caller at;
  at.session = teleport::Session::current();
  if (!at.session || !g_initialized.load(std::memory_order_acquire)) {
    at.error = CUDA_ERROR_NOT_INITIALIZED;
  } else if (at.session->dead()) {
    at.error = teleport::kWorkerLost;
  } else {
    if (Context* c = current()) at.context = wire::handle_index(c->handle);
    if (PerThreadDefault::on()) at.flags = wire::kPerThread;
  }
  return at;
}

uint64_t Caller::stream(CUstream s) const {
  if (s == nullptr && flags & wire::kPerThread) return per_thread_stream();
  if (s == CU_STREAM_PER_THREAD) return per_thread_stream();
  return number_of(s);
}

int broken(const Caller& at) {
  (void)at;
  return teleport::kWorkerLost;
}

// Fills the cache with what the worker answered ahead: device attributes, names, UUIDs.
static int prefetch(teleport::Session& s) {
  struct Entry { uint16_t op, zero; uint32_t context, key_bytes; int32_t result; uint32_t body_bytes, zero2; };
  teleport::Reply reply;
  {
    teleport::Call call(s, wire::op::tfPrefetch, 0);
    if (int rc = call.wait(&reply)) return rc;
  }
  wire::Reader r = reply.reader();
  while (r.left() >= sizeof(Entry)) {
    Entry e = r.get<Entry>();
    const uint8_t* key = r.raw(e.key_bytes);
    const uint8_t* body = r.raw(e.body_bytes);
    if (!r.ok()) return teleport::kWorkerLost;
    if (e.op == wire::op::tfPrefetch) {
      learn_kept_images(body, e.body_bytes);
      continue;
    }
    wire::Buffer k;
    teleport::Reply answer;
    answer.result = e.result;
    memcpy(k.extend(e.key_bytes), key, e.key_bytes);
    memcpy(answer.body.extend(e.body_bytes), body, e.body_bytes);
    s.keep_cached(e.op, e.context, k, answer);
  }
  return 0;
}

}  // namespace client

using namespace client;

EXPORT CUresult cuInit(unsigned int Flags) {
  if (Flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (g_initialized.load(std::memory_order_acquire) && teleport::Session::current())
    return teleport::Session::current()->dead() ? CUresult(teleport::kWorkerLost) : CUDA_SUCCESS;
  int error = 0;
  g_init_lock.lock();
  teleport::Session* s = teleport::Session::open(&error);
  if (s && !g_initialized.load(std::memory_order_relaxed)) {
    error = prefetch(*s);
    g_initialized.store(!error, std::memory_order_release);   // learn_devices() asks like any other caller
    if (!error && (error = learn_devices())) g_initialized.store(false, std::memory_order_release);
  }
  g_init_lock.unlock();
  return CUresult(error);
}
