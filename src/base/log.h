// One log for client and worker: printf-style lines to stdout, stderr or a file, off unless TF_ENABLE_LOG=1. Header-only, because the
// client libraries live in other people's processes and bring no logging library. Any thread may call; a line is one write().
//   TF_ENABLE_LOG=1   TF_LOG_LEVEL=trace|debug|info|warn|error (info)   TF_LOG_PATH=file (default: stdout)
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace base {

enum class Level : int { trace, debug, info, warn, error, off };

namespace detail {
inline constinit std::atomic<int> g_level{-1};   // -1: environment not read yet
inline constinit std::atomic<int> g_fd{1};

inline int read_log_environment() {
  int level = int(Level::off);
  const char* on = getenv("TF_ENABLE_LOG");
  if (on && strcmp(on, "1") == 0) {
    level = int(Level::info);
    static constexpr const char* kNames[] = {"trace", "debug", "info", "warn", "error"};
    if (const char* name = getenv("TF_LOG_LEVEL"))
      for (int i = 0; i < 5; i++)
        if (strcmp(name, kNames[i]) == 0) level = i;
    if (const char* path = getenv("TF_LOG_PATH"); path && *path) {
      int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
      if (fd >= 0) g_fd.store(fd, std::memory_order_relaxed);
    }
  }
  g_level.store(level, std::memory_order_release);
  return level;
}

inline void write_line(int fd, const char* tag, const char* format, va_list arguments) {
  int saved = errno;
  char line[1024];
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  tm local;
  localtime_r(&now.tv_sec, &local);
  int n = snprintf(line, sizeof line, "%02d:%02d:%02d.%03ld tensor-fusion[%d] %s: ", local.tm_hour, local.tm_min, local.tm_sec,
                   now.tv_nsec / 1000000, int(getpid()), tag);
  errno = saved;
  int m = vsnprintf(line + n, sizeof line - size_t(n) - 1, format, arguments);
  n += m < int(sizeof line) - n - 1 ? m : int(sizeof line) - n - 2;
  line[n++] = '\n';
  if (write(fd, line, size_t(n)) < 0) { /* nowhere left to say it */ }
  errno = saved;
}
}  // namespace detail

inline bool log_enabled(Level level) {
  int now = detail::g_level.load(std::memory_order_acquire);
  if (now < 0) now = detail::read_log_environment();
  return int(level) >= now && now != int(Level::off);
}

inline int log_fd() { return detail::g_fd.load(std::memory_order_relaxed); }

// Where log lines go while the process's own stdout is redirected (the worker's session processes).
inline void log_to(int fd) {
  log_enabled(Level::error);
  int expected = 1;
  detail::g_fd.compare_exchange_strong(expected, fd);
}

__attribute__((format(printf, 2, 3))) inline void log(Level level, const char* format, ...) {
  if (!log_enabled(level)) return;
  static constexpr const char* kTags[] = {"trace", "debug", "info", "warn", "error"};
  va_list arguments;
  va_start(arguments, format);
  detail::write_line(detail::g_fd.load(std::memory_order_relaxed), kTags[int(level)], format, arguments);
  va_end(arguments);
}

// The one clear line on stderr that the user gets whether logging is on or not: what was wrong and what to do. One write(): what dprintf is about to write
// may be written once more by another thread that ends the process.
__attribute__((format(printf, 1, 2))) inline void complain(const char* format, ...) {
  char line[900] = "tensor-fusion: ";
  const size_t begin = strlen(line), room = sizeof line - begin - 1;
  va_list arguments;
  va_start(arguments, format);
  const int n = vsnprintf(line + begin, room, format, arguments);
  va_end(arguments);
  const size_t end = begin + (n < 0 ? 0 : size_t(n) < room ? size_t(n) : room - 1);
  line[end] = '\n';
  if (write(2, line, end + 1) < 0) { /* nowhere left to say it */ }
}

}  // namespace base
