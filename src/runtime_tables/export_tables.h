// The tables behind cuGetExportTable: arrays of 8-byte words through which NVIDIA's own libraries call functions that have no
// name. All of it is answered in this process. The tables are made once and never change; any thread may call.
#pragma once

namespace runtime_tables {

enum class Table {
  kCudartInterface,
  kToolsHooks,
  kToolsTls,
  kContextStorage,
  kContextChecks,
  kIntegrity,
  kUnnamedF8,
  kToolsContext,
  kUnnamed17,
  kToolsModule,
  kJitCache,
};
inline constexpr int kTables = 11;

// The address that cuGetExportTable gives for that table.
const void* export_table(Table table);

}  // namespace runtime_tables
