// cuIpc*EventHandle, and see ipc_event.h. Any thread may call.
#include "softgpu/api/ipc_event.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstring>

#include "softgpu/api/event.h"

namespace softgpu::api {

namespace {
constexpr uint64_t kBytes = 4096;
constexpr timespec kLookAgain{0, 20'000'000};
}  // namespace

std::shared_ptr<SharedEvent> SharedEvent::make(const uint8_t device[16]) {
  auto event = std::make_shared<SharedEvent>();
  event->fd_ = make_shared_file('e', kBytes, device, &event->file_);
  void* p = event->fd_ < 0 ? MAP_FAILED : mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, event->fd_, 0);
  if (p == MAP_FAILED) return nullptr;
  event->page_ = static_cast<Page*>(p);
  return event;
}

std::shared_ptr<SharedEvent> SharedEvent::open(const SharedHandle& handle) {
  int fd = open_shared_file(handle.pid, handle.fd, handle.file);
  auto event = std::make_shared<SharedEvent>();
  bool fits = fd >= 0 && describe_shared_file(fd, &event->file_) && event->file_.bytes == kBytes;
  void* p = fits ? mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  if (fd >= 0) close(fd);
  if (p == MAP_FAILED) return nullptr;
  event->page_ = static_cast<Page*>(p);
  return event;
}

SharedEvent::~SharedEvent() {
  if (page_) munmap(page_, kBytes);
  if (fd_ >= 0) close(fd_);
}

SharedHandle SharedEvent::handle(unsigned flags) const { return {kSharedMagic, getpid(), fd_, flags, file_}; }

uint64_t SharedEvent::begin_record() {
  page_->recorder = getpid();
  return ++page_->recorded;
}

void SharedEvent::reach(uint64_t record) {
  uint64_t now = page_->reached;
  while (now < record && !page_->reached.compare_exchange_weak(now, record)) {}
  page_->turns++;
  syscall(SYS_futex, &page_->turns, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

uint64_t SharedEvent::last() const { return page_->recorded; }
bool SharedEvent::reached(uint64_t record) const { return page_->reached >= record; }

void SharedEvent::wait(uint64_t record, const std::atomic<bool>& alive) const {
  while (alive) {
    uint32_t turn = page_->turns;
    if (reached(record)) return;
    if (kill(page_->recorder, 0) != 0 && errno == ESRCH) return;
    syscall(SYS_futex, &page_->turns, FUTEX_WAIT, turn, &kLookAgain, nullptr, 0);
  }
}

}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuIpcGetEventHandle(CUipcEventHandle* pHandle, CUevent event) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pHandle && event);
  EventRef e = events().find(event);
  if (!e || !e->shared || !e->shared->owned()) return CUDA_ERROR_INVALID_HANDLE;
  SharedHandle handle = e->shared->handle(e->flags);
  memcpy(pHandle, &handle, sizeof handle);
  return CUDA_SUCCESS;
}

CUresult cuIpcOpenEventHandle(CUevent* phEvent, CUipcEventHandle handle) {
  ContextRef context;
  TRY(enter(&context));
  SharedHandle h;
  memcpy(&h, &handle, sizeof h);
  REQUIRE(phEvent);
  if (h.magic != kSharedMagic || h.file.kind != 'e') return CUDA_ERROR_MAP_FAILED;
  if (h.pid == getpid()) return CUDA_ERROR_INVALID_CONTEXT;
  auto shared = SharedEvent::open(h);
  if (!shared) return CUDA_ERROR_MAP_FAILED;
  auto event = std::make_shared<Event>(context, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING);
  event->shared = shared;
  *phEvent = events().add(event);
  return CUDA_SUCCESS;
}

}  // extern "C"
