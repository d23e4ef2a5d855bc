// Kernels and functions: names, parameter layouts, attributes. A CUkernel belongs to a library, a CUfunction to a module or to a kernel in a
// context; both have a client::Kernel behind them.
#include "client/context.h"
#include "client/devices.h"
#include "client/module.h"
#include "client/remote.h"
#include "wire/cuda_function.h"
#include "wire/cuda_library.h"

namespace client {

static CUresult layout_of(Kernel* k, size_t index, size_t* offset, size_t* size) {
  if (!k) return CUDA_ERROR_INVALID_HANDLE;
  if (CUresult rc = know_layout(k)) return rc;
  if (!offset || index >= k->offsets.size()) return CUDA_ERROR_INVALID_VALUE;
  *offset = k->offsets[index];
  if (size) *size = k->sizes[index];
  return CUDA_SUCCESS;
}

}  // namespace client

using namespace client;

// As remote::cuKernelGetFunction, but an error would come late.
static CUresult get_function(CUfunction* function, CUkernel kernel) {
  Caller at = caller();
  wire::cuKernelGetFunction::Args a;
  a.pFunc = mint(wire::kCUfunction, at);
  a.kernel = number_of(kernel);
  teleport::Call call(*at.session, wire::op::cuKernelGetFunction, at.context, at.flags);
  a.put(call.in());
  *function = handle_of<CUfunction>(a.pFunc);
  return CUresult(call.send());
}

EXPORT CUresult cuKernelGetFunction(CUfunction* pFunc, CUkernel kernel) {
  if (int error = caller().error) return CUresult(error);
  if (!pFunc) return CUDA_ERROR_INVALID_VALUE;
  Kernel* k = find_kernel(number_of(kernel));
  Context* c = current();
  if (!k) return CUDA_ERROR_INVALID_HANDLE;
  if (!c) return CUDA_ERROR_INVALID_CONTEXT;
  g_modules_lock.lock();
  CUresult rc = CUDA_SUCCESS;
  *pFunc = nullptr;
  for (auto& in : k->functions)
    if (in.context == c->id) *pFunc = handle_of<CUfunction>(in.function);
  if (!*pFunc) {
    // Once a kernel of the library is there in this context, the others are: then nobody waits.
    rc = k->module->works_in == c->id ? get_function(pFunc, kernel) : remote::cuKernelGetFunction(pFunc, kernel);
    if (!rc) {
      k->module->works_in = c->id;
      k->functions.push_back({c->id, number_of(*pFunc)});
      teleport::adopt_handle(number_of(*pFunc), k);
    }
  }
  g_modules_lock.unlock();
  return rc;
}
EXPORT CUresult cuKernelGetLibrary(CUlibrary* pLib, CUkernel kernel) {
  if (int error = caller().error) return CUresult(error);
  Kernel* k = find_kernel(number_of(kernel));
  if (!pLib) return CUDA_ERROR_INVALID_VALUE;
  if (!k) return CUDA_ERROR_INVALID_HANDLE;
  *pLib = handle_of<CUlibrary>(k->module->handle);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuKernelGetName(const char** name, CUkernel hfunc) {
  if (int error = caller().error) return CUresult(error);
  Kernel* k = find_kernel(number_of(hfunc));
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  if (!k) return CUDA_ERROR_INVALID_HANDLE;
  *name = k->name.c_str();
  return CUDA_SUCCESS;
}
EXPORT CUresult cuKernelGetParamInfo(CUkernel kernel, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  if (int error = caller().error) return CUresult(error);
  return layout_of(find_kernel(number_of(kernel)), paramIndex, paramOffset, paramSize);
}
EXPORT CUresult cuFuncGetName(const char** name, CUfunction hfunc) { return cuKernelGetName(name, reinterpret_cast<CUkernel>(hfunc)); }
EXPORT CUresult cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  if (int error = caller().error) return CUresult(error);
  if (wire::is_handle(number_of(func), wire::kCUkernel)) return CUDA_ERROR_INVALID_HANDLE;   // measured: a CUkernel is refused here
  return layout_of(find_kernel(number_of(func)), paramIndex, paramOffset, paramSize);
}
EXPORT CUresult cuFuncGetModule(CUmodule* hmod, CUfunction hfunc) {
  if (int error = caller().error) return CUresult(error);
  Kernel* k = find_kernel(number_of(hfunc));
  if (!hmod) return CUDA_ERROR_INVALID_VALUE;
  if (!k) return CUDA_ERROR_INVALID_HANDLE;
  if (k->module->library) return cuLibraryGetModule(hmod, handle_of<CUlibrary>(k->module->handle));
  *hmod = handle_of<CUmodule>(k->module->handle);
  return CUDA_SUCCESS;
}

// Sets an attribute of a kernel or function: queued while the device is sure to take the value, else with the driver's answer at the call.
// What was cached of the attributes is no longer so, and the launches that are known to be good are not.
template <class Args>
static CUresult set_attribute(uint16_t op, const Args& a, uint64_t handle, int attribute, int value, int device) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!at.context) return CUDA_ERROR_INVALID_CONTEXT;
  Kernel* k = find_kernel(handle);
  if (!k) return CUDA_ERROR_INVALID_HANDLE;
  bool in_table = attribute >= 0 && attribute < Kernel::kAttributes;
  const int64_t mark = int64_t(op) << 40 | 1ll << 32 | uint32_t(value), before_it = in_table ? k->set_to[attribute].load(std::memory_order_relaxed) : 0;
  if (mark == before_it && device_count() == 1 && op == wire::op::cuKernelSetAttribute) return CUresult(at.session->sticky_error());   // cuBLAS does before each launch
  bool same = before_it && uint32_t(mark) == uint32_t(before_it);
  bool sure = same || (attribute == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT && value >= -1 && value <= 100);
  int fixed = 0;
  if (attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES && k->fact(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, device, &fixed))
    sure = sure || (value >= 0 && value <= device_info(device).max_shared_optin - fixed);
  teleport::Reply reply;
  CUresult rc;
  {
    teleport::Call call(*at.session, op, at.context);
    a.put(call.in());
    rc = CUresult(sure ? call.send() : call.wait(&reply));
  }
  if (rc == CUDA_SUCCESS && in_table) k->set_to[attribute].store(mark, std::memory_order_relaxed);
  if (same) return rc;
  if (int before; rc == CUDA_SUCCESS && k->fact(attribute, device, &before)) k->facts[attribute].store(value, std::memory_order_relaxed);
  k->good_shared = 0;
  at.session->drop_cached(wire::op::cuKernelGetAttribute);
  at.session->drop_cached(wire::op::cuFuncGetAttribute);
  return rc;
}
EXPORT CUresult cuKernelSetAttribute(CUfunction_attribute attrib, int val, CUkernel kernel, CUdevice dev) {
  wire::cuKernelSetAttribute::Args a;
  a.attrib = attrib;
  a.val = val;
  a.kernel = number_of(kernel);
  a.dev = dev;
  return set_attribute(wire::op::cuKernelSetAttribute, a, a.kernel, attrib, val, dev);
}
EXPORT CUresult cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value) {
  wire::cuFuncSetAttribute::Args a;
  a.hfunc = number_of(hfunc);
  a.attrib = attrib;
  a.value = value;
  return set_attribute(wire::op::cuFuncSetAttribute, a, a.hfunc, attrib, value, current() ? current()->device : -1);
}
// What the program has not set; of what it has, the kernel and its functions each have a value of their own, which the driver knows. The first question
// about a kernel brings all of its attributes.
static bool fixed_fact(uint64_t handle, int attribute, int device, int* value) {
  Kernel* k = find_kernel(handle);
  if (!value || !k || attribute < 0 || attribute >= int(wire::KernelFacts::kAttributes) || k->set_to[attribute].load(std::memory_order_relaxed)) return false;
  if (current() && current()->device == device) know_facts(k);
  return k->fact(attribute, device, value);
}
EXPORT CUresult cuKernelGetAttribute(int* pi, CUfunction_attribute attrib, CUkernel kernel, CUdevice dev) {
  if (int error = caller().error) return CUresult(error);
  return fixed_fact(number_of(kernel), attrib, dev, pi) ? CUDA_SUCCESS : remote::cuKernelGetAttribute(pi, attrib, kernel, dev);
}
EXPORT CUresult cuFuncGetAttribute(int* pi, CUfunction_attribute attrib, CUfunction hfunc) {
  if (int error = caller().error) return CUresult(error);
  return current() && fixed_fact(number_of(hfunc), attrib, current()->device, pi) ? CUDA_SUCCESS : remote::cuFuncGetAttribute(pi, attrib, hfunc);
}
