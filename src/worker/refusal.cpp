// See refusal.h.
#include "worker/refusal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/futex.h"

namespace worker {
namespace {
constexpr uint64_t kLingerNs = 3000000000ull;
constexpr size_t kMost = 128;   // sockets kept; then the oldest goes
}

void Refusals::refuse(base::Fd socket, wire::HelloStatus status, const std::string& text) {
  wire::HelloReply reply;
  reply.status = status;
  reply.text_bytes = uint32_t(text.size());
  std::string bytes(reinterpret_cast<const char*>(&reply), sizeof reply);
  bytes += text;
  // Fits into the empty send buffer of a new socket. A client that is already gone needs no answer.
  if (send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
  shutdown(socket.get(), SHUT_WR);
  if (refused_.size() >= kMost) refused_.pop_front();
  refused_.push_back({std::move(socket), base::now_ns() + kLingerNs});
}

void Refusals::add_to(std::vector<pollfd>* fds) const {
  for (const Refused& refused : refused_) fds->push_back({refused.socket.get(), POLLIN, 0});
}

void Refusals::drain() {
  char scrap[64 << 10];
  const uint64_t now = base::now_ns();
  for (auto it = refused_.begin(); it != refused_.end();) {
    const ssize_t got = recv(it->socket.get(), scrap, sizeof scrap, MSG_DONTWAIT);
    const bool open = got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
    if (open && now < it->until_ns) ++it;
    else it = refused_.erase(it);
  }
}

}  // namespace worker
