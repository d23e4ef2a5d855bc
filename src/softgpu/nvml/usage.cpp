// Memory in use and the processes that use it, as the processes themselves have written it into /dev/shm. How busy they are: utilization.cpp. Any thread may call.
#include <vector>

#include "softgpu/api/shared_usage.h"
#include "softgpu/nvml/state.h"

using namespace softgpu;
using namespace softgpu::nvml;

namespace {

struct User {
  int pid;
  uint64_t bytes;
};

std::vector<User> users_of(int device) {
  std::vector<User> users;
  for (auto& u : api::users_of(device))
    if (uint64_t bytes = u.use->bytes) users.push_back({u.pid, bytes});
  return users;
}

uint64_t used_bytes(int device) {
  uint64_t sum = 0;
  for (auto& u : users_of(device)) sum += u.bytes;
  return sum;
}

// infoCount: room on the way in, entries on the way out.
template <class Info>
nvmlReturn_t list_processes(nvmlDevice_t device, unsigned int* infoCount, Info* infos, void (*fill)(const User&, Info*)) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(infoCount && (*infoCount == 0 || infos));
  auto users = users_of(index);
  unsigned room = *infoCount;
  *infoCount = unsigned(users.size());
  if (room < users.size()) return NVML_ERROR_INSUFFICIENT_SIZE;
  for (size_t i = 0; i < users.size(); i++) fill(users[i], &infos[i]);
  return NVML_SUCCESS;
}

void fill_v1(const User& u, nvmlProcessInfo_v1_t* info) { *info = {unsigned(u.pid), u.bytes}; }
template <class Info>
void fill_v2(const User& u, Info* info) {
  *info = {unsigned(u.pid), u.bytes, 0xffffffffu, 0xffffffffu};      // no MIG instances
}

nvmlReturn_t no_processes(nvmlDevice_t device, unsigned int* infoCount) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(infoCount);
  *infoCount = 0;
  return NVML_SUCCESS;
}

}  // namespace

extern "C" {

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(memory);
  uint64_t total = profile_of(index).memory_bytes, used = used_bytes(index) + profile_of(index).reserved_bytes;
  *memory = {total, used < total ? total - used : 0, used};
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t* memory) {
  NVML_REQUIRE(memory);
  if (memory->version != nvmlMemory_v2) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  nvmlMemory_t plain;
  NVML_TRY(nvmlDeviceGetMemoryInfo(device, &plain));
  unsigned long long reserved = profile_of(int(reinterpret_cast<uintptr_t>(device)) - 1).reserved_bytes;   // plain.used has it in it
  *memory = {nvmlMemory_v2, plain.total, reserved, plain.free, plain.used - reserved};
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t device, nvmlBAR1Memory_t* bar1Memory) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(bar1Memory);
  *bar1Memory = {256ull << 20, 256ull << 20, 0};
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, unsigned int* infoCount, nvmlProcessInfo_v1_t* infos) {
  return list_processes(device, infoCount, infos, fill_v1);
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int* infoCount, nvmlProcessInfo_v2_t* infos) {
  return list_processes(device, infoCount, infos, fill_v2<nvmlProcessInfo_v2_t>);
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int* infoCount, nvmlProcessInfo_t* infos) {
  return list_processes(device, infoCount, infos, fill_v2<nvmlProcessInfo_t>);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t device, unsigned int* infoCount, nvmlProcessInfo_v1_t*) {
  return no_processes(device, infoCount);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t device, unsigned int* infoCount, nvmlProcessInfo_v2_t*) {
  return no_processes(device, infoCount);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int* infoCount, nvmlProcessInfo_t*) {
  return no_processes(device, infoCount);
}

}  // extern "C"
