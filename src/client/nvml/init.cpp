// NVML's own life: a session like libcuda's (the same one, if both are loaded), counted inits, nothing else. All other calls are generated.
#include "base/log.h"
#include "client/remote.h"

namespace client {

static std::atomic<int> g_initialized{0};

Caller nvml_caller() {
  Caller at;
  at.session = teleport::Session::current_for_nvml();
  if (!at.session || g_initialized.load(std::memory_order_acquire) == 0) at.error = NVML_ERROR_UNINITIALIZED;
  else if (at.session->dead()) at.error = NVML_ERROR_GPU_IS_LOST;
  return at;
}
uint64_t Caller::stream(CUstream s) const { return number_of(s); }   // NVML has no streams

int nvml_wait(teleport::Call& call, teleport::Reply* reply) {
  int rc = call.wait(reply, false);
  return rc == teleport::kWorkerLost ? int(NVML_ERROR_GPU_IS_LOST) : rc;
}
int broken(const Caller&) { return NVML_ERROR_UNKNOWN; }

}  // namespace client

using namespace client;

EXPORT nvmlReturn_t nvmlInitWithFlags(unsigned int) {
  int error = 0;
  teleport::Session* s = teleport::Session::open_for_nvml(&error);
  if (!s) return error == teleport::kNotInitialized ? NVML_ERROR_UNINITIALIZED : NVML_ERROR_DRIVER_NOT_LOADED;
  if (s->dead()) return NVML_ERROR_GPU_IS_LOST;
  g_initialized.fetch_add(1, std::memory_order_acq_rel);
  return NVML_SUCCESS;
}
EXPORT nvmlReturn_t nvmlInit_v2() { return nvmlInitWithFlags(0); }
EXPORT nvmlReturn_t nvmlInit() { return nvmlInitWithFlags(0); }
EXPORT nvmlReturn_t nvmlShutdown() {
  int n = g_initialized.load(std::memory_order_relaxed);
  while (n > 0 && !g_initialized.compare_exchange_weak(n, n - 1, std::memory_order_acq_rel)) {}
  return n > 0 ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}
