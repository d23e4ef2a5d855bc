// tfLink…: the driver's linker with its inputs and its image over the wire. See link.h.
#include "worker/link.h"

#include "worker/handlers.h"

namespace worker {
namespace {

constexpr uint64_t kMostInput = 4ull << 30;   // bytes

void reply_with_logs(Session& s, Request& q, int rc, const JitOptions& jit, const void* image = nullptr, size_t bytes = 0) {
  wire::Buffer body;
  wire::Writer w(body);
  jit.put_logs(w);
  w.put_array(static_cast<const uint8_t*>(image), bytes);
  w.align();
  s.reply(q, rc, body);
}

}  // namespace

std::shared_ptr<Link> Links::find(uint64_t handle) {
  std::lock_guard lock(lock_);
  auto it = links_.find(handle);
  return it == links_.end() ? nullptr : it->second;
}

namespace serve {

int tfLinkCreate(Session& s, Request&, wire::tfLinkCreate::Args& a, wire::tfLinkCreate::Outs&) {
  auto link = std::make_shared<Link>(JitOptions(a.options, a.values, a.options && a.values ? a.numOptions : 0));
  const int rc = call(s.driver.cuLinkCreate_v2, unsigned(link->jit.options.size()), link->jit.options.data(), link->jit.values.data(), &link->state);
  if (rc) return rc;
  s.bind(a.handle, wire::kCUlinkState, link->state);
  s.links().add(a.handle, std::move(link));
  return 0;
}

int tfLinkAdd(Session& s, Request& q, wire::tfLinkAdd::Args& a, wire::tfLinkAdd::Outs&) {
  if (q.bulk_left > kMostInput) {
    s.malformed(q);
    return 0;
  }
  std::vector<uint8_t> input(q.bulk_left + 1);   // a text ends with a NUL
  const uint64_t bytes = q.bulk_left;
  if (!s.read_bulk(q, input.data(), bytes)) {
    s.malformed(q);
    return 0;
  }
  auto link = s.links().find(a.state);
  if (!link) return CUDA_ERROR_INVALID_HANDLE;
  JitOptions own(a.options, a.values, a.options && a.values ? a.numOptions : 0);
  const std::string name = a.name ? a.name : "";
  const auto type = CUjitInputType(a.type);
  s.let_others_lead(q);   // compiling takes milliseconds
  const int rc = call(s.driver.cuLinkAddData_v2, link->state, type, static_cast<void*>(input.data()), size_t(bytes), name.c_str(),
                      unsigned(own.options.size()), own.options.data(), own.values.data());
  reply_with_logs(s, q, rc, link->jit);
  return rc;
}

int tfLinkComplete(Session& s, Request& q, wire::tfLinkComplete::Args& a, wire::tfLinkComplete::Outs&) {
  auto link = s.links().find(a.state);
  if (!link) return CUDA_ERROR_INVALID_HANDLE;
  s.let_others_lead(q);
  void* image = nullptr;
  size_t bytes = 0;
  const int rc = call(s.driver.cuLinkComplete, link->state, &image, &bytes);
  reply_with_logs(s, q, rc, link->jit, image, rc ? 0 : bytes);
  return rc;
}

int cuLinkDestroy(Session& s, Request&, wire::cuLinkDestroy::Args& a, wire::cuLinkDestroy::Outs&) {
  CUlinkState state;
  auto link = s.links().take(a.state);
  if (!link || !s.take(a.state, wire::kCUlinkState, &state)) return CUDA_ERROR_INVALID_HANDLE;
  return call(s.driver.cuLinkDestroy, state);
}

}  // namespace serve
}  // namespace worker
