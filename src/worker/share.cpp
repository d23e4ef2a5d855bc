// Memory that two clients of this worker share by descriptor: the descriptor itself goes from session to session through the listener
// (shared_handles.h); what travels to the client is its name.
#include "worker/handlers.h"
#include "worker/memory.h"
#include "worker/shared_handles.h"

namespace worker::serve {

static HandleName name_of(const unsigned long long* words) { return {words[0], words[1]}; }
static void* as_handle(const base::Fd& descriptor) { return reinterpret_cast<void*>(intptr_t(descriptor.get())); }

int tfShare(Session& s, Request&, wire::tfShare::Args& a, wire::tfShare::Outs& o) {
  if (a.type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  CUmemoryPool pool = nullptr;
  if (a.pool ? !s.real(a.pool, wire::kCUmemoryPool, &pool) : !s.memory().chunk_known(a.chunk)) return CUDA_ERROR_INVALID_VALUE;
  int descriptor = -1;
  int rc = pool ? call(s.driver.cuMemPoolExportToShareableHandle, static_cast<void*>(&descriptor), pool, a.type, a.flags)
                : call(s.driver.cuMemExportToShareableHandle, static_cast<void*>(&descriptor), a.chunk, a.type, a.flags);
  if (rc) return rc;
  base::Fd owned(descriptor);
  HandleName name;
  if (!s.handle_exchange().keep(owned.get(), &name)) return CUDA_ERROR_OPERATING_SYSTEM;
  if (o.name) o.name[0] = name.first, o.name[1] = name.second;
  return 0;
}

int tfUnshare(Session& s, Request&, wire::tfUnshare::Args& a, wire::tfUnshare::Outs&) {
  s.handle_exchange().drop(name_of(a.name));
  return 0;
}

int tfImportChunk(Session& s, Request&, wire::tfImportChunk::Args& a, wire::tfImportChunk::Outs& o) {
  base::Fd descriptor = s.handle_exchange().fetch(name_of(a.name));
  if (!descriptor) return CUDA_ERROR_UNKNOWN;   // as for any descriptor that is none of the driver's
  CUmemGenericAllocationHandle chunk = 0;
  int rc = call(s.driver.cuMemImportFromShareableHandle, &chunk, as_handle(descriptor), a.type);
  if (!rc) s.memory().chunk_imported(chunk);
  if (!rc && o.chunk) *o.chunk = chunk;
  return rc;
}

int tfImportPool(Session& s, Request&, wire::tfImportPool::Args& a, wire::tfImportPool::Outs&) {
  base::Fd descriptor = s.handle_exchange().fetch(name_of(a.name));
  if (!descriptor) return CUDA_ERROR_UNKNOWN;
  CUmemoryPool pool = nullptr;
  int rc = call(s.driver.cuMemPoolImportFromShareableHandle, &pool, as_handle(descriptor), a.type, a.flags);
  if (!rc) s.bind(a.pool, wire::kCUmemoryPool, pool);
  return rc;
}

}  // namespace worker::serve
