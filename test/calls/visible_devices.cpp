// CUDA_VISIBLE_DEVICES: which devices a program has and in which order; entries are indexes or prefixes of UUIDs, one that names nothing ends the list.
// It is read by cuInit, and NVML does not care. This program starts itself with each value and compares what it is told.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "check.h"

using List = std::vector<std::string>;

static int nvml_count() {      // -1: no NVML
  void* nvml = dlopen("libnvidia-ml.so.1", RTLD_NOW);
  auto init = nvml ? reinterpret_cast<int (*)()>(dlsym(nvml, "nvmlInit_v2")) : nullptr;
  auto count = nvml ? reinterpret_cast<int (*)(unsigned*)>(dlsym(nvml, "nvmlDeviceGetCount_v2")) : nullptr;
  unsigned n = 0;
  return init && count && init() == 0 && count(&n) == 0 ? int(n) : -1;
}

// In a process of its own: the answer of cuInit, NVML's number of devices, the UUIDs. late: the variable changes after nvmlInit.
static int tell(const char* late) {
  int nvml = nvml_count();
  if (late) setenv("CUDA_VISIBLE_DEVICES", late, 1);
  CUresult rc = cuInit(0);
  int count = 0;
  printf("%d %d", int(rc), nvml);
  if (rc != CUDA_SUCCESS) EXPECT(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&count));
  else CU(cuDeviceGetCount(&count));
  for (int i = 0; i < count; i++) {
    CUuuid uuid;
    CU(cuDeviceGetUuid(&uuid, i));
    std::string text = " GPU-";
    for (int b = 0; b < 16; b++) {
      char two[4];
      snprintf(two, sizeof two, "%02x", (unsigned char)uuid.bytes[b]);
      text += (b == 4 || b == 6 || b == 8 || b == 10 ? "-" : "") + std::string(two);
    }
    printf("%s", text.c_str());
    CUcontext context = nullptr;
    CU(cuDevicePrimaryCtxRetain(&context, i));
    CU(cuCtxSetCurrent(context));
    CUdeviceptr p = allocate(4096);
    CU(cuMemsetD32_v2(p, unsigned(i) + 7, 1024));
    CHECK(read_words(p, 1024)[1023] == unsigned(i) + 7);
    CU(cuMemFree_v2(p));
    CU(cuDevicePrimaryCtxRelease_v2(i));
  }
  EXPECT(rc ? CUDA_ERROR_NOT_INITIALIZED : CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&count, count));
  printf("\n");
  return 0;
}

struct Answer { int rc = -1, nvml = -1; List devices; };
static Answer ask(const char* value, const char* late = nullptr) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  fflush(stdout);
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    if (value) setenv("CUDA_VISIBLE_DEVICES", value, 1);
    else unsetenv("CUDA_VISIBLE_DEVICES");
    dup2(ends[1], 1);
    execl("/proc/self/exe", "visible_devices", "tell", late, nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, size_t(n));
  close(ends[0]);
  int status = -1, used = 0;
  CHECK(waitpid(pid, &status, 0) == pid);
  Answer a;
  if (status != 0 || sscanf(text.c_str(), "%d %d%n", &a.rc, &a.nvml, &used) != 2) {
    printf("with %s: status %x, %s\n", value ? value : "nothing", unsigned(status), text.c_str());
    exit(1);
  }
  for (size_t at = text.find(' ', size_t(used)); at != std::string::npos; at = text.find(' ', at + 1)) a.devices.push_back(text.substr(at + 1, 40));
  return a;
}

static Answer all;
static void expect(const char* value, const List& wanted, const char* late = nullptr) {
  Answer a = ask(value, late);
  if (a.rc == (wanted.empty() ? int(CUDA_ERROR_NO_DEVICE) : 0) && a.devices == wanted && a.nvml == all.nvml) return;
  printf("CUDA_VISIBLE_DEVICES=%s%s%s: cuInit answered %d, %zu devices, wanted %zu, NVML %d\n", value ? value : "(not set)", late ? ", then " : "", late ? late : "", a.rc,
         a.devices.size(), wanted.size(), a.nvml);
  for (auto& d : a.devices) printf("  %s\n", d.c_str());
  exit(1);
}

int main(int count, char** arguments) {
  if (count > 1) return tell(count > 2 ? arguments[2] : nullptr);
  all = ask(nullptr);
  CHECK(all.rc == 0 && !all.devices.empty());
  const List& d = all.devices;
  const List first{d[0]}, last{d.back()};
  expect("", {});
  expect("-1", {});
  expect("no", {});
  expect("GPU-ffffffff-ffff-ffff-ffff-ffffffffffff", {});
  expect("0", first);
  expect("0,99", first);
  expect("0,-1", first);
  expect(std::to_string(d.size() - 1).c_str(), last);
  expect(d.back().c_str(), last);
  expect((d[0] + ",GPU-ffffffff").c_str(), first);
  const std::string beginning = d.back().substr(0, 16);
  if (std::count_if(d.begin(), d.end(), [&](const std::string& x) { return x.compare(0, 16, beginning) == 0; }) == 1) expect(beginning.c_str(), last);
  if (all.nvml > 0) {      // what counts is what is set when cuInit is called
    expect(nullptr, {}, "-1");
    expect("-1", first, "0");
  }
  expect(nullptr, d);
  if (d.size() < 2) return 0;
  expect("1", {d[1]});
  expect("1,0", {d[1], d[0]});
  expect("1,99,0", {d[1]});
  expect((d[1] + "," + d[0]).c_str(), {d[1], d[0]});
  expect((d[1] + ",0").c_str(), {d[1]});      // a list is of UUIDs or of indexes
  return 0;
}
