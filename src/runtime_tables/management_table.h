// What nvidia-smi's table (management_table.cpp) asks of the library that it is part of: the slots that no public call answers.
#pragma once
#include "abi/nvml_abi.h"

namespace runtime_tables {

// The driver's own answer of one of base::kUnnamedSlots. NOT_SUPPORTED: nvidia-smi prints N/A.
nvmlReturn_t unnamed(unsigned slot, nvmlDevice_t device, void* out, unsigned bytes);

}  // namespace runtime_tables
