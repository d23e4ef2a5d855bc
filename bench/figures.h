// Shared by the benchmarks: one JSON line per figure, clocks, percentiles. script/bench runs each program natively and through the client.
#pragma once
#include <ctime>
#include <algorithm>
#include <vector>
#include "../demo/common.h"

inline double seconds(clockid_t clock = CLOCK_MONOTONIC) {
  timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}
inline double thread_cpu() { return seconds(CLOCK_THREAD_CPUTIME_ID); }    // of the calling thread
inline double process_cpu() { return seconds(CLOCK_PROCESS_CPUTIME_ID); }  // of all threads, the client library's own included

inline void figure(const char* name, double value, const char* unit) {
  printf("{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"}\n", name, value, unit);
  fflush(stdout);
}
inline double percentile(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, size_t(p / 100 * values.size()))];
}
inline double median(std::vector<double> values) { return percentile(std::move(values), 50); }
