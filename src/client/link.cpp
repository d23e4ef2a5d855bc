// The linker of the driver API: inputs go to the worker one by one, so that each is refused where the driver refuses it; the image comes back.
// A CUlinkState is for one thread at a time, as in CUDA.
#include <stdlib.h>
#include <string.h>

#include "client/context.h"
#include "client/jit_options.h"
#include "client/module.h"
#include "client/remote.h"
#include "wire/cuda_link.h"
#include "wire/session.h"

namespace client {
namespace {

struct Link {
  uint64_t handle;
  JitOptions jit;                // its log buffers stay valid as long as the state, says the manual
  std::vector<uint8_t> image;    // what cuLinkComplete gave out
};

Link* find_link(CUlinkState state) {
  const uint64_t handle = number_of(state);
  return wire::is_handle(handle, wire::kCUlinkState) ? static_cast<Link*>(teleport::handle_object(handle)) : nullptr;
}

template <class Args>
void put_options(Args& a, JitOptions& jit) {
  a.numOptions = unsigned(jit.options.size());
  a.options = jit.options.data();
  a.values = jit.values.data();
}

CUresult add(CUlinkState state, unsigned type, const void* data, size_t size, const char* name, unsigned n, CUjit_option* options, void** values) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  Link* link = find_link(state);
  if (!link) return CUDA_ERROR_INVALID_HANDLE;
  if (!data || !size) return CUDA_ERROR_INVALID_VALUE;
  JitOptions own(n, options, values);
  wire::tfLinkAdd::Args a;
  a.state = link->handle;
  a.type = type;
  a.name = name ? name : "";
  put_options(a, own);
  teleport::Reply reply;
  CUresult rc;
  {
    teleport::Call call(*at.session, wire::op::tfLinkAdd, at.context);
    a.put(call.in());
    call.bulk_borrow(data, size);
    rc = CUresult(call.wait(&reply));
  }
  wire::Reader r = reply.reader();
  link->jit.give_logs(r);
  return rc;
}

}  // namespace
}  // namespace client

using namespace client;

EXPORT CUresult cuLinkCreate_v2(unsigned int numOptions, CUjit_option* options, void** optionValues, CUlinkState* stateOut) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!at.context) return CUDA_ERROR_INVALID_CONTEXT;
  if (!stateOut || (numOptions && (!options || !optionValues))) return CUDA_ERROR_INVALID_VALUE;
  auto* link = new Link{0, JitOptions(numOptions, options, optionValues), {}};
  link->handle = teleport::mint_handle(wire::kCUlinkState, link);
  wire::tfLinkCreate::Args a;
  a.handle = link->handle;
  put_options(a, link->jit);
  teleport::Reply reply;
  if (CUresult rc = ask(at, wire::op::tfLinkCreate, a, &reply)) {
    teleport::forget_handle(link->handle);
    delete link;
    return rc;
  }
  *stateOut = handle_of<CUlinkState>(link->handle);
  return CUDA_SUCCESS;
}

EXPORT CUresult cuLinkAddData_v2(CUlinkState state, CUjitInputType type, void* data, size_t size, const char* name, unsigned int numOptions,
                                 CUjit_option* options, void** optionValues) {
  return add(state, unsigned(type), data, size, name, numOptions, options, optionValues);
}

// The file is this machine's: it travels as data.
EXPORT CUresult cuLinkAddFile_v2(CUlinkState state, CUjitInputType type, const char* path, unsigned int numOptions, CUjit_option* options,
                                 void** optionValues) {
  if (int error = caller().error) return CUresult(error);
  if (!find_link(state)) return CUDA_ERROR_INVALID_HANDLE;
  if (!path) return CUDA_ERROR_INVALID_VALUE;
  size_t bytes = 0;
  void* data = read_image_file(path, &bytes);
  if (!data) return CUDA_ERROR_FILE_NOT_FOUND;
  CUresult rc = bytes ? add(state, unsigned(type), data, bytes, path, numOptions, options, optionValues) : CUDA_ERROR_INVALID_IMAGE;
  free(data);
  return rc;
}

EXPORT CUresult cuLinkComplete(CUlinkState state, void** cubinOut, size_t* sizeOut) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  Link* link = find_link(state);
  if (!link) return CUDA_ERROR_INVALID_HANDLE;
  if (!cubinOut) return CUDA_ERROR_INVALID_VALUE;
  wire::tfLinkComplete::Args a;
  a.state = link->handle;
  teleport::Reply reply;
  CUresult rc = ask(at, wire::op::tfLinkComplete, a, &reply);
  wire::Reader r = reply.reader();
  link->jit.give_logs(r);
  if (rc) return rc;
  if (!link->jit.info && !link->jit.error) JitOptions::skip_logs(r);
  size_t n = 0;
  const uint8_t* image = r.get_array<uint8_t>(&n);
  link->image.assign(image, image + n);
  *cubinOut = link->image.data();
  if (sizeOut) *sizeOut = n;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuLinkDestroy(CUlinkState state) {
  if (int error = caller().error) return CUresult(error);
  Link* link = find_link(state);
  if (!link) return CUDA_ERROR_INVALID_HANDLE;
  CUresult rc = remote::cuLinkDestroy(state);
  delete link;
  return rc;
}

// The forms of CUDA 5.5 differ by the name alone.
EXPORT CUresult cuLinkCreate(unsigned int numOptions, CUjit_option* options, void** optionValues, CUlinkState* stateOut) {
  return cuLinkCreate_v2(numOptions, options, optionValues, stateOut);
}
EXPORT CUresult cuLinkAddData(CUlinkState state, CUjitInputType type, void* data, size_t size, const char* name, unsigned int numOptions,
                              CUjit_option* options, void** optionValues) {
  return cuLinkAddData_v2(state, type, data, size, name, numOptions, options, optionValues);
}
EXPORT CUresult cuLinkAddFile(CUlinkState state, CUjitInputType type, const char* path, unsigned int numOptions, CUjit_option* options,
                              void** optionValues) {
  return cuLinkAddFile_v2(state, type, path, numOptions, options, optionValues);
}
