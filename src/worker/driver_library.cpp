// See driver_library.h.
#include "worker/driver_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "worker/driver.h"

namespace worker {
namespace {

using base::Level;
constexpr int kProbeTimeoutMs = 60000;   // a cold driver of an 8-GPU host takes some 10 s

enum class Library { cuda, nvml };
enum class Finding : int { usable, not_there, client, failed };
struct Report {
  Finding finding = Finding::failed;
  int devices = 0;
  char path[PATH_MAX] = "";   // the file that the loader took
  char text[400] = "";        // with not_there and failed
};

// In the child: everything here may crash, hang or leave threads behind.
void probe_here(Library which, const char* path, Report* report) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    report->finding = Finding::not_there;
    const char* error = dlerror();
    snprintf(report->text, sizeof report->text, "%s", error ? error : "dlopen failed");
    return;
  }
  link_map* map = nullptr;
  // Not its realpath: a driver update replaces the file that libcuda.so.1 links to.
  const bool named = dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map->l_name[0];
  snprintf(report->path, sizeof report->path, "%s", named ? map->l_name : path);
  if (dlsym(library, kClientMarker)) {
    report->finding = Finding::client;
    return;
  }
  if (which == Library::nvml) {
    if (dlsym(library, "nvmlInit_v2")) report->finding = Finding::usable;
    else snprintf(report->text, sizeof report->text, "it has no nvmlInit_v2");
    return;
  }
  auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(library, "cuInit"));
  auto count = reinterpret_cast<int (*)(int*)>(dlsym(library, "cuDeviceGetCount"));
  int rc = 0;
  if (!init || !count) snprintf(report->text, sizeof report->text, "it has no cuInit or cuDeviceGetCount");
  else if ((rc = init(0)) != 0) snprintf(report->text, sizeof report->text, "cuInit answers error %d", rc);
  else if ((rc = count(&report->devices)) != 0) snprintf(report->text, sizeof report->text, "cuDeviceGetCount answers error %d", rc);
  else if (report->devices < 1) snprintf(report->text, sizeof report->text, "it sees no GPU");
  else report->finding = Finding::usable;
}

Report probe(Library which, const std::string& path) {
  Report report;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    snprintf(report.text, sizeof report.text, "pipe: %s", strerror(errno));
    return report;
  }
  base::Fd from(ends[0]), to(ends[1]);
  const pid_t pid = fork();
  if (pid == 0) {
    from.reset();
    probe_here(which, path.c_str(), &report);
    _exit(write(to.get(), &report, sizeof report) == ssize_t(sizeof report) ? 0 : 1);
  }
  to.reset();
  if (pid < 0) {
    snprintf(report.text, sizeof report.text, "fork: %s", strerror(errno));
    return report;
  }
  pollfd wait{from.get(), POLLIN, 0};
  const bool answered = poll(&wait, 1, kProbeTimeoutMs) > 0;
  // One write of less than PIPE_BUF + 400 bytes may come in two pieces.
  size_t got = 0;
  for (ssize_t n; answered && got < sizeof report; got += size_t(n))
    if ((n = read(from.get(), reinterpret_cast<char*>(&report) + got, sizeof report - got)) <= 0) break;
  if (got < sizeof report) kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  if (got < sizeof report) {
    report = Report{};
    if (!answered) snprintf(report.text, sizeof report.text, "cuInit did not return within %d s", kProbeTimeoutMs / 1000);
    else snprintf(report.text, sizeof report.text, "it killed its process (signal %d)", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  }
  return report;
}

std::string real_path(const std::string& path) {
  char real[PATH_MAX];
  return realpath(path.c_str(), real) ? real : path;
}

// The first usable candidate's path, or "" and why the last one was not usable.
std::string first_usable(Library which, const std::vector<std::string>& places, Report* last) {
  std::vector<std::string> tried;   // two places may be the same file
  for (const std::string& place : places) {
    if (std::find(tried.begin(), tried.end(), real_path(place)) != tried.end()) continue;
    Report report = probe(which, place);
    tried.push_back(real_path(report.path));
    if (report.finding == Finding::usable) {
      *last = report;
      return report.path;
    }
    if (report.finding == Finding::client)
      base::log(Level::info, "%s is tensor-fusion's own client library: passed over", report.path);
    else if (report.finding == Finding::failed)
      base::log(Level::info, "%s is not usable: %s", place.c_str(), report.text);
    else
      base::log(Level::debug, "%s does not load: %s", place.c_str(), report.text);
    // What failed tells more than what was not there.
    if (report.finding != Finding::not_there || last->text[0] == 0) *last = report;
  }
  return {};
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

// The user's, else the one beside the libcuda that was chosen by path, else the system's; never needed, so "" is an answer.
std::string choose_nvml(const DriverRequest& request, const std::string& cuda, bool beside_only, DriverChoice* choice) {
  Report report;
  if (!request.nvml.empty()) {
    std::string path = first_usable(Library::nvml, {request.nvml}, &report);
    if (path.empty())
      choice->error = "cannot use libnvidia-ml " + request.nvml + ": " +
                      (report.finding == Finding::client ? "it is tensor-fusion's own client library" : report.text);
    return path;
  }
  std::vector<std::string> places{folder_of(cuda) + "/libnvidia-ml.so.1"};
  if (!beside_only) places.insert(places.end(), request.nvml_places.begin(), request.nvml_places.end());
  return first_usable(Library::nvml, places, &report);
}

}  // namespace

std::vector<std::string> system_places(const std::string& file) {
  std::vector<std::string> places{file};
  auto add = [&](const std::string& folder) {
    const std::string path = folder + "/" + file;
    if (!folder.empty() && access(path.c_str(), F_OK) == 0) places.push_back(path);
  };
  if (const char* list = getenv("LD_LIBRARY_PATH")) {
    const std::string folders = list;
    for (size_t at = 0; at <= folders.size();) {
      const size_t end = std::min(folders.find_first_of(":;", at), folders.size());
      add(folders.substr(at, end - at));
      at = end + 1;
    }
  }
  for (const char* folder : {"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/lib64/nvidia",
                             "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib", "/run/opengl-driver/lib"})
    add(folder);
  return places;
}

DriverChoice choose_driver(const DriverRequest& request) {
  DriverChoice choice;
  Report report;
  bool beside_only = false;
  const std::string softgpu = request.executable_folder + "/softgpu/libcuda.so.1";
  if (!request.cuda.empty()) {
    choice.cuda = first_usable(Library::cuda, {request.cuda}, &report);
    if (choice.cuda.empty()) {
      choice.error = "cannot use libcuda " + request.cuda + ": " +
                     (report.finding == Finding::client ? "it is tensor-fusion's own client library" : report.text);
      return choice;
    }
    choice.why = "as asked for";
  } else if (choice.cuda = first_usable(Library::cuda, request.cuda_places, &report); !choice.cuda.empty()) {
    choice.why = "NVIDIA's driver is there";
  } else {
    const std::string no_driver = report.finding == Finding::client ? "only tensor-fusion's own client library was found"
                                  : report.text[0]                  ? report.text
                                                                    : "no libcuda.so.1 was found";
    choice.cuda = first_usable(Library::cuda, {softgpu}, &report);
    if (choice.cuda.empty()) {
      choice.error = "no CUDA driver (" + no_driver + ") and no software GPU (" + softgpu + ": " + report.text + ")";
      return choice;
    }
    choice.why = "the software GPU, because there is no usable NVIDIA driver (" + no_driver + ")";
    beside_only = true;
  }
  const int devices = report.devices;
  choice.nvml = choose_nvml(request, choice.cuda, beside_only, &choice);
  if (!choice.error.empty()) return choice;
  base::log(Level::info, "libcuda is %s, %d device%s: %s", choice.cuda.c_str(), devices, devices == 1 ? "" : "s", choice.why.c_str());
  if (choice.nvml.empty()) base::log(Level::warn, "no libnvidia-ml: NVML calls of clients will fail");
  else base::log(Level::info, "libnvidia-ml is %s", choice.nvml.c_str());
  return choice;
}

std::string open_driver(const std::string& cuda, const std::string& nvml, Driver* driver, int* init_result) {
  void* libcuda = dlopen(cuda.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!libcuda) return std::string("cannot load ") + dlerror();
  void* libnvml = nullptr;
  if (!nvml.empty() && !(libnvml = dlopen(nvml.c_str(), RTLD_NOW | RTLD_LOCAL)))
    base::log(Level::warn, "libnvidia-ml does not load: %s", dlerror());
  if (!load_driver(driver, libcuda, libnvml)) return cuda + " lacks functions that every CUDA driver has";
  auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(libcuda, "cuInit"));
  if (!init) return cuda + " has no cuInit";
  const int rc = init(0);
  if (init_result) *init_result = rc;
  else if (rc != 0) return "cuInit of " + cuda + " answers error " + std::to_string(rc);
  return {};
}

}  // namespace worker
