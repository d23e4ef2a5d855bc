// cuGetExportTable and the slots that libraries were seen to call. A slot that nobody was seen to call logs its name and answers
// NOT_SUPPORTED. The profiler's tables (B10541E1, F6D3F4D9, D7BD8AF8, 2C8E0AD8) and NVML's (69A28E9F) are refused: CUPTI then
// says that it cannot start and the program runs on, which is better than a table whose functions all fail.
//   To add a slot: write the function here, and put it into its table in fill_tables(); its signature is whatever the caller was
//   seen to pass.
#include "runtime_tables/export_tables.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>
#include <mutex>
#include <utility>

#include "abi/cuda_abi.h"
#include "base/log.h"
#include "runtime_tables/host.h"
#include "runtime_tables/context_storage.h"
#include "runtime_tables/integrity.h"
#include "runtime_tables/jit_cache.h"

namespace runtime_tables {
namespace {

// Sizes as driver 580 has them; tables only grow with newer drivers.
struct Shape {
  const char* name;
  uint8_t uuid[16];
  int words;
  int empty;  // a word that is NULL in the driver's table, 0: none
};
// clang-format off
constexpr Shape kShapes[kTables] = {
    {"CUDART_INTERFACE", {0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4, 0xe7, 0x4a, 0x89, 0x87, 0xd9, 0x39, 0x12, 0xfd, 0x9d, 0xf9}, 13, 10},
    {"TOOLS_HOOKS", {0xa0, 0x94, 0x79, 0x8c, 0x2e, 0x74, 0x2e, 0x74, 0x93, 0xf2, 0x08, 0x00, 0x20, 0x0c, 0x0a, 0x66}, 7, 0},
    {"TOOLS_TLS", {0x42, 0xd8, 0x5a, 0x81, 0x23, 0xf6, 0xcb, 0x47, 0x82, 0x98, 0xf6, 0xe7, 0x8a, 0x3a, 0xec, 0xdc}, 3, 0},
    {"CONTEXT_LOCAL_STORAGE", {0xc6, 0x93, 0x33, 0x6e, 0x11, 0x21, 0xdf, 0x11, 0xa8, 0xc3, 0x68, 0xf3, 0x55, 0xd8, 0x95, 0x93}, 3, 0},
    {"CONTEXT_CHECKS", {0x26, 0x3e, 0x88, 0x60, 0x7c, 0xd2, 0x61, 0x43, 0x92, 0xf6, 0xbb, 0xd5, 0x00, 0x6d, 0xfa, 0x7e}, 15, 0},
    {"INTEGRITY", {0xd4, 0x08, 0x20, 0x55, 0xbd, 0xe6, 0x70, 0x4b, 0x8d, 0x34, 0xba, 0x12, 0x3c, 0x66, 0xe1, 0xf2}, 3, 0},
    {"F8CFF951", {0xf8, 0xcf, 0xf9, 0x51, 0x21, 0x46, 0x8b, 0x4e, 0xb9, 0xe2, 0xfb, 0x46, 0x9e, 0x7c, 0x0d, 0xd9}, 3, 0},
    {"TOOLS_CONTEXT", {0x21, 0x31, 0x8c, 0x60, 0x97, 0x14, 0x32, 0x48, 0x8c, 0xa6, 0x41, 0xff, 0x73, 0x24, 0xc8, 0xf2}, 93, 91},
    {"1734DC26", {0x17, 0x34, 0xdc, 0x26, 0x80, 0x0d, 0x47, 0x45, 0x87, 0x26, 0xc0, 0xf1, 0xe7, 0xdd, 0x8b, 0xca}, 17, 0},
    {"TOOLS_MODULE", {0x6e, 0x16, 0x3f, 0xbe, 0xb9, 0x58, 0x44, 0x4d, 0x83, 0x5c, 0xe1, 0x82, 0xaf, 0xf1, 0x99, 0x1e}, 99, 93},
    {"JIT_CACHE", {0xda, 0x91, 0x51, 0xd3, 0x3a, 0xe6, 0xcc, 0x41, 0xa5, 0xc0, 0x4f, 0x26, 0xd5, 0x33, 0xe3, 0x28}, 7, 0},
};
// clang-format on
constexpr int kMostWords = 99;
void* g_words[kTables][kMostWords];
constinit std::mutex g_filling;
constinit std::atomic<bool> g_filled{false};

CUresult unanswered(int table, int slot) {
  base::log(base::Level::warn, "cuGetExportTable: nothing answers %s[%d]", kShapes[table].name, slot);
  return CUDA_ERROR_NOT_SUPPORTED;
}
template <int table, int slot>
CUresult unanswered_slot() {
  return unanswered(table, slot);
}

// --- CUDART_INTERFACE
// The handle only; the context is neither made nor retained.
CUresult primary_context(CUcontext* context, CUdevice device) {
  CUcontext handle = primary_context_handle(device);
  if (!handle) return CUDA_ERROR_INVALID_DEVICE;
  *context = handle;
  return CUDA_SUCCESS;
}

// --- TOOLS_HOOKS: flags that a profiler would set to be told of each runtime call. They stay 0, so nobody calls the slots that tell.
uint32_t g_callback_flags[0x400], g_domain_flags[0xe];
void callback_flags(void** flags, uint64_t* count) {
  *flags = g_callback_flags;
  *count = sizeof g_callback_flags / sizeof *g_callback_flags;
}
void domain_flags(void** flags, uint64_t* count) {
  *flags = g_domain_flags;
  *count = sizeof g_domain_flags / sizeof *g_domain_flags;
}

// --- TOOLS_TLS, CONTEXT_CHECKS
CUresult thread_context(CUcontext* context) {
  *context = current_context();
  return CUDA_SUCCESS;
}
CUresult check_context(CUcontext, uint32_t* trouble, void**) {
  *trouble = 0;
  return CUDA_SUCCESS;
}
uint32_t check_process() { return 0; }

// --- TOOLS_CONTEXT: numbers by which cuBLAS keys what it keeps per context and per stream
CUresult number_of_context(CUcontext context, uint64_t* number) {
  if (!context) context = current_context();
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  *number = context_number(context);
  return CUDA_SUCCESS;
}

// A stream's object is a number that only the next slot reads: the stream's handle, which is never given twice, or a small number
// for the context's default stream, which goes with the context's number because the handle of a primary context stays the same
// after a reset.
constexpr uint64_t kLegacyStream = 1, kPerThreadStream = 2;
CUresult object_of_stream(CUcontext context, CUstream stream, void** object) {
  if (!context) context = current_context();
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  auto handle = reinterpret_cast<uint64_t>(stream);
  if (handle == kPerThreadStream) handle = per_thread_stream();
  if (handle <= kLegacyStream) handle = uint64_t(context_number(context)) << 4 | kLegacyStream;
  *object = reinterpret_cast<void*>(handle);
  return CUDA_SUCCESS;
}
CUresult number_of_stream(CUcontext, void* object, uint64_t* number) {
  if (!object) return CUDA_ERROR_INVALID_HANDLE;
  *number = reinterpret_cast<uint64_t>(object);
  return CUDA_SUCCESS;
}

// --- 1734DC26: where the GPU's TPCs lie. cublasLt does without it; the driver's own answer differs from chip to chip.
CUresult tpc_map(uint8_t**, uint8_t**) { return CUDA_ERROR_NOT_SUPPORTED; }
void free_tpc_map(void* a, void* b) {
  free(a);
  free(b);
}

// --- TOOLS_MODULE
uint32_t visit_functions(CUcontext, CUmodule module, void (*each)(void* user, CUfunction function), void* user) {
  return uint32_t(for_each_function(module, each, user));
}

template <int table, size_t... words>
void fill_unanswered(std::index_sequence<words...>) {
  ((g_words[table][words] = reinterpret_cast<void*>(&unanswered_slot<table, int(words)>)), ...);
}
template <int... tables>
void fill_all_unanswered(std::integer_sequence<int, tables...>) {
  (fill_unanswered<tables>(std::make_index_sequence<size_t(kShapes[tables].words)>()), ...);
}

template <class F>
void set(Table table, int slot, F* function) {
  g_words[int(table)][slot] = reinterpret_cast<void*>(function);
}

void fill_tables() {
  if (g_filled.load(std::memory_order_acquire)) return;  // pairs with the store below
  std::lock_guard guard(g_filling);
  if (g_filled.load(std::memory_order_relaxed)) return;
  fill_all_unanswered(std::make_integer_sequence<int, kTables>());
  set(Table::kCudartInterface, 2, primary_context);
  set(Table::kToolsHooks, 2, callback_flags);
  set(Table::kToolsHooks, 6, domain_flags);
  set(Table::kToolsTls, 2, thread_context);
  set(Table::kContextStorage, 0, context_storage_put);
  set(Table::kContextStorage, 1, context_storage_delete);
  set(Table::kContextStorage, 2, context_storage_get);
  set(Table::kContextChecks, 2, check_context);
  set(Table::kContextChecks, 3, check_process);
  set(Table::kIntegrity, 1, integrity_check);
  set(Table::kToolsContext, 4, number_of_context);
  set(Table::kToolsContext, 39, number_of_stream);
  set(Table::kToolsContext, 51, object_of_stream);
  set(Table::kUnnamed17, 4, tpc_map);
  set(Table::kUnnamed17, 13, free_tpc_map);
  set(Table::kToolsModule, 7, visit_functions);
  set(Table::kJitCache, 1, jit_cache_open);
  set(Table::kJitCache, 2, jit_cache_close);
  set(Table::kJitCache, 3, jit_cache_lookup);
  set(Table::kJitCache, 4, jit_cache_store);
  set(Table::kJitCache, 6, jit_cache_free);
  for (int i = 0; i < kTables; i++) {
    if (kShapes[i].empty) g_words[i][kShapes[i].empty] = nullptr;
    // Word 0 is the size in bytes, except in CONTEXT_LOCAL_STORAGE, which has functions only.
    if (Table(i) != Table::kContextStorage) g_words[i][0] = reinterpret_cast<void*>(uintptr_t(kShapes[i].words) * sizeof(void*));
  }
  g_filled.store(true, std::memory_order_release);
}

}  // namespace

const void* export_table(Table table) {
  fill_tables();
  return g_words[int(table)];
}

}  // namespace runtime_tables

extern "C" __attribute__((visibility("default"))) CUresult cuGetExportTable(const void** ppExportTable,
                                                                            const CUuuid* pExportTableId) {
  using namespace runtime_tables;
  if (!ppExportTable || !pExportTableId) return CUDA_ERROR_INVALID_VALUE;
  for (int i = 0; i < kTables; i++)
    if (memcmp(kShapes[i].uuid, pExportTableId, sizeof kShapes[i].uuid) == 0) {
      *ppExportTable = export_table(Table(i));
      base::log(base::Level::trace, "cuGetExportTable: %s", kShapes[i].name);
      return CUDA_SUCCESS;
    }
  *ppExportTable = nullptr;
  const auto* u = reinterpret_cast<const uint8_t*>(pExportTableId);
  base::log(base::Level::debug, "cuGetExportTable: no table %02X%02X%02X%02X-%02X%02X-%02X%02X-%02X%02X-%02X%02X%02X%02X%02X%02X",
            u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
  return CUDA_ERROR_INVALID_VALUE;
}
