// tensor-fusion-worker: serves a host's GPUs to clients. The process that the user starts only listens (listener.h); each client gets a
// process of its own, which is this executable again (spare.h).
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>

#include "base/log.h"
#include "limiter/memory_quota.h"
#include "worker/driver_library.h"
#include "worker/image_store.h"
#include "worker/listener.h"
#include "worker/options.h"
#include "worker/spare.h"

namespace {

std::string executable_path() {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  return n > 0 ? std::string(path, size_t(n)) : "./tensor-fusion-worker";
}

// A socket that got the number 1 would receive what GPU code prints.
void open_standard_descriptors() {
  int fd;
  while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= 2) {}
  if (fd > 2) close(fd);
}

const char* environment(const char* name) { return getenv(name); }

int listen_and_serve(const worker::Options& options) {
  const std::string executable = executable_path();
  worker::ListenerOptions listener;
  uint16_t port = options.port;
  listener.socket = worker::listen_on(&port);   // before the driver is looked for: a taken port should not take seconds to show
  if (!listener.socket) {
    base::complain("cannot listen on port %d: %s", options.port, strerror(errno));
    return 1;
  }
  worker::DriverRequest request;
  request.cuda = options.driver;
  request.nvml = options.nvml;
  request.executable_folder = executable.substr(0, executable.rfind('/'));
  request.cuda_places = worker::system_places("libcuda.so.1");
  request.nvml_places = worker::system_places("libnvidia-ml.so.1");
  const worker::DriverChoice choice = worker::choose_driver(request);
  if (!choice.error.empty()) {
    base::complain("%s", choice.error.c_str());
    return 1;
  }
  limiter::MemoryQuota quota;
  if (!quota.create(options.memory_limit)) {
    base::complain("no shared memory for the memory quota: %s", strerror(errno));
    return 1;
  }
  if (options.memory_limit)
    base::log(base::Level::info, "device memory limit: %llu MiB per GPU", static_cast<unsigned long long>(options.memory_limit >> 20));
  base::log(base::Level::info, "listening on port %d", port);
  // Who let the worker choose the port has to be told, also without a log.
  if (options.port == 0 && !base::log_enabled(base::Level::info)) printf("listening on port %d\n", port), fflush(stdout);

  listener.executable = executable;
  listener.cuda = choice.cuda;
  listener.nvml = choice.nvml;
  listener.quota = &quota;
  const worker::ImageFolder images;
  listener.image_folder = images.path();
  return worker::Listener(std::move(listener)).run();
}

}  // namespace

int main(int argc, char** argv) {
  open_standard_descriptors();
  if (worker::is_spare(argc, argv)) return worker::run_spare(argc, argv);
  const worker::Options options = worker::parse_options(argc, argv, environment);
  switch (options.action) {
    case worker::Action::help: fputs(worker::help_text(), stdout); return 0;
    case worker::Action::version: fputs(worker::version_text(), stdout); return 0;
    case worker::Action::fail: base::complain("%s", options.error.c_str()); return worker::kUsageError;
    case worker::Action::run: return listen_and_serve(options);
  }
}
