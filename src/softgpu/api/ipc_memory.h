// Memory of this process that others have open, and memory of others that this one has open. Any thread may call.
#pragma once
#include "softgpu/api/memory.h"
#include "softgpu/api/shared_file.h"

namespace softgpu::api {

// Makes the allocation's pages those of a file that other processes can map, and fills the handle. Its memory has pages of its own.
CUresult export_memory(const Allocation& a, SharedHandle* out);
// Maps what the handle names; the same memory opened again in the same context has the same address and counts. pool: of a pool, else null.
CUresult import_memory(const ContextRef& context, const SharedHandle& handle, const std::shared_ptr<Pool>& pool, uint64_t* address);
bool close_import(uint64_t base, Allocation* last);      // false: not open; last->base set: nobody here has it open any more, release it
void end_export(const Allocation& a);                    // before its pages are given back: those who have it open keep the contents
void end_import(const Allocation& a);

}  // namespace softgpu::api
