// See shared_handles.h.
#include "worker/shared_handles.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/futex.h"
#include "base/log.h"
#include "base/socket_pass.h"
#include "worker/spare.h"

namespace worker {
namespace {
constexpr size_t kMostOfASession = 4096;
constexpr uint64_t kAfterTheEndNs = 5'000'000'000;   // an importer that was told of it just before the exporter's end still finds it
constexpr int kListenerMs = 5000;                    // it answers at once, or it is not there
}  // namespace

bool SharedHandles::keep(const HandleName& name, base::Fd descriptor, uint64_t session, bool brief) {
  const auto same = [&](const auto& entry) { return entry.second.session == session; };
  if (!descriptor || size_t(std::count_if(kept_.begin(), kept_.end(), same)) >= kMostOfASession) return false;
  rlimit most{};     // half of what this process may have: clients, whose sockets come through it too, are not to be locked out
  if (getrlimit(RLIMIT_NOFILE, &most) != 0 || kept_.size() >= most.rlim_cur / 2) return false;
  return kept_.try_emplace(name, Kept{std::move(descriptor), session, brief ? base::now_ns() + kAfterTheEndNs : ~0ull}).second;
}

int SharedHandles::find(const HandleName& name) const {
  auto it = kept_.find(name);
  return it == kept_.end() ? -1 : it->second.descriptor.get();
}

void SharedHandles::drop(const HandleName& name, uint64_t session) {
  auto it = kept_.find(name);
  if (it != kept_.end() && it->second.session == session) kept_.erase(it);
}

void SharedHandles::session_ended(uint64_t session) {
  const uint64_t until = base::now_ns() + kAfterTheEndNs;
  for (auto& [name, kept] : kept_)
    if (kept.session == session) kept.until_ns = std::min(kept.until_ns, until);
}

void SharedHandles::expire() {
  const uint64_t now = base::now_ns();
  std::erase_if(kept_, [now](const auto& entry) { return entry.second.until_ns <= now; });
}

uint64_t SharedHandles::next_expiry_ns() const {
  uint64_t next = ~0ull;
  for (auto& [name, kept] : kept_) next = std::min(next, kept.until_ns);
  return next;
}

bool HandleExchange::ask(uint32_t word, const HandleName& name, int descriptor, base::Fd* answer, bool* done) {
  if (control_ < 0) return false;
  SpareMessage message;
  message.word = SpareWord(word);
  message.name = name;
  std::lock_guard lock(lock_);
  if (!base::send_message(control_, &message, sizeof message, descriptor)) return false;
  if (!done) return true;
  pollfd wait{control_, POLLIN, 0};
  int ready;
  do ready = poll(&wait, 1, kListenerMs);
  while (ready < 0 && errno == EINTR);
  if (ready <= 0 || base::receive_message(control_, &message, sizeof message, answer) != ssize_t(sizeof message)) return false;
  *done = message.text[0] != 0;
  return message.word == SpareWord::handle && message.name == name;
}

bool HandleExchange::keep(int descriptor, HandleName* name) {
  if (getrandom(name, sizeof *name, 0) != ssize_t(sizeof *name)) return false;
  base::Fd none;
  bool done = false;
  return ask(uint32_t(SpareWord::keep_handle), *name, descriptor, &none, &done) && done;
}

base::Fd HandleExchange::fetch(const HandleName& name) {
  base::Fd descriptor;
  bool done = false;
  if (!ask(uint32_t(SpareWord::fetch_handle), name, -1, &descriptor, &done) || !done) return {};
  return descriptor;
}

void HandleExchange::drop(const HandleName& name) { ask(uint32_t(SpareWord::drop_handle), name, -1, nullptr, nullptr); }

}  // namespace worker
