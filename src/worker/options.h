// The worker's command line and the environment variables that set limits and libraries. Main thread only (getopt_long).
#pragma once
#include <stdint.h>

#include <string>

namespace worker {

enum class Action { run, help, version, fail };

struct Options {
  Action action = Action::run;
  std::string error;             // with fail: one line, what was wrong and what to do; the exit status is kUsageError
  uint16_t port = 12345;         // 0: any free one
  std::string driver, nvml;      // paths of libcuda and libnvidia-ml; empty: the worker looks for them
  uint64_t memory_limit = 0;     // bytes per device, all sessions together; 0: none
};

inline constexpr int kUsageError = 2;

// environment: getenv, or a test's.
Options parse_options(int argc, char** argv, const char* (*environment)(const char* name));

const char* help_text();
const char* version_text();

}  // namespace worker
