// NVML's table of functions without names (runtime_tables/management_table.cpp): what client and worker both know of it. Driver 580's numbers.
#pragma once

namespace base {

constexpr unsigned char kManagementTable[16] = {0xc4, 0xfe, 0x3e, 0x6c, 0xc9, 0x8f, 0x6c, 0x4e, 0xa3, 0x27, 0xee, 0x69, 0x6e, 0x12, 0xf7, 0xc4};
constexpr unsigned kUnnamedSlots[] = {230, 231, 232, 237, 249};   // those that read what no public call tells: (device, out[, bytes])

}  // namespace base
