// The calls of api/cuda/device.api whose answers are not just the driver's, and tfPrefetch: the answers that every program asks for at its
// start, sent in one reply.
#include "wire/opcodes.h"
#include "worker/handlers.h"
#include "worker/image_store.h"
#include "worker/memory.h"

namespace worker::serve {

// What the driver offers within one process but we do not between two machines.
static constexpr CUdevice_attribute kNotRemote[] = {
    CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS,
    CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES,
    CU_DEVICE_ATTRIBUTE_HOST_NATIVE_ATOMIC_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_DIRECT_MANAGED_MEM_ACCESS_FROM_HOST,
    CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_FABRIC_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_DMA_BUF_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_HOST_NUMA_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_HOST_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_HOST_NUMA_MEMORY_POOLS_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_HOST_MEMORY_POOLS_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_SUPPORTED,
    CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_FLUSH_WRITES_OPTIONS,
    CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WRITES_ORDERING,
    CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_WITH_CUDA_VMM_SUPPORTED,
};

static int attribute(Session& s, int* value, CUdevice_attribute which, CUdevice device) {
  int rc = call(s.driver.cuDeviceGetAttribute, value, which, device);
  if (!rc)
    for (CUdevice_attribute a : kNotRemote)
      if (a == which) *value = 0;
  if (!rc && which == CU_DEVICE_ATTRIBUTE_MEMPOOL_SUPPORTED_HANDLE_TYPES) *value &= CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  if (!rc && which == CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY) *value = managed_remotely(s, device);
  return rc;
}

static int total_memory(Session& s, size_t* bytes, CUdevice device) {
  int rc = call(s.driver.cuDeviceTotalMem_v2, bytes, device);
  if (!rc) *bytes = s.memory().total_of(*bytes);
  return rc;
}

int cuDeviceGetAttribute(Session& s, Request&, wire::cuDeviceGetAttribute::Args& a, wire::cuDeviceGetAttribute::Outs& o) {
  return o.pi ? attribute(s, o.pi, a.attrib, a.dev) : int(CUDA_ERROR_INVALID_VALUE);
}

int cuDeviceTotalMem_v2(Session& s, Request&, wire::cuDeviceTotalMem_v2::Args& a, wire::cuDeviceTotalMem_v2::Outs& o) {
  return o.bytes ? total_memory(s, o.bytes, a.dev) : int(CUDA_ERROR_INVALID_VALUE);
}

namespace {

// One answer as the client's cache keeps it: the arguments are its key.
class Answers {
 public:
  template <class Args, class Outs>
  void add(uint16_t op, const Args& a, int rc, const Outs& o) {
    key_.clear();
    body_.clear();
    wire::Writer key(key_), body(body_), w(all_);
    a.put(key);
    key.align();
    o.put(body, rc == 0);
    body.align();
    w.put(op);
    w.put(uint16_t(0));
    w.put(uint32_t(0));   // in any context
    w.put(uint32_t(key_.size()));
    w.put(int32_t(rc));
    w.put(uint32_t(body_.size()));
    w.put(uint32_t(0));
    if (key_.size()) memcpy(w.raw(key_.size()), key_.data(), key_.size());
    if (body_.size()) memcpy(w.raw(body_.size()), body_.data(), body_.size());
  }
  // The session's key for module images and the names of those that are here.
  void add_images(const ImageStore& images) {
    const base::Digest key = images.key();
    const std::vector<base::Digest> names = images.names();
    wire::Writer w(all_);
    w.put(wire::op::tfPrefetch);
    w.put(uint16_t(0));
    w.put(uint32_t(0));
    w.put(uint32_t(0));
    w.put(int32_t(0));
    w.put(uint32_t(sizeof key + names.size() * sizeof key));
    w.put(uint32_t(0));
    w.put(key);
    if (!names.empty()) memcpy(w.raw(names.size() * sizeof key), names.data(), names.size() * sizeof key);
  }
  const wire::Buffer& all() const { return all_; }

 private:
  wire::Buffer key_, body_, all_;
};

}  // namespace

static void add_device(Session& s, Answers& answers, CUdevice device) {
  for (int i = 1; i < CU_DEVICE_ATTRIBUTE_MAX; i++) {
    wire::cuDeviceGetAttribute::Args a;
    wire::cuDeviceGetAttribute::Outs o;
    int value = 0;
    a.want_pi = true;
    a.attrib = CUdevice_attribute(i);
    a.dev = device;
    o.pi = &value;
    o.n_pi = 1;
    answers.add(wire::op::cuDeviceGetAttribute, a, attribute(s, &value, a.attrib, device), o);
  }
  {
    wire::cuDeviceGetName::Args a;
    wire::cuDeviceGetName::Outs o;
    char name[256] = "";   // the room that CUDA's runtime gives
    a.want_name = true;
    a.len = sizeof name;
    a.dev = device;
    o.name = name;
    o.n_name = sizeof name;
    answers.add(wire::op::cuDeviceGetName, a, call(s.driver.cuDeviceGetName, name, a.len, device), o);
  }
  {
    wire::cuDeviceGetUuid::Args a;
    wire::cuDeviceGetUuid::Outs o;
    CUuuid uuid{};
    a.want_uuid = true;
    a.dev = device;
    o.uuid = &uuid;
    o.n_uuid = 1;
    answers.add(wire::op::cuDeviceGetUuid, a, call(s.driver.cuDeviceGetUuid, &uuid, device), o);
  }
  {
    wire::cuDeviceGetUuid_v2::Args a;
    wire::cuDeviceGetUuid_v2::Outs o;
    CUuuid uuid{};
    a.want_uuid = true;
    a.dev = device;
    o.uuid = &uuid;
    o.n_uuid = 1;
    answers.add(wire::op::cuDeviceGetUuid_v2, a, call(s.driver.cuDeviceGetUuid_v2, &uuid, device), o);
  }
  {
    wire::cuDeviceTotalMem_v2::Args a;
    wire::cuDeviceTotalMem_v2::Outs o;
    size_t bytes = 0;
    a.want_bytes = true;
    a.dev = device;
    o.bytes = &bytes;
    o.n_bytes = 1;
    answers.add(wire::op::cuDeviceTotalMem_v2, a, total_memory(s, &bytes, device), o);
  }
}

int tfPrefetch(Session& s, Request& q, wire::tfPrefetch::Args&, wire::tfPrefetch::Outs&) {
  if (s.options.init_result) return s.options.init_result;
  Answers answers;
  int count = 0;
  int rc = call(s.driver.cuDeviceGetCount, &count);
  {
    wire::cuDeviceGetCount::Args a;
    wire::cuDeviceGetCount::Outs o;
    a.want_count = true;
    o.count = &count;
    o.n_count = 1;
    answers.add(wire::op::cuDeviceGetCount, a, rc, o);
  }
  {
    wire::cuModuleGetLoadingMode::Args a;
    wire::cuModuleGetLoadingMode::Outs o;
    CUmoduleLoadingMode mode{};
    a.want_mode = true;
    o.mode = &mode;
    o.n_mode = 1;
    answers.add(wire::op::cuModuleGetLoadingMode, a, call(s.driver.cuModuleGetLoadingMode, &mode), o);
  }
  for (int i = 0; !rc && i < count; i++) {
    wire::cuDeviceGet::Args a;
    wire::cuDeviceGet::Outs o;
    CUdevice device = 0;
    a.want_device = true;
    a.ordinal = i;
    o.device = &device;
    o.n_device = 1;
    int got = call(s.driver.cuDeviceGet, &device, i);
    answers.add(wire::op::cuDeviceGet, a, got, o);
    if (!got) add_device(s, answers, device);
  }
  answers.add_images(s.images());
  s.reply(q, 0, answers.all());
  return 0;
}

}  // namespace worker::serve
