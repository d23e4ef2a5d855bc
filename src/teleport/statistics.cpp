// Counts how many calls went to the worker, how many of them waited for an answer and how many bytes of module images were sent; and the same for each call.
#include "teleport/statistics.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>

#include "base/log.h"
#include "teleport/session.h"
#include "wire/opcodes.h"

namespace teleport {

OpCounts* g_op_counts;

static pid_t g_started_in;  // a forked child inherits the hook but has made no calls

static void write_statistics() {
  const char* path = getenv("TF_STATISTICS");
  if (!path || !*path || getpid() != g_started_in) return;
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) {
    base::log(base::Level::warn, "TF_STATISTICS: cannot write %s", path);
    return;
  }
  dprintf(fd, "calls=%llu waits=%llu image_bytes=%llu\n", (unsigned long long)g_calls.load(), (unsigned long long)g_waits.load(),
          (unsigned long long)g_image_bytes.load());
  for (uint16_t op = 0; op < wire::op::kEnd; op++) {
    const OpCounts& n = g_op_counts[op];
    if (n.calls) dprintf(fd, "%s: %llu calls, %llu waited %.3f ms\n", wire::op_name(op), (unsigned long long)n.calls.load(), (unsigned long long)n.waits.load(), double(n.waited_ns) * 1e-6);
  }
  close(fd);
}

void start_statistics() {
  const char* path = getenv("TF_STATISTICS");
  if (!path || !*path) return;
  g_started_in = getpid();
  if (!g_op_counts) g_op_counts = new OpCounts[wire::op::kEnd];
  atexit(write_statistics);
}

}  // namespace teleport
