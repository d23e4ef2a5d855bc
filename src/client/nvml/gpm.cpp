// nvmlGpmMetricsGet: what it writes points to texts. They are kept for ever, one set for each metric, as the driver's are constants. Any thread.
#include <stdlib.h>

#include "client/remote.h"

using namespace client;

namespace {
constexpr size_t kTextBytes = 96;
std::atomic<char*> g_texts[NVML_GPM_METRIC_MAX];   // by metric: three texts of kTextBytes

char* texts_of(unsigned metric, const unsigned char* came) {
  if (metric >= NVML_GPM_METRIC_MAX) return nullptr;
  char* texts = g_texts[metric].load(std::memory_order_acquire);
  if (texts) return texts;
  char* fresh = static_cast<char*>(malloc(3 * kTextBytes));
  if (!fresh) return nullptr;
  memcpy(fresh, came, 3 * kTextBytes);
  if (g_texts[metric].compare_exchange_strong(texts, fresh, std::memory_order_acq_rel)) return fresh;
  free(fresh);
  return texts;
}
}  // namespace

EXPORT nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t* query) {
  if (!query || query->numMetrics > NVML_GPM_METRIC_MAX) return NVML_ERROR_INVALID_ARGUMENT;
  unsigned n = query->numMetrics;
  auto* texts = static_cast<unsigned char*>(calloc(n + 1, 3 * kTextBytes));
  if (!texts) return NVML_ERROR_MEMORY;
  nvmlReturn_t rc = remote::tfGpmMetrics(query->sample1, query->sample2, query->version, n, query->metrics, texts);
  for (unsigned i = 0; !rc && i < n; i++) {
    char* t = texts_of(query->metrics[i].metricId, texts + i * 3 * kTextBytes);
    if (t) query->metrics[i].metricInfo = {t, t + kTextBytes, t + 2 * kTextBytes};
  }
  free(texts);
  return rc;
}
