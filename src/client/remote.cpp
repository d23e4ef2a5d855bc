// What every call shares on the client's side. Compiled into libcuda and libnvidia-ml; state that both need is in libteleport.
#include "client/remote.h"

#include <atomic>

#include "base/log.h"

namespace client {

static thread_local bool t_per_thread_default = false;
PerThreadDefault::PerThreadDefault() : before_(t_per_thread_default) { t_per_thread_default = true; }
PerThreadDefault::~PerThreadDefault() { t_per_thread_default = before_; }
bool PerThreadDefault::on() { return t_per_thread_default; }

bool known(uint64_t handle, unsigned kind, bool strict) {
  if (handle < wire::kReserved[kind]) return !strict || handle != 0;
  if (!wire::is_handle(handle, kind) && !(kind == wire::kCUfunction && wire::is_handle(handle, wire::kCUkernel))) return false;
  return teleport::handle_alive(handle);
}

int cached_bytes(const Caller& at, uint16_t op, const wire::Buffer& key, teleport::Reply* reply) {
  if (at.session->find_cached(op, at.context, key, reply)) return reply->result;
  teleport::Call call(*at.session, op, at.context, at.flags);
  memcpy(call.in().raw(key.size()), key.data(), key.size());
  int rc = call.wait(reply);
  // An async call's late error is not this call's answer, and neither is a lost worker.
  if (rc == reply->result && !at.session->dead()) at.session->keep_cached(op, at.context, key, *reply);
  return rc;
}

int unsupported(const char* name, int code) {
  static std::atomic<const char*> said[64];
  for (auto& slot : said) {
    const char* seen = slot.load(std::memory_order_relaxed);
    if (seen == name) return code;
    if (!seen && slot.compare_exchange_strong(seen, name)) {
      base::log(base::Level::warn, "%s is not supported and answers %d", name, code);
      return code;
    }
    if (seen == name) return code;
  }
  return code;
}

}  // namespace client
