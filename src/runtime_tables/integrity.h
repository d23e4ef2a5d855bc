// The answer to the question by which every copy of the CUDA runtime finds out that its driver library behaves as it expects
// (cuGetExportTable, INTEGRITY slot 1). Stateless; any thread may call.
#pragma once
#include <stdint.h>

#include "abi/cuda_abi.h"

namespace runtime_tables {

struct IntegrityDevice {
  uint8_t uuid[16];
  int32_t pci_domain, pci_bus, pci_device;
};
static_assert(sizeof(IntegrityDevice) == 28);  // hashed as it lies

struct IntegrityInputs {
  struct Fixed {
    uint32_t driver_version, check_version, process, thread;  // thread: low half of pthread_self()
    uint64_t cudart_interface_table, integrity_table;         // addresses as the caller got them
    uint64_t integrity_function, unix_seconds;                // value of slot 1 of the integrity table
  } fixed;
  const IntegrityDevice* devices;
  uint32_t device_count;
};
static_assert(sizeof(IntegrityInputs::Fixed) == 48);

// The 16 bytes that the caller computes for itself and compares.
void integrity_digest(const IntegrityInputs& inputs, uint8_t out[16]);

// Slot 1: gathers the inputs of this process and this thread. out is little-endian digest bytes as two words.
CUresult integrity_check(uint32_t version, uint64_t unix_seconds, uint64_t out[2]);

}  // namespace runtime_tables
