// Names of processes are this machine's (the worker lists only its processes, by their numbers here: src/worker/nvml_process.cpp), and structs
// that point to arrays travel in parts. Any thread.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "client/remote.h"
#include "runtime_tables/management_table.h"

using namespace client;

EXPORT nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char* name, unsigned int length) {
  Caller at = nvml_caller();
  if (at.error) return nvmlReturn_t(at.error);
  if (!name || !length) return NVML_ERROR_INVALID_ARGUMENT;
  char path[32], text[4096] = "";
  snprintf(path, sizeof path, "/proc/%u/cmdline", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NVML_ERROR_NOT_FOUND;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return NVML_ERROR_NOT_FOUND;
  size_t bytes = strlen(text) + 1;   // up to the first NUL: the program
  if (bytes > length) bytes = length;
  memcpy(name, text, bytes);
  name[bytes - 1] = 0;
  return length < strlen(text) + 1 ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

nvmlReturn_t runtime_tables::unnamed(unsigned slot, nvmlDevice_t device, void* out, unsigned bytes) {
  return out && bytes ? remote::tfUnnamed(slot, device, bytes, out) : NVML_ERROR_INVALID_ARGUMENT;
}

EXPORT nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device, nvmlProcessDetailList_t* list) {
  if (!list) return NVML_ERROR_INVALID_ARGUMENT;
  return remote::tfProcessDetails(device, list->version, list->mode, &list->numProcArrayEntries, list->procArray);
}

EXPORT nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, nvmlProcessesUtilizationInfo_t* info) {
  if (!info) return NVML_ERROR_INVALID_ARGUMENT;
  return remote::tfProcessUtilization(device, info->version, info->lastSeenTimeStamp, &info->processSamplesCount, info->procUtilArray);
}

EXPORT nvmlReturn_t nvmlDeviceGetSramUniqueUncorrectedEccErrorCounts(nvmlDevice_t device, nvmlEccSramUniqueUncorrectedErrorCounts_t* counts) {
  if (!counts) return NVML_ERROR_INVALID_ARGUMENT;
  return remote::tfSramErrors(device, counts->version, &counts->entryCount, counts->entries);
}
